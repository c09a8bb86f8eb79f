"""What the machine offers: versions, memory, disk."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, requires, version

import torch

from cast_lens.doctor.record import Measured, Question
from cast_lens.doctor.subject import Subject
from cast_lens.model.catalog import cache_root
from cast_lens.model.memory import SHARE, batch_bytes, free_memory
from cast_lens.model.size import ModelSize, size_of

PACKAGE = "cast-lens"


def out_of_range() -> list[str]:
    """Installed packages whose version lies outside what this one asks for."""
    from packaging.requirements import Requirement

    wrong = []
    for line in requires(PACKAGE) or []:
        asked = Requirement(line)
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(asked.name)
        except PackageNotFoundError:
            found = ""
        if not found or not asked.specifier.contains(found, prereleases=True):
            wrong.append(f"{asked.name} {found or 'missing'}, not {asked.specifier}")
    return wrong


def _versions(_subject: Subject) -> Measured:
    wrong = out_of_range()
    return Measured(len(wrong), 0, "; ".join(wrong) or "all in the supported range")


def _free(device: torch.device) -> int:
    """Bytes of memory that are free on a device."""
    return int(free_memory(device) / SHARE)


def room_for(size: ModelSize, dtype: torch.dtype, device: torch.device) -> Measured:
    """How much of the free memory a model's weights would take, before it is loaded."""
    weights, free = size.parameters * dtype.itemsize, _free(device)
    return Measured(weights / free, 1, f"weights {weights / 1e9:.2f} GB, free {free / 1e9:.2f} GB")


def _memory(subject: Subject) -> Measured:
    lens = subject.sound
    batch = batch_bytes(lens.model.cfg, lens.budget, lens.dtype.itemsize)
    weights = size_of(lens).parameters * lens.dtype.itemsize
    free = _free(lens.device)
    says = f"a batch at most {batch / 1e9:.2f} GB, free {free / 1e9:.2f} GB"
    return Measured(batch / free, 1, f"weights hold {weights / 1e9:.2f} GB, {says}")


def _disk(subject: Subject) -> Measured:
    lens, place = subject.sound, cache_root().absolute()
    while not place.is_dir():
        place = place.parent
    weights = size_of(lens).parameters * lens.dtype.itemsize
    free = shutil.disk_usage(place).free
    says = f"the model takes {weights / 1e9:.2f} GB, free for the cache {free / 1e9:.2f} GB"
    return Measured(weights / max(1, free), 1, says)


MEMORY = Question(
    "memory", "of what is free", "Take a smaller model, half precision, or memory=...", _memory
)
QUESTIONS = (
    Question("versions", "packages", "Install what the package asks for.", _versions),
    MEMORY,
    Question("disk", "of what is free", "Free some, or move CAST_LENS_CACHE.", _disk),
)
