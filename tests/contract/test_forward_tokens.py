"""What is shared is read once: the tokens that pass each block are counted and held to the sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from oracle import Case, random_vector, relative

from cast_lens.model.forward import KeyValues, forward
from cast_lens.model.lens import Lens
from cast_lens.model.stems import WASTE, Stems
from cast_lens.model.tokens import Row, pad_rows
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.labels import score_labels
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual

STEM = tuple(range(10, 22))
FAMILIES = [tuple(range(30, 50)), tuple(range(60, 84))]
ROWS: list[Row] = [
    STEM + FAMILIES[0] + (50, 51, 52),
    STEM + FAMILIES[1] + (53,),
    STEM + FAMILIES[0] + (54,),
    (*STEM, 55, 56),
    STEM + FAMILIES[1] + (57, 58),
]
UNIQUE = 12 + (20 + 3 + 1) + (24 + 1 + 2) + 2


@contextmanager
def tokens_read(lens: Lens) -> Iterator[Counter[str]]:
    """Counts (row, token) places that pass the embedding and each block."""
    read: Counter[str] = Counter()

    def hook_for(name: str) -> Any:
        def hook(_module: Any, args: tuple[Any, ...]) -> None:
            read[name] += args[0].shape[0] * args[0].shape[1]

        return hook

    handles = [
        block.register_forward_pre_hook(hook_for(f"block {layer}"))
        for layer, block in enumerate(lens.model.blocks)
    ]
    handles.append(lens.model.embed.register_forward_pre_hook(hook_for("embedding")))
    try:
        yield read
    finally:
        for handle in handles:
            handle.remove()


def logits_through(stems: Stems, indices: Sequence[int]) -> torch.Tensor:
    read, rest = stems.begin(indices)
    return read.read(rest)[:, -1]


def test_beginnings_read_once_give_the_logits_of_whole_rows(case: Case) -> None:
    stems = Stems(case.lens, ROWS)
    seen = []
    for indices in stems.batches():
        for i, found in zip(indices, logits_through(stems, indices), strict=True):
            whole = forward(case.lens, pad_rows([ROWS[i]], case.lens.pad_id))[0, -1]
            assert relative(found, whole) < case.tolerance
        seen += indices
    assert sorted(seen) == list(range(len(ROWS)))


def test_each_beginning_passes_each_block_once_or_the_rows_are_read_whole(case: Case) -> None:
    # rows longer than a sliding window are read whole
    least = UNIQUE if case.lens.window is None else sum(map(len, ROWS))
    stems = Stems(case.lens, ROWS)
    assert stems.unique_tokens == least
    with tokens_read(case.lens) as read:
        for indices in stems.batches():
            state, rest = stems.begin(indices)
            state.prefill(rest)
    padding = 10 if case.lens.window is None else WASTE
    assert all(least <= count <= least + padding for count in read.values())


def fixed_shots(n: int) -> list[Prompt]:
    shots = ("red good\n", "sun big\n", "cat small\n")
    ids = ("a", "b", "c")
    queries = ["house", "one dog", "blue", "two good men", "water", "the sun"][:n]
    return [Prompt(q, "Definition: Name a word.\n", shots, ids, f"{q}", "N/A") for q in queries]


def test_a_fixed_demonstration_set_is_read_once(case: Case) -> None:
    if case.lens.window is not None:
        pytest.skip("rows longer than the sliding window are read whole")
    with tokens_read(case.lens) as few:
        read_residual(case.lens, fixed_shots(2))
    with tokens_read(case.lens) as more:
        read_residual(case.lens, fixed_shots(6))
    assert more["block 0"] - few["block 0"] < 60  # four queries, none of their demonstrations


def test_a_variant_costs_one_token_from_its_own_block_up(case: Case) -> None:
    lens = case.lens
    if lens.backend != "bridge" or lens.window is not None:
        pytest.skip("variants are rows of their own here")
    prompts = fixed_shots(3)
    labels = ["yes", "no"]
    score_labels(lens, prompts, labels)  # the check of the fast way, once a lens
    variants = [None, *(Injection(random_vector(lens, 1), s) for s in (0.5, 1.0, 2.0, 3.0))]
    with tokens_read(lens) as plain:
        score_labels(lens, prompts, labels, variants[:2])
    with tokens_read(lens) as steered:
        score_labels(lens, prompts, labels, variants)
    more = {name: steered[name] - plain[name] for name in plain}
    joined = 3 * len(prompts)
    assert more == {
        "embedding": 0,
        "block 0": 0,
        "block 1": 0,
        **{f"block {layer}": joined for layer in range(2, lens.n_layers)},
    }


def test_plain_scoring_is_one_pass_over_whole_prompts(case: Case) -> None:
    lens, prompts = case.lens, fixed_shots(4)
    labels = ["yes", "no"]
    score_labels(lens, prompts, labels)  # the check of the fast way, once a lens
    passes = []
    handle = lens.model.blocks[0].register_forward_pre_hook(lambda *_: passes.append(1))
    score_labels(lens, prompts, labels)
    handle.remove()
    shared = lens.window is None and lens.backend == "bridge"
    assert len(passes) == 2 if shared else passes  # the stem, then what is left of each


def test_a_batch_that_does_not_fit_is_halved(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_residual(case.lens, fixed_shots(6)).values
    prefill = KeyValues.prefill
    sizes = []

    def small_machine(self: KeyValues, tokens: Any, last_layer: int | None = None) -> None:
        sizes.append(len(tokens.ids))
        if len(tokens.ids) > 2:
            raise torch.OutOfMemoryError("no more")
        prefill(self, tokens, last_layer)

    monkeypatch.setattr(KeyValues, "prefill", small_machine)
    assert relative(read_residual(case.lens, fixed_shots(6)).values, whole) < case.tolerance
    assert max(sizes) == 6


def test_a_small_budget_changes_no_number(case: Case) -> None:
    small = replace(case.lens, budget=replace(case.lens.budget, new_tokens=40, logit_rows=3))
    variants = [None, Injection(random_vector(case.lens, 1), 1.5)]
    found = [
        score_labels(lens, fixed_shots(6), ["yes", "no"], variants, calibrate=True)
        for lens in (case.lens, small)
    ]
    assert found[0].logprobs == pytest.approx(found[1].logprobs, abs=1e-4)
    assert found[0].content_free == pytest.approx(found[1].content_free, abs=1e-4)


def test_scores_that_are_not_normalised_choose_the_same(case: Case) -> None:
    variants = [None, Injection(random_vector(case.lens, 0), 1.5)]
    full, cheap = (
        score_labels(case.lens, fixed_shots(4), ["yes", "no", "good"], variants, normalised=flag)
        for flag in (True, False)
    )
    assert (full.raw == cheap.raw).all()
    shift = full.logprobs - cheap.logprobs
    assert shift == pytest.approx(shift[..., :1].repeat(3, axis=-1), abs=1e-4)
