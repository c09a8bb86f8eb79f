"""How all figures look, and how they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from cast_lens.errors import FigureError
from cast_lens.files import whole_file, write_text

INK, FAINT, ACCENT = "#1b2a41", "#9aa5b1", "#c8553d"
# told apart in grey too: each next one is lighter
COLOURS = ("#1b2a41", "#c8553d", "#2a7f9e", "#e0a030", "#7fb069", "#b8a1d9")
WIDTH, HEIGHT = 1000, 640  # pixels of an image, before scaling
IMAGES = {".png", ".svg", ".pdf"}


def styled(figure: go.Figure, title: str, subtitle: str = "", **layout: Any) -> go.Figure:
    """Give a figure the house's fonts, colours and margins.

    Args:
        figure: changed in place.
        title: what is seen, in one line.
        subtitle: what it was measured on.
        layout: further plotly layout settings.
    """
    head = f"<b>{title}</b>" + (f"<br><sup>{subtitle}</sup>" if subtitle else "")
    figure.update_layout(
        title={"text": head, "x": 0.01, "xanchor": "left", "font": {"size": 17}},
        font={"family": "Inter, Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        template="plotly_white",
        colorway=COLOURS,
        margin={"l": 70, "r": 30, "t": 90, "b": 60},
        legend={"orientation": "h", "y": -0.16, "x": 0},
        hoverlabel={"align": "left"},
        **layout,
    )
    return figure


def save_figure(figure: go.Figure, path: Path) -> None:
    """Write a figure as HTML that needs no network, or as PNG, SVG or PDF.

    Raises:
        FigureError: when the ending is unknown, or no Chrome is there to draw an image.
    """
    if path.suffix == ".html":
        write_text(path, figure.to_html(include_plotlyjs=True))
        return
    if path.suffix not in IMAGES:
        raise FigureError(
            f"{path}: figures are not written as {path.suffix or 'files without an ending'}.",
            f"End the name in .html, {', '.join(sorted(IMAGES))}.",
        )
    try:
        height = figure.layout.height or HEIGHT
        drawn = figure.to_image(format=path.suffix[1:], width=WIDTH, height=height, scale=2)
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise FigureError(
            f"{path}: the image could not be drawn ({reason}).",
            "Images need Chrome or Chromium; write .html instead, which needs neither.",
        ) from error
    with whole_file(path) as temporary:
        temporary.write_bytes(drawn)
