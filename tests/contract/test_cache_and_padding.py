"""Padding is invisible, and reading in pieces is reading at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from oracle import TEXTS, Case, hf_logprob, hf_pass, ids_of, prompts, random_vector, relative
from torch import Tensor

from cast_lens.errors import PromptError
from cast_lens.model.branches import can_branch
from cast_lens.model.forward import KeyValues, forward
from cast_lens.model.tokens import Tokens, pad_rows, tokenise
from cast_lens.score.by_row import score_by_row
from cast_lens.score.likelihood import leaves_prompt_alone, score_continuations
from cast_lens.score.packed import score_packed
from cast_lens.score.plain import score_plain
from cast_lens.score.plan import Sheet, make_sheet
from cast_lens.steer.injection import Injection, Variant

ANSWERS = ("yes", "no", "good dog", "good", "A big house")


def last_logits(case: Case) -> Tensor:
    return torch.stack([hf_pass(case.plain, ids_of(case, text))[1][-1] for text in TEXTS])


def split(tokens: Tokens, column: int) -> tuple[Tokens, Tokens]:
    before = Tokens(tokens.ids[:, :column], tokens.mask[:, :column])
    return before, Tokens(tokens.ids[:, column:], tokens.mask[:, column:])


def test_left_padded_logits_are_the_right_padded_ones(case: Case) -> None:
    left = tokenise(case.lens, prompts(), side="left")
    right = tokenise(case.lens, prompts(), side="right")
    from_left, from_right = forward(case.lens, left), forward(case.lens, right)
    assert not torch.equal(left.mask, right.mask)
    assert relative(from_left[left.mask], from_right[right.mask]) < case.tolerance
    rows = torch.arange(len(TEXTS))
    assert relative(from_left[rows, left.last], last_logits(case)) < case.tolerance


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_stands_in_the_padding_does_not_matter(case: Case, side: str) -> None:
    tokens = tokenise(case.lens, prompts(), side=side)
    other = Tokens(torch.where(tokens.mask, tokens.ids, 7), tokens.mask)
    before, after = forward(case.lens, tokens), forward(case.lens, other)
    assert relative(after[tokens.mask], before[tokens.mask]) < 1e-6


def test_reading_on_from_a_cache_is_reading_at_once(case: Case) -> None:
    tokens = tokenise(case.lens, prompts(), side="left")
    before, rest = split(tokens, -1)
    read = KeyValues(case.lens, len(TEXTS))
    read.prefill(before)
    assert relative(read.read(rest)[:, -1], last_logits(case)) < case.tolerance


def test_reading_token_by_token_is_reading_at_once(case: Case) -> None:
    row = tuple(ids_of(case, TEXTS[0])[0].tolist())
    _, expected = hf_pass(case.plain, torch.tensor([row]))
    read = KeyValues(case.lens, 1)
    steps = [read.read_for_next(pad_rows([(token,)], case.lens.pad_id)) for token in row]
    assert relative(torch.cat(steps), expected) < case.tolerance


def test_a_selected_cache_has_its_rows_and_leaves_the_first_alone(case: Case) -> None:
    before, rest = split(tokenise(case.lens, prompts(), side="left"), -1)
    read = KeyValues(case.lens, len(TEXTS))
    read.prefill(before)
    rows = torch.tensor([4, 0, 4])
    twin = read.select(rows)
    again = read.select(rows)
    step = Tokens(rest.ids[rows], rest.mask[rows])
    first = twin.read(step)[:, -1]
    assert relative(first, last_logits(case)[rows]) < case.tolerance
    twin.read(step)
    assert torch.equal(again.read(step)[:, -1], first)
    assert relative(read.read(rest)[:, -1], last_logits(case)) < case.tolerance


def test_right_padded_answers_after_a_left_padded_cache(case: Case) -> None:
    texts = (TEXTS[0], TEXTS[3])
    rows = [tuple(ids_of(case, text)[0].tolist()) for text in texts]
    read = KeyValues(case.lens, 2)
    read.prefill(pad_rows([rows[0][:-1], rows[1][:-3]], case.lens.pad_id, side="left"))
    logits = read.read(pad_rows([rows[0][-1:], rows[1][-3:]], case.lens.pad_id))
    for row, width, text in zip(logits, (1, 3), texts, strict=True):
        expected = hf_pass(case.plain, ids_of(case, text))[1][-width:]
        assert relative(row[:width], expected) < case.tolerance


def sheets(case: Case) -> list[Sheet]:
    return [make_sheet(case.lens, p, ANSWERS) for p in prompts()]


@pytest.mark.parametrize("way", [score_packed, score_by_row])
def test_every_way_of_scoring_is_the_plain_one(case: Case, way: Any) -> None:
    if way is score_packed:
        if case.lens.backend == "hooked" or case.lens.window is not None:
            pytest.skip("this model takes no mask of ours")
        assert can_branch(case.lens, 100)
    vector = random_vector(case.lens, case.middle)
    last = random_vector(case.lens, case.lens.n_layers - 1)
    variants: list[Variant] = [
        (Injection(last, 2.0),),
        (),
        (Injection(vector, 0.7),),
        (Injection(vector, 1.0, "each_step", "norm_preserving"),),
        (Injection(vector, 0.5), Injection(random_vector(case.lens, 0, 1), 1.0, "each_step")),
        (Injection(vector, 0.0),),
    ]
    made = sheets(case)
    contexts = [sheet.context for sheet in made]
    read = KeyValues(case.lens, len(made))
    read.prefill(pad_rows([row[:-1] for row in contexts], case.lens.pad_id, side="left"))
    shared: list[list[Any]] = [[{} for _ in made] for _ in variants]
    for row, v, likelihoods in way(case.lens, read, made, variants):
        shared[v][row] |= likelihoods
    for variant, found in zip(variants, shared, strict=True):
        plain = score_plain(case.lens, made, variant)
        for cheap, whole in zip(found, plain, strict=True):
            assert cheap.keys() == whole.keys()
            for answer, likelihood in whole.items():
                assert cheap[answer].logprob == pytest.approx(likelihood.logprob, abs=1e-4)
                assert (cheap[answer].tokens, cheap[answer].greedy) == (
                    likelihood.tokens,
                    likelihood.greedy,
                )


def test_likelihoods_are_hugging_faces(case: Case) -> None:
    (found,) = score_continuations(case.lens, prompts(), [ANSWERS] * len(TEXTS))
    for text, row in zip(TEXTS, found, strict=True):
        context = ids_of(case, text)
        for answer, likelihood in zip(ANSWERS, row, strict=True):
            joint = ids_of(case, f"{text} {answer}")
            expected = hf_logprob(case.plain, context, joint[:, context.shape[1] :])
            assert likelihood.logprob == pytest.approx(expected, abs=1e-4)
            assert likelihood.tokens == joint.shape[1] - context.shape[1]


def test_greedy_marks_what_hugging_face_would_say(case: Case) -> None:
    context = ids_of(case, TEXTS[0])
    _, logits = hf_pass(case.plain, context)
    choice, other = (int(i) for i in logits[-1].topk(2).indices)
    sheet = Sheet(tuple(context[0].tolist()), ((choice,), (other,)))
    (found,) = score_plain(case.lens, [sheet], ())
    assert found[(choice,)].greedy
    assert not found[(other,)].greedy


def test_an_injection_everywhere_is_not_shared(case: Case) -> None:
    vector = random_vector(case.lens, 0)
    assert not leaves_prompt_alone((Injection(vector, policy="all"),))
    assert leaves_prompt_alone((Injection(vector, policy="each_step"),))


def test_a_query_longer_than_the_context_is_an_error_naming_it(case: Case) -> None:
    with pytest.raises(PromptError, match=r"N/A.*exceed the model's context of 1024"):
        make_sheet(case.lens, prompts(("N/A" + " yes" * 1024,))[0], ANSWERS)
