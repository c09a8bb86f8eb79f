"""Rows of tokens with common beginnings, each beginning read once.

The stem is what all rows share (an instruction, a fixed set of demonstrations). Rows that share
much more than the stem with a neighbour (a query and its content-free twin after the same
demonstrations) form a family, whose common beginning is read once too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import torch

from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, Tokens, pad_rows

WORTH = 16  # tokens that a family must share beyond the stem
WASTE = 64  # padding in a batch; another batch costs about as much


def common_beginning(rows: Sequence[Row]) -> int:
    """How many first tokens all rows share, leaving each at least one."""
    first, last = min(rows), max(rows)  # all others lie between them
    same = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    )
    return max(0, min(same, min(map(len, rows)) - 1))


@dataclass(frozen=True)
class _Family:
    """Indices of rows and how many tokens they share, stem included."""

    members: tuple[int, ...]
    shared: int


@dataclass(frozen=True)
class _Size:
    """How much a batch of families is.

    Attributes:
        families, members, lone: how many families, rows, and families of a single row.
        begun, rest: most tokens that a family shares beyond the stem, and that a row has beyond
            its family.
        longest: most tokens of a row.
        real: tokens to read, padding aside.
    """

    families: int = 0
    members: int = 0
    lone: int = 0
    begun: int = 0
    rest: int = 0
    longest: int = 0
    real: int = 0

    def plus(self, other: _Size) -> _Size:
        """Both together."""
        return _Size(
            families=self.families + other.families,
            members=self.members + other.members,
            lone=self.lone + other.lone,
            begun=max(self.begun, other.begun),
            rest=max(self.rest, other.rest),
            longest=max(self.longest, other.longest),
            real=self.real + other.real,
        )


class Stems:
    """Reads batches of rows up to where each goes its own way.

    Beginnings are shared only where padding inside a row does no harm: a sliding window counts
    columns, so rows longer than it are read whole.

    Args:
        lens: the model.
        rows: token ids.
        keep: at least so many last tokens of each row are left to the caller.
        last_layer: blocks above it need not run; all do when None.
    """

    def __init__(
        self, lens: Lens, rows: Sequence[Row], keep: int = 1, last_layer: int | None = None
    ) -> None:
        self.lens = lens
        self.rows = rows
        self.last_layer = last_layer
        self._heads = [row[: max(0, len(row) - keep + 1)] for row in rows]
        fits = lens.window is None or max(map(len, rows)) <= lens.window
        self._stem = common_beginning(self._heads) if fits else 0
        self._families = (
            list(self._find()) if fits else [_Family((i,), 0) for i in range(len(rows))]
        )

    def _find(self) -> Iterator[_Family]:
        order = sorted(range(len(self.rows)), key=lambda i: self._heads[i])
        members = order[:1]
        for i in order[1:]:
            if common_beginning([self._heads[members[0]], self._heads[i]]) < self._stem + WORTH:
                yield self._family(members)
                members = []
            members.append(i)
        yield self._family(members)

    def _family(self, members: list[int]) -> _Family:
        alone = len(members) == 1
        shared = self._stem if alone else common_beginning([self._heads[i] for i in members])
        return _Family(tuple(members), shared)

    @cached_property
    def _shared(self) -> dict[int, int]:
        """How many tokens each row shares with its family."""
        return {i: family.shared for family in self._families for i in family.members}

    @property
    def unique_tokens(self) -> int:
        """Tokens that have to be run through the blocks, padding aside."""
        families = sum(
            family.shared
            - self._stem
            + sum(len(self.rows[i]) - family.shared for i in family.members)
            for family in self._families
        )
        return self._stem + families

    def batches(self) -> Iterator[list[int]]:
        """Row indices, family by family, of similar length, within the model's budget."""
        batch: list[int] = []
        size = _Size()
        for family in sorted(self._families, key=self._order):
            grown = size.plus(self._size(family))
            if batch and not self._fits(grown):
                yield batch
                batch, grown = [], self._size(family)
            batch += family.members
            size = grown
        yield batch

    def _order(self, family: _Family) -> tuple[bool, int, int, int]:
        return len(family.members) == 1, -self._rest(family), -family.shared, family.members[0]

    def _rest(self, family: _Family) -> int:
        """Tokens of the longest member beyond what the family shares."""
        return max(len(self.rows[i]) for i in family.members) - family.shared

    def _size(self, family: _Family) -> _Size:
        lengths = [len(self.rows[i]) for i in family.members]
        begun = family.shared - self._stem
        return _Size(
            families=1,
            members=len(lengths),
            lone=len(lengths) == 1,
            begun=begun,
            rest=max(lengths) - family.shared,
            longest=max(lengths),
            real=sum(lengths) - len(lengths) * family.shared + begun,
        )

    def _fits(self, size: _Size) -> bool:
        """Whether families are of one kind, alike enough in length, and within the budget."""
        padded = size.families * size.begun + size.members * size.rest
        budget = self.lens.budget
        within = padded <= budget.new_tokens and size.members * size.longest <= budget.cached_tokens
        kinds = size.lone in {0, size.families}
        return kinds and within and padded - size.real <= WASTE

    def begin(self, indices: Sequence[int]) -> tuple[KeyValues, Tokens]:
        """What the rows share, already read, and what is left of each, padded on the left."""
        shared = self._shared
        begun = list(dict.fromkeys(self.rows[i][: shared[i]] for i in indices))
        at = {beginning: place for place, beginning in enumerate(begun)}
        read = self._beginnings(begun)
        chosen = torch.tensor([at[self.rows[i][: shared[i]]] for i in indices])
        rests = [self.rows[i][shared[i] :] for i in indices]
        return read.select(chosen), pad_rows(rests, self.lens.pad_id, side="left")

    def _beginnings(self, begun: Sequence[Row]) -> KeyValues:
        if len(begun[0]) == self._stem:
            return self._stem_read
        read = self._stem_read.select(torch.zeros(len(begun), dtype=torch.long))
        rests = pad_rows([row[self._stem :] for row in begun], self.lens.pad_id, side="left")
        read.prefill(rests, self.last_layer)
        return read

    @cached_property
    def _stem_read(self) -> KeyValues:
        read = KeyValues(self.lens, 1)
        if self._stem:
            stem = pad_rows([self.rows[0][: self._stem]], self.lens.pad_id)
            read.prefill(stem, self.last_layer)
        return read
