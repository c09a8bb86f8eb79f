"""Cosines that chance gives: random signs, exchanged differences, random directions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.cosines.products import (
    AT_ONCE,
    Gram,
    Rows,
    Weights,
    gram,
    pair_cosines,
    products,
)

SLACK = 1e-9  # cosines that agree so far are tied
Pairs = Float[np.ndarray, "draw pair"]


def flipped(among: Gram, signs: Weights) -> Pairs:
    """Cosines of means whose examples have random signs: there is no mean difference."""
    return pair_cosines(products(among, signs))


def exchanged(plain: Rows, null: Rows, even: Weights, signs: Weights) -> Pairs:
    """Excess of the plain cosine over the null's where examples swap their two differences.

    With c the mean of both and d half their difference, a swap turns c + d into c - d: the same
    random signs as in `flipped`, about c.
    """
    half = (plain - null) / 2
    middle = np.einsum("ti,tid->td", even[0], (plain + null) / 2)
    fixed = middle @ middle.T
    # entry (draw, t, s): signed half of t with the middle of s
    mixed = np.moveaxis(np.moveaxis(signs, 1, 0) @ (half @ middle.T), 0, 1)
    mixed = mixed + np.swapaxes(mixed, -1, -2)
    turned = products(gram(half), signs)
    after, before = pair_cosines(fixed + mixed + turned), pair_cosines(fixed - mixed + turned)
    return np.asarray(after - before)


def random_cosines(
    background: Float[np.ndarray, "row d_model"], draws: int, generator: np.random.Generator
) -> Float[np.ndarray, " draw"]:
    """Absolute cosines of pairs of normal vectors with the covariance of the background rows.

    Only its eigenvalues matter, as both vectors may be turned alike.
    """
    spread = np.linalg.svd(background - background.mean(axis=0), compute_uv=False)
    spread = spread[spread > spread[0] * 1e-6]
    found = np.empty(draws)
    for start in range(0, draws, AT_ONCE):
        some = min(AT_ONCE, draws - start)
        one, other = spread * generator.standard_normal((2, some, len(spread)))
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        found[start : start + some] = np.abs((one * other).sum(axis=1)) / norms
    return found


def share_as_high(
    seen: Float[np.ndarray, " pair"], drawn: Float[np.ndarray, "draw _"]
) -> Float[np.ndarray, " pair"]:
    """Share of draws at least as high as what was seen, which counts as a draw itself."""
    return np.asarray((1 + (drawn >= seen - SLACK).sum(axis=0)) / (1 + len(drawn)))
