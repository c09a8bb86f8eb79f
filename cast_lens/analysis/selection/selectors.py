"""Methods that look at each example's nearness to the chosen ones, and the random choice.

Every method takes a pool in order of id and breaks ties by the earlier row. Scores are compared in
9 decimals.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.selection.graph import nearest, neighbour_graph, settled
from cast_lens.analysis.selection.pool import Choice, Pool, Settings

VOTERS = 150
DISCOUNT = 0.1


def cast(pool: Pool, settings: Settings) -> Choice:
    """Greedy argmax of alpha * rank(Inf) + (1 - alpha) * Div.

    Div(i|C) = 1 - max over j in C of cos(i, j), and 1 while nothing is chosen, so it lies between
    0 and 2. rank(Inf) lies between 0 and 1.

    Source: this project's METHOD, section 3, after CAST, arXiv 2507.13236.
    """
    rank = settings.alpha * pool.rank
    free = np.ones(len(pool), dtype=bool)
    diversity = np.ones(len(pool))
    rows, scores = [], []
    for turn in range(settings.budget):
        row, score = _best(rank + (1 - settings.alpha) * diversity, free)
        distance = 1 - settled(pool.unit @ pool.unit[row])
        diversity = np.minimum(diversity, distance) if turn else distance
        free[row] = False
        rows.append(row)
        scores.append(score)
    return Choice(np.array(rows), np.array(scores))


def influence(pool: Pool, settings: Settings) -> Choice:
    """`cast` by influence alone: alpha = 1."""
    return cast(pool, replace(settings, alpha=1.0))


def diverse(pool: Pool, settings: Settings) -> Choice:
    """`cast` by diversity alone: alpha = 0. The first example is the first id."""
    return cast(pool, replace(settings, alpha=0.0))


def k_center(pool: Pool, settings: Settings) -> Choice:
    """Farthest first: a start drawn by the seed, then whatever is farthest from all chosen.

    Scores are distances between directions, sqrt(2 - 2 cos); the first one's is 0. The largest
    distance from any example to its nearest chosen one is at most twice the least possible.

    Source: Gonzalez, Theoretical Computer Science 38 (1985).
    """
    free = np.ones(len(pool), dtype=bool)
    distance = np.full(len(pool), np.inf)
    row, score = int(np.random.default_rng(settings.seed).integers(len(pool))), 0.0
    rows, scores = [row], [score]
    while len(rows) < settings.budget:
        free[row] = False
        cosine = settled(pool.unit @ pool.unit[row])
        distance = np.minimum(distance, np.sqrt(np.maximum(2 - 2 * cosine, 0)))
        row, score = _best(distance, free)
        rows.append(row)
        scores.append(score)
    return Choice(np.array(rows), np.array(scores))


def vote_k(pool: Pool, settings: Settings) -> Choice:
    """Most votes first, where a voter who was served has less to say.

    Every example not chosen votes for its 150 nearest, with weight 10^-(how many of those are
    chosen). Scores are sums of weights.

    Source: Su et al., arXiv 2209.01975, section 2.
    """
    neighbours, cosines = nearest(pool.unit, VOTERS)
    votes = neighbour_graph(neighbours, np.ones_like(cosines)).sign().T.tocsr()
    free = np.ones(len(pool), dtype=bool)
    weight = np.ones(len(pool))
    rows, scores = [], []
    for _ in range(settings.budget):
        counted = votes @ np.where(free, weight, 0.0)
        # As shares of the largest: weights fall by powers of ten, and 9 decimals are kept.
        row, _ = _best(counted / (counted[free].max() or 1.0), free)
        free[row] = False
        weight[(neighbours == row).any(axis=1)] *= DISCOUNT
        rows.append(row)
        scores.append(counted[row])
    return Choice(np.array(rows), np.array(scores))


def random(pool: Pool, settings: Settings) -> Choice:
    """The first of a shuffle of the ids. Scores are 0: nothing was measured."""
    shuffled = np.random.default_rng(settings.seed).permutation(len(pool))
    return Choice(shuffled[: settings.budget], np.zeros(settings.budget))


def _best(values: Float[np.ndarray, " example"], free: np.ndarray) -> tuple[int, float]:
    """The free row of the largest value, the earliest of equal ones, and its value."""
    compared = np.where(free, settled(values), -np.inf)
    row = int(compared.argmax())
    return row, float(compared[row])
