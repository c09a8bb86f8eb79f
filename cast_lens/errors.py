"""Errors a person can act on: what was given, what was expected, how to mend it."""

from __future__ import annotations


class CastLensError(Exception):
    """Any refusal by cast_lens.

    The command line prints it as one line and exits with status 2; it never shows a traceback.

    Args:
        problem: what was given and what was expected, in one sentence.
        remedy: how to mend it, in one sentence; may be empty.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(" ".join(f"{problem} {remedy}".split()))


class TaskError(CastLensError):
    """A task folder or item is not usable."""


class PromptError(CastLensError):
    """A prompt cannot be built or does not fit the model."""


class ModelError(CastLensError):
    """A model cannot be found, fetched, read or used."""


class VectorError(CastLensError):
    """A steering vector is malformed or belongs to another model."""


class SelectionError(CastLensError):
    """A choice of examples was asked that the pool or the settings do not allow."""


class HookError(CastLensError):
    """A hook did not do what it was placed for."""


class ConfigError(CastLensError):
    """A setting is unknown or out of range."""


class RunError(CastLensError):
    """A run folder cannot be written or read."""


class FigureError(CastLensError):
    """A figure cannot be drawn or written."""
