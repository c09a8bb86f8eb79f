"""`cast-lens report`: a run as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cast_lens.cli.output import AsJson, print_json, print_line
from cast_lens.errors import FigureError

EXAMPLES = "Examples: cast-lens report runs/tour | cast-lens report runs/tour --out tour.html"
Folder = Annotated[Path, typer.Argument(help="Run folder.")]


def report(
    folder: Folder,
    out: Annotated[Path | None, typer.Option(help="File to write [RUN/report.html].")] = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page that opens offline: question, table, claims, figures, items, cost."""
    from cast_lens.files import write_text
    from cast_lens.report.page import report_page

    page = report_page(folder)
    place = out or folder / "report.html"
    try:
        write_text(place, page)
    except OSError as error:
        raise FigureError(f"{place}: cannot be written ({error.strerror or error}).") from error
    if as_json:
        print_json({"report": str(place), "bytes": len(page.encode())})
    else:
        print_line(f"Report: {place} ({len(page.encode()) / 1e6:.1f} MB)")
