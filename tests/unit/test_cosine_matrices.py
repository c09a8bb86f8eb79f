"""Cosines between tasks on planted differences, against scikit-learn, statsmodels and loops."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import beta, kstest
from sklearn.covariance import LedoitWolf
from sklearn.metrics.pairwise import cosine_similarity
from statsmodels.stats.multitest import multipletests

from cast_lens.analysis.cosines.geometry import DROPPED
from cast_lens.analysis.cosines.measure import cosine_matrices
from cast_lens.analysis.cosines.nulls import exchanged, random_cosines, share_as_high
from cast_lens.analysis.cosines.products import (
    even,
    gram,
    halved,
    pair_cosines,
    products,
    resampled,
    signed,
)
from cast_lens.analysis.cosines.records import (
    CENTRED,
    PLAIN,
    RAW,
    WHITENED,
    CosineMatrices,
    beyond,
    without,
)

WIDTH = 16
Rows = dict[str, np.ndarray]


def planted(
    generator: np.random.Generator,
    shared: float,
    own: float,
    sizes: tuple[int, ...] = (12, 12),
    width: int = WIDTH,
) -> Rows:
    """Differences with a direction in common, one of each task, and noise of variance 1."""
    common = generator.standard_normal(width)
    return {
        f"task{i}": shared * common
        + own * generator.standard_normal(width)
        + generator.standard_normal((n, width))
        for i, n in enumerate(sizes)
    }


def noise(generator: np.random.Generator, width: int = WIDTH) -> np.ndarray:
    return generator.standard_normal((200, width))


def means_of(rows: Rows) -> np.ndarray:
    return np.stack([some.mean(axis=0) for some in rows.values()])


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Three tasks of different sizes; coordinate 5 is a rogue one."""
    made = planted(np.random.default_rng(0), shared=0.3, own=1, sizes=(9, 14, 20))
    for some in made.values():
        some[:, 5] += 8
    return made


@pytest.fixture(scope="module")
def record(rows: Rows) -> CosineMatrices:
    generator = np.random.default_rng(1)
    null = {task: some + generator.standard_normal(some.shape) for task, some in rows.items()}
    return cosine_matrices(rows, {"null": null}, noise(generator), 7)


def test_raw_centred_and_whitened_matrices_are_what_scikit_learn_makes(
    rows: Rows, record: CosineMatrices
) -> None:
    means = means_of(rows)
    np.testing.assert_allclose(record.found().matrix, cosine_similarity(means), atol=1e-12)
    apart = cosine_similarity(means - means.mean(axis=0))
    np.testing.assert_allclose(record.found(kind=CENTRED).matrix, apart, atol=1e-12)
    within = np.concatenate([some - some.mean(axis=0) for some in rows.values()])
    fitted = LedoitWolf(assume_centered=True).fit(within)
    inner = means @ fitted.precision_ @ means.T
    white = inner / np.sqrt(np.outer(np.diag(inner), np.diag(inner)))
    np.testing.assert_allclose(record.found(kind=WHITENED).matrix, white, atol=1e-9)
    assert record.shrinkage == pytest.approx(fitted.shrinkage_)


def test_the_mean_is_over_pairs_without_the_diagonal(record: CosineMatrices) -> None:
    for cosines in record.cosines:
        above = [cosines.matrix[i][j] for i, j in combinations(range(3), 2)]
        assert cosines.mean.value == pytest.approx(np.mean(above))
        assert cosines.mean.low < cosines.mean.value < cosines.mean.high
    assert {c.kind for c in record.cosines} == {RAW, CENTRED, WHITENED, *map(without, DROPPED)}
    assert {c.whose for c in record.cosines} == {PLAIN, "null", beyond("null")}


def test_what_is_left_out_is_the_coordinates_that_carry_most(
    rows: Rows, record: CosineMatrices
) -> None:
    unit = means_of(rows) / np.linalg.norm(means_of(rows), axis=1, keepdims=True)
    parts = np.mean([unit[a] * unit[b] for a, b in combinations(range(3), 2)], axis=0)
    assert record.rogue[0] == 5
    assert record.rogue == tuple(np.argsort(-parts)[: max(DROPPED)])
    np.testing.assert_allclose(record.rogue_parts, np.sort(parts)[::-1][: max(DROPPED)])
    assert parts.sum() == pytest.approx(record.found().mean.value)
    for count in DROPPED:
        left = np.delete(means_of(rows), record.rogue[:count], axis=1)
        matrix = record.found(kind=without(count)).matrix
        np.testing.assert_allclose(matrix, cosine_similarity(left), atol=1e-9)
    assert record.found().mean.value > 0.7
    assert record.found(kind=without(1)).mean.value < 0.4


