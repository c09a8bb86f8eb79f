"""Laws of tokenising: one BOS, nothing truncated, padding always masked."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from builders import BOS_ID, EOS_ID, PAD_ID, PaperLens, byte_tokenizer, make_examples, make_task
from hypothesis import given
from hypothesis import strategies as st

from cast_lens.errors import ModelError, PromptError
from cast_lens.model.tokens import (
    continuation,
    encode,
    fit_prompt,
    leading_specials,
    length_sorted_batches,
    pad_rows,
    rendered,
    tokenise,
)
from cast_lens.prompts.prompt import few_shot, zero_shot

TASK = make_task(n=8)
QUERY = TASK.test[0]
BARE = byte_tokenizer(chat=True)
HABIT = byte_tokenizer(bos=True, eos=True, chat=True)
IN_CHAT = byte_tokenizer(bos=True, eos=True, chat=True, bos_in_chat=True)
ROWS = st.lists(st.lists(st.integers(3, 90), min_size=1, max_size=9).map(tuple), min_size=1)


@pytest.mark.parametrize("tokenizer", [HABIT, IN_CHAT])
@pytest.mark.parametrize("template", ["plain", "chat"])
def test_a_tokenizer_with_the_habit_gets_exactly_one_bos(tokenizer: Any, template: Any) -> None:
    ids = encode(tokenizer, rendered(tokenizer, zero_shot(TASK, QUERY, template=template)))
    assert ids[0] == BOS_ID
    assert ids.count(BOS_ID) == 1
    assert tokenizer.decode(ids[1:]) == rendered(BARE, zero_shot(TASK, QUERY, template=template))


def test_a_text_that_starts_with_the_bos_gets_no_second_one() -> None:
    assert encode(HABIT, "<s>text") == encode(HABIT, "text")
    assert encode(HABIT, "<s>text").count(BOS_ID) == 1
    assert encode(BARE, "<s>text") == (BOS_ID, *encode(BARE, "text"))


def test_a_tokenizer_without_the_habit_gets_no_bos() -> None:
    for template in ("plain", "chat"):
        prompt = zero_shot(TASK, QUERY, template=template)
        assert BOS_ID not in encode(BARE, rendered(BARE, prompt))
    assert leading_specials(BARE) == ()
    assert leading_specials(HABIT) == (BOS_ID,)


def test_an_appended_eos_is_not_kept() -> None:
    assert HABIT("text")["input_ids"][-1] == EOS_ID
    assert EOS_ID not in encode(HABIT, "text")
    assert encode(HABIT, "text")[1:] == encode(BARE, "text")


def test_the_chat_template_wraps_the_whole_prompt_once_and_opens_the_answer() -> None:
    prompt = few_shot(TASK, QUERY, TASK.train[:2], template="chat")
    assert rendered(BARE, prompt) == f"<|user|>{prompt.text}<|assistant|>"
    assert continuation(prompt, "red") == "red"
    assert continuation(few_shot(TASK, QUERY, TASK.train[:2]), "red") == " red"


def test_chat_is_refused_without_a_template() -> None:
    without = byte_tokenizer()
    with pytest.raises(ModelError, match="no chat template"):
        fit_prompt(PaperLens(without), zero_shot(TASK, QUERY, template="chat"))
    assert rendered(without, zero_shot(TASK, QUERY)) == zero_shot(TASK, QUERY).text


@pytest.mark.parametrize("side", ["left", "right"])
@given(rows=ROWS)
def test_padding_is_masked_and_the_real_tokens_come_back(side: Any, rows: list[Any]) -> None:
    tokens = pad_rows(rows, PAD_ID, side)
    assert [tuple(i[m].tolist()) for i, m in zip(tokens.ids, tokens.mask, strict=True)] == rows
    assert (tokens.ids[~tokens.mask] == PAD_ID).all()
    assert tokens.lengths.tolist() == [len(row) for row in rows]
    ends = tokens.ids[torch.arange(len(rows)), tokens.last].tolist()
    assert ends == [row[-1] for row in rows]
    assert tokens.mask[:, 0 if side == "right" else -1].all()


def test_a_pad_id_that_is_a_real_token_does_not_confuse_the_mask() -> None:
    tokens = pad_rows([(5, 7), (5, 5, 5)], 5, "right")
    assert tokens.mask.tolist() == [[True, True, False], [True, True, True]]
    assert tokens.last.tolist() == [1, 2]
    assert pad_rows([(5, 7), (5, 5, 5)], 5, "left").last.tolist() == [2, 2]


@pytest.mark.parametrize("rows", [[], [()], [(1,), ()]])
def test_an_empty_batch_or_row_is_refused(rows: list[Any]) -> None:
    with pytest.raises(PromptError, match="empty"):
        pad_rows(rows, PAD_ID)


@given(lengths=st.lists(st.integers(1, 60), max_size=40), budget=st.integers(1, 200))
def test_batches_partition_the_rows_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(length_sorted_batches(lengths, budget))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    padded = [len(batch) * max(lengths[i] for i in batch) for batch in batches]
    assert all(
        size <= budget or len(batch) == 1 for size, batch in zip(padded, batches, strict=True)
    )
    longest = [lengths[i] for batch in batches for i in batch]
    assert longest == sorted(lengths, reverse=True)


@given(n_ctx=st.integers(1, 400), shots=st.integers(0, 8), room=st.integers(0, 40))
def test_nothing_is_ever_truncated(n_ctx: int, shots: int, room: int) -> None:
    lens = PaperLens(HABIT, n_ctx)
    prompt = few_shot(TASK, QUERY, TASK.train[:shots])
    smallest = len(encode(HABIT, zero_shot(TASK, QUERY).text))
    if smallest + room > n_ctx:
        with pytest.raises(PromptError, match=f"^{QUERY.id}: {smallest} tokens and {room}"):
            fit_prompt(lens, prompt, room)
        return
    fitted, row = fit_prompt(lens, prompt, room)
    kept = len(fitted.demonstrations)
    assert len(row) + room <= n_ctx
    assert fitted == few_shot(TASK, QUERY, TASK.train[shots - kept : shots])
    assert HABIT.decode(row[1:]) == fitted.text
    if kept < shots:  # one more would not have fitted
        longer = few_shot(TASK, QUERY, TASK.train[shots - kept - 1 : shots])
        assert len(encode(HABIT, longer.text)) + room > n_ctx


def test_demonstrations_are_dropped_from_the_front_and_no_more_than_needed() -> None:
    prompt = few_shot(TASK, QUERY, make_examples("shown", 3))
    whole = len(encode(BARE, prompt.text))
    assert fit_prompt(PaperLens(BARE, whole), prompt)[0] == prompt
    assert fit_prompt(PaperLens(BARE, whole - 1), prompt)[0].demonstration_ids == (
        "shown-1",
        "shown-2",
    )
    assert fit_prompt(PaperLens(BARE, whole), prompt, room=1)[0].demonstration_ids == (
        "shown-1",
        "shown-2",
    )


def test_a_batch_of_prompts_is_each_prompt_padded() -> None:
    prompts = [zero_shot(TASK, QUERY), few_shot(TASK, QUERY, TASK.train[:2])]
    tokens = tokenise(PaperLens(HABIT), prompts, side="left")
    assert tokens.lengths.tolist() == [len(encode(HABIT, p.text)) for p in prompts]
    assert HABIT.decode(tokens.ids[0][tokens.mask[0]][1:]) == prompts[0].text
    assert (tokens.last == tokens.ids.shape[1] - 1).all()
