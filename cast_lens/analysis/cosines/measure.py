"""Measure how parallel tasks' mean differences are, in several geometries and against nulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.cosines.geometry import Space, geometry_of
from cast_lens.analysis.cosines.nulls import exchanged, flipped, random_cosines, share_as_high
from cast_lens.analysis.cosines.products import (
    Weights,
    cosines,
    even,
    gram,
    halved,
    of_pairs,
    padded,
    pair_cosines,
    resampled,
    signed,
)
from cast_lens.analysis.cosines.records import (
    CENTRED,
    PLAIN,
    RAW,
    Against,
    CosineMatrices,
    Cosines,
    PairCosine,
    beyond,
)
from cast_lens.analysis.estimates import LEVEL, Estimate, expanded_tail
from cast_lens.analysis.families import holm_adjusted

RESAMPLES, SPLITS = 1_000, 100
FEWEST_DRAWS, DRAWS_A_PAIR = 1_999, 25  # Holm over all pairs can then reach 1 / 25
FEWEST_EXAMPLES = 4  # halves of two

Differences = Mapping[str, Float[np.ndarray, "example d_model"]]


@dataclass(frozen=True, eq=False)
class _Kind:
    """Cosines of one set of vectors in one geometry, before they are summed up."""

    matrix: Float[np.ndarray, "task task"]
    drawn: Float[np.ndarray, "draw pair"]
    reliability: Float[np.ndarray, " task"]

    @property
    def pairs(self) -> Float[np.ndarray, " pair"]:
        return np.asarray(of_pairs(self.matrix[None])[0])


@dataclass(frozen=True, eq=False)
class _Draws:
    """Weights used for every set of vectors, so that plain and null draw the same examples."""

    even: Weights
    resampled: Weights
    halves: tuple[Weights, Weights]


def cosine_matrices(
    differences: Differences,
    nulls: Mapping[str, Differences],
    background: Float[np.ndarray, "row d_model"],
    layer: int,
    seed: int = 0,
) -> CosineMatrices:
    """Measure how parallel tasks' mean differences are.

    All intervals are over examples, for these tasks. Differences of one task come from prompts that
    share demonstrations, so they are less independent than every interval and test here assumes.

    Args:
        differences: by task, one row an example, all of one width.
        nulls: by name, differences of the same examples in the same order that hold no task, for
            example from demonstrations of random words.
        background: states whose covariance the random directions have.
        layer: kept in the record.
        seed: of every draw.

    Raises:
        ValueError: when there are fewer than two tasks or four examples of one, or when a null's
            examples are not those of the differences.
    """
    _check(differences, nulls)
    generator = np.random.default_rng(seed)
    tasks, sizes = tuple(differences), [len(rows) for rows in differences.values()]
    rows = {name: padded(some[task] for task in tasks) for name, some in nulls.items()}
    rows = {PLAIN: padded(differences.values()), **rows}
    rows |= {beyond(name): rows[PLAIN] - rows[name] for name in nulls}
    geometry = geometry_of(rows[PLAIN], sizes)
    draws = _Draws(
        even(sizes),
        resampled(sizes, RESAMPLES, generator),
        halved(sizes, SPLITS, generator),
    )
    found = {whose: _kinds(Space.of(some, geometry), draws) for whose, some in rows.items()}
    raw = {whose: kinds[RAW] for whose, kinds in found.items()}
    count = max(FEWEST_DRAWS, DRAWS_A_PAIR * len(raw[PLAIN].pairs))
    signs = signed(sizes, count, generator)
    flips = flipped(gram(rows[PLAIN]), signs)
    directions = random_cosines(background, count, generator)
    against = {
        name: _against(
            raw[PLAIN], raw[name], exchanged(rows[PLAIN], rows[name], draws.even, signs), sizes
        )
        for name in nulls
    }
    return CosineMatrices(
        layer=layer,
        tasks=tasks,
        examples=tuple(sizes),
        width=rows[PLAIN].shape[-1],
        cosines=tuple(
            _summed_up(whose, kind, one, sizes)
            for whose, kinds in found.items()
            for kind, one in kinds.items()
        ),
        pairs=_pairs(tasks, sizes, raw[PLAIN], flips, directions, against),
        flips_p=_p_of_mean(raw[PLAIN].pairs.mean(), flips.mean(axis=1)),
        against={name: of_mean for name, (of_mean, _) in against.items()},
        random_band=float(np.quantile(directions, LEVEL)),
        rogue=tuple(geometry.rogue.tolist()),
        rogue_parts=tuple(geometry.parts.tolist()),
        shrinkage=geometry.shrinkage,
        draws=count,
    )


def _check(differences: Differences, nulls: Mapping[str, Differences]) -> None:
    shapes = {task: np.shape(rows) for task, rows in differences.items()}
    if len(shapes) < 2 or min(rows for rows, _ in shapes.values()) < FEWEST_EXAMPLES:
        raise ValueError(
            f"cosines between tasks need two tasks with {FEWEST_EXAMPLES} examples each"
        )
    for name, null in nulls.items():
        if {task: np.shape(rows) for task, rows in null.items()} != shapes:
            raise ValueError(f"{name}: not of the same tasks and examples as the differences")


def _kinds(space: Space, draws: _Draws) -> dict[str, _Kind]:
    first, second = draws.halves
    point, drawn = space.kinds(draws.even), space.kinds(draws.resampled)
    one, other, both = (space.kinds(weights) for weights in (first, second, first + second))
    return {
        kind: _Kind(
            matrix=cosines(point[kind])[0],
            drawn=pair_cosines(drawn[kind]),
            reliability=_reliability(one[kind], other[kind], both[kind]),
        )
        for kind in point
    }


def _reliability(
    one: Float[np.ndarray, "split task task"],
    other: Float[np.ndarray, "split task task"],
    both: Float[np.ndarray, "split task task"],
) -> Float[np.ndarray, " task"]:
    """Cosine of a task's halves, stepped up; NaN where the halves do not agree."""
    a, b, sums = (np.diagonal(inner, axis1=1, axis2=2) for inner in (one, other, both))
    lengths = np.sqrt(np.where((a > 0) & (b > 0), a * b, np.inf))
    half = ((sums - a - b) / 2 / lengths).mean(axis=0)
    return np.asarray(np.where(half > 0, 2 * half / (1 + np.abs(half)), np.nan))


