"""The geometries in which cosines are taken: all are fixed by the plain differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from cast_lens.analysis.cosines.products import (
    Gram,
    Products,
    Rows,
    Weights,
    centred,
    even,
    gram,
    of_pairs,
    products,
)
from cast_lens.analysis.cosines.records import CENTRED, RAW, WHITENED, without

DROPPED = (1, 3, 10)
SMALLEST = 1e-12  # variance, as a share of the largest, that is taken for rounding


@dataclass(frozen=True, eq=False)
class Geometry:
    """What the plain differences fix for all sets of vectors.

    Attributes:
        axes: directions in which single differences vary, as rows.
        scale: by how much whitening stretches what lies along them.
        beyond: by how much all else.
        shrinkage: of the covariance they come from.
        rogue: coordinates that carry most of the mean raw cosine, in order.
        parts: how much of it each of them carries.
    """

    axes: Float[np.ndarray, "axis d_model"]
    scale: Float[np.ndarray, " axis"]
    beyond: float
    shrinkage: float
    rogue: Int[np.ndarray, " rogue"]
    parts: Float[np.ndarray, " rogue"]

    def whiten(self, rows: Rows) -> Rows:
        """Rows multiplied by the root of the precision matrix, which is never written out."""
        along = rows @ self.axes.T
        return np.asarray(self.beyond * rows + (along * (self.scale - self.beyond)) @ self.axes)


@dataclass(frozen=True, eq=False)
class Space:
    """Inner products of one set of differences, ready for any weights."""

    raw: Gram
    whitened: Gram
    rogue: Rows

    @classmethod
    def of(cls, rows: Rows, geometry: Geometry) -> Space:
        """The products of a set of differences in a given geometry."""
        return cls(gram(rows), gram(geometry.whiten(rows)), rows[..., geometry.rogue])

    def kinds(self, weights: Weights) -> dict[str, Products]:
        """Inner products of weighted sums, by kind; `centred` only where three tasks are."""
        raw = products(self.raw, weights)
        kinds = {RAW: raw}
        if raw.shape[-1] > 2:  # two centred vectors are opposite, always
            kinds[CENTRED] = centred(raw)
        kinds[WHITENED] = products(self.whitened, weights)
        at = np.moveaxis(np.moveaxis(weights, 1, 0) @ self.rogue, 0, 1)
        for count in DROPPED:
            if count <= at.shape[-1]:
                kept = at[..., :count]
                kinds[without(count)] = raw - kept @ np.swapaxes(kept, -1, -2)
        return kinds


def geometry_of(rows: Rows, sizes: Sequence[int]) -> Geometry:
    """Whitening and rogue coordinates of the plain differences.

    The covariance is that of single differences about their task's mean, pooled over tasks and
    shrunk towards a sphere (Ledoit and Wolf 2004), so that means and covariance are not mixed up.
    Differences that do not vary at all are whitened by that sphere: not at all.
    A coordinate's part of the mean cosine is the mean over pairs of the product of the unit
    vectors' entries (Timkey and van Schijndel 2021); left out are the largest parts, which also
    favours parts that are large by chance.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    means = np.einsum("ti,tid->td", even(sizes)[0], rows)
    within = np.concatenate([rows[t, :n] - means[t] for t, n in enumerate(sizes)])
    shrinkage = float(ledoit_wolf_shrinkage(within, assume_centered=True)) if within.any() else 1.0
    _, spread, axes = np.linalg.svd(within, full_matrices=False)
    own = spread**2 / len(within)
    sphere = shrinkage * own.sum() / within.shape[1]
    variances = (1 - shrinkage) * own + sphere
    least = max(float(variances[0]) * SMALLEST, sphere) or 1.0
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unit = means / np.where(lengths == 0, 1, lengths)
    parts = of_pairs(np.einsum("sd,td->dst", unit, unit)).mean(axis=1)
    most = np.argsort(-parts, kind="stable")[: min(max(DROPPED), len(parts) - 1)]
    return Geometry(
        axes,
        1 / np.sqrt(np.maximum(variances, least)),
        1 / float(np.sqrt(least)),
        shrinkage,
        most,
        parts[most],
    )
