"""One examination: load, plant a fault if asked, put every question, keep the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from cast_lens.doctor import answers, cached, hygiene, machine, padding, reading, writing
from cast_lens.doctor.faults import check_known, planted
from cast_lens.doctor.plain import plain_model
from cast_lens.doctor.record import Check, Examination, Question, answered, check_of
from cast_lens.doctor.subject import Subject
from cast_lens.errors import ModelError
from cast_lens.experiment.machine import versions
from cast_lens.model.lens import Lens
from cast_lens.model.load import load_lens
from cast_lens.model.size import size_by_name
from cast_lens.progress import progress_bar

# causes before what they bring about: the first that fails is the one to mend
QUESTIONS: tuple[Question, ...] = (
    *reading.QUESTIONS,
    *padding.QUESTIONS,
    *cached.QUESTIONS,
    *writing.QUESTIONS,
    *answers.QUESTIONS,
    *hygiene.QUESTIONS,
    *machine.QUESTIONS,
)


def examine(
    source: Lens | str | Path,
    *,
    plain: Any = None,
    fault: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
) -> Examination:
    """Compare what this program does with a model to plain Hugging Face on the same weights.

    Args:
        source: a lens, or what `load_lens` takes by name.
        plain: a plain Hugging Face model of the same weights; made from the lens when None,
            which a `HookedTransformer` does not allow.
        fault: ``pad``, ``bos``, ``mask``, ``layer``, ``sign`` or ``cache``: plant it, to see that
            it is named.
        device, dtype: for a model that is loaded by name.

    Raises:
        ModelError: when the model cannot be loaded, or there is nothing to compare with.
        ConfigError: when the fault is unknown.
    """
    check_known(fault)
    if isinstance(source, Lens):
        return _examined(source, plain, fault)
    room = _room(str(source), device, dtype)
    if room is not None and room.passed is False:
        facts = {"device": str(device or "cpu"), "dtype": dtype, **versions()}
        return Examination(model=str(source), facts=facts, fault=fault, checks=(room,))
    return _examined(load_lens(source, device=device, dtype=dtype), plain, fault)


def _room(source: str, device: str | None, dtype: str) -> Check | None:
    """Whether the weights will fit the memory; None where that cannot be told before loading."""
    try:
        size, _ = size_by_name(source)
        room = machine.room_for(size, getattr(torch, dtype), torch.device(device or "cpu"))
    except (ModelError, AttributeError, RuntimeError, AssertionError):
        return None  # loading says what is wrong
    return check_of(machine.MEMORY, room)


def _examined(lens: Lens, plain: Any, fault: str | None) -> Examination:
    plain = plain_model(lens) if plain is None else plain
    checks = []
    with (
        planted(lens, fault) as examined,
        progress_bar(len(QUESTIONS), "examining", unit="check") as bar,
    ):
        subject = Subject(examined, lens, plain)
        for question in QUESTIONS:
            checks.append(answered(question, subject))
            bar.update()
    facts = {
        "device": str(lens.device),
        "dtype": str(lens.dtype).removeprefix("torch."),
        "backend": lens.backend,
        **versions(),
    }
    return Examination(model=lens.name, facts=facts, fault=fault, checks=tuple(checks))
