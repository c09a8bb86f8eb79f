"""A figure with all that goes with it: what it shows in words, and the numbers it draws."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cast_lens.figures.style import plain

Value = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One figure, ready to be kept.

    Attributes:
        stem: name of its files: lower-case letters, digits and underscores.
        figure: the plotly figure; its title says the finding.
        caption: what is drawn, how many items (n), what interval, which placebo.
        alt: what a person who cannot see it must know, in one or two sentences.
        rows: what is drawn, one mapping a row, all with the same keys; the CSV file.
    """

    stem: str
    figure: go.Figure
    caption: str
    alt: str
    rows: Sequence[Mapping[str, Value]]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_]+", self.stem):
            raise ValueError(f"{self.stem!r} is no file stem of lower-case letters and digits")
        if not (self.caption and self.alt and self.rows):
            raise ValueError(f"{self.stem}: a figure needs its caption, alt text and rows")
        if any(row.keys() != self.rows[0].keys() for row in self.rows):
            raise ValueError(f"{self.stem}: rows differ in their columns")

    def _ipython_display_(self) -> None:
        """In a notebook: the figure, its caption below."""
        from IPython.display import HTML, display

        display(self.figure)
        display(HTML(f"<p>{plain(self.caption)}</p>"))
