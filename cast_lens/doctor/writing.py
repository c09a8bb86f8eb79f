"""Writing: exactly the vector, at exactly one place, and what Hugging Face makes of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.doctor.plain import add_at, read, relative
from cast_lens.doctor.reading import SHARE
from cast_lens.doctor.record import Measured, Question
from cast_lens.doctor.subject import STRENGTH, Subject
from cast_lens.model.forward import forward
from cast_lens.model.tokens import Row, pad_rows
from cast_lens.steer.injection import Injection, Policy, Rule, steering

States = Float[Tensor, "layer token d_model"]


def _run(subject: Subject, row: Row, injection: Injection | None) -> tuple[States, Tensor]:
    """States after every block, and logits, of one prompt."""
    lens = subject.lens
    seen: dict[str, Tensor] = {}

    def capture(states: Tensor, hook: Any) -> None:
        seen[hook.name] = states[0].clone()

    names = [lens.hook_name(layer) for layer in range(lens.n_layers)]
    observed = [(name, capture) for name in names]
    with steering(lens, injection or ()), lens.model.hooks(fwd_hooks=observed):
        logits = forward(lens, pad_rows([row], lens.pad_id))[0]
    return torch.stack([seen[key] for key in sorted(seen, key=_block)]), logits


def _block(name: str) -> int:
    return int(name.split(".")[1])


def _identity(subject: Subject) -> Measured:
    row = subject.rows[1]
    plain, logits = _run(subject, row, None)
    nothing = Injection(subject.vector, 0.0)
    moved, settings = 0, list(product(get_args(Policy), get_args(Rule)))
    for policy, rule in settings:
        states, same = _run(subject, row, replace(nothing, policy=policy, rule=rule))
        moved += int((states != plain).sum() + (same != logits).sum())
    return Measured(moved, 0, f"bit by bit, {len(settings)} policies and rules")


def _at_the_place(subject: Subject) -> Measured:
    added = STRENGTH * subject.vector.direction
    off = 0.0
    for row in subject.rows:
        before, _ = _run(subject, row, None)
        after, _ = _run(subject, row, Injection(subject.vector, STRENGTH))
        old, new = (states[subject.middle, -1].cpu() for states in (before, after))
        expected = (old.float() + added).to(old.dtype)
        off = max(off, float((new.float() - expected.float()).norm() / added.norm()))
    return Measured(off, 0, f"h + {STRENGTH} v after block {subject.middle}, at the last token")


def _elsewhere(subject: Subject) -> Measured:
    moved = 0
    for row in subject.rows:
        before, logits = _run(subject, row, None)
        after, steered = _run(subject, row, Injection(subject.vector, STRENGTH))
        moved += int((after[: subject.middle] != before[: subject.middle]).any(-1).sum())
        moved += int((after[subject.middle :, :-1] != before[subject.middle :, :-1]).any(-1).sum())
        moved += int((steered[:-1] != logits[:-1]).any(-1).sum())
    return Measured(moved, 0, "blocks below, earlier tokens in and above the block")


def _as_hugging_face(subject: Subject) -> Measured:
    edits = {subject.middle: add_at(slice(-1, None), STRENGTH * subject.vector.direction)}
    offs, effects = [], []
    for row, one in zip(subject.rows, subject.passes, strict=True):
        _, logits = _run(subject, row, Injection(subject.vector, STRENGTH))
        expected = read(subject.plain, row, edits).logits[-1]
        offs.append(relative(logits[-1], expected))
        effects.append(relative(one.logits[-1], expected))
    says = f"the write itself moves them by {min(effects):.2g} to {max(effects):.2g}"
    return Measured(max(offs), subject.tolerance, says)


REMEDY = "Writing is broken here: do not use the numbers; report the architecture."
QUESTIONS = (
    Question("strength 0 is identity", "values", REMEDY, _identity),
    Question("injection, its place", "of its length", REMEDY, _at_the_place),
    Question("injection, elsewhere", "places", REMEDY, _elsewhere),
    Question("injection, logits", SHARE, REMEDY, _as_hugging_face),
)
