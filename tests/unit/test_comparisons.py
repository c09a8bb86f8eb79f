"""Laws of paired comparisons: against enumeration, scipy, hand and simulation."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, t, ttest_1samp

from cast_lens.analysis.comparisons import Comparison, compare_paired
from cast_lens.analysis.estimates import paired_difference
from cast_lens.analysis.paired_tests import (
    detectable_share,
    detectable_shift,
    mcnemar,
    mcnemar_mid,
    sign_flips,
    sign_flips_mid,
)

PAIRS = np.array([(a, b) for a in range(13) for b in range(13)])


def every_flip(differences: np.ndarray) -> tuple[float, float]:
    """P and mid-p by trying all signs."""
    signs = np.array(list(itertools.product((-1, 1), repeat=differences.size)))
    sums, seen = np.abs(signs @ differences), abs(differences.sum())
    tied = np.isclose(sums, seen, rtol=0, atol=1e-9 * np.abs(differences).max())
    beyond = float(((sums > seen) & ~tied).mean())
    return beyond + float(tied.mean()), beyond + float(tied.mean()) / 2


def outcomes(helped: int, harmed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    after, before = np.zeros(n), np.zeros(n)
    after[:helped] = 1
    before[helped : helped + harmed] = 1
    return after, before


@cache
def binomial_p(helped: int, harmed: int) -> float:
    return float(binomtest(helped, helped + harmed).pvalue) if helped + harmed else 1.0


def test_exact_mcnemar_is_the_binomial_test_of_helped_against_harmed() -> None:
    got = mcnemar(*PAIRS.T)
    assert got == pytest.approx([binomial_p(int(a), int(b)) for a, b in PAIRS])


def test_mid_p_worked_by_hand() -> None:
    # 5 helped of 5: outcomes as far out are 2 of 32, each of half weight
    assert mcnemar_mid(np.array([5]), np.array([0])) == pytest.approx([1 / 32])
    # 3 of 4: further out are 2 of 16, just as far 8 of 16
    assert mcnemar_mid(np.array([3]), np.array([1])) == pytest.approx([2 / 16 + 4 / 16])
    # 2 of 4: all else is further out, 10 of 16, and the middle is 6 of 16
    assert mcnemar_mid(np.array([2]), np.array([2])) == pytest.approx([10 / 16 + 3 / 16])


@settings(max_examples=40)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=10))
def test_sign_flips_of_means_over_three_draws_are_all_enumerated(thirds: list[int]) -> None:
    differences = np.array(thirds) / 3
    got = float(sign_flips(differences[None])[0]), float(sign_flips_mid(differences[None])[0])
    assert got == pytest.approx(every_flip(differences))


def test_sign_flips_of_numbers_of_any_size_are_all_enumerated() -> None:
    generator = np.random.default_rng(1)
    for scale in (1e-9, 1.0, 1e6):
        differences = generator.normal(0.3, size=11) * scale
        assert sign_flips(differences[None])[0] == pytest.approx(every_flip(differences)[0])


def test_drawn_sign_flips_come_near_enumeration() -> None:
    generator = np.random.default_rng(2)
    sets = generator.normal(0.3, size=(6, 16))  # 65,536 patterns are too many to list
    for differences, p in zip(sets, sign_flips(sets), strict=True):
        exact = every_flip(differences)[0]
        assert abs(p - exact) < 4 * math.sqrt(exact * (1 - exact) / 9_999) + 1e-4
        assert p != exact


def test_drawn_sign_flips_never_claim_a_p_below_what_their_number_allows() -> None:
    sure = np.linspace(1, 2, 60)[None]
    assert sign_flips(sure)[0] == pytest.approx(1e-4)


def test_sign_flips_of_single_outcomes_are_mcnemars_test() -> None:
    for helped, harmed in ((0, 0), (1, 0), (7, 7), (30, 12), (200, 160)):
        after, before = outcomes(helped, harmed, 400)
        flips = (after - before)[None]
        counts = np.array([helped]), np.array([harmed])
        assert sign_flips(flips) == pytest.approx(mcnemar(*counts))
        assert sign_flips_mid(flips) == pytest.approx(mcnemar_mid(*counts))


def test_a_data_set_is_judged_alike_alone_and_among_others() -> None:
    generator = np.random.default_rng(3)
    sets = np.concatenate([generator.normal(size=(3, 40)), generator.integers(-1, 2, (3, 40))])
    assert list(sign_flips(sets)) == pytest.approx([float(sign_flips(s[None])[0]) for s in sets])


def test_a_comparison_of_single_outcomes_worked_by_hand() -> None:
    got = compare_paired(*outcomes(8, 1, 20))
    assert (got.helped, got.harmed, got.n, got.test) == (8, 1, 20, "exact McNemar")
    assert got.difference.value == pytest.approx(7 / 20)
    assert got.p == pytest.approx(2 * (1 + 9) / 2**9)
    assert got.mid_p == pytest.approx(2 * (1 + 9 / 2) / 2**9)
    assert got.difference == paired_difference(*outcomes(8, 1, 20))


def test_means_over_draws_are_compared_by_sign_flips() -> None:
    after = np.array([1, 1, 0, 1, 1, 0, 1, 1.0])
    before = np.array([1, 0, 2, 1, 0, 0, 2, 3]) / 3
    got = compare_paired(after, before)
    assert got.test == "sign flips"
    assert (got.p, got.mid_p) == pytest.approx(every_flip(after - before))
    assert (got.helped, got.harmed) == (5, 1)


def test_rounding_is_no_change() -> None:
    after = np.array([0.1 + 0.2, 0.5])
    assert compare_paired(after, np.array([0.3, 0.25])).helped == 1


def turned(one: Comparison) -> tuple[float, ...]:
    return (-one.difference.value, one.p, one.mid_p, one.harmed, one.helped)


@pytest.mark.parametrize("clustered", [False, True])
def test_swapping_the_arms_swaps_helped_and_harmed_and_keeps_p(clustered: bool) -> None:
    generator = np.random.default_rng(4)
    after, before = generator.integers(0, 2, (2, 50)).astype(float)
    clusters = np.arange(50) // 4 if clustered else None
    there = compare_paired(after, before, clusters=clusters)
    back = compare_paired(before, after, clusters=clusters)
    assert turned(back) == pytest.approx(
        (there.difference.value, there.p, there.mid_p, there.helped, there.harmed)
    )


def test_items_that_repeat_each_other_count_once_when_clustered() -> None:
    after, before = outcomes(9, 2, 30)
    once = compare_paired(after, before)
    four = [np.repeat(arm, 4) for arm in (after, before)]
    named = [f"passage {i}" for i in np.repeat(np.arange(30), 4)]
    clustered = compare_paired(four[0], four[1], clusters=named)
    assert clustered.test == "sign flips of clusters"
    assert clustered.p == pytest.approx(once.p)
    assert clustered.difference.value == pytest.approx(once.difference.value)
    assert (clustered.n, clustered.helped) == (120, 36)
    ignored = compare_paired(four[0], four[1])
    assert ignored.p < once.p / 20
    width = [one.difference.high - one.difference.low for one in (clustered, once, ignored)]
    assert width[0] == pytest.approx(width[1], rel=0.15)
    assert width[2] < 0.6 * width[1]


def test_the_cluster_bootstrap_agrees_with_drawing_clusters_one_by_one() -> None:
    generator = np.random.default_rng(5)
    clusters = np.repeat(np.arange(12), np.arange(12) + 1)
    # far from 0, so that a draw with more items must not count for more
    values = 3 + generator.normal(size=78) + generator.normal(size=12)[clusters]
    order = generator.permutation(78)
    got = paired_difference(values[order], np.zeros(78), clusters=clusters[order])
    groups = [values[clusters == one] for one in range(12)]
    draws = generator.integers(12, size=(10_000, 12))
    means = [np.concatenate([groups[i] for i in draw]).mean() for draw in draws]
    tail = norm.sf(math.sqrt(12 / 11) * t.isf(0.025, 11))  # Hesterberg 2015
    assert (got.low, got.high) == pytest.approx(np.quantile(means, [tail, 1 - tail]), abs=0.06)
    assert got.value == pytest.approx(values.mean())
    assert got.method == "paired bootstrap of 12 clusters"


def test_clusters_that_all_change_alike_claim_no_certainty() -> None:
    after = np.tile([1.0, 0.0], 15)
    got = paired_difference(after, np.zeros(30), clusters=np.arange(30) // 2)
    assert got.value == 0.5
    assert (1 - (got.high - 0.5)) ** 15 == pytest.approx(0.025)
    assert "clusters" in got.method


def test_what_is_not_paired_is_refused() -> None:
    three, two = np.array([1.0, 0.0, 1.0]), np.array([1.0, 0.0])
    with pytest.raises(ValueError, match="one length"):
        compare_paired(three, two)
    with pytest.raises(ValueError, match="one length"):
        compare_paired(np.array([]), np.array([]))
    with pytest.raises(ValueError, match="3 items need a cluster each, got 2"):
        compare_paired(three, three, clusters=["a", "b"])
    with pytest.raises(ValueError, match="not finite"):
        compare_paired(np.array([0.0, math.nan]), two)
    with pytest.raises(ValueError, match="not finite"):
        compare_paired(np.array([0.0, math.nan]), two, clusters=["a", "b"])


def power_by_simulation(n: int, discordance: float, difference: float) -> float:
    generator = np.random.default_rng(6)
    fates = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
    counts = generator.multinomial(n, fates, size=6_000)
    return float(np.mean([binomial_p(a, b) <= 0.05 for a, b, _ in counts.tolist()]))


@pytest.mark.parametrize(("n", "discordance"), [(30, 0.5), (80, 0.25), (250, 0.1)])
def test_the_smallest_detectable_share_is_found_four_times_in_five(
    n: int, discordance: float
) -> None:
    smallest = detectable_share(n, discordance)
    assert smallest is not None
    # 4 standard errors of a share of 6,000 are 0.021
    assert power_by_simulation(n, discordance, smallest) == pytest.approx(0.8, abs=0.021)
    assert power_by_simulation(n, discordance, smallest / 2) < 0.35


def test_smallest_detectable_shares_worked_by_hand() -> None:
    # of six items all must be helped
    assert detectable_share(6, 0.0) == pytest.approx(0.8 ** (1 / 6))
    assert detectable_share(5, 0.5) is None
    # of seven, six of six changed ones do, or seven of seven
    share = detectable_share(7, 0.0)
    assert share is not None
    assert share**7 + 7 * share**6 * (1 - share) == pytest.approx(0.8)


def test_for_many_items_the_smallest_share_is_miettinens() -> None:
    n, discordance = 5_000, 0.3
    a, b = norm.isf(0.025), norm.isf(0.2)
    got = detectable_share(n, discordance)
    assert got is not None
    # Miettinen 1968, Connor 1987: sqrt(n) d = a sqrt(discordance) + b sqrt(discordance - d^2)
    right = a * math.sqrt(discordance) + b * math.sqrt(discordance - got**2)
    assert math.sqrt(n) * got == pytest.approx(right, rel=0.02)


def test_the_smallest_detectable_shift_is_found_four_times_in_five() -> None:
    generator = np.random.default_rng(7)
    for units in (12, 40, 200):
        shift = detectable_shift(units, 2.0)
        assert shift is not None
        sample = generator.normal(shift, 2.0, size=(6_000, units))
        # scipy's t test is as strong as sign flips on normal numbers; of 12 the formula is rough
        found = float((ttest_1samp(sample, 0, axis=1).pvalue <= 0.05).mean())
        assert found == pytest.approx(0.8, abs=0.05 if units < 20 else 0.025)


def test_a_comparison_names_what_it_could_have_seen() -> None:
    generator = np.random.default_rng(8)
    after, before = outcomes(12, 6, 60)
    assert compare_paired(after, before).smallest_detectable == detectable_share(60, 0.3)
    before = generator.integers(0, 4, 60) / 3
    got = compare_paired(after, before).smallest_detectable
    wanted = detectable_shift(60, float(np.std(after - before, ddof=1)))
    assert got == pytest.approx(wanted)


def test_clusters_of_copies_can_show_no_less_than_single_items() -> None:
    generator = np.random.default_rng(9)
    after, before = generator.random((2, 40))
    single = compare_paired(after, before).smallest_detectable
    copies = [np.repeat(arm, 3) for arm in (after, before)]
    tripled = compare_paired(*copies, clusters=np.repeat(np.arange(40), 3))
    assert tripled.smallest_detectable == pytest.approx(single)


def test_where_nothing_tells_the_spread_no_smallest_effect_is_claimed() -> None:
    halves = np.full(30, 0.5)
    assert compare_paired(halves, halves).smallest_detectable is None
    assert compare_paired(halves, halves).p == 1
    third = compare_paired(np.full(49, 0.7), np.full(49, 0.7 - 1 / 3))
    assert (third.smallest_detectable, third.helped) == (None, 49)
    few = np.array([0.5, 1, 0, 0.5, 1])
    assert compare_paired(few, few[::-1]).smallest_detectable is None
    six = np.array([1, 0, 1, 0, 0.5, 1.0])
    assert compare_paired(six, 1 - six).smallest_detectable is None  # it would exceed 1
    assert compare_paired(6 * six, 6 - 6 * six).smallest_detectable is not None
    assert compare_paired(six, 1 - six, clusters=["one"] * 6).smallest_detectable is None


def test_no_p_value_passes_one() -> None:
    helped, harmed = (grid.ravel() for grid in np.meshgrid(np.arange(60), np.arange(60)))
    assert mcnemar(helped, harmed).max() == 1
