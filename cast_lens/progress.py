"""Progress bars with time left, on a terminal only."""

from __future__ import annotations

from typing import Any

from tqdm.auto import tqdm

from cast_lens.interrupts import heed


class _Heeding(tqdm):  # type: ignore[type-arg] # it takes none at run time
    """A bar between whose steps a Ctrl-C is heard that a library swallowed."""

    def update(self, n: float | None = 1) -> bool | None:
        heed()
        return super().update(n)


def progress_bar(total: int, description: str, unit: str = "tok") -> tqdm[Any]:
    """A bar over `total` units that vanishes when done and stays silent off a terminal."""
    return _Heeding(
        total=total, desc=description, unit=unit, unit_scale=True, leave=False, disable=None
    )
