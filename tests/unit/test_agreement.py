"""Agreement and separation of differences, against scipy and planted states."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from cast_lens.analysis.agreement import agreement, separation

N, WIDTH = 40, 64


def states(distance: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Zero-shot states, and few-shot ones further along one axis."""
    generator = np.random.default_rng(seed)
    zero, few = generator.standard_normal((2, N, WIDTH))
    few[:, 0] += distance
    return few, zero


def test_agreement_is_the_mean_cosine_of_every_two() -> None:
    rows = np.random.default_rng(1).standard_normal((7, 5)) + 0.5
    assert agreement(rows) == pytest.approx(1 - pdist(rows, metric="cosine").mean())


def test_equal_differences_agree_wholly_and_opposite_ones_not() -> None:
    row = np.arange(1.0, 4.0)
    assert agreement(np.stack([row, 2 * row, row])) == pytest.approx(1)
    assert agreement(np.stack([row, -row])) == pytest.approx(-1)


def test_separation_is_the_planted_distance() -> None:
    few, zero = states(distance=6)
    assert separation(few, zero) == pytest.approx(6, abs=1)


def test_noise_alone_does_not_separate() -> None:
    found = [separation(*states(0, seed)) for seed in range(30)]
    assert abs(np.mean(found)) < 0.15


def test_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="two differences"):
        agreement(np.ones((1, 3)))
    with pytest.raises(ValueError, match="three pairs"):
        separation(np.ones((2, 3)), np.zeros((2, 3)))
