"""How alike two sets of states are in their geometry, beside what chance alone makes of them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from cast_lens.analysis.shares import LEVEL, PERMUTATIONS, States, rounding, share_as_far
from cast_lens.records import Record

SPLITS = 499  # each costs two singular value decompositions
Gram = Float[np.ndarray, "example example"]


class Cka(Record):
    """Debiased linear CKA of two sets of states of the same examples.

    Attributes:
        value: 1 for the same geometry, about 0 for unrelated ones; noise can take it below 0.
        biased: as usually computed; near 1 for unrelated states too where examples are few.
        null_high: 95th percentile of `value` when the rows of one set are permuted.
        p: share of permutations with as high a value, the observed one among them.
        n: examples.
        permutations: how many were drawn.
    """

    value: float
    biased: float
    null_high: float
    p: float
    n: int
    permutations: int


class Angles(Record):
    """Principal angles between the main subspaces of two sets of states.

    Attributes:
        degrees: ascending, between 0 (shared direction) and 90 (unrelated).
        overlap: mean squared cosine of the angles: 1 for the same subspace.
        chance: overlap expected of random subspaces, rank / width.
        null_mean: mean overlap of random splits of the same examples into two sets: what one
            subspace would give at this n.
        null_low: 5th percentile of it.
        p: share of splits with as low an overlap, the observed one among them: small when the two
            subspaces differ.
        rank: dimension of each subspace.
        n: examples of the smaller set.
        permutations: how many splits were drawn.
    """

    degrees: tuple[float, ...]
    overlap: float
    chance: float
    null_mean: float
    null_low: float
    p: float
    rank: int
    n: int
    permutations: int


def debiased_cka(x: States, y: States, seed: int = 0, permutations: int = PERMUTATIONS) -> Cka:
    """Compare two sets of states of the same examples, row by row.

    The cosine of the U-centred Gram matrices without their diagonals, which is the ratio of
    unbiased HSIC (Song et al. 2012, equation 5) that Murphy et al. 2024 (arXiv 2405.01012) take.
    It does not change when a set is moved, rotated or scaled. Permuting the rows of one set breaks
    the pairing and keeps all else.

    Raises:
        ValueError: when the rows are not paired, fewer than four, or all alike in one set.
    """
    if len(x) != len(y) or len(x) < 4:
        raise ValueError(f"CKA needs four or more paired rows, got {len(x)} and {len(y)}")
    grams = [_gram(x), _gram(y)]
    one, other = (_unit(_u_centred(gram)) for gram in grams)
    value = float(np.sum(one * other))
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(x)) for _ in range(permutations)]
    null = np.array([np.sum(one * other[order][:, order]) for order in orders])
    biased = float(np.sum(_unit(grams[0]) * _unit(grams[1])))
    return Cka(
        value=value,
        biased=biased,
        null_high=float(np.quantile(null, LEVEL)),
        p=share_as_far(null >= value - rounding(value)),
        n=len(x),
        permutations=permutations,
    )


def principal_angles(
    x: States,
    y: States,
    rank: int,
    seed: int = 0,
    *,
    paired: bool = False,
    permutations: int = SPLITS,
) -> Angles:
    """Compare the spans of the first `rank` principal components of two sets of states.

    Rows need no partner in the other set. The null puts both sets together, each centred by
    itself, and splits them at random into sets of the same sizes: how far apart the subspaces of
    one and the same distribution are found with so few examples. Angles by
    `scipy.linalg.subspace_angles`.

    Args:
        x, y: states of the same width.
        rank: dimension of the subspaces.
        seed: of the splits.
        paired: whether row i of both belongs to one query; splits then swap partners only.
        permutations: number of splits.

    Raises:
        ValueError: when widths differ, `rank` is more than the examples can span, or rows that
            should be paired differ in number.
    """
    from scipy.linalg import subspace_angles

    n = min(len(x), len(y))
    if x.shape[1] != y.shape[1] or not 1 <= rank < min(n, x.shape[1] + 1):
        raise ValueError(f"no subspaces of rank {rank} in states of {x.shape} and {y.shape}")
    if paired and len(x) != len(y):
        raise ValueError(f"paired rows differ in number: {len(x)} and {len(y)}")
    found = subspace_angles(_basis(x, rank).T, _basis(y, rank).T)[::-1]
    overlap = float(np.mean(np.cos(found) ** 2))
    first, second = _centred(x), _centred(y)
    if paired:
        first, second = _inflated(first, second)
    pooled = _turned(np.concatenate([first, second]))
    split = _pair_swaps if paired else _free_splits
    masks = split(len(x), len(y), permutations, np.random.default_rng(seed))
    null = np.array([_overlap(pooled[mask], pooled[~mask], rank) for mask in masks])
    return Angles(
        degrees=tuple(np.degrees(found).tolist()),
        overlap=overlap,
        chance=rank / x.shape[1],
        null_mean=float(null.mean()),
        null_low=float(np.quantile(null, 1 - LEVEL)),
        p=share_as_far(null <= overlap + rounding(overlap)),
        rank=rank,
        n=n,
        permutations=permutations,
    )


def _centred(states: States) -> States:
    states = np.asarray(states, dtype=float)
    return np.asarray(states - states.mean(axis=0))


def _gram(states: States) -> Gram:
    """Inner products of centred rows, whose size does not matter: any common scale cancels."""
    rows = _centred(states)
    return np.asarray(rows @ rows.T)


def _u_centred(gram: Gram) -> Gram:
    """Without its diagonal, and with rows and columns that sum to 0 (Székely and Rizzo 2014)."""
    n = len(gram)
    bare = gram - np.diag(np.diag(gram))
    sums = bare.sum(axis=0)
    moved = bare - (sums[:, None] + sums) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(moved, 0)
    return np.asarray(moved)


def _unit(matrix: Gram) -> Gram:
    size = np.linalg.norm(matrix)
    if size == 0:
        raise ValueError("states that do not differ have no geometry to compare")
    return np.asarray(matrix / size)


def _basis(states: States, rank: int) -> Float[np.ndarray, "rank width"]:
    """Orthonormal rows that span the first principal components."""
    return np.asarray(np.linalg.svd(_centred(states), full_matrices=False)[2][:rank])


def _overlap(x: States, y: States, rank: int) -> float:
    return float(np.sum((_basis(x, rank) @ _basis(y, rank).T) ** 2) / rank)


def _inflated(x: States, y: States) -> tuple[States, States]:
    """Centred partners whose differences are as large as before their mean was taken away.

    Swapped sets are centred once more; without this they would be less noisy than the sets
    themselves, and these found to differ too often.
    """
    middle, half = (x + y) / 2, (y - x) / 2 * np.sqrt(len(x) / (len(x) - 1))
    return np.asarray(middle - half), np.asarray(middle + half)


def _turned(states: States) -> States:
    """The same rows in as few coordinates as they span; their inner products stay."""
    left, sizes, _ = np.linalg.svd(states, full_matrices=False)
    return np.asarray(left * sizes)


def _free_splits(
    n: int, m: int, times: int, generator: np.random.Generator
) -> list[Shaped[np.ndarray, " example"]]:
    """Which of n + m rows fall into the first set."""
    return [generator.permutation(n + m) < n for _ in range(times)]


def _pair_swaps(
    n: int, _m: int, times: int, generator: np.random.Generator
) -> list[Shaped[np.ndarray, " example"]]:
    """Which of twice n rows fall into the first set, one of each pair."""
    first = [generator.random(n) < 0.5 for _ in range(times)]
    return [np.concatenate([one, ~one]) for one in first]
