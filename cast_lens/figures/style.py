"""How all figures look."""

from __future__ import annotations

import html
import re
import textwrap
from typing import Any

import plotly.graph_objects as go

from cast_lens.visible import visible

INK, FAINT, ACCENT = "#1b2a41", "#9aa5b1", "#c8553d"
# told apart in grey too: each next one is lighter
COLOURS = ("#1b2a41", "#c8553d", "#2a7f9e", "#e0a030", "#7fb069", "#b8a1d9")
DASHES = ("solid", "dash", "dot", "dashdot")
WIDTH, HEIGHT = 1000, 640  # pixels of an image, before scaling
TITLE_LINE, SUBTITLE_LINE = 92, 124  # characters that fit the width in a wide fallback font
TOP, LINE, SUBTITLE = 46, 23, 17  # pixels: above the plot, and of each line of its title

INTERVAL = re.compile(r"\S+ \[[^\[\] ]+, [^\[\] ]+\]")


def styled(figure: go.Figure, title: str, subtitle: str = "", **layout: Any) -> go.Figure:
    """Give a figure the house's fonts, colours and margins; long titles are broken into lines.

    Args:
        figure: changed in place.
        title: what is seen; names out of the user's data go through `plain` first.
        subtitle: what it was measured on, likewise.
        layout: further plotly layout settings.
    """
    heads = _lines(title, TITLE_LINE) or [""]
    below = _lines(subtitle, SUBTITLE_LINE)
    figure.update_layout(
        title={
            "text": f"<b>{'<br>'.join(heads)}</b>",
            "subtitle": {"text": "<br>".join(below), "font": {"size": 13}},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            # plotly measures from the last line of a title
            "pad": {"l": 16, "t": 16 + 22 * (len(heads) - 1)},
            "font": {"size": 17},
        },
        font={"family": "Inter, Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        template="plotly_white",
        colorway=COLOURS,
        margin={"l": 70, "r": 30, "t": TOP + LINE * len(heads) + SUBTITLE * len(below), "b": 60},
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        hoverlabel={"align": "left"},
        **layout,
    )
    return figure


def _lines(text: str, width: int) -> list[str]:
    """Lines of at most so many characters, about equally long.

    A number and its %, a value and its interval stay together.
    """
    whole = INTERVAL.sub(lambda found: found[0].replace(" ", "\u00a0"), text)

    def wrapped(width: int) -> list[str]:
        return textwrap.wrap(whole.replace(" %", "\u00a0%"), width, break_on_hyphens=False)

    lines = wrapped(width)
    while len(lines) > 1 and len(shorter := wrapped(width - 1)) == len(lines):
        lines, width = shorter, width - 1
    return lines


def head_height(figure: go.Figure) -> int:
    """Pixels that the title of a styled figure takes."""
    title = figure.layout.title
    lines, below = (
        text.count("<br>") + 1 if text else 0 for text in (title.text, title.subtitle.text)
    )
    return LINE * lines + SUBTITLE * below


def headings(figure: go.Figure) -> tuple[str, str]:
    """Title and subtitle of a styled figure, as text without markup."""
    title = figure.layout.title
    return _bare(title.text or ""), _bare(title.subtitle.text or "")


def _bare(markup: str) -> str:
    spaced = re.sub("<br>|\u00a0", " ", markup)
    return html.unescape(re.sub(r"<[^<>]*>", "", spaced)).strip()


def plain(text: str) -> str:
    """The user's text as a figure shows it word for word: no markup in it is obeyed."""
    return html.escape(visible(text), quote=False)
