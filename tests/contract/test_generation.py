"""Greedy text is Hugging Face's own, plain and steered, whatever else is in the batch."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from oracle import TEXTS, Case, at_columns, edited, ids_of, prompt, prompts, random_vector
from torch import Tensor

from cast_lens.score.generation import generate
from cast_lens.steer.injection import Injection

STEPS = 5
FEW = TEXTS[:3]


@cache
def hf_text(case: Case, text: str, injection: Injection | None = None) -> str:
    """What `model.generate` says, up to an end token or a line break."""
    edits = {}
    if injection is not None:
        moved = injection.strength * injection.vector.direction
        columns = slice(None) if injection.policy == "all" else -1
        add = at_columns(columns, lambda states: states + moved)

        def edit(states: Tensor) -> Tensor:
            step = states.shape[1] == 1
            return states if step and injection.policy == "prompt_last" else add(states)

        edits = {injection.vector.layer: edit}
    ids = ids_of(case, text)
    with edited(case.plain, edits):
        whole = case.plain.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=STEPS,
            do_sample=False,
            pad_token_id=case.lens.pad_id,
        )
    new = whole[0, ids.shape[1] :].tolist()
    ends = [i for i, token in enumerate(new) if token in case.lens.eos_ids]
    spoken = case.lens.tokenizer.decode(new[: ends[0]] if ends else new)
    return spoken.split("\n", 1)[0]


def test_greedy_text_is_hugging_faces(case: Case) -> None:
    (texts,) = generate(case.lens, prompts(), max_new_tokens=STEPS)
    assert texts == [hf_text(case, text) for text in TEXTS]
    assert len(set(texts)) > 1


@pytest.mark.parametrize("policy", ["prompt_last", "each_step", "all"])
def test_steered_text_is_hugging_faces_with_a_hook(case: Case, policy: str) -> None:
    injection = Injection(random_vector(case.lens, case.middle, length=6.0), 1.0, policy)
    (texts,) = generate(case.lens, prompts(FEW), [injection], max_new_tokens=STEPS)
    assert texts == [hf_text(case, text, injection) for text in FEW]
    assert texts != [hf_text(case, text) for text in FEW]


def test_variants_of_one_call_do_not_disturb_each_other(case: Case) -> None:
    vector = random_vector(case.lens, case.middle, length=6.0)
    given = [
        None,
        Injection(vector, 1.0),
        Injection(vector, 1.0, "each_step"),
        Injection(vector, 1.0, "all"),
        Injection(vector, -1.0),
        None,
    ]
    together = generate(case.lens, prompts(FEW), given, max_new_tokens=STEPS)
    alone = [generate(case.lens, prompts(FEW), [g], max_new_tokens=STEPS)[0] for g in given]
    assert together == alone
    assert together[0] == together[-1] == [hf_text(case, text) for text in FEW]
    assert together[1] == [hf_text(case, text, given[1]) for text in FEW]


def test_a_batch_says_what_its_prompts_say_alone(case: Case) -> None:
    (together,) = generate(case.lens, prompts(), max_new_tokens=STEPS)
    alone = [generate(case.lens, [prompt(t)], max_new_tokens=STEPS)[0][0] for t in TEXTS]
    assert together == alone
