"""Laws of corrections for many tests: against statsmodels and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from cast_lens.analysis.families import Adjusted, benjamini_hochberg, holm, holm_adjusted

P_VALUES = {"a": 0.04, "b": 0.001, "c": 0.03, "d": 0.5}


def numbers(found: tuple[Adjusted, ...]) -> list[float]:
    return [one.adjusted for one in found]


def test_holm_worked_by_hand() -> None:
    # sorted: 0.001 x 4, 0.03 x 3, 0.04 x 2 (raised to the one before), 0.5 x 1
    assert numbers(holm(P_VALUES)) == pytest.approx([0.09, 0.004, 0.09, 0.5])


def test_benjamini_hochberg_worked_by_hand() -> None:
    # sorted: 0.001 x 4/1, 0.03 x 4/2 (lowered to the one after), 0.04 x 4/3, 0.5 x 4/4
    assert numbers(benjamini_hochberg(P_VALUES)) == pytest.approx([4 / 75, 0.004, 4 / 75, 0.5])


@settings(max_examples=10)  # statsmodels is slow: it collects garbage on every call
@given(st.lists(st.sampled_from([0.0, 1e-9, 0.01, 0.02, 0.05, 0.3, 1.0]), min_size=1, max_size=9))
def test_both_agree_with_statsmodels(p_values: list[float]) -> None:
    named = {str(i): p for i, p in enumerate(p_values)}
    assert numbers(holm(named)) == pytest.approx(multipletests(p_values, method="holm")[1])
    got = numbers(benjamini_hochberg(named))
    assert got == pytest.approx(multipletests(p_values, method="fdr_bh")[1])


def test_names_and_their_order_are_kept() -> None:
    for correct, method in ((holm, "Holm"), (benjamini_hochberg, "Benjamini-Hochberg")):
        found = correct(P_VALUES)
        assert [(one.name, one.p) for one in found] == list(P_VALUES.items())
        assert {(one.method, one.family) for one in found} == {(method, 4)}
        turned = correct(dict(reversed(P_VALUES.items())))
        assert turned == found[::-1]


def test_families_are_corrected_each_by_itself() -> None:
    generator = np.random.default_rng(1)
    families = generator.random((5, 7))
    together = holm_adjusted(families)
    for family, row in zip(families, together, strict=True):
        assert row == pytest.approx(multipletests(family, method="holm")[1])


def test_one_test_needs_no_correction_and_none_gives_none() -> None:
    for correct in (holm, benjamini_hochberg):
        assert numbers(correct({"only": 0.04})) == [0.04]
        assert correct({}) == ()


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused_by_name(p: float) -> None:
    for correct in (holm, benjamini_hochberg):
        with pytest.raises(ValueError, match="p of 'bad' is"):
            correct({"good": 0.5, "bad": p})
