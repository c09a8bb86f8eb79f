"""`cast-lens notebooks`: copies the notebooks that came with the package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cast_lens.cli.output import print_line
from cast_lens.errors import RunError
from cast_lens.files import whole_file

EXAMPLES = "Example: cast-lens notebooks lessons && jupyter lab lessons"
# beside the package in a checkout; the wheel lays them below the environment's share folder
CHECKOUT = Path(__file__).parents[2] / "notebooks"
INSTALLED = Path(sys.prefix) / "share" / "cast_lens" / "notebooks"


def notebooks(
    folder: Annotated[Path, typer.Argument(help="Where to put them; made if it is not there.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace notebooks of the same name.")
    ] = False,
) -> None:
    """Copy the notebooks, to be opened with `jupyter lab`."""
    found = packaged()
    taken = [folder / one.name for one in found if (folder / one.name).exists()]
    if taken and not overwrite:
        raise RunError(f"{taken[0]}: is there already.", "Name another folder, or --overwrite.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in found:
            with whole_file(folder / one.name) as temporary:
                temporary.write_bytes(one.read_bytes())
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror or error}).") from error
    for one in found:
        print_line(str(folder / one.name))


def packaged() -> list[Path]:
    """The notebooks, by name.

    Raises:
        RunError: when the installation holds none.
    """
    for place in (CHECKOUT, INSTALLED):
        if found := sorted(place.glob("*.ipynb")):
            return found
    raise RunError(f"No notebooks in {INSTALLED}.", "Install cast-lens again.")