def test_vectors_beyond_a_null_are_the_differences_minus_it_row_by_row(rows: Rows) -> None:
    generator = np.random.default_rng(2)
    null = {task: generator.standard_normal(some.shape) for task, some in rows.items()}
    record = cosine_matrices(rows, {"null": null}, noise(generator), 0)
    left = means_of(rows) - means_of(null)
    np.testing.assert_allclose(
        record.found(beyond("null")).matrix, cosine_similarity(left), atol=1e-12
    )


@pytest.mark.parametrize("draw", [resampled, signed])
def test_products_of_weights_are_those_of_the_weighted_sums(
    draw: Callable[..., np.ndarray],
) -> None:
    generator = np.random.default_rng(3)
    data = generator.standard_normal((3, 9, 5))
    data[0, 6:] = data[1, 4:] = 0
    weights = draw((6, 4, 9), 600, generator)
    sums = np.einsum("dti,tiw->dtw", weights, data)
    expected = sums @ np.swapaxes(sums, 1, 2)
    np.testing.assert_allclose(products(gram(data), weights), expected, atol=1e-12)


def test_halves_are_two_means_that_share_no_example() -> None:
    first, second = halved((7, 10), 50, np.random.default_rng(4))
    assert not (first * second).any()
    assert not first[:, 0, 7:].any()
    for half in (first, second):
        np.testing.assert_allclose(half.sum(axis=2), 1)
    assert (np.count_nonzero(first + second, axis=2) == [7, 10]).all()
    assert len(np.unique(first[:, 1], axis=0)) > 20


def test_an_exchange_swaps_the_two_differences_of_an_example() -> None:
    generator = np.random.default_rng(5)
    plain, null = generator.standard_normal((2, 3, 8, 6)) + 1
    signs = signed((8, 8, 8), 40, generator)
    drawn = exchanged(plain, null, even((8, 8, 8)), signs)
    kept = (signs > 0)[..., None]
    for i in range(40):
        one = np.where(kept[i], plain, null).mean(axis=1)
        other = np.where(kept[i], null, plain).mean(axis=1)
        expected = cosine_similarity(one) - cosine_similarity(other)
        np.testing.assert_allclose(drawn[i], expected[np.triu_indices(3, 1)], atol=1e-12)


def test_the_sign_flip_p_is_the_share_of_all_sign_patterns() -> None:
    rows = planted(np.random.default_rng(6), shared=0.25, own=0, sizes=(5, 5))
    record = cosine_matrices(rows, {}, noise(np.random.default_rng(7)), 0)
    patterns = [np.array(signs) @ some / 5 for some in rows.values() for signs in _signs(5)]
    one, other = np.stack(patterns[:32]), np.stack(patterns[32:])
    every = cosine_similarity(one, other)
    exact = np.mean(every >= record.pairs[0].cosine.value - 1e-9)
    assert 0.02 < exact < 0.9
    assert record.pairs[0].flips_p == pytest.approx(exact, abs=0.04)


def _signs(n: int) -> list[tuple[int, ...]]:
    return list(product((-1, 1), repeat=n))


def test_a_random_directions_squared_cosine_follows_the_beta_distribution() -> None:
    # exact covariance of the identity, whatever the draw
    sphere = np.concatenate([np.eye(WIDTH), -np.eye(WIDTH)])
    drawn = random_cosines(sphere, 4_000, np.random.default_rng(8))
    assert kstest(drawn**2, beta(0.5, (WIDTH - 1) / 2).cdf).pvalue > 0.01
    narrow = sphere * np.where(np.arange(WIDTH) == 0, 10, 1)
    assert np.quantile(random_cosines(narrow, 4_000, np.random.default_rng(9)), 0.5) > 0.5


def test_planted_parallel_differences_are_found_by_every_test() -> None:
    generator = np.random.default_rng(10)
    sizes = (20, 24, 20, 28)
    rows = planted(generator, shared=1, own=0.2, sizes=sizes, width=64)
    null = planted(generator, shared=0, own=1, sizes=sizes, width=64)
    record = cosine_matrices(rows, {"text": null}, noise(generator, 64), 0)
    assert record.flips_p < 0.01
    assert record.against["text"].p < 0.01
    assert record.against["text"].excess.low > 0.5
    for pair in record.pairs:
        assert max(pair.flips_holm, pair.random_holm, pair.against["text"].holm) < 0.01
        assert pair.against["text"].excess.low > 0.3
    assert record.found().ceiling > 0.9


