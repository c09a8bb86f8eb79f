"""Laws of the counted costs, against sums done by hand."""

from __future__ import annotations

import pytest

from cast_lens.errors import ModelError
from cast_lens.experiment.flops import added_flops, breaks_even, read_flops
from cast_lens.experiment.ledger import Reading, measured_costs
from cast_lens.experiment.spent import Spent
from cast_lens.model.size import ModelSize, size_by_name, size_of, size_of_config
from cast_lens.model.tiny import tiny_lens, tiny_model

SMALL = ModelSize(
    n_layers=2,
    n_heads=2,
    n_key_value_heads=2,
    d_model=10,
    d_head=5,
    d_mlp=40,
    d_vocab=100,
    block_parameters=1000,
    parameters=2000,
)


def test_reading_costs_what_the_formula_says() -> None:
    # 2 x 1000 parameters x 7 tokens; 2 blocks x 4 x 10 x 49 / 2; one token x 2 x 10 x 100
    assert read_flops(SMALL, 7) == 14_000 + 1_960 + 2_000
    assert read_flops(SMALL, 7, unembedded=0) == 14_000 + 1_960


def test_reading_on_costs_the_difference_of_reading_in_one_go() -> None:
    # the context of 100 more tokens after 1000 is 1000 for each of them, and 50 more on average
    whole, start = (read_flops(SMALL, n, unembedded=0) for n in (1100, 1000))
    added = added_flops(SMALL, 100, 1050) - 100 * 2 * 10 * 100
    assert added == whole - start


def test_a_token_that_joins_late_costs_less_in_the_blocks_only() -> None:
    unembedding = 3 * 2 * 10 * 100
    full = added_flops(SMALL, 3, 20) - unembedding
    assert added_flops(SMALL, 3, 20, 0.25) - unembedding == full / 4


@pytest.mark.parametrize(
    ("once", "each", "other", "queries"),
    [
        (100, 1, 2, 101),
        (100, 1, 3, 51),
        (99, 1, 3, 50),
        (0, 1, 2, 1),
        (5, 2, 2, None),
        (5, 3, 2, None),
    ],
)
def test_a_vector_pays_from_the_first_query_at_which_it_is_cheaper(
    once: float, each: float, other: float, queries: int | None
) -> None:
    assert breaks_even(once, each, other) == queries
    if queries is not None:
        assert once + queries * each < queries * other
        assert once + (queries - 1) * each >= (queries - 1) * other


@pytest.mark.parametrize("shape", ["llama", "gpt2", "neox", "gemma2"])
def test_a_config_tells_the_size_that_the_loaded_model_has(shape: str) -> None:
    lens = tiny_lens(shape)  # type: ignore[arg-type]
    model = tiny_model(shape, 0)  # type: ignore[arg-type]
    told, loaded = size_of_config(model.config), size_of(lens)
    assert told == loaded
    assert told.parameters == sum(p.numel() for p in model.parameters())
    config = lens.model.cfg
    assert (told.n_layers, told.d_model, told.d_head) == (3, lens.d_model, config.d_head)
    assert told.d_vocab == config.d_vocab


def test_a_name_tells_the_size_of_a_model_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", _unreachable)
    size, where = size_by_name("meta-llama/Llama-3.1-8B-Instruct")
    assert size.parameters == 8_000_000_000
    assert 28 <= size.n_layers <= 36
    assert "from its name" in where
    assert size_by_name("org/some-1.5b")[0].parameters == 1_500_000_000
    with pytest.raises(ModelError, match="tells no size"):
        size_by_name("org/nameless")


def _unreachable(*_args: object, **_options: object) -> None:
    raise OSError("no network")


def test_arms_scored_together_share_the_seconds_of_their_piece() -> None:
    readings = [
        Reading("t", "zero_shot", None, "together", (1,)),
        Reading("t", "cast", "s", "together", (1,)),
        Reading("t", "random_direction", "s", "together", (1,), 3),
        Reading("t", "icl_in_task", None, "alone", (9,)),
    ]
    spent = [
        Spent(piece=p, seconds=10, peak_memory_mb=m) for p, m in (("together", 5), ("alone", 6))
    ]
    rows = measured_costs(readings, spent)["arms"]
    assert [row["share"] for row in rows] == [0.2, 0.2, 0.6, 1.0]
    assert [row["seconds"] for row in rows] == [2, 2, 6, 10]
    assert [row["peak_memory_mb"] for row in rows] == [5, 5, 5, 6]
