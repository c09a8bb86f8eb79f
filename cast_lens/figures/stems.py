"""Names of files out of names of tasks."""

from __future__ import annotations

from cast_lens.experiment.record import CastResult


def stem_of(result: CastResult, target: str) -> str:
    """Part of a file name that no two targets of a run share, whatever they are called."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in target.lower())
    return f"{result.config.targets.index(target) + 1}_{kept}"
