"""What the commands print: tables for people, JSON for programs, notices on standard error."""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
# a table cut to 80 columns in a log or a pipe would lose its numbers
WIDTH = None if sys.stdout.isatty() else 160


def to_terminal(text: str) -> None:
    """One notice on standard error, word for word."""
    Console(stderr=True, soft_wrap=True).print(text, markup=False, highlight=False)


def log_to_stderr() -> None:
    """Show what a long command is doing, with the time of day."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("cast_lens")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def print_json(value: Any) -> None:
    """JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_table(table: Table) -> None:
    """A table on standard output."""
    Console(width=WIDTH).print(table)


def print_line(text: str = "") -> None:
    """A line on standard output, word for word."""
    Console(width=WIDTH, soft_wrap=True).print(text, markup=False, highlight=False)


def p_value(p: float) -> str:
    """A p value with three digits, never as 0."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def plain_table(title: str, *columns: str) -> Table:
    """An open table, numbers to be right-aligned by naming a column with a leading ``>``."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left")
    return table
