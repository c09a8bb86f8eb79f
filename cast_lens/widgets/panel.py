"""One panel: a finding, a plot or a table, small print, and how to get the same elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from cast_lens.widgets import markup


class Panel:
    """A box of the page.

    Args:
        name: CSS class of the box, for example ``cast-curve``.
        empty: what its title says before anything is known.
        width: of the box, in CSS.
    """

    def __init__(self, name: str, empty: str, width: str = "100%") -> None:
        import ipywidgets as widgets

        from cast_lens.widgets.plot import Plot

        self._title = widgets.HTML(markup.heading(empty))
        self._note = widgets.HTML()
        self._body = widgets.HTML()
        self._same = widgets.HTML()
        self.plot = Plot(layout=widgets.Layout(width="100%", display="none"))
        layout = widgets.Layout(
            width=width, padding="8px 12px", border="1px solid #dfe3e8", overflow="hidden"
        )
        parts = [self._title, self.plot, self._body, self._note, self._same]
        self.box = widgets.VBox(parts, layout=layout)
        self.box.add_class(name)

    def say(
        self,
        title: str,
        *,
        body: str = "",
        note: str = "",
        same: tuple[str, str] | None = None,
    ) -> None:
        """Change the words; `body` is HTML, `same` a command and Python."""
        self._title.value = markup.heading(title)
        self._body.value = body
        self._note.value = markup.note(note) if note else ""
        if same is not None:
            self._same.value = markup.same(*same)

    def draw(self, figure: go.Figure) -> None:
        """Show a figure in place of the last."""
        self.plot.draw(figure)
        self.plot.layout.display = ""

    def on_click(self, told: Callable[[Any, Any], None]) -> None:
        """Be told x and y of every point that is clicked."""
        self.plot.observe(lambda change: told(change.new["x"], change.new["y"]), "clicked")
