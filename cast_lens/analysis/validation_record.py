"""What the trial of one test on planted data is kept as."""

from __future__ import annotations

from typing import Any

from cast_lens.analysis.estimates import Estimate
from cast_lens.analysis.paired_tests import ALPHA
from cast_lens.records import Record

LEAST, MOST = 0.03, 0.07  # rates that count as near the nominal 0.05


class Validation(Record):
    """One test in one setting.

    Attributes:
        test, setting: what was tried on which data.
        nominal: the rate of false positives that the test claims at most.
        false_positive_rate: measured on data without an effect, with its Monte Carlo interval.
        power: share of planted effects found. Single tests have effects of the smallest detectable
            size, or 0.9 of the discordance if that is less, so about 0.8 is expected.
        within: the measured rate lies in 0.03 to 0.07.
        note: what the numbers mean.
        planted, recovered: the difference planted and the mean of those measured; None for
            families and for tests on states.
        coverage: share of intervals that hold the planted difference; None for tests without one.
    """

    test: str
    setting: str
    nominal: float
    false_positive_rate: Estimate
    power: Estimate
    within: bool
    note: str
    planted: float | None = None
    recovered: Estimate | None = None
    coverage: Estimate | None = None


def judged(
    test: str, setting: str, false: Estimate, power: Estimate, note: str, **more: Any
) -> Validation:
    """The record of a test, with the verdict on its rate of false positives."""
    return Validation(
        test=test,
        setting=setting,
        nominal=ALPHA,
        false_positive_rate=false,
        power=power,
        within=LEAST <= false.value <= MOST,
        note=note,
        **more,
    )