def _intervals(
    points: Float[np.ndarray, " value"],
    drawn: Float[np.ndarray, "draw value"],
    sizes: Sequence[Sequence[int]],
) -> list[Estimate]:
    """Bootstrap intervals of values that rest on tasks of these sizes.

    Percentiles are expanded for the few examples of the smallest task. All are moved by the bias
    that resampled means have: they are noisier, which bends their cosines towards 0.
    """
    bias = drawn.mean(axis=0) - points
    estimates = []
    for i, (value, tasks) in enumerate(zip(points.tolist(), sizes, strict=True)):
        tail = expanded_tail(min(tasks))
        low, high = (np.quantile(drawn[:, i], [tail, 1 - tail]) - bias[i]).tolist()
        method = "bootstrap over examples"
        estimates.append(Estimate(value=value, low=low, high=high, n=sum(tasks), method=method))
    return estimates


def _summed_up(whose: str, kind: str, found: _Kind, sizes: Sequence[int]) -> Cosines:
    pairs, tasks = found.pairs, len(found.matrix)
    known = np.nan_to_num(found.reliability)
    drawn = found.drawn.mean(axis=1, keepdims=True)
    (mean,) = _intervals(pairs.mean(keepdims=True), drawn, [sizes])
    return Cosines(
        whose=whose,
        kind=kind,
        matrix=tuple(map(tuple, found.matrix.tolist())),
        mean=mean,
        reliability=tuple(None if np.isnan(r) else r for r in found.reliability.tolist()),
        ceiling=float(of_pairs(np.sqrt(np.outer(known, known))[None]).mean()),
        chance=-1 / (tasks - 1) if kind == CENTRED else 0.0,
    )


def _against(
    plain: _Kind, null: _Kind, drawn: Float[np.ndarray, "draw pair"], sizes: Sequence[int]
) -> tuple[Against, list[Against]]:
    """Excess over a null: of the mean over pairs, and of each pair."""
    excess, spread = plain.pairs - null.pairs, plain.drawn - null.drawn
    (whole,) = _intervals(excess.mean(keepdims=True), spread.mean(axis=1, keepdims=True), [sizes])
    p_whole = _p_of_mean(np.abs(excess.mean()), np.abs(drawn.mean(axis=1)))
    p = share_as_high(np.abs(excess), np.abs(drawn))
    estimates = _intervals(excess, spread, list(combinations(sizes, 2)))
    return Against(excess=whole, p=p_whole, holm=p_whole), [
        Against(excess=one, p=own, holm=adjusted)
        for one, own, adjusted in zip(
            estimates, p.tolist(), holm_adjusted(p[None])[0].tolist(), strict=True
        )
    ]


def _p_of_mean(seen: float, drawn: Float[np.ndarray, " draw"]) -> float:
    return float(share_as_high(np.array([seen]), drawn[:, None])[0])


def _pairs(
    tasks: Sequence[str],
    sizes: Sequence[int],
    plain: _Kind,
    flips: Float[np.ndarray, "draw pair"],
    directions: Float[np.ndarray, " draw"],
    against: Mapping[str, tuple[Against, list[Against]]],
) -> tuple[PairCosine, ...]:
    by_flips = share_as_high(plain.pairs, flips)
    by_random = share_as_high(np.abs(plain.pairs), directions[:, None])
    tests = np.stack([by_flips, by_random])
    adjusted = holm_adjusted(tests)
    limits = of_pairs(np.sqrt(np.outer(plain.reliability, plain.reliability))[None])[0]
    estimates = _intervals(plain.pairs, plain.drawn, list(combinations(sizes, 2)))
    return tuple(
        PairCosine(
            tasks=pair,
            cosine=estimates[i],
            disattenuated=None if np.isnan(limits[i]) else float(plain.pairs[i] / limits[i]),
            flips_p=float(tests[0, i]),
            flips_holm=float(adjusted[0, i]),
            random_p=float(tests[1, i]),
            random_holm=float(adjusted[1, i]),
            against={name: each[i] for name, (_, each) in against.items()},
        )
        for i, pair in enumerate(combinations(tasks, 2))
    )
