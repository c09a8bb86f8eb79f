"""Facility location: chosen examples that every other one is near to."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from cast_lens.analysis.selection.graph import CELLS
from cast_lens.analysis.selection.lazy import lazy_greedy
from cast_lens.analysis.selection.pool import Choice, Pool, Settings

BLOCK = 64


class Coverage:
    """How well each example is served by what was taken: max over j taken of max(cos(i, j), 0)."""

    def __init__(self, unit: Float[np.ndarray, "example width"]) -> None:
        self.unit = unit
        self.served = np.zeros(len(unit))

    def gains(self, rows: Int[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """By how much each row would raise the sum of service."""
        height = max(1, CELLS // len(self.unit))
        blocks = np.split(rows, range(height, rows.size, height))
        return np.concatenate([self._raised(block).sum(axis=1) for block in blocks])

    def take(self, row: int) -> None:
        """Let a row serve."""
        self.served += self._raised(np.array([row]))[0]

    def _raised(self, rows: np.ndarray) -> Float[np.ndarray, "row example"]:
        # What is served is never below 0, so max(cos, 0) exceeds it exactly where cos does.
        raised: np.ndarray = self.unit[rows] @ self.unit.T
        raised -= self.served
        np.maximum(raised, 0.0, out=raised)
        return raised


def facility_location(pool: Pool, settings: Settings) -> Choice:
    """Greedy on the sum over examples of their largest max(cos, 0) with a chosen one.

    Scores are marginal gains. The sum is at least 1 - 1/e of the largest possible.

    Source: Nemhauser, Wolsey and Fisher, Mathematical Programming 14 (1978).
    """
    coverage = Coverage(pool.unit)
    return lazy_greedy(coverage.gains, coverage.take, len(pool), settings.budget, BLOCK)
