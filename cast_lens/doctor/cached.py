"""The key-value cache: reading in pieces is reading at once, and a copy is a copy."""

from __future__ import annotations

import torch

from cast_lens.doctor.plain import relative
from cast_lens.doctor.reading import SHARE
from cast_lens.doctor.record import Measured, Question
from cast_lens.doctor.subject import Subject
from cast_lens.model.forward import KeyValues
from cast_lens.model.tokens import pad_rows


def _pieces(subject: Subject) -> Measured:
    lens, offs = subject.lens, []
    for row, one in zip(subject.rows[:2], subject.passes[:2], strict=True):
        read = KeyValues(lens, 1)
        steps = [read.read_for_next(pad_rows([(token,)], lens.pad_id)) for token in row]
        offs.append(relative(torch.cat(steps), one.logits))
    return Measured(max(offs), subject.tolerance, "token by token against whole")


def _copies(subject: Subject) -> Measured:
    """Two copies of one cache, and the cache itself, each read on."""
    lens, offs = subject.lens, []
    for row, one in zip(subject.rows, subject.passes, strict=True):
        read = KeyValues(lens, 1)
        read.prefill(pad_rows([row[:-1]], lens.pad_id))
        twins = [read.select(torch.tensor([0])), read.select(torch.tensor([0]))]
        for cache in (*twins, read):
            ends = cache.read(pad_rows([row[-1:]], lens.pad_id))[:, -1]
            offs.append(relative(ends[0], one.logits[-1]))
    return Measured(max(offs), subject.tolerance, "two copies of a cache, then the cache itself")


QUESTIONS = (
    Question("cache, in pieces", SHARE, "The cache is wrong for this architecture.", _pieces),
    Question("cache, copies", SHARE, "A cache is reused in place: reports are welcome.", _copies),
)
