"""`cast-lens figures`: everything a run folder allows to draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cast_lens.cli.output import AsJson, print_json, print_line

EXAMPLES = "Examples: cast-lens figures runs/tour | cast-lens figures runs/tour --out paper/figures"
Folder = Annotated[Path, typer.Argument(help="Run folder.")]


def figures(
    folder: Folder,
    out: Annotated[Path | None, typer.Option(help="Folder to write to [RUN/figures].")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a run: each figure as an offline page, PNG, SVG, CSV of what is drawn, and its words.

    Images take a Chrome or Chromium; without one all the rest is written.
    """
    from cast_lens.figures.bundle import write_bundles
    from cast_lens.figures.of_run import run_exhibits
    from cast_lens.figures.style import headings

    exhibits = run_exhibits(folder)
    place = out or folder / "figures"
    notes = write_bundles(exhibits, place)
    titles = {one.stem: headings(one.figure)[0] for one in exhibits}
    if as_json:
        print_json({"folder": str(place), "figures": titles, "notes": list(notes)})
        return
    for stem, title in titles.items():
        print_line(f"{stem}: {title}")
    print_figures(place, notes)


def print_figures(folder: Path, notes: Sequence[str]) -> None:
    """Say where figures were written, and which were not."""
    for note in notes:
        print_line(f"note: {note}")
    print_line(f"Figures: {folder}")
