"""What the commands print: tables for people, JSON for programs, notices on standard error."""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from cast_lens.visible import escaped, escaped_json

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
# a table cut to 80 columns in a log or a pipe would lose its numbers
WIDTH = None if sys.stdout.isatty() else 160


def to_terminal(text: str) -> None:
    """One notice on standard error, word for word."""
    console = Console(stderr=True, soft_wrap=True)
    console.print(escaped(text), markup=False, highlight=False, emoji=False)


class _Harmless(logging.Formatter):
    """Lines of a log; see `escaped`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return escaped(super().format(record))


def log_to_stderr() -> None:
    """Show what a long command is doing, with the time of day."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Harmless("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("cast_lens")
    log.handlers[:] = [handler]  # of a command before, standard error may be closed
    log.setLevel(logging.INFO)


def print_json(value: Any) -> None:
    """JSON on standard output."""
    sys.stdout.write(escaped_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n")


def print_table(table: Table) -> None:
    """A table on standard output."""
    Console(width=WIDTH).print(table)


def print_line(text: str = "") -> None:
    """A line on standard output, word for word."""
    console = Console(width=WIDTH, soft_wrap=True)
    console.print(escaped(text), markup=False, highlight=False, emoji=False)


class _WordForWord(Table):
    """A table whose cells are shown as they are: no markup in them is obeyed."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; see `rich.table.Table.add_row`."""
        shown = (Text(escaped(cell)) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*shown, **options)


def plain_table(title: str, *columns: str) -> Table:
    """An open table, numbers to be right-aligned by naming a column with a leading ``>``."""
    heading = Text(escaped(title), style="table.title")
    table = _WordForWord(title=heading, title_justify="left", box=None, pad_edge=False)
    table.header_style = "bold"
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left")
    return table
