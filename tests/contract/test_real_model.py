"""The same contract on SmolLM2-135M: real weights, whose states reach into the ten thousands."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from oracle import (
    TEXTS,
    Case,
    at_columns,
    edited,
    hf_logprob,
    hf_pass,
    ids_of,
    prompts,
    random_vector,
    relative,
)
from torch import Tensor

from cast_lens.model.forward import forward
from cast_lens.model.load import load_lens
from cast_lens.model.tokens import tokenise
from cast_lens.score.generation import generate
from cast_lens.score.likelihood import score_continuations
from cast_lens.steer.injection import Injection, steering
from cast_lens.steer.residual import read_residual

pytestmark = pytest.mark.real

ANSWERS = ("yes", "a small town")
LAYER = 15
LENGTH = 60.0  # of an injected vector: about half of a state's at the middle block
SHORT = (TEXTS[0], TEXTS[1], TEXTS[4])  # of more than one token, so that scoring may share them


def add(vector: Tensor, states: Tensor) -> Tensor:
    return states + vector


def test_states_of_every_block_are_hugging_faces(real_case: Case) -> None:
    states = read_residual(real_case.lens, prompts())
    passes = [hf_pass(real_case.plain, ids_of(real_case, text))[0] for text in TEXTS]
    assert len(states.layers) == 30
    for layer in states.layers:
        expected = torch.stack([blocks[layer, -1] for blocks in passes])
        assert relative(states.at(layer), expected) < real_case.tolerance


@pytest.mark.parametrize("side", ["left", "right"])
def test_logits_of_a_padded_batch_are_hugging_faces(real_case: Case, side: str) -> None:
    tokens = tokenise(real_case.lens, prompts(), side=side)
    logits = forward(real_case.lens, tokens)
    for row, mask, text in zip(logits, tokens.mask, TEXTS, strict=True):
        _, expected = hf_pass(real_case.plain, ids_of(real_case, text))
        assert relative(row[mask], expected) < real_case.tolerance


def test_an_injection_is_a_hugging_face_hook(real_case: Case) -> None:
    injection = Injection(random_vector(real_case.lens, LAYER, length=LENGTH))
    edits = {LAYER: at_columns(-1, partial(add, injection.vector.direction))}
    tokens = tokenise(real_case.lens, prompts(SHORT))
    with steering(real_case.lens, injection, mask=tokens.mask):
        logits = forward(real_case.lens, tokens)
    plain = forward(real_case.lens, tokens)
    for row, unsteered, mask, text in zip(logits, plain, tokens.mask, SHORT, strict=True):
        _, expected = hf_pass(real_case.plain, ids_of(real_case, text), edits)
        assert relative(row[mask], expected) < real_case.tolerance
        assert relative(unsteered[mask], expected) > 0.01


def test_shared_and_plain_scores_are_hugging_faces(real_case: Case) -> None:
    vector = random_vector(real_case.lens, LAYER, length=LENGTH)
    variants = [(Injection(vector, policy=policy),) for policy in ("prompt_last", "all")]
    found = score_continuations(real_case.lens, prompts(SHORT), [ANSWERS] * 3, variants)
    for (injection,), rows in zip(variants, found, strict=True):
        for text, row in zip(SHORT, rows, strict=True):
            context = ids_of(real_case, text)
            last = context.shape[1] - 1
            columns = slice(None) if injection.policy == "all" else last
            edits = {LAYER: at_columns(columns, partial(add, vector.direction))}
            for answer, likelihood in zip(ANSWERS, row, strict=True):
                tail = ids_of(real_case, f"{text} {answer}")[:, last + 1 :]
                expected = hf_logprob(real_case.plain, context, tail, edits)
                assert likelihood.logprob == pytest.approx(expected, abs=2e-3)


def test_greedy_text_is_hugging_faces(real_case: Case) -> None:
    vector = random_vector(real_case.lens, LAYER, length=LENGTH)
    given = [None, Injection(vector, policy="each_step")]
    texts = generate(real_case.lens, prompts(SHORT[:2]), given, max_new_tokens=6)
    for said, edit in zip(
        texts, (None, at_columns(-1, partial(add, vector.direction))), strict=True
    ):
        for text, spoken in zip(SHORT[:2], said, strict=True):
            ids = ids_of(real_case, text)
            with edited(real_case.plain, {LAYER: edit} if edit else {}):
                whole = real_case.plain.generate(
                    ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False
                )
            expected = real_case.lens.tokenizer.decode(
                whole[0, ids.shape[1] :], skip_special_tokens=True
            )
            assert spoken == expected.split("\n", 1)[0]


def test_strength_zero_is_bitwise_identity(real_case: Case) -> None:
    tokens = tokenise(real_case.lens, prompts(SHORT))
    plain = forward(real_case.lens, tokens)
    nothing = Injection(random_vector(real_case.lens, LAYER), 0.0, "all", "norm_preserving")
    with steering(real_case.lens, nothing, mask=tokens.mask):
        assert torch.equal(forward(real_case.lens, tokens), plain)


def test_a_bfloat16_load_says_so_and_keeps_the_fingerprint(real_case: Case) -> None:
    half = load_lens("smollm2-135m", dtype="bfloat16", backend=real_case.lens.backend)
    assert half.dtype == torch.bfloat16
    assert half.fingerprint == real_case.lens.fingerprint
    assert half.tokenizer_fingerprint == real_case.lens.tokenizer_fingerprint