def test_on_planted_nulls_every_p_is_uniform() -> None:
    generator = np.random.default_rng(11)
    p: dict[str, list[float]] = {"flips": [], "random": [], "exchange": []}
    for seed in range(100):
        rows, null = (planted(generator, shared=0, own=0, sizes=(10, 12)) for _ in range(2))
        pair = cosine_matrices(rows, {"null": null}, noise(generator), 0, seed).pairs[0]
        p["flips"].append(pair.flips_p)
        p["random"].append(pair.random_p)
        p["exchange"].append(pair.against["null"].p)
    for name, values in p.items():
        assert kstest(values, "uniform").pvalue > 0.01, name
        assert np.mean(np.array(values) <= 0.05) < 0.11, name


def test_parallel_by_text_alone_is_no_more_parallel_than_the_null() -> None:
    """Plain and null share one direction: the raw cosine is high, the exchange p uniform."""
    generator = np.random.default_rng(12)
    p, raw = [], []
    for seed in range(100):
        text = generator.standard_normal(WIDTH)
        rows, null = (
            {f"task{i}": text + generator.standard_normal((12, WIDTH)) for i in range(2)}
            for _ in range(2)
        )
        record = cosine_matrices(rows, {"text": null}, noise(generator), 0, seed)
        p.append(record.pairs[0].against["text"].p)
        raw.append(record.pairs[0].cosine.value)
    assert np.mean(raw) > 0.8
    assert kstest(p, "uniform").pvalue > 0.01


def test_a_null_that_is_the_same_has_no_excess_and_p_1(rows: Rows) -> None:
    record = cosine_matrices(rows, {"same": rows}, noise(np.random.default_rng(13)), 0)
    assert record.against["same"].p == 1
    for pair in record.pairs:
        assert pair.against["same"].excess.value == 0
        assert pair.against["same"].p == 1


def test_p_values_are_corrected_over_pairs_as_statsmodels_does(record: CosineMatrices) -> None:
    tests = {
        "flips": [(pair.flips_p, pair.flips_holm) for pair in record.pairs],
        "random": [(pair.random_p, pair.random_holm) for pair in record.pairs],
        "null": [(pair.against["null"].p, pair.against["null"].holm) for pair in record.pairs],
    }
    for values in tests.values():
        p, adjusted = map(list, zip(*values, strict=True))
        np.testing.assert_allclose(adjusted, multipletests(p, method="holm")[1])


def test_reliability_is_the_cosine_with_a_vector_from_as_many_other_examples() -> None:
    generator = np.random.default_rng(14)
    n, width, share = 16, 256, []
    for seed in range(12):
        rows = planted(generator, shared=0, own=0.25, sizes=(n, n), width=width)
        record = cosine_matrices(rows, {}, noise(generator, width), 0, seed)
        share += [r for r in record.found().reliability if r is not None]
    # signal 0.25 ** 2 against noise 1 / n in each coordinate: one half of a mean's length
    assert np.mean(share) == pytest.approx(0.25**2 / (0.25**2 + 1 / n), abs=0.04)


def test_disattenuated_cosines_are_those_of_the_directions_without_noise() -> None:
    generator = np.random.default_rng(15)
    raw, corrected = [], []
    for seed in range(12):
        rows = planted(generator, shared=0.25, own=0.25, sizes=(16, 16), width=256)
        (pair,) = cosine_matrices(rows, {}, noise(generator, 256), 0, seed).pairs
        assert pair.disattenuated is not None
        raw.append(pair.cosine.value)
        corrected.append(pair.disattenuated)
    assert np.mean(raw) < 0.4
    assert np.mean(corrected) == pytest.approx(0.5, abs=0.05)


def test_a_disattenuated_cosine_above_1_is_not_cut() -> None:
    generator = np.random.default_rng(16)
    seen = []
    for seed in range(10):
        rows = planted(generator, shared=0.3, own=0, sizes=(12, 12), width=64)
        (pair,) = cosine_matrices(rows, {}, noise(generator, 64), 0, seed).pairs
        seen.append(pair.disattenuated or 0)
    assert max(seen) > 1


def test_a_task_whose_halves_disagree_has_no_reliability() -> None:
    generator = np.random.default_rng(17)
    # every direction is there with both signs, so that halves point apart
    half = generator.standard_normal((6, WIDTH))
    rows = {"none": np.concatenate([half, -half]) + 1e-3, "sound": half + 3}
    record = cosine_matrices(rows, {}, noise(generator), 0)
    none, sound = record.found().reliability
    assert none is None
    assert sound is not None
    assert record.pairs[0].disattenuated is None
    assert record.found().ceiling == 0


