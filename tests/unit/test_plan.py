"""Laws of what is scored: contexts, answers, the prefixes to read, the numbers read off."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from builders import PaperLens, byte_tokenizer, make_examples, make_task
from hypothesis import given
from hypothesis import strategies as st

from cast_lens.errors import PromptError
from cast_lens.model.tokens import Row, encode
from cast_lens.prompts.prompt import few_shot, zero_shot
from cast_lens.score.plan import Sheet, StepScores, make_sheet

VOCABULARY = 5
ANSWER = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=5).map(tuple)
ANSWERS = st.lists(ANSWER, min_size=1, max_size=8).map(tuple)
TASK = make_task("capital", "Name the capital.", form="qa", labels=())
BYTES = byte_tokenizer(bos=True, chat=True)


def lens_of(tokenizer: Any, n_ctx: int = 512) -> Any:
    return PaperLens(tokenizer, n_ctx)


@given(answers=ANSWERS)
def test_leaves_serve_every_answer_and_none_is_read_twice(answers: tuple[Row, ...]) -> None:
    leaves = Sheet((0,), answers).leaves
    for answer in answers:
        assert any(leaf[: len(answer) - 1] == answer[:-1] for leaf in leaves)
    assert set(leaves) <= {answer[:-1] for answer in answers}
    for one, other in pairwise(sorted(leaves)):
        assert other[: len(one)] != one


@given(tokens=st.lists(st.integers(0, 90), min_size=1, max_size=8))
def test_single_token_labels_need_only_the_context(tokens: list[int]) -> None:
    assert Sheet((0,), tuple((token,) for token in tokens)).leaves == ((),)


def test_leaves_of_a_case_done_by_hand() -> None:
    assert Sheet((0,), ((1, 2, 3), (1, 2, 4), (1, 5), (6,))).leaves == ((1, 2),)
    assert Sheet((0,), ((1, 2), (3, 4))).leaves == ((3,), (1,))
    assert Sheet((0,), ((1, 2, 3), (1, 5, 6))).leaves == ((1, 5), (1, 2))


@pytest.mark.parametrize("template", ["plain", "chat"])
def test_context_and_answer_together_are_the_jointly_tokenised_text(template: Any) -> None:
    prompt = zero_shot(TASK, TASK.test[0], template=template)
    sheet = make_sheet(lens_of(BYTES), prompt, ["red", "bl ue"])
    space = " " if template == "plain" else ""
    assert [BYTES.decode(answer) for answer in sheet.answers] == [f"{space}red", f"{space}bl ue"]
    assert BYTES.decode(sheet.context[1:]).count(prompt.text) == 1
    assert sheet.context.count(BYTES.bos_token_id) == 1
    assert all(BYTES.bos_token_id not in answer for answer in sheet.answers)


def test_an_answer_that_merges_with_the_end_of_the_prompt_is_refused() -> None:
    merging = byte_tokenizer(merges=((":", "Ġ"),))
    prompt = zero_shot(TASK, TASK.test[0])
    with pytest.raises(PromptError, match=r"the answer 'red' merges with the last token"):
        make_sheet(lens_of(merging), prompt, ["red"])
    inside = byte_tokenizer(merges=(("Ġ", "r"), ("Ġr", "e"), ("Ġre", "d")))
    assert len(make_sheet(lens_of(inside), prompt, ["red"]).answers[0]) == 1


def test_an_answer_without_a_token_and_no_answer_are_refused() -> None:
    prompt = zero_shot(TASK, TASK.test[0], template="chat")
    with pytest.raises(PromptError, match="the answer '' has no token"):
        make_sheet(lens_of(BYTES), prompt, ["red", ""])
    with pytest.raises(PromptError, match=f"^{prompt.query_id}: no answer to score"):
        make_sheet(lens_of(BYTES), prompt, [])


SHOWN = make_examples("shown", 3)
LONGEST = " a longer answer"


def whole_length(shown: tuple[Any, ...]) -> int:
    """Tokens of prompt and longest answer together, BOS included."""
    return len(encode(BYTES, few_shot(TASK, TASK.test[0], shown).text + LONGEST))


@pytest.mark.parametrize("dropped", [0, 1, 2, 3])
@pytest.mark.parametrize("spare", [0, 1, 5])
def test_demonstrations_are_dropped_only_where_prompt_and_longest_answer_do_not_fit(
    dropped: int, spare: int
) -> None:
    n_ctx = whole_length(SHOWN[dropped:]) + spare
    prompt = few_shot(TASK, TASK.test[0], SHOWN)
    sheet = make_sheet(lens_of(BYTES, n_ctx), prompt, ["r", LONGEST.strip()])
    assert sheet.dropped == dropped
    assert sheet.context == encode(BYTES, few_shot(TASK, TASK.test[0], SHOWN[dropped:]).text)
    assert max(len(sheet.context) + len(answer) for answer in sheet.answers) <= n_ctx


def test_a_query_that_does_not_fit_with_its_answer_is_refused_by_name() -> None:
    prompt = few_shot(TASK, TASK.test[0], SHOWN)
    with pytest.raises(PromptError, match=f"^{prompt.query_id}: .* exceed"):
        make_sheet(lens_of(BYTES, whole_length(()) - 1), prompt, ["r", LONGEST.strip()])


def logits_after(prefix: Row) -> np.ndarray:
    """A made-up model: its logits after a context depend on the answer so far, and on all of it."""
    return np.random.default_rng([7, *prefix]).normal(0, 3, VOCABULARY).astype(np.float32)


def brute_force(answer: Row) -> tuple[float, bool]:
    """Log-likelihood of an answer under the made-up model in float64, and whether it is greedy."""
    total, greedy = 0.0, True
    for step, token in enumerate(answer):
        logits = logits_after(answer[:step]).astype(np.float64)
        total += logits[token] - np.log(np.exp(logits).sum())
        greedy &= bool(logits.argmax() == token)
    return total, greedy


def read(leaves: tuple[Row, ...]) -> StepScores:
    """What the made-up model says along each leaf, padded to one width with nonsense."""
    width = 1 + max(len(leaf) for leaf in leaves)
    logits = np.full((len(leaves), width, VOCABULARY), 99.0, dtype=np.float32)
    for row, leaf in enumerate(leaves):
        for step in range(len(leaf) + 1):
            logits[row, step] = logits_after(leaf[:step])
    return StepScores(torch.from_numpy(logits))


@given(answers=ANSWERS)
def test_step_scores_equal_brute_force(answers: tuple[Row, ...]) -> None:
    sheet = Sheet((0,), answers)
    scores = read(sheet.leaves)
    found = {}
    for row, leaf in enumerate(sheet.leaves):
        found |= scores.of(row, sheet, leaf)
    assert found.keys() == set(answers)
    for answer, likelihood in found.items():
        logprob, greedy = brute_force(answer)
        assert likelihood.logprob == pytest.approx(logprob, abs=1e-5)
        assert (likelihood.greedy, likelihood.tokens) == (greedy, len(answer))


def test_the_probabilities_of_all_answers_of_one_length_sum_to_one() -> None:
    pairs = tuple((i, j) for i in range(VOCABULARY) for j in range(VOCABULARY))
    sheet = Sheet((0,), pairs)
    scores = read(sheet.leaves)
    found = {}
    for row, leaf in enumerate(sheet.leaves):
        found |= scores.of(row, sheet, leaf)
    assert sum(np.exp(one.logprob) for one in found.values()) == pytest.approx(1.0, abs=1e-5)
    assert sum(one.greedy for one in found.values()) == 1


def test_half_precision_logits_are_normalised_in_float32() -> None:
    logits = torch.from_numpy(logits_after(())).bfloat16()
    sheet = Sheet((0,), tuple((token,) for token in range(VOCABULARY)))
    found = StepScores(logits[None, None]).of(0, sheet, ())
    total = sum(np.exp(one.logprob) for one in found.values())
    assert total == pytest.approx(1.0, abs=1e-6)


@given(
    answers=st.lists(
        st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple), min_size=1, unique=True
    )
)
def test_the_tree_spells_every_answer_and_holds_every_beginning_once(
    answers: list[Row],
) -> None:
    tree = Sheet((9, 9), tuple(answers)).tree

    def spelt(node: int) -> Row:
        return () if node == 0 else (*spelt(tree.parents[node - 1]), tree.ids[node - 1])

    for answer, steps in zip(answers, tree.steps, strict=True):
        assert tuple(token for _, token in steps) == answer
        assert [spelt(node) for node, _ in steps] == [answer[:end] for end in range(len(answer))]
    beginnings = {answer[:end] for answer in answers for end in range(1, len(answer))}
    assert {spelt(node + 1) for node in range(len(tree.ids))} == beginnings
    assert len(tree.ids) == len(beginnings)
