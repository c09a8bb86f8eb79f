"""Groups of states compared with one another: same queries by CKA, any by their subspaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cast_lens.analysis.families import benjamini_hochberg_adjusted
from cast_lens.analysis.similarity import debiased_cka, principal_angles
from cast_lens.diagnosis.geometry import Group, LabelledStates
from cast_lens.errors import TaskError
from cast_lens.records import Record, Rows

Measure = Literal["debiased CKA", "subspace overlap"]
FEWEST_SHARED = 4  # unbiased HSIC divides by n - 3


class SimilarityGrid(Record):
    """How alike groups of states are, every row with every column, each beside its null.

    Attributes:
        measure: "debiased CKA" or "subspace overlap".
        rows, columns: the groups.
        values: of the measure.
        null: what each value is held against: for CKA the 95th percentile under permuted rows, for
            overlap the mean over random splits of the same examples.
        adjusted: p values, Benjamini-Hochberg over all different pairs of the grid; a small one
            says for CKA that two sets are alike, for overlap that they differ.
        n: fewest examples of any pair.
        chance: what unrelated sets give: 0 for CKA, rank / d_model for overlap.
        rank: of the subspaces; None for CKA.
        permutations: drawn for each pair.
        model: its name.
        seed: of the permutations.
    """

    measure: Measure
    rows: tuple[Group, ...]
    columns: tuple[Group, ...]
    values: tuple[tuple[float, ...], ...]
    null: tuple[tuple[float, ...], ...]
    adjusted: tuple[tuple[float, ...], ...]
    n: int
    chance: float
    rank: int | None
    permutations: int
    model: str
    seed: int

    def as_rows(self) -> Rows:
        """One row a pair of groups."""
        return [
            {"row_" + name: value for name, value in vars(row).items()}
            | {"column_" + name: value for name, value in vars(column).items()}
            | {"value": self.values[i][j], "null": self.null[i][j], "p": self.adjusted[i][j]}
            for i, row in enumerate(self.rows)
            for j, column in enumerate(self.columns)
        ]


@dataclass(frozen=True)
class _Facts:
    """What holds for a whole grid."""

    measure: Measure
    chance: float
    rank: int | None
    seed: int


@dataclass(frozen=True)
class _Cell:
    value: float
    null: float
    p: float
    n: int
    permutations: int


def cka_grid(
    states: LabelledStates, rows: Sequence[Group], columns: Sequence[Group], seed: int = 0
) -> SimilarityGrid:
    """Debiased CKA of every row with every column, over the queries that the two share.

    Kinds and blocks of one task share all queries. Two tasks share those of the same id or, where
    ids differ, of the same input text.

    Raises:
        TaskError: when two groups share fewer than four queries.
        VectorError: when a block was not read.
    """

    def compare(one: Group, other: Group) -> _Cell:
        mine, theirs = _shared(states, one, other)
        if len(mine) < FEWEST_SHARED:
            raise TaskError(
                f"{one.task} and {other.task} share {len(mine)} queries; CKA compares row by row.",
                "Compare their subspaces with overlap_grid, which needs no shared query.",
            )
        c = debiased_cka(states.at(one.layer)[mine], states.at(other.layer)[theirs], seed)
        return _Cell(c.value, c.null_high, c.p, c.n, c.permutations)

    return _grid(states, (rows, columns), compare, _Facts("debiased CKA", 0.0, None, seed))


def overlap_grid(
    states: LabelledStates,
    rows: Sequence[Group],
    columns: Sequence[Group],
    rank: int = 3,
    seed: int = 0,
) -> SimilarityGrid:
    """Overlap of the main subspaces (mean squared cosine of the principal angles) of all pairs.

    Where two groups ask all the same queries, random splits swap partners only, see
    `principal_angles`; no query needs a partner elsewhere.

    Raises:
        ValueError: when a group has too few examples for `rank`.
        VectorError: when a block was not read.
    """
    width = states.values.shape[2]

    def compare(one: Group, other: Group) -> _Cell:
        mine, theirs = states.where(one), states.where(other)
        shared = _shared(states, one, other)
        if paired := len(shared[0]) == len(mine) == len(theirs):
            mine, theirs = shared
        a = principal_angles(
            states.at(one.layer)[mine], states.at(other.layer)[theirs], rank, seed, paired=paired
        )
        return _Cell(a.overlap, a.null_mean, a.p, a.n, a.permutations)

    return _grid(
        states, (rows, columns), compare, _Facts("subspace overlap", rank / width, rank, seed)
    )


def _grid(
    states: LabelledStates,
    groups: tuple[Sequence[Group], Sequence[Group]],
    compare: Callable[[Group, Group], _Cell],
    facts: _Facts,
) -> SimilarityGrid:
    """Compare each different pair once; a group with itself is shown but is no test."""
    rows, columns = groups
    cells: dict[frozenset[Group], _Cell] = {}
    for row in rows:
        for column in columns:
            pair = frozenset((row, column))
            if pair not in cells:
                cells[pair] = compare(row, column)
    tested = [pair for pair in cells if len(pair) == 2]
    p = np.array([[cells[pair].p for pair in tested]])
    adjusted = {pair: cells[pair].p for pair in cells}
    if tested:
        corrected = benjamini_hochberg_adjusted(p)[0]
        adjusted |= dict(zip(tested, map(float, corrected), strict=True))

    def table(of: Callable[[frozenset[Group]], float]) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(of(frozenset((r, c))) for c in columns) for r in rows)

    return SimilarityGrid(
        measure=facts.measure,
        rows=tuple(rows),
        columns=tuple(columns),
        values=table(lambda pair: cells[pair].value),
        null=table(lambda pair: cells[pair].null),
        adjusted=table(lambda pair: adjusted[pair]),
        n=min(cell.n for cell in cells.values()),
        chance=facts.chance,
        rank=facts.rank,
        permutations=next(iter(cells.values())).permutations,
        model=states.identity.model,
        seed=facts.seed,
    )


def _shared(states: LabelledStates, one: Group, other: Group) -> tuple[list[int], list[int]]:
    """Rows of both groups that ask the same query, in the same order."""
    mine, theirs = states.where(one), states.where(other)
    for key in ("query_id", "query"):
        place = {getattr(states.rows[i], key): i for i in theirs}
        asked = {getattr(states.rows[i], key): i for i in mine}
        both = [name for name in asked if name in place]
        if both:
            return [asked[name] for name in both], [place[name] for name in both]
    return [], []
