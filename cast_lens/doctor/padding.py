"""Padding and batches: a prompt reads the same alone, among others, and on either side."""

from __future__ import annotations

import torch
from torch import Tensor

from cast_lens.doctor.plain import relative
from cast_lens.doctor.reading import SHARE
from cast_lens.doctor.record import Measured, Question
from cast_lens.doctor.subject import Subject
from cast_lens.model.forward import forward
from cast_lens.model.tokens import Tokens, tokenise
from cast_lens.steer.residual import read_residual

FILL = 7  # any id: the mask hides it


def _given_last(subject: Subject, tokens: Tokens) -> Tensor:
    """The last column that reaches the embedding, (prompt,)."""
    seen: list[Tensor] = []
    embed = subject.lens.model.embed
    handle = embed.register_forward_pre_hook(lambda _, args: seen.append(args[0][:, -1]))
    try:
        forward(subject.lens, tokens)
    finally:
        handle.remove()
    return seen[0].cpu()


def _side(subject: Subject) -> Measured:
    tokens = tokenise(subject.lens, subject.prompts, side="left")
    wanted = torch.tensor([row[-1] for row in subject.rows])
    wrong = int((_given_last(subject, tokens) != wanted).sum())
    says = f"the last column is the last token of {len(wanted) - wrong} of {len(wanted)} prompts"
    return Measured(wrong, 0, says)


def _hidden(subject: Subject) -> Measured:
    offs = []
    for side in ("left", "right"):
        tokens = tokenise(subject.lens, subject.prompts, side=side)
        other = Tokens(torch.where(tokens.mask, tokens.ids, FILL), tokens.mask)
        before, after = (forward(subject.lens, one) for one in (tokens, other))
        offs.append(relative(after[tokens.mask], before[tokens.mask]))
    return Measured(max(offs), subject.tolerance, "other tokens in the padding, either side")


def _sides(subject: Subject) -> Measured:
    offs = []
    for side in ("left", "right"):
        tokens = tokenise(subject.lens, subject.prompts, side=side)
        logits = forward(subject.lens, tokens)
        for row, mask, one in zip(logits, tokens.mask, subject.passes, strict=True):
            offs.append(relative(row[mask], one.logits))
    return Measured(max(offs), subject.tolerance, "a padded batch against Hugging Face unpadded")


def _batch(subject: Subject) -> Measured:
    together = read_residual(subject.lens, subject.prompts).values
    alone = [read_residual(subject.lens, [prompt]).values[:, 0] for prompt in subject.prompts]
    offs = [
        relative(together[layer, i], states[layer])
        for i, states in enumerate(alone)
        for layer in range(len(states))
    ]
    return Measured(max(offs), subject.tolerance, f"{len(alone)} prompts at once and one by one")


MASK = "The attention mask does not reach the model: score one prompt at a time."
QUESTIONS = (
    Question("padding side", "prompts", "Batches are padded on the wrong side.", _side),
    Question("padding is hidden", SHARE, MASK, _hidden),
    Question("either side, logits", SHARE, MASK, _sides),
    Question("batch is single", SHARE, MASK, _batch),
)
