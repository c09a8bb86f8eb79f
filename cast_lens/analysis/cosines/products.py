"""Inner products of weighted sums of examples, many draws of weights at a time.

Cosines of resampled, flipped or halved means need nothing but inner products of single examples.
They are computed once, and every draw is a small product with them, however wide the vectors are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

AT_ONCE = 250  # draws held at a time

Rows = Float[np.ndarray, "task example d_model"]
Gram = Float[np.ndarray, "task example task example"]
Weights = Float[np.ndarray, "draw task example"]
Products = Float[np.ndarray, "draw task task"]


def padded(blocks: Iterable[Float[np.ndarray, "example d_model"]]) -> Rows:
    """Tasks' rows as one array, the shorter ones filled up with zeros."""
    arrays = [np.asarray(block, dtype=float) for block in blocks]
    longest = max(map(len, arrays))
    return np.stack([np.pad(a, ((0, longest - len(a)), (0, 0))) for a in arrays])


def gram(rows: Rows) -> Gram:
    """Inner products of all examples of all tasks."""
    tasks, examples, width = rows.shape
    flat = rows.reshape(-1, width)
    return np.asarray((flat @ flat.T).reshape(tasks, examples, tasks, examples))


def products(among: Gram, weights: Weights) -> Products:
    """Inner products of every two tasks' weighted sums."""
    draws, tasks, _ = weights.shape
    found = np.empty((draws, tasks, tasks))
    for start in range(0, draws, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        _fill(found[part], among, weights[part])
    return found


def _fill(found: Products, among: Gram, weights: Weights) -> None:
    draws, tasks, examples = weights.shape
    for one in range(tasks):
        moved = weights[:, one] @ among[one, :, one:].reshape(examples, -1)
        moved = moved.reshape(draws, tasks - one, examples)
        found[:, one, one:] = np.einsum("dti,dti->dt", moved, weights[:, one:])
        found[:, one:, one] = found[:, one, one:]


def centred(inner: Products) -> Products:
    """Inner products after the mean over tasks is subtracted from every task's vector."""
    rows = inner.mean(axis=-1, keepdims=True)
    return np.asarray(inner - rows - np.swapaxes(rows, -1, -2) + rows.mean(axis=-2, keepdims=True))


def cosines(inner: Products) -> Products:
    """Cosines from inner products; 0 for a vector of length 0."""
    lengths = _lengths(inner)
    return np.asarray(inner / (lengths[..., :, None] * lengths[..., None, :]))


def pair_cosines(inner: Products) -> Float[np.ndarray, "draw pair"]:
    """The cosines of every two tasks, in the order of `of_pairs`."""
    lengths = _lengths(inner)
    one, other = np.triu_indices(inner.shape[-1], 1)
    return np.asarray(inner[..., one, other] / (lengths[..., one] * lengths[..., other]))


def _lengths(inner: Products) -> Float[np.ndarray, "draw task"]:
    squares = np.diagonal(inner, axis1=-2, axis2=-1)
    return np.sqrt(np.where(squares > 0, squares, np.inf))


def of_pairs(square: Products) -> Float[np.ndarray, "draw pair"]:
    """Entries above the diagonal, in the order (0, 1), (0, 2), ..., (1, 2), ..."""
    above = np.triu_indices(square.shape[-1], 1)
    return square[..., above[0], above[1]]


def even(sizes: Sequence[int]) -> Weights:
    """The weights of plain means, as one draw."""
    return _stacked(1, [np.full((1, n), 1 / n) for n in sizes])


def resampled(sizes: Sequence[int], draws: int, generator: np.random.Generator) -> Weights:
    """Weights of means over examples drawn with replacement within each task."""
    drawn = [generator.multinomial(n, np.full(n, 1 / n), size=draws) / n for n in sizes]
    return _stacked(draws, drawn)


def signed(sizes: Sequence[int], draws: int, generator: np.random.Generator) -> Weights:
    """Weights of means over examples with random signs."""
    return _stacked(draws, [(2 * generator.integers(0, 2, (draws, n)) - 1) / n for n in sizes])


def halved(
    sizes: Sequence[int], draws: int, generator: np.random.Generator
) -> tuple[Weights, Weights]:
    """Weights of the means over two random halves of each task."""
    orders = [generator.permuted(np.tile(np.arange(n), (draws, 1)), axis=1) for n in sizes]
    first = [(order < n // 2) / (n // 2) for n, order in zip(sizes, orders, strict=True)]
    second = [(order >= n // 2) / (n - n // 2) for n, order in zip(sizes, orders, strict=True)]
    return _stacked(draws, first), _stacked(draws, second)


def _stacked(draws: int, tasks: Sequence[Float[np.ndarray, "draw example"]]) -> Weights:
    weights = np.zeros((draws, len(tasks), max(task.shape[1] for task in tasks)))
    for i, task in enumerate(tasks):
        weights[:, i, : task.shape[1]] = task
    return weights
