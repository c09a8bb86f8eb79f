"""Parallelism on planted differences: what is parallel, what only shares, and pure noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from cast_lens.analysis.parallelism import parallelism

WIDTH, EXAMPLES = 64, 40


def planted(
    generator: np.random.Generator, tasks: int, shared: float, own: float, noise: float = 1.0
) -> dict[str, np.ndarray]:
    """Differences with a direction in common, one of each task, and noise."""
    common = generator.standard_normal(WIDTH)
    return {
        f"task{i}": shared * common
        + own * generator.standard_normal(WIDTH)
        + noise * generator.standard_normal((EXAMPLES, WIDTH))
        for i in range(tasks)
    }


def test_parallel_differences_are_found_against_sign_flips_and_nulls() -> None:
    generator = np.random.default_rng(0)
    found = parallelism(
        planted(generator, 4, shared=1, own=0),
        {"null": planted(generator, 4, shared=0, own=1)},
        7,
    )
    assert found.layer == 7
    assert found.cosine.value > 0.9
    assert found.flips_p < 0.01
    assert found.excess["null"].low > 0.5
    assert found.ceiling > 0.9
    # once what is shared is gone, nothing parallel is left
    assert found.without_shared.value < 0.1


def test_the_excess_is_what_the_null_itself_does_not_have() -> None:
    generator = np.random.default_rng(5)
    rows = planted(generator, 4, shared=1, own=0)
    excess = parallelism(rows, {"itself": rows}, 0).excess["itself"]
    assert excess.value == 0
    assert excess.low < 0 < excess.high


def test_directions_of_their_own_are_not_parallel_though_each_is_stable() -> None:
    found = parallelism(planted(np.random.default_rng(1), 4, shared=0, own=1), {}, 0)
    assert abs(found.cosine.value) < 0.2
    assert found.ceiling > 0.9


def test_the_matrix_holds_plain_cosines() -> None:
    rows = planted(np.random.default_rng(2), 3, shared=1, own=1)
    means = [differences.mean(axis=0) for differences in rows.values()]
    found = parallelism(rows, {}, 0)
    for i, a in enumerate(means):
        for j, b in enumerate(means):
            cosine = a @ b / np.sqrt((a @ a) * (b @ b))
            assert found.matrix[i][j] == pytest.approx(cosine)
    upper = [found.matrix[i][j] for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found.cosine.value == pytest.approx(np.mean(upper))


def test_on_pure_noise_the_sign_flip_p_is_uniform() -> None:
    generator = np.random.default_rng(3)
    found = [
        parallelism(planted(generator, 3, shared=0, own=0), {}, 0, seed).flips_p
        for seed in range(100)
    ]
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) < 0.05) < 0.12


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(4)
    directions = np.stack([generator.standard_normal(WIDTH) for _ in range(2)])
    directions[1] = directions[0] + directions[1]
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    truth = unit[0] @ unit[1]
    inside = 0
    for seed in range(100):
        rows = {
            f"task{i}": d + 0.5 * generator.standard_normal((EXAMPLES, WIDTH))
            for i, d in enumerate(directions)
        }
        cosine = parallelism(rows, {}, 0, seed).cosine
        inside += cosine.low <= truth <= cosine.high
    assert inside >= 85


@pytest.mark.parametrize(
    "rows", [{"a": np.ones((5, 3))}, {"a": np.ones((5, 3)), "b": np.ones((1, 3))}]
)
def test_too_little_is_refused(rows: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="two tasks with two examples"):
        parallelism(rows, {}, 0)
