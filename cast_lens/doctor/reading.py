"""Reading: every block and the logits are those of plain Hugging Face, from one BOS on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

import torch

from cast_lens.doctor.plain import relative
from cast_lens.doctor.record import Measured, NotRun, Question
from cast_lens.doctor.subject import Subject
from cast_lens.model.fingerprints import model_fingerprint
from cast_lens.model.forward import forward
from cast_lens.model.tokens import encode, pad_rows, rendered
from cast_lens.steer.residual import read_residual


def _beginnings(ids: Sequence[int], bos: int) -> int:
    """How many BOS stand at the start."""
    return sum(1 for _ in takewhile(lambda token: token == bos, ids))


def _bos_plain(subject: Subject) -> Measured | NotRun:
    tokenizer = subject.sound.tokenizer
    if tokenizer.bos_token_id is None:
        return NotRun("the tokenizer has no BOS")
    text = subject.prompts[0].text
    ours = _beginnings(encode(subject.lens.tokenizer, text), tokenizer.bos_token_id)
    own = _beginnings(tokenizer(text)["input_ids"], tokenizer.bos_token_id)
    return Measured(abs(ours - own), 0, f"{ours} at the start, {own} by the tokenizer's own habit")


def _bos_chat(subject: Subject) -> Measured | NotRun:
    tokenizer = subject.sound.tokenizer
    if tokenizer.bos_token_id is None or not getattr(tokenizer, "chat_template", None):
        return NotRun("the tokenizer has no BOS or no chat template")
    prompt = replace(subject.prompts[0], template="chat")
    text = rendered(tokenizer, prompt)
    bos = tokenizer.bos_token_id
    held = _beginnings(tokenizer(text, add_special_tokens=False)["input_ids"], bos)
    habit = _beginnings(tokenizer("a")["input_ids"], bos)
    ours = _beginnings(encode(subject.lens.tokenizer, text), bos)
    right = max(held, habit)
    return Measured(abs(ours - right), 0, f"{ours} at the start, {held} in the template itself")


def _weights(subject: Subject) -> Measured | NotRun:
    if subject.sound.backend != "bridge":
        return NotRun("a HookedTransformer keeps its weights in another form")
    same = model_fingerprint(subject.plain) == subject.sound.fingerprint
    says = "as" if same else "NOT as"
    return Measured(float(not same), 0, f"{says} they were before the library took the model")


def _blocks(subject: Subject) -> Measured:
    worst, where = 0.0, 0
    for prompt, one in zip(subject.prompts, subject.passes, strict=True):
        states = read_residual(subject.lens, [prompt]).values[:, 0]
        for layer, state in enumerate(states):
            off = relative(state, one.states[layer, -1])
            if not off <= worst:
                worst, where = off, layer
    n = subject.lens.n_layers
    return Measured(worst, subject.tolerance, f"worst of {n} blocks: {where}")


def _logits(subject: Subject) -> Measured:
    offs, agree = [], 0
    for row, one in zip(subject.rows, subject.passes, strict=True):
        logits = forward(subject.lens, pad_rows([row], subject.lens.pad_id))[0].cpu()
        offs.append(relative(logits, one.logits))
        agree += int(torch.equal(logits.argmax(dim=-1), one.logits.cpu().argmax(dim=-1)))
    says = f"the same first choice after every token in {agree} of {len(offs)} prompts"
    return Measured(max(offs), subject.tolerance, says)


SHARE = "of the largest value"
QUESTIONS = (
    Question("BOS, plain", "BOS", "The tokenizer adds a second BOS: fix its config.", _bos_plain),
    Question("BOS, chat template", "BOS", "The template and tokenizer both add one.", _bos_chat),
    Question("weights", "changed", "Load the model again; report the architecture.", _weights),
    Question("every block", SHARE, "States are of another block or model: do not use.", _blocks),
    Question("logits", SHARE, "Try the other backend or transformer-lens version.", _logits),
)
