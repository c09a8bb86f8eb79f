"""Stability of mean differences: disjoint sets, known reliabilities, and what it refuses."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from jaxtyping import Float

from cast_lens.analysis.stability import Stability, spearman_brown, stability
from cast_lens.diagnosis.stability import vector_stability
from cast_lens.steer.identity import Identity
from cast_lens.steer.states import ResidualStates

SIZES = (1, 2, 4, 8, 16, 32, 60)


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def _planted(mean: float, seed: int = 0, n: int = 64) -> Float[np.ndarray, "example d_model"]:
    """Unit noise around a mean of a given length, 300 wide."""
    noise = np.random.default_rng(seed).normal(size=(n, 300))
    noise[:, 0] += mean
    return noise


def _value(found: Stability, n: int) -> float:
    (point,) = [p for p in found.points if p.n == n]
    assert point.cosine is not None
    return point.cosine.value


def test_means_over_orthogonal_differences_do_not_agree_at_all() -> None:
    # sets that shared one example would have a positive cosine
    found = stability(np.eye(12), [1, 3, 6], layer=0)
    for point in found.points:
        assert point.cosine is not None
        assert (point.cosine.low, point.cosine.value, point.cosine.high) == (0, 0, 0)
    assert found.ceiling == 0


def test_equal_differences_agree_fully_at_every_size() -> None:
    found = stability(np.tile([3.0, 4.0], (10, 1)), [1, 5, 10], layer=0)
    assert _value(found, 1) == pytest.approx(1)
    assert _value(found, 5) == pytest.approx(1)
    assert [p.predicted for p in found.points] == pytest.approx([1, 1, 1])


def test_cosines_are_those_of_all_ways_to_halve_the_examples() -> None:
    rows = np.random.default_rng(3).normal(size=(4, 3)) + 0.5
    ways = []
    for pair in combinations(range(4), 2):
        rest = [i for i in range(4) if i not in pair]
        ways.append(_cosine(rows[list(pair)].mean(axis=0), rows[rest].mean(axis=0)))
    (point,) = stability(rows, [2], layer=0, draws=4000).points
    assert point.cosine is not None
    assert point.cosine.value == pytest.approx(np.mean(ways), abs=0.03)
    assert point.cosine.low == pytest.approx(min(ways))
    assert point.cosine.high == pytest.approx(max(ways))


@pytest.mark.parametrize("mean", [4.0, 8.0, 20.0])
def test_agreement_and_its_prediction_are_those_of_the_planted_signal(mean: float) -> None:
    found = [stability(_planted(mean, seed), SIZES, layer=0, seed=seed) for seed in range(8)]
    for i, n in enumerate(SIZES):
        truth = mean**2 / (mean**2 + 300 / n)
        predicted = np.mean([one.points[i].predicted for one in found])
        assert predicted == pytest.approx(truth, abs=0.03)
        if 2 * n <= 64:
            assert np.mean([_value(one, n) for one in found]) == pytest.approx(truth, abs=0.03)
    ceiling = np.mean([one.ceiling for one in found])
    assert ceiling == pytest.approx(mean**2 / (mean**2 + 300 / 64), abs=0.02)


def test_the_null_has_no_direction_however_strong_the_common_one() -> None:
    for mean in (0.0, 20.0):
        for point in stability(_planted(mean), [1, 8, 32], layer=0).points:
            assert point.null is not None
            assert point.null.value == pytest.approx(0, abs=0.03)
            assert point.null.low < 0 < point.null.high < 0.25


def test_pure_noise_stays_within_the_band_of_its_null() -> None:
    inside = []
    for seed in range(20):
        (point,) = stability(_planted(0.0, seed), [16], layer=0, seed=seed).points
        assert point.cosine is not None
        assert point.null is not None
        inside.append(point.null.low <= point.cosine.value <= point.null.high)
    assert np.mean(inside) >= 0.9


def test_sizes_without_two_disjoint_sets_are_predicted_only() -> None:
    found = stability(_planted(8.0), [32, 33, 64], layer=0)
    assert [p.cosine is None for p in found.points] == [False, True, True]
    assert [p.null is None for p in found.points] == [False, True, True]
    assert found.points[-1].predicted == pytest.approx(found.ceiling)


def test_two_halves_step_up_as_spearman_and_brown_say() -> None:
    assert spearman_brown(0.5, 2) == pytest.approx(2 / 3)
    assert spearman_brown(0.3, 1) == 0.3
    # stepping up and down again changes nothing
    assert spearman_brown(spearman_brown(0.4, 5), 1 / 5) == pytest.approx(0.4)


def test_the_same_seed_gives_the_same_numbers_and_a_size_does_not_depend_on_the_others() -> None:
    rows = _planted(8.0)
    assert stability(rows, [4, 8], layer=1) == stability(rows, [8, 4], layer=1)
    assert stability(rows, [4], layer=1).points[0] == stability(rows, SIZES, layer=1).points[2]
    assert stability(rows, [4], layer=1) != stability(rows, [4], layer=1, seed=1)


def test_sizes_that_do_not_fit_are_refused() -> None:
    for rows, sizes in ((_planted(1.0), []), (_planted(1.0), [0]), (_planted(1.0), [65])):
        with pytest.raises(ValueError, match="64 examples"):
            stability(rows, sizes, layer=0)
    with pytest.raises(ValueError, match="1 examples"):
        stability(np.ones((1, 3)), [1], layer=0)


def test_every_block_is_measured_on_its_own_states() -> None:
    import torch

    home = Identity(
        model="none",
        model_fingerprint="",
        tokenizer_fingerprint="",
        template="plain",
        dtype="float32",
        d_model=300,
    )
    values = torch.tensor(np.stack([_planted(0.0), _planted(20.0)]), dtype=torch.float32)
    states = ResidualStates(values, (3, 7), tuple(map(str, range(64))), home)
    low, high = vector_stability(states, [8])
    assert (low.layer, high.layer) == (3, 7)
    assert low.ceiling < 0.3
    assert high.ceiling > 0.9
