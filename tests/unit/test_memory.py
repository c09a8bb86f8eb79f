"""Laws of batch budgets: sizes are read, batches are halved, other errors are left alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cast_lens.errors import ConfigError, ModelError
from cast_lens.model.memory import budget_of, parse_memory, run_batches

SMALL = SimpleNamespace(
    n_layers=30, n_heads=9, n_key_value_heads=3, d_head=64, d_model=576, d_mlp=1536, d_vocab=49152
)


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4e9), ("500 MB", 5e8), ("1.5g", 1.5e9), ("2048", 2048), ("7 KiB", 7e3), ("1TB", 1e12)],
)
def test_sizes_are_read(text: str, size: float) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-4GB", "4 QB", "1.2.3GB", "0", "nan", "lots"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="4GB"):
        parse_memory(text)


@given(rows=st.integers(1, 40), fits=st.integers(1, 12))
def test_batches_that_do_not_fit_are_halved_and_nothing_is_lost(rows: int, fits: int) -> None:
    done: list[int] = []

    def work(batch: list[int]) -> None:
        if len(batch) > fits:
            raise torch.OutOfMemoryError("no more")
        done.extend(batch)

    run_batches([list(range(rows))], work)
    assert done == list(range(rows))


def test_a_single_row_that_does_not_fit_is_an_error() -> None:
    def work(_batch: list[int]) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(ModelError, match="single prompt"):
        run_batches([[1, 2, 3]], work)


def test_another_error_is_not_taken_for_lack_of_memory() -> None:
    calls = []

    def work(batch: list[int]) -> None:
        calls.append(batch)
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        run_batches([[1, 2, 3]], work)
    assert len(calls) == 1


@given(memory=st.integers(1, 10**13), kind=st.sampled_from(["cpu", "cuda"]))
def test_a_budget_holds_at_least_one_and_grows_with_the_memory(memory: int, kind: str) -> None:
    less, more = (budget_of(SMALL, m, kind, 4) for m in (memory, 2 * memory))
    assert 1 <= less.new_tokens <= more.new_tokens
    assert 1 <= less.cached_tokens <= more.cached_tokens
    assert 1 <= less.logit_rows <= more.logit_rows
