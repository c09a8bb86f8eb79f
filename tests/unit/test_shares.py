"""Laws of shares of variance, held against direct sums and statsmodels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from statsmodels.formula.api import ols

from cast_lens.analysis.shares import share_between


def normal(n: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width))


def test_a_share_is_between_over_total_sum_of_squares() -> None:
    rows, groups = normal(9, 4, 0) + 10, list("aabbbcccc")
    rows[2:5] += 1
    middle = rows.mean(axis=0)
    between = sum(
        groups.count(g) * np.sum((rows[[h == g for h in groups]].mean(axis=0) - middle) ** 2)
        for g in "abc"
    )
    found = share_between(rows, groups, permutations=9)
    assert found.value == pytest.approx(between / np.sum((rows - middle) ** 2))
    assert (found.groups, found.n) == (3, 9)


def test_a_share_is_told_from_permuted_groups_only_where_groups_differ() -> None:
    rows, groups = normal(40, 50, 0), ["a", "b"] * 20
    assert share_between(rows, groups, permutations=199).p > 0.05
    rows[::2, 0] += 6
    found = share_between(rows, groups, permutations=199)
    assert found.p == pytest.approx(1 / 200)
    assert found.null_high < found.value < 1


def test_a_share_within_strata_is_what_one_way_analyses_of_each_stratum_add_up_to() -> None:
    rows, groups, strata = normal(12, 3, 0), np.array(list("aabbabababab")), np.repeat([0, 1], 6)
    rows[strata == 1] += 5
    between, total = 0.0, 0.0
    for stratum in (0, 1):
        own, held = rows[strata == stratum], groups[strata == stratum]
        fits = [ols("y ~ g", pd.DataFrame({"y": own[:, i], "g": held})).fit() for i in range(3)]
        between += sum(fit.ess for fit in fits)
        total += sum(fit.centered_tss for fit in fits)
    found = share_between(rows, groups, permutations=9, within=list(map(str, strata)))
    assert found.value == pytest.approx(between / total)


def test_what_strata_differ_in_is_not_the_groups() -> None:
    strata = ["x"] * 20 + ["y"] * 20
    groups = ["right"] * 16 + ["wrong"] * 4 + ["right"] * 4 + ["wrong"] * 16
    p = []
    for seed in range(40):
        rows = normal(40, 8, seed)
        rows[20:] += 3  # nothing but the stratum matters
        assert share_between(rows, groups, seed, 199).p < 0.05
        p.append(share_between(rows, groups, seed, 199, within=strata).p)
    assert kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    "call",
    [
        lambda: share_between(normal(5, 3, 0), ["a"] * 4),
        lambda: share_between(np.ones((5, 3)), list("aabbb")),
        lambda: share_between(normal(5, 3, 0), list("aabbb"), within=list("aab")),
    ],
)
def test_rows_without_a_group_or_a_difference_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="need a group each"):
        call()
