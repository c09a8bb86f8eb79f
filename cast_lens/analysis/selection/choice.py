"""Choosing examples from a pool, and the record of what was chosen."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsIndex

import numpy as np
from jaxtyping import Float, Int

from cast_lens.analysis.selection.cascade import ideal
from cast_lens.analysis.selection.coverage import facility_location
from cast_lens.analysis.selection.graph import settled
from cast_lens.analysis.selection.pool import NEIGHBOURS, Choice, Pool, Settings, pool_of
from cast_lens.analysis.selection.selectors import (
    cast,
    diverse,
    influence,
    k_center,
    random,
    vote_k,
)
from cast_lens.errors import SelectionError
from cast_lens.records import Rows, Tabular
from cast_lens.shapes import shaped

METHODS: Mapping[str, Callable[[Pool, Settings], Choice]] = {
    "cast": cast,
    "ideal": ideal,
    "vote_k": vote_k,
    "k_center": k_center,
    "facility_location": facility_location,
    "influence": influence,
    "diverse": diverse,
    "random": random,
}


@shaped
class Selection(Tabular):
    """Examples in order of choice, and why each was chosen.

    Attributes:
        indices: rows of the pool as it was given.
        ids: of the chosen.
        method: one of METHODS.
        influence: Inf of each, whatever the method; see `influences`.
        rank: that influence's rank in the pool, from 0 to 1.
        diversity: 1 - the largest cosine with those chosen before, 0 to 2; 1 for the first.
        score: the value by which the method chose it, in the method's unit (see each method).
        recipe: the settings and the pool's size; JSON values only.
    """

    indices: Int[np.ndarray, " chosen"]
    ids: tuple[str, ...]
    method: str
    influence: Float[np.ndarray, " chosen"]
    rank: Float[np.ndarray, " chosen"]
    diversity: Float[np.ndarray, " chosen"]
    score: Float[np.ndarray, " chosen"]
    recipe: Mapping[str, Any]

    def __post_init__(self) -> None:
        named, different = len(self.ids), len(set(self.ids))
        if not self.indices.size == named == different:
            raise SelectionError(
                f"{self.indices.size} indices, {named} ids, {different} of them different: "
                "expected one id for each index and none twice.",
                "Make selections with select_examples.",
            )

    def as_rows(self) -> Rows:
        """One row a chosen example, in order of choice."""
        names = ("influence", "rank", "diversity", "score")
        return [
            {"id": id_} | {name: float(getattr(self, name)[i]) for name in names}
            for i, id_ in enumerate(self.ids)
        ]


def select_examples(
    embeddings: Float[np.ndarray, "example width"],
    ids: Sequence[str],
    budget: int,
    method: str = "cast",
    *,
    alpha: float = 0.5,
    gamma: float = 0.8,
    steps: int = 3,
    seed: int = 0,
) -> Selection:
    """Choose influential and diverse examples.

    The same choice follows from the same pool in any order: rows are sorted by id first, ties go
    to the earlier id, and cosines and scores count as equal where 9 decimals are. A smaller budget
    chooses the beginning of what a larger one chooses. No matrix of pool by pool is ever held.

    Args:
        embeddings: finite, not all alike, in any unit; they are mean-centred and normalised here.
        ids: one for each row, all different.
        budget: examples to choose.
        method: one of METHODS.
        alpha: weight of influence against diversity, 0 to 1; `cast` reads it.
        gamma: share of influence that each diffusion step keeps, over 0 and at most 1.
        steps: diffusion steps, 1 or more.
        seed: 0 or more; `ideal`, `k_center` and `random` read it.

    Raises:
        SelectionError: when the pool is empty, its ids do not name its rows one to one, it holds
            NaN or infinite values, or all its rows are alike; when the budget exceeds it; when a
            setting is out of range or the method unknown (the nearest known one is named).
    """
    settings = Settings(
        budget=_whole("budget", budget),
        alpha=float(alpha),
        gamma=float(gamma),
        steps=_whole("steps", steps),
        seed=_whole("seed", seed),
    )
    choose = METHODS.get(method) or _unknown(method)
    rows = np.asarray(embeddings)
    _check_ids(rows, ids)
    _check_values(rows, ids)
    if settings.budget > len(ids):
        raise SelectionError(
            f"The budget is {settings.budget}, the pool holds {len(ids)} examples.",
            f"Choose at most {len(ids)}, or give a larger pool.",
        )
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__))
    pool = pool_of(rows[order], settings.gamma, settings.steps)
    return _selection(pool, choose(pool, settings), order, ids, method, settings)


def _selection(
    pool: Pool,
    choice: Choice,
    order: Int[np.ndarray, " example"],
    ids: Sequence[str],
    method: str,
    settings: Settings,
) -> Selection:
    indices = order[choice.rows]
    return Selection(
        indices=indices,
        ids=tuple(str(ids[index]) for index in indices),
        method=method,
        influence=pool.influence[choice.rows],
        rank=pool.rank[choice.rows],
        diversity=_diversity(pool.unit[choice.rows]),
        score=choice.scores,
        recipe={**vars(settings), "pool": len(pool), "neighbours": NEIGHBOURS},
    )


def _diversity(unit: Float[np.ndarray, "chosen width"]) -> Float[np.ndarray, " chosen"]:
    """1 - each row's largest cosine with a row above it; 1 for the first."""
    nearest = [0.0, *((unit[row] @ unit[:row].T).max() for row in range(1, len(unit)))]
    return 1 - settled(np.array(nearest))


def _whole(name: str, value: SupportsIndex) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise SelectionError(
            f"{name} is {value!r}, expected a whole number.", f"Give {name} as an int."
        ) from error


def _unknown(method: str) -> Callable[[Pool, Settings], Choice]:
    (near,) = difflib.get_close_matches(method, METHODS, n=1, cutoff=0.0)
    raise SelectionError(
        f"{method!r} is no method of selection; expected one of {', '.join(METHODS)}.",
        f"Did you mean {near!r}?",
    )


def _check_ids(rows: np.ndarray, ids: Sequence[str]) -> None:
    if rows.ndim != 2 or len(rows) != len(ids):
        raise SelectionError(
            f"Embeddings of shape {rows.shape} for {len(ids)} ids, expected (example, width) "
            "with one row for each id.",
            "Give one embedding and one id for each example.",
        )
    if not len(ids):
        raise SelectionError(
            "The pool is empty, expected at least one example.", "Give a pool to choose from."
        )
    wrong = next((one for one in ids if not isinstance(one, str)), None)
    if wrong is not None:
        raise SelectionError(
            f"The id {wrong!r} is of type {type(wrong).__name__}, expected text.",
            "Give every id as a str.",
        )
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise SelectionError(
                f"The id {one!r} stands twice, expected every id once.",
                "Rename or remove one of them.",
            )
        seen.add(one)


def _check_values(rows: np.ndarray, ids: Sequence[str]) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        raise SelectionError(
            f"The embeddings of {bad.size} of {len(ids)} examples hold NaN or infinite values, "
            f"first {ids[bad[0]]!r}; expected finite numbers.",
            "Remove these examples or compute their embeddings again.",
        )
