"""Gains forecast on targets that were left out: planted, absent, and the trap of pooling."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, spearmanr

from cast_lens.analysis.forecast import forecast_gain

TARGETS, SOURCES, ITEMS = 5, 8, 40


def planted(
    generator: np.random.Generator, slope: float, between: float = 0.0
) -> tuple[np.ndarray, list[np.ndarray], list[str]]:
    """Pairs whose gain follows one fact, and a level of each target that follows it too."""
    facts, gains, targets = [], [], []
    for target in range(TARGETS):
        level = generator.standard_normal()
        for _ in range(SOURCES):
            own = generator.standard_normal()
            facts.append([level + own, generator.standard_normal()])
            noise = 0.2 * generator.standard_normal()
            gains.append(
                slope * own + between * level + noise + 0.1 * generator.standard_normal(ITEMS)
            )
            targets.append(f"t{target}")
    return np.array(facts), gains, targets


def test_a_planted_fact_forecasts_targets_that_were_left_out() -> None:
    found = forecast_gain(*planted(np.random.default_rng(0), slope=1))
    assert found.correlation.value > 0.8
    assert found.correlation.low > 0.5
    assert found.p < 0.01
    assert found.signs > found.commoner


def test_levels_of_targets_do_not_make_a_forecast() -> None:
    facts, gains, targets = planted(np.random.default_rng(1), slope=0, between=2)
    pooled = spearmanr(facts[:, 0], [gain.mean() for gain in gains]).statistic
    found = forecast_gain(facts, gains, targets)
    assert pooled > 0.4  # what a pooled correlation would have reported
    assert found.p > 0.05
    assert abs(found.correlation.value) < 0.35


def test_without_a_relation_p_is_uniform() -> None:
    generator = np.random.default_rng(2)
    found = [forecast_gain(*planted(generator, slope=0), seed=seed).p for seed in range(40)]
    assert kstest(found, "uniform").pvalue > 0.01


def test_equal_forecasts_are_no_order() -> None:
    _, gains, targets = planted(np.random.default_rng(3), slope=1)
    found = forecast_gain(np.ones((len(gains), 1)), gains, targets)
    assert found.correlation.value == 0
    assert found.p == 1


def test_one_target_is_refused() -> None:
    facts, gains, _ = planted(np.random.default_rng(4), slope=1)
    with pytest.raises(ValueError, match="several targets"):
        forecast_gain(facts, gains, ["t"] * len(gains))
