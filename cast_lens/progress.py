"""Progress bars with time left, on a terminal only."""

from __future__ import annotations

from typing import Any

from tqdm.auto import tqdm


def progress_bar(total: int, description: str, unit: str = "tok") -> tqdm[Any]:
    """A bar over `total` units that vanishes when done and stays silent off a terminal."""
    return tqdm(
        total=total, desc=description, unit=unit, unit_scale=True, leave=False, disable=None
    )