@pytest.mark.parametrize("n", [4, 30])
def test_intervals_cover_the_cosine_of_so_many_examples_as_often_as_they_say(n: int) -> None:
    generator = np.random.default_rng(18)
    directions = generator.standard_normal((2, 64))
    directions[1] += directions[0]
    means = directions + generator.standard_normal((5_000, 2, 64)) * 0.5 / np.sqrt(n)
    truth = np.mean([cosine_similarity(pair)[0, 1] for pair in means])
    inside = 0
    for seed in range(150):
        rows = {
            str(i): d + 0.5 * generator.standard_normal((n, 64)) for i, d in enumerate(directions)
        }
        (pair,) = cosine_matrices(rows, {}, noise(generator, 64), 0, seed).pairs
        inside += pair.cosine.low <= truth <= pair.cosine.high
    assert inside >= 138


def test_directions_of_their_own_are_not_parallel_though_each_is_stable() -> None:
    generator = np.random.default_rng(24)
    rows = planted(generator, shared=0, own=1, sizes=(20,) * 4, width=256)
    record = cosine_matrices(rows, {}, noise(generator, 256), 0)
    assert abs(record.found().mean.value) < 0.1
    assert record.found().ceiling > 0.9


def test_differences_that_do_not_vary_are_not_whitened() -> None:
    rows = {task: np.tile(np.eye(3)[i] + 1, (4, 1)) for i, task in enumerate("ab")}
    record = cosine_matrices(rows, {}, np.eye(3), 0)
    assert record.found(PLAIN, WHITENED).matrix == record.found().matrix


def test_a_wide_covariance_is_whitened_as_scikit_learn_does() -> None:
    generator = np.random.default_rng(25)
    rows = planted(generator, shared=1, own=1, sizes=(6, 7), width=80)
    within = np.concatenate([some - some.mean(axis=0) for some in rows.values()])
    precision = LedoitWolf(assume_centered=True).fit(within).precision_
    inner = means_of(rows) @ precision @ means_of(rows).T
    record = cosine_matrices(rows, {}, noise(generator, 80), 0)
    white = inner[0, 1] / np.sqrt(inner[0, 0] * inner[1, 1])
    assert record.found(PLAIN, WHITENED).mean.value == pytest.approx(white)


def test_the_same_seed_gives_the_same_record_and_leaves_the_callers_draws_alone(
    rows: Rows,
) -> None:
    background = noise(np.random.default_rng(19))
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    one, same, other = (cosine_matrices(rows, {}, background, 0, seed) for seed in (1, 1, 2))
    assert (np.random.get_state()[1] == before).all()
    assert one == same
    assert one.pairs[0].cosine.low != other.pairs[0].cosine.low
    assert CosineMatrices.model_validate_json(one.model_dump_json()) == one


def test_enough_draws_are_made_for_holm_over_many_pairs() -> None:
    generator = np.random.default_rng(20)
    rows = planted(generator, shared=2, own=0, sizes=(12,) * 16)
    record = cosine_matrices(rows, {}, noise(generator), 0)
    assert max(pair.flips_holm for pair in record.pairs) < 0.05


def test_two_tasks_have_no_centred_cosine() -> None:
    generator = np.random.default_rng(21)
    record = cosine_matrices(planted(generator, 1, 0), {}, noise(generator), 0)
    assert record.find(PLAIN, CENTRED) is None
    assert record.find(PLAIN, WHITENED) is not None


def test_a_draw_counts_itself_and_ties_count() -> None:
    drawn = np.array([[0.1], [0.5], [0.5], [0.9]])
    assert share_as_high(np.array([0.5]), drawn) == pytest.approx(4 / 5)
    assert share_as_high(np.array([1.0]), drawn) == pytest.approx(1 / 5)


def test_a_vector_of_length_0_has_cosine_0() -> None:
    assert pair_cosines(np.array([[[0.0, 0.0], [0.0, 4.0]]])) == 0


@pytest.mark.parametrize("sizes", [(5,), (5, 3)])
def test_too_few_are_refused(sizes: tuple[int, ...]) -> None:
    rows = planted(np.random.default_rng(22), 1, 0, sizes)
    with pytest.raises(ValueError, match="two tasks with 4 examples"):
        cosine_matrices(rows, {}, np.eye(WIDTH), 0)


def test_a_null_of_other_examples_is_refused(rows: Rows) -> None:
    null = {task: some[:-1] for task, some in rows.items()}
    with pytest.raises(ValueError, match="shuffled: not of the same tasks and examples"):
        cosine_matrices(rows, {"shuffled": null}, np.eye(WIDTH), 0)
