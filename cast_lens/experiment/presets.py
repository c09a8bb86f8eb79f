"""Settings under a name: TOML files in the package."""

from __future__ import annotations

import difflib
from pathlib import Path

from cast_lens.errors import ConfigError
from cast_lens.tasks.reader import BUNDLED

FOLDER = BUNDLED / "presets"


def preset_names() -> list[str]:
    """All presets, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def preset_file(name: str) -> Path:
    """The file of a preset; its first lines say what it is for.

    Raises:
        ConfigError: naming the nearest one, when there is none of that name.
    """
    known = preset_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise ConfigError(
            f"No preset is named {name!r}.",
            f"Did you mean {near[0]!r}? Known: {', '.join(known)}.",
        )
    return FOLDER / f"{name}.toml"
