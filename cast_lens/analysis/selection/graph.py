"""Directions of embeddings and their directed k-nearest-neighbour graph, exact and block by block.

Rows are expected in order of example id: every tie then goes to the earlier row, and neither the
graph nor anything chosen from it depends on the order in which a pool was given.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array

CELLS = 2**24  # cosines in one block: 64 MiB in float32
GROUPS = 64  # columns are folded into this many groups per neighbour sought
DIGITS = 9  # decimals in which cosines and scores are compared
NOISE = 1e-12  # a centred row shorter than this, of the largest value, has no direction


def settled(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Values rounded to 9 decimals, so that equal things tie whatever order they were summed in."""
    rounded: np.ndarray = np.round(values, DIGITS) + 0.0
    return rounded


def directions(
    embeddings: Float[np.ndarray, "example width"],
) -> Float[np.ndarray, "example width"]:
    """Mean-centred embeddings at unit length, float64.

    A row that equals the mean has no direction and stays zero: its cosine with every example is 0.
    """
    # Scaled before it is squared: huge and tiny values survive.
    largest = np.abs(embeddings).max(initial=0.0)
    rows: np.ndarray = embeddings.astype(np.float64)
    rows /= float(largest) or 1.0
    rows -= rows.mean(axis=0)
    lengths = np.linalg.norm(rows, axis=1)
    lost = lengths <= NOISE
    rows[lost] = 0.0
    rows /= np.where(lost, 1.0, lengths)[:, None]
    return rows


def nearest(
    unit: Float[np.ndarray, "example width"], k: int
) -> tuple[Int[np.ndarray, "example neighbour"], Float[np.ndarray, "example neighbour"]]:
    """The k examples of highest cosine with each, itself left out, best first.

    Candidates are found in float32 with a margin for its rounding and then compared in float64.

    Args:
        unit: directions in order of id.
        k: neighbours of each example; all others where there are fewer.

    Returns:
        Rows of the neighbours, and their cosines to 9 decimals. Equal cosines: earlier row first.
    """
    examples, k = len(unit), min(k, len(unit) - 1)
    neighbours = np.zeros((examples, k), dtype=np.int64)
    cosines = np.zeros((examples, k))
    # Ties go to earlier rows, so a row with more than k earlier copies is nobody's neighbour.
    columns = np.flatnonzero(_copy_numbers(unit) <= k)
    single = unit.astype(np.float32)
    height = max(1, CELLS // columns.size)
    for first in range(0, examples if k else 0, height):
        rows = np.arange(first, min(first + height, examples))
        left, right = _candidates(single, rows, columns, k)
        cosine = settled(_cosines(unit, left, right))
        order = np.lexsort((right, -cosine, left))
        starts = np.searchsorted(left, rows)
        best = order[(starts[:, None] + np.arange(k)).ravel()]
        neighbours[rows] = right[best].reshape(len(rows), k)
        cosines[rows] = cosine[best].reshape(len(rows), k)
    return neighbours, cosines


def neighbour_graph(
    neighbours: Int[np.ndarray, "example neighbour"],
    cosines: Float[np.ndarray, "example neighbour"],
) -> csr_array:
    """Edges i -> j to i's neighbours, weighted by max(cos, 0) over their sum.

    Returns:
        Shape (example, example). A row sums to 1, or to 0 where no neighbour has a positive cosine.
    """
    examples, k = neighbours.shape
    weights = np.maximum(cosines, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights /= np.where(total > 0, total, 1.0)
    bounds = np.arange(examples + 1) * k
    edges = csr_array(
        (weights.ravel(), neighbours.ravel(), bounds), shape=(examples, examples), copy=True
    )
    edges.eliminate_zeros()
    edges.sort_indices()
    return edges


def _copy_numbers(unit: np.ndarray) -> Int[np.ndarray, " example"]:
    """How many earlier rows are the same as each."""
    _, kind, count = np.unique(unit, axis=0, return_inverse=True, return_counts=True)
    together = np.argsort(kind, kind="stable")
    numbers = np.empty(len(unit), dtype=np.int64)
    numbers[together] = np.arange(len(unit)) - np.repeat(np.cumsum(count) - count, count)
    return numbers


def _candidates(
    single: np.ndarray, rows: np.ndarray, columns: np.ndarray, k: int
) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """Pairs (row, column), in that order, among which each row's k nearest are for certain."""
    cosines = single[rows] @ single[columns].T
    # Twice the largest error of a float32 inner product of two unit vectors, either way.
    margin = np.float32((single.shape[1] + 4) * np.finfo(np.float32).eps)
    # One more than k, for a row is found near itself too.
    floor = _kth_at_least(cosines, k + 1) - margin
    left, right = np.divmod(np.flatnonzero(cosines >= floor[:, None]), columns.size)
    left, right = rows[left], columns[right]
    others = left != right
    return left[others], right[others]


def _kth_at_least(cosines: np.ndarray, k: int) -> Float[np.ndarray, " row"]:
    """A lower bound on each row's k-th largest value: the k-th largest of its groups' maxima."""
    rows, columns = cosines.shape
    groups = min(GROUPS * k, columns // 2)
    if groups < k:
        return np.full(rows, -np.inf, dtype=cosines.dtype)
    depth = columns // groups
    peaks = cosines[:, : groups * depth].reshape(rows, depth, groups).max(axis=1)
    kth: np.ndarray = np.partition(peaks, groups - k, axis=1)[:, groups - k]
    return kth


def _cosines(unit: np.ndarray, left: np.ndarray, right: np.ndarray) -> Float[np.ndarray, " pair"]:
    """Row by row inner products, summed alike for every pair."""
    cosines = np.empty(left.size)
    height = max(1, CELLS // (8 * max(1, unit.shape[1])))
    for first in range(0, left.size, height):
        part = slice(first, first + height)
        cosines[part] = np.einsum("ij,ij->i", unit[left[part]], unit[right[part]])
    return cosines
