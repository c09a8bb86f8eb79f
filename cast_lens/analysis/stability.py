"""How many examples a mean difference needs before another set of examples gives the same one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.estimates import LEVEL, Estimate
from cast_lens.records import Record, Rows, rows_of

DRAWS = 200
_TAILS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]


class StabilityPoint(Record):
    """Means over N examples against means over N others.

    Attributes:
        n: N.
        cosine: mean over draws of two disjoint sets, with the band of the middle 95 % of draws;
            None where there are not twice N examples.
        null: the same for differences that have nothing in common but their noise: their mean is
            subtracted and the sign of what is left flipped at random.
        predicted: by the Spearman-Brown formula, from halves of all examples.
    """

    n: int
    cosine: Estimate | None
    null: Estimate | None
    predicted: float


class Stability(Record):
    """Agreement of a mean difference with itself, against the number of examples, at one block.

    Attributes:
        layer: the block.
        examples: how many there are.
        ceiling: predicted for means over all of them: no other vector can be expected to agree
            with this one better than the square root of it.
        points: by rising N.
    """

    layer: int
    examples: int
    ceiling: float
    points: tuple[StabilityPoint, ...]

    def as_rows(self) -> Rows:
        """One row a number of examples."""
        return rows_of(self.points, layer=self.layer)


def stability(
    differences: Float[np.ndarray, "example d_model"],
    sizes: Sequence[int],
    layer: int,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Stability:
    """Cosine of the mean of N examples with the mean of N others, for several N.

    The draws come from the same examples, so their band says how far chance choice of examples
    moves the vector, not how well the agreement itself is known. A stable vector may be one of
    length and format: agreement says nothing about meaning.

    Source of the prediction: Spearman 1910, Brown 1910; it holds for cosines of means of
    independent differences up to the spread of their lengths.

    Args:
        differences: one row an example.
        sizes: the N; at most the number of examples.
        layer: kept in the record.
        draws: pairs of disjoint sets drawn for each N.
        seed: of the draws.

    Raises:
        ValueError: when there are fewer than two examples, or an N is below 1 or above all.
    """
    rows = np.asarray(differences, dtype=float)
    examples = len(rows)
    if examples < 2 or not sizes or min(sizes) < 1 or max(sizes) > examples:
        raise ValueError(f"sizes {list(sizes)} do not fit {examples} examples")
    half = examples // 2
    halves = float(_agreement(rows, half, draws, np.random.default_rng([seed, half])).mean())
    return Stability(
        layer=layer,
        examples=examples,
        ceiling=spearman_brown(halves, examples / half),
        points=tuple(_point(rows, n, halves, draws, seed) for n in sorted(set(sizes))),
    )


def spearman_brown(agreement: float, factor: float) -> float:
    """Agreement of means over `factor` times as many examples: f r / (1 + (f - 1) r)."""
    return factor * agreement / (1 + (factor - 1) * agreement)


def _point(rows: np.ndarray, n: int, halves: float, draws: int, seed: int) -> StabilityPoint:
    predicted = spearman_brown(halves, n / (len(rows) // 2))
    if 2 * n > len(rows):
        return StabilityPoint(n=n, cosine=None, null=None, predicted=predicted)
    cosines = _agreement(rows, n, draws, np.random.default_rng([seed, n]))
    noise = rows - rows.mean(axis=0)
    null = _agreement(noise, n, draws, np.random.default_rng([seed, n]), flip=True)
    return StabilityPoint(n=n, cosine=_band(cosines), null=_band(null), predicted=predicted)


def _agreement(
    rows: Float[np.ndarray, "example d_model"],
    n: int,
    draws: int,
    generator: np.random.Generator,
    *,
    flip: bool = False,
) -> Float[np.ndarray, " draw"]:
    """Cosines of the means of two disjoint sets of n, drawn again and again."""
    order = np.argsort(generator.random((draws, len(rows))), axis=1)[:, : 2 * n]
    weights = np.zeros((2, draws, len(rows)))
    signs = generator.choice([-1.0, 1.0], size=order.shape) if flip else np.ones(order.shape)
    for side, part in enumerate((slice(0, n), slice(n, None))):
        np.put_along_axis(weights[side], order[:, part], signs[:, part], axis=1)
    # norms and products of all sums follow from the table of inner products
    inner = rows @ rows.T
    first, second = weights @ inner
    products = (first * weights[1]).sum(axis=1)
    squares = (first * weights[0]).sum(axis=1) * (second * weights[1]).sum(axis=1)
    return np.asarray(products / np.sqrt(np.where(squares > 0, squares, 1)))


def _band(cosines: Float[np.ndarray, " draw"]) -> Estimate:
    low, high = np.quantile(cosines, _TAILS)
    return Estimate(
        value=float(cosines.mean()),
        low=float(low),
        high=float(high),
        n=cosines.size,
        method="middle 95 % of draws",
    )
