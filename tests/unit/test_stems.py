"""Laws of common beginnings; the oracle compares column by column."""

from __future__ import annotations

from itertools import takewhile
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cast_lens.model.memory import Budget
from cast_lens.model.stems import Stems, common_beginning

ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=40).map(tuple), min_size=1)


def lens(new_tokens: int = 200, window: int | None = None) -> Any:
    return SimpleNamespace(window=window, budget=Budget(new_tokens, 10 * new_tokens, 8), pad_id=0)


@given(rows=ROWS)
def test_a_common_beginning_leaves_every_row_a_token(rows: list[tuple[int, ...]]) -> None:
    shared = common_beginning(rows)
    columns = zip(*rows, strict=False)
    alike = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    assert shared == min(alike, min(map(len, rows)) - 1)


@given(rows=ROWS, new_tokens=st.integers(1, 300))
def test_batches_hold_every_row_once(rows: list[tuple[int, ...]], new_tokens: int) -> None:
    batches = list(Stems(lens(new_tokens), rows).batches())
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))


@given(rows=ROWS)
def test_sharing_never_costs_a_token(rows: list[tuple[int, ...]]) -> None:
    prefixes = {row[:end] for row in rows for end in range(1, len(row) + 1)}
    unique = Stems(lens(), rows).unique_tokens
    assert unique <= sum(map(len, rows))
    # a tree of all prefixes is the least; each row keeps a token of its own
    assert unique >= len(prefixes)


def test_rows_longer_than_a_sliding_window_share_nothing() -> None:
    rows = [tuple(range(50)), (*range(49), 99)]
    assert Stems(lens(), rows).unique_tokens == 51
    assert Stems(lens(window=20), rows).unique_tokens == 100
