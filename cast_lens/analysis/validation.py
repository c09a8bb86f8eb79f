"""Every test that ships, tried on planted data: how often it is wrong, and how often it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from cast_lens.analysis import planting
from cast_lens.analysis.estimates import (
    LEVEL,
    Estimate,
    cluster_intervals,
    mean,
    paired_difference,
    proportion,
)
from cast_lens.analysis.families import benjamini_hochberg_adjusted, holm_adjusted
from cast_lens.analysis.paired_tests import (
    ALPHA,
    detectable_share,
    detectable_shift,
    mcnemar,
    mcnemar_mid,
    sign_flips,
    sign_flips_mid,
)
from cast_lens.analysis.validation_of_states import on_states
from cast_lens.analysis.validation_record import Validation, judged
from cast_lens.errors import ConfigError

OUTCOMES = ((40, 0.1), (40, 0.3), (100, 0.2), (200, 0.2))  # items, discordance
PLACEBO_ITEMS = 100
SCORES = 30
CLUSTERS, CLUSTER_DISCORDANCE = (40, 10), 0.5
PLANNED, SWEEP = (8, 3), (40, 10)  # tests, of which real
SHIFT = 3.0  # of a real test's statistic, in standard errors

CAUTIOUS = (
    "Cautious by nature, as counts are whole: never above 0.05, and far below where few items "
    "change. Mid-p is nearer."
)
MID = "Nearer the nominal rate than the exact test, without its guarantee; still low for 4 changes."
ROUGH = "Approximate. It holds where McNemar's test is too cautious, without a guarantee."
DISCRETE = "Exact for symmetric changes; these are only 0 in the mean."
SYMMETRIC = "Exact for symmetric changes, which these are."
SKEWED = "Exact for symmetric changes only: these have mean 0 and a long tail."
FEW = "Approximate, with percentiles expanded for few clusters."
IGNORED = "Not offered for clusters: shows what it costs to count their items as independent."
FLIPPED = "Exact for symmetric changes of clusters, so cautious where they are few."
FAMILY = "Chance of even one false finding; power is the mean share of real effects found."
SHARE = "Expected share of false findings, nominal 0.05 x share of true nulls."
ALL_NULL = "All findings are false here, so this is the chance of any."


@dataclass(frozen=True, eq=False)
class _Plan:
    """A setting, the effect planted there and what was measured of it in each data set."""

    setting: str
    planted: float
    measured: Float[np.ndarray, " set"]

    def by_p(self, test: str, p: Callable[[Any], np.ndarray], data: Any, note: str) -> Validation:
        """Judge a test by its p values on the null data and the planted ones."""
        false, found = (proportion(p(one) <= ALPHA) for one in data)
        return self._record(test, false, found, None, note)

    def by_interval(
        self, test: str, ends: Callable[[Any], np.ndarray], data: Any, note: str
    ) -> Validation:
        """Judge an interval, which finds an effect where it does not hold 0."""
        (null_low, null_high), (low, high) = (ends(one) for one in data)
        false = proportion((null_low > 0) | (null_high < 0))
        found = proportion((low > 0) | (high < 0))
        held = proportion((low <= self.planted) & (self.planted <= high))
        return self._record(test, false, found, held, note)

    def _record(
        self, test: str, false: Estimate, found: Estimate, held: Estimate | None, note: str
    ) -> Validation:
        more = {
            "planted": self.planted,
            "recovered": _average(self.measured),
            "coverage": held,
        }
        return judged(test, self.setting, false, found, note, **more)


def validate(repeats: int, seed: int) -> tuple[Validation, ...]:
    """Try every test on planted data.

    Args:
        repeats: data sets per setting, once without and once with an effect; 2,000 give rates a
            standard error of 0.005. Tests on states and on gains are slow: see `on_states`.
        seed: of the data.

    Raises:
        ConfigError: when repeats is below 1.
    """
    if repeats < 1:
        raise ConfigError(f"repeats = {repeats}, expected at least 1.", "Pass for example 2000.")
    streams = np.random.default_rng(seed).spawn(5)
    tries = (_on_outcomes, _on_numbers, _on_clusters, _on_families, on_states)
    return tuple(
        one for go, stream in zip(tries, streams, strict=True) for one in go(repeats, stream)
    )


def _average(values: Float[np.ndarray, " set"]) -> Estimate:
    """Mean with its normal interval; so many distinct values are slow to draw again."""
    from scipy.stats import norm

    half = float(norm.isf((1 - LEVEL) / 2) * values.std() / np.sqrt(values.size))
    value = float(values.mean())
    return Estimate(
        value=value, low=value - half, high=value + half, n=values.size, method="normal"
    )


def _on_outcomes(repeats: int, generator: np.random.Generator) -> Iterator[Validation]:
    """Single outcomes of 0 or 1."""
    for n, discordance in OUTCOMES:
        planted = detectable_share(n, discordance)
        assert planted is not None
        data = [
            planting.outcome_counts(generator, repeats, n, discordance, size)
            for size in (0.0, planted)
        ]
        plan = _Plan(f"n = {n}, discordance {discordance}", planted, -np.diff(data[1])[:, 0] / n)
        yield plan.by_p("exact McNemar", lambda counts: mcnemar(*counts.T), data, CAUTIOUS)
        yield plan.by_p("mid-p McNemar", lambda counts: mcnemar_mid(*counts.T), data, MID)
        yield plan.by_interval("paired bootstrap", _intervals_of(n), data, ROUGH)


def _intervals_of(n: int) -> Callable[[Int[np.ndarray, "set way"]], np.ndarray]:
    def ends(counts: Int[np.ndarray, "set way"]) -> np.ndarray:
        # the interval depends on the counts alone, so each pair of them needs one only
        kinds, where = np.unique(counts, axis=0, return_inverse=True)
        found = [
            paired_difference(*planting.outcomes(helped, harmed, n))
            for helped, harmed in kinds.tolist()
        ]
        return np.array([(one.low, one.high) for one in found])[where.reshape(-1)].T

    return ends


def _on_numbers(repeats: int, generator: np.random.Generator) -> Iterator[Validation]:
    """Means over placebo draws, and log-likelihoods."""
    placebo = planting.against_placebo(generator, repeats, PLACEBO_ITEMS, 0.0)
    planted = _shift(placebo)
    moved = planting.against_placebo(generator, repeats, PLACEBO_ITEMS, planted)
    plan = _Plan(f"n = {PLACEBO_ITEMS}, mean of 3 draws", planted, moved.mean(axis=1))
    yield plan.by_p("sign flips", sign_flips, (placebo, moved), DISCRETE)
    size = (2, repeats, SCORES)
    for name, (null, other), note in (
        ("normal", generator.normal(size=size), SYMMETRIC),
        ("skewed", generator.exponential(size=size) - 1, SKEWED),
    ):
        planted = _shift(null)
        moved = other + planted
        plan = _Plan(f"n = {SCORES}, {name} changes", planted, moved.mean(axis=1))
        yield plan.by_p("sign flips", sign_flips, (null, moved), note)


def _shift(null: Float[np.ndarray, "set unit"]) -> float:
    planted = detectable_shift(null.shape[1], float(null.std()))
    assert planted is not None
    return planted


def _on_clusters(repeats: int, generator: np.random.Generator) -> Iterator[Validation]:
    """Single outcomes of items that share passages."""
    for clusters in CLUSTERS:
        settings = generator, repeats, clusters, CLUSTER_DISCORDANCE
        null = planting.clustered(*settings, 0.0)
        # a difference near the discordance is the most that can be planted
        planted = min(_shift(null.sums / null.sizes.mean()), 0.9 * CLUSTER_DISCORDANCE)
        data = null, planting.clustered(*settings, planted)
        plan = _Plan(f"{clusters} clusters of 1 to 8", planted, data[1].changes.mean(axis=1))
        yield plan.by_p("sign flips of clusters", lambda one: sign_flips(one.sums), data, FLIPPED)
        yield plan.by_p(
            "mid-p sign flips of clusters", lambda one: sign_flips_mid(one.sums), data, MID
        )
        yield plan.by_interval(
            "cluster bootstrap",
            lambda one: np.array(cluster_intervals(one.sums, one.sizes)),
            data,
            FEW,
        )
        yield plan.by_p(
            "McNemar, clusters ignored", lambda one: mcnemar(*one.counts.T), data, IGNORED
        )


def _on_families(repeats: int, generator: np.random.Generator) -> Iterator[Validation]:
    """Families of independent tests: none real, and some real."""
    for name, correct, (tests, real), rate, note in (
        ("Holm", holm_adjusted, PLANNED, _any_false, FAMILY),
        ("Benjamini-Hochberg", benjamini_hochberg_adjusted, SWEEP, _false_share, SHARE),
    ):
        null = correct(planting.p_values(generator, repeats, tests, 0, 0.0)) <= ALPHA
        mixed = correct(planting.p_values(generator, repeats, tests, real, SHIFT)) <= ALPHA
        power = mean(mixed[:, :real].mean(axis=1))
        yield judged(name, f"{tests} tests, none real", rate(null, 0), power, ALL_NULL)
        yield judged(name, f"{tests} tests, {real} real", rate(mixed, real), power, note)


def _any_false(found: Bool[np.ndarray, "family test"], real: int) -> Estimate:
    return proportion(np.asarray(found[:, real:].any(axis=1)))


def _false_share(found: Bool[np.ndarray, "family test"], real: int) -> Estimate:
    return mean(found[:, real:].sum(axis=1) / np.maximum(found.sum(axis=1), 1))
