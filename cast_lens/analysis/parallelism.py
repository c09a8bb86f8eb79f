"""Are the difference vectors of several tasks parallel, and more so than text alone makes them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.estimates import Estimate, expanded_tail
from cast_lens.records import Record

RESAMPLES = 1_000
SPLITS = 100
FLIPS = 999
Differences = Mapping[str, Float[np.ndarray, "example d_model"]]


class Parallelism(Record):
    """Cosines of mean differences between tasks, after one block.

    Attributes:
        layer: the block.
        tasks: in the order of `matrix`.
        matrix: cosine of the mean differences of every two tasks.
        cosine: mean over all pairs, with an interval over each task's examples.
        without_shared: the same after the direction that all share (the mean of the unit vectors)
            is projected out; unrelated vectors then have -1 / (tasks - 1).
        ceiling: mean over tasks of the cosine of a task with itself, from halves of its examples,
            stepped up to its full number by the Spearman-Brown formula.
        flips_p: share of random sign flips of single differences whose mean cosine is as high.
        excess: by name of a null: mean cosine minus that of the null's own differences.
    """

    layer: int
    tasks: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]
    cosine: Estimate
    without_shared: Estimate
    ceiling: float
    flips_p: float
    excess: dict[str, Estimate]


def parallelism(
    differences: Differences,
    nulls: Mapping[str, Differences],
    layer: int,
    seed: int = 0,
) -> Parallelism:
    """Measure how parallel tasks' mean differences are.

    Args:
        differences: by task, one row an example, all of one width.
        nulls: by name, differences of the same tasks that hold no task, for example from
            demonstrations of random text.
        layer: kept in the record.
        seed: of every draw.

    Raises:
        ValueError: when there are fewer than two tasks, or a task with fewer than two examples.
    """
    if len(differences) < 2 or min(len(rows) for rows in differences.values()) < 2:
        raise ValueError("parallelism needs two tasks with two examples each")
    generator = np.random.default_rng(seed)
    sizes = [len(rows) for rows in differences.values()]
    drawn = _resampled(differences, generator)
    own = _mean_cosine(drawn)
    point = _means(differences)
    return Parallelism(
        layer=layer,
        tasks=tuple(differences),
        matrix=tuple(map(tuple, _cosines(point).tolist())),
        cosine=_estimate(float(_mean_cosine(point)), own, sizes),
        without_shared=_estimate(
            float(_mean_cosine(_without_shared(point))), _mean_cosine(_without_shared(drawn)), sizes
        ),
        ceiling=float(np.mean([_ceiling(rows, generator) for rows in differences.values()])),
        flips_p=_flips(differences, generator),
        excess={
            name: _estimate(
                float(_mean_cosine(point) - _mean_cosine(_means(null))),
                own - _mean_cosine(_resampled(null, generator)),
                sizes,
            )
            for name, null in nulls.items()
        },
    )


def _means(differences: Differences) -> Float[np.ndarray, "task d_model"]:
    return np.stack([np.asarray(rows, dtype=float).mean(axis=0) for rows in differences.values()])


def _resampled(
    differences: Differences, generator: np.random.Generator
) -> Float[np.ndarray, "draw task d_model"]:
    """Mean differences of examples drawn with replacement within each task."""
    drawn = []
    for rows in differences.values():
        n = len(rows)
        weights = generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
        drawn.append(weights @ np.asarray(rows, dtype=float))
    return np.stack(drawn, axis=1)


def _unit(vectors: Float[np.ndarray, "*draw d_model"]) -> Float[np.ndarray, "*draw d_model"]:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(norms == 0, 1, norms))


def _cosines(vectors: Float[np.ndarray, "*draw task d_model"]) -> np.ndarray:
    unit = _unit(vectors)
    return np.asarray(unit @ np.swapaxes(unit, -1, -2))


def _mean_cosine(vectors: Float[np.ndarray, "*draw task d_model"]) -> np.ndarray:
    """Mean cosine over all pairs of tasks."""
    tasks = vectors.shape[-2]
    pairs = np.array(list(combinations(range(tasks), 2)))
    return np.asarray(_cosines(vectors)[..., pairs[:, 0], pairs[:, 1]].mean(axis=-1))


def _without_shared(vectors: Float[np.ndarray, "*draw task d_model"]) -> np.ndarray:
    shared = _unit(_unit(vectors).mean(axis=-2, keepdims=True))
    return np.asarray(vectors - (vectors * shared).sum(axis=-1, keepdims=True) * shared)


def _estimate(value: float, drawn: Float[np.ndarray, " draw"], sizes: Sequence[int]) -> Estimate:
    """The interval of a cosine; percentiles are expanded for the few examples of a task."""
    tail = expanded_tail(min(sizes))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    # means of resampled examples are noisier than the mean, which bends cosines towards 0
    bias = float(np.mean(drawn)) - value
    return Estimate(
        value=value,
        low=float(low) - bias,
        high=float(high) - bias,
        n=sum(sizes),
        method="bootstrap over examples",
    )


def _ceiling(rows: Float[np.ndarray, "example d_model"], generator: np.random.Generator) -> float:
    half = len(rows) // 2
    found = []
    for _ in range(SPLITS):
        order = generator.permutation(len(rows))
        halves = np.stack([rows[order[:half]].mean(axis=0), rows[order[half:]].mean(axis=0)])
        found.append(float(_mean_cosine(halves)))
    r = float(np.mean(found))
    return 2 * r / (1 + r)


def _flips(differences: Differences, generator: np.random.Generator) -> float:
    seen = float(_mean_cosine(_means(differences)))
    flipped: Sequence[np.ndarray] = [
        generator.choice([-1.0, 1.0], size=(FLIPS, len(rows))) @ rows / len(rows)
        for rows in differences.values()
    ]
    null = _mean_cosine(np.stack(flipped, axis=1))
    return float((1 + np.sum(null >= seen)) / (1 + FLIPS))
