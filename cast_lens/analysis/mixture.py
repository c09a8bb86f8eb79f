"""What a mean difference is made of: how far along it each of a chain of matched stages gets.

Stage k of the chain has everything that stage k - 1 has and one thing more; the last stage is the
whole. With m_1 ... m_K the mean differences of the stages and m_0 = 0, the share of stage k is

    <m_k - m_(k-1), m_K> / |m_K|^2

and the shares sum to one. Each inner product is estimated without bias, from pairs of different
examples: the product of two sample means would also hold the noise that the stages of one example
share (their zero-shot state), and credit the first stage with it.

Sizes count, unlike in projections onto the span of the earlier stages: there a first stage of
hardly any length, which happens to point along the whole, would get all of it.

It does not prove what the parts do: a share of length is no share of an effect on answers. The
order matters: what two things bring about alike is credited to the earlier one. A share is below 0
where its thing leads away from the whole, and a sum above 1 is made up for by later stages. Rows
count as independent, though prompts of one task may show the same demonstrations.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.estimates import LEVEL, Estimate
from cast_lens.records import Record, Rows, rows_of

RESAMPLES = 2_000
CLEAR = 3.0  # standard errors by which the whole must differ from noise
LEAST = 4  # examples; fewer give no spread


class Mixture(Record):
    """Shares of one mean difference.

    Attributes:
        stages: names, in order; the last is the whole, and its share is what it adds.
        shares: sum to one.
        cosines: of each stage's mean difference with the whole's, as measured (noise included).
        norm: length of the whole, noise taken off, in the unit of the states.
    """

    stages: tuple[str, ...]
    shares: tuple[Estimate, ...]
    cosines: tuple[float, ...]
    norm: float

    def as_rows(self) -> Rows:
        """One row a stage."""
        parts = zip(self.stages, self.shares, self.cosines, strict=True)
        return [
            row
            for stage, share, cosine in parts
            for row in rows_of([share], stage=stage, cosine=cosine)
        ]


def mixture(
    differences: Mapping[str, Float[np.ndarray, "example d_model"]], seed: int = 0
) -> Mixture:
    """Take the mean difference of the last stage apart.

    Args:
        differences: by stage, in order; row i of every stage is of the same example.
        seed: of the bootstrap over examples, which draws them for all stages together.

    Raises:
        ValueError: when stages differ in shape, are fewer than two, rest on fewer than 4 examples,
            or the whole cannot be told from noise.
    """
    rows = _stacked(differences)
    n = rows.shape[1]
    products = np.einsum("aid,jd->aij", rows, rows[-1], optimize=True)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    point, draws = _along(products, np.ones((1, n))), _along(products, drawn.astype(float))
    if point[0, -1] <= CLEAR * draws[:, -1].std():
        raise ValueError("the whole cannot be told from noise, so it has no parts")
    return Mixture(
        stages=tuple(differences),
        shares=_estimates(_shares(point)[0], _shares(draws), n),
        cosines=_cosines(rows.mean(axis=1)),
        norm=float(np.sqrt(point[0, -1])),
    )


def _stacked(
    differences: Mapping[str, Float[np.ndarray, "example d_model"]],
) -> Float[np.ndarray, "stage example d_model"]:
    shapes = {np.shape(rows) for rows in differences.values()}
    if len(differences) < 2 or len(shapes) != 1:
        raise ValueError(f"a mixture needs two stages of one shape, got {sorted(shapes)}")
    rows = np.stack([np.asarray(rows, dtype=float) for rows in differences.values()])
    if rows.shape[1] < LEAST:
        raise ValueError(f"a mixture needs {LEAST} examples, got {rows.shape[1]}")
    return rows


def _along(
    products: Float[np.ndarray, "stage example example"],
    weights: Float[np.ndarray, "draw example"],
) -> Float[np.ndarray, "draw stage"]:
    """Inner product of each stage's mean with the whole's, over pairs of different examples."""
    pairs = np.einsum("wi,aij,wj->wa", weights, products, weights, optimize=True)
    itself = np.einsum("wi,aii->wa", weights**2, products)
    number = weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1)
    return np.asarray((pairs - itself) / number[:, None])


def _shares(along: Float[np.ndarray, "draw stage"]) -> Float[np.ndarray, "draw stage"]:
    return np.asarray(np.diff(along, axis=1, prepend=0) / along[:, -1:])


def _estimates(
    found: Float[np.ndarray, " stage"], drawn: Float[np.ndarray, "draw stage"], n: int
) -> tuple[Estimate, ...]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return tuple(
        Estimate(value=value, low=least, high=most, n=n, method="bootstrap over examples")
        for value, least, most in zip(found.tolist(), low.tolist(), high.tolist(), strict=True)
    )


def _cosines(means: Float[np.ndarray, "stage d_model"]) -> tuple[float, ...]:
    lengths = np.linalg.norm(means, axis=1)
    lengths[lengths == 0] = 1
    return tuple((means @ means[-1] / lengths / lengths[-1]).tolist())
