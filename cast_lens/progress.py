"""Time left: a bar on a terminal, elsewhere now and then a line of the log."""

from __future__ import annotations

import logging
import time
from typing import Any, Self

from tqdm.auto import tqdm

from cast_lens.interrupts import heed

log = logging.getLogger("cast_lens")
QUIET = 30.0  # seconds between two lines of the log


class _Heeding(tqdm):  # type: ignore[type-arg] # it takes none at run time
    """A bar between whose steps a Ctrl-C is heard that a library swallowed."""

    def update(self, n: float | None = 1) -> bool | None:
        heed()
        return super().update(n)


class LoggedProgress:
    """Lines of the log with how much is done and how long the rest will take; heeds Ctrl-C too."""

    def __init__(self, total: int, description: str, unit: str) -> None:
        self._total, self._description, self._unit = total, description, unit
        self._done = 0
        self._start = self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, n: int = 1) -> None:
        """Count, and tell when nothing was told for a while."""
        heed()
        self._done += n
        now = time.monotonic()
        if now - self._told >= QUIET:
            self._told = now
            left = (now - self._start) / max(1, self._done) * (self._total - self._done)
            log.info(
                "%s: %s of %s %s, %s left",
                self._description,
                f"{self._done:,}",
                f"{self._total:,}",
                self._unit,
                tqdm.format_interval(left),
            )


def progress_bar(total: int, description: str, unit: str = "tok") -> tqdm[Any] | LoggedProgress:
    """Progress over `total` units: a bar that vanishes when done, or lines off a terminal."""
    bar = _Heeding(
        total=total, desc=description, unit=unit, unit_scale=True, leave=False, disable=None
    )
    return LoggedProgress(total, description, unit) if bar.disable else bar
