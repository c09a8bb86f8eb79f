"""What is left behind, and how much half precision changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cast_lens.doctor.plain import in_dtype, read, relative
from cast_lens.doctor.reading import SHARE
from cast_lens.doctor.record import Measured, NotRun, Question
from cast_lens.doctor.subject import ANSWERS, HALF_TOLERANCE, Subject
from cast_lens.errors import HookError
from cast_lens.model.forward import forward
from cast_lens.model.memory import free_memory
from cast_lens.model.tokens import pad_rows
from cast_lens.score.generation import generate
from cast_lens.score.labels import score_labels
from cast_lens.steer.injection import Injection, steering
from cast_lens.steer.residual import read_residual


def hooks_in(model: Any) -> int:
    """Forward hooks that torch knows of in a model; a bridge lists a module several times."""
    modules = {id(module): module for module in (*model.modules(), *model.hook_dict.values())}
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in modules.values()
    )


def _leaks(subject: Subject) -> Measured:
    lens, prompts = subject.lens, subject.prompts[:2]
    injection = Injection(subject.vector, policy="each_step")
    before = hooks_in(lens.model)
    read_residual(lens, prompts)
    score_labels(lens, prompts, ANSWERS, [None, injection])
    generate(lens, prompts, [injection], max_new_tokens=2)
    try:
        with steering(lens, injection):
            raise HookError("planted")
    except HookError:
        left = hooks_in(lens.model) - before
    return Measured(abs(left), 0, "after reading, scoring, generating and an error in between")


def _drift(subject: Subject) -> Measured | NotRun:
    lens = subject.sound
    other = torch.float32 if subject.half else torch.bfloat16
    needed = sum(p.numel() for p in subject.plain.parameters()) * other.itemsize
    free = free_memory(lens.device)
    if needed > free:
        return NotRun(f"a second copy takes {needed / 1e9:.1f} GB of {free / 1e9:.1f} GB free")
    plain = in_dtype(subject.plain, other)
    pairs = [
        (forward(lens, pad_rows([row], lens.pad_id))[0].float(), read(plain, row).logits.float())
        for row in subject.rows
    ]
    off = max(relative(ours, theirs) for ours, theirs in pairs)
    kind = str(other).removeprefix("torch.")
    says = f"{kind}{' on these rounded weights' if subject.half else ''}: {_moved(pairs)}"
    return Measured(off, HALF_TOLERANCE if subject.half else None, says)


def _moved(pairs: Sequence[tuple[Tensor, Tensor]]) -> str:
    largest = max(float((ours - theirs).abs().max()) for ours, theirs in pairs)
    last = max(float((ours - theirs)[-1].abs().max()) for ours, theirs in pairs)
    changed = torch.cat([ours.argmax(dim=-1) != theirs.argmax(dim=-1) for ours, theirs in pairs])
    return (
        f"logits move by {largest:.2g}, at last tokens by {last:.2g}, "
        f"{int(changed.sum())} of {len(changed)} first choices change"
    )


QUESTIONS = (
    Question("hook leaks", "hooks", "Start a fresh process; report what was run.", _leaks),
    Question("dtype drift", SHARE, "Read and score in float32.", _drift),
)
