"""Figures as files: each a page, images, its numbers and its words, under one stem."""

from __future__ import annotations

import csv
import html
import io
import re
from asyncio import CancelledError
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import plotly.graph_objects as go

from cast_lens.errors import FigureError
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import HEIGHT, TOP, WIDTH, head_height, headings
from cast_lens.files import scratch_folder, whole_file, write_text
from cast_lens.visible import visible

SCRIPT = "plotly.min.js"
IMAGES = {"png": b"IEND\xaeB`\x82", "svg": b"</svg>"}  # and how a whole one ends
# plotly.js 3.7 puts a button beside each figure that sends its data to a server: not here
CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
}
NOWHERE = "http://127.0.0.1:9"  # the port of what is thrown away
NO_CHROME = "No Chrome or Chromium was found: PNG and SVG were left out, all else was written."
ENDED = "Chrome ended while it drew"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 1rem auto; max-width: 66rem; padding: 0 1rem; color: #1b2a41; line-height: 1.5;
  font-family: Inter, Helvetica, Arial, sans-serif; }}
h1 {{ font-size: 1.2rem; margin-bottom: 0; }}
figure {{ margin: 0; overflow-x: auto; }}
figure > div {{ min-width: 36rem; }}
</style>
<script src="{script}"></script>
</head>
<body>
<h1>{title}</h1>
<p>{subtitle}</p>
<figure>
<div id="{stem}" role="group" aria-label="{alt}"></div>
<figcaption>{caption}</figcaption>
</figure>
<script>
const heads = {heads};
Plotly.newPlot("{stem}", {spec}).then((plot) => {{
  // its words are in the alt text: a voice would read every tick
  plot.querySelectorAll(".main-svg").forEach((svg) => svg.setAttribute("aria-hidden", "true"));
  plot.on("plotly_animatingframe", ({{ name }}) => {{
    const lines = document.querySelectorAll("h1, h1 + p");
    heads[name].forEach((text, i) => {{ lines[i].textContent = text; }});
  }});
}});
</script>
</body>
</html>
"""


def write_bundles(
    exhibits: Sequence[Exhibit], folder: Path, *, png_scale: float = 2
) -> tuple[str, ...]:
    """Write exhibits to a folder, for each STEM.html, .png, .svg, .csv and .txt.

    The pages share one plotly.js beside them and need no network. The CSV file holds what is
    drawn, the text file title, caption and alt text. The same exhibits are the same bytes, images
    as long as Chrome and its fonts stay the same: the SVG's random ids are replaced.

    Args:
        exhibits: of different stems.
        folder: is made; files of the same names are replaced, each whole or not at all.
        png_scale: pixels of a PNG for each of the figure's.

    Returns:
        What could not be written, one line each: without Chrome, the images.

    Raises:
        FigureError: when the folder cannot be written.
        ValueError: when two exhibits have one stem.
    """
    from plotly.offline import get_plotlyjs

    stems = [one.stem for one in exhibits]
    if len(set(stems)) < len(stems):
        raise ValueError(f"two figures of one name among {', '.join(stems)}")
    try:
        write_text(folder / SCRIPT, get_plotlyjs())
        for one in exhibits:
            write_text(folder / f"{one.stem}.html", _page(one))
            write_text(folder / f"{one.stem}.csv", csv_of(one))
            write_text(folder / f"{one.stem}.txt", _words(one))
        return tuple(_write_images(exhibits, folder, png_scale))
    except OSError as error:
        raise FigureError(f"{folder}: cannot be written ({error.strerror or error}).") from error


def csv_of(exhibit: Exhibit) -> str:
    """What is drawn, with a header; an empty field where there is no value."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(exhibit.rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(exhibit.rows)
    return text.getvalue()


def spec_of(exhibit: Exhibit) -> str:
    """The figure as JSON for ``Plotly.newPlot``, safe inside a script element.

    Titles are left out: in a page they stand above the figure, where they can break into lines.
    """
    from plotly.io.json import to_json_plotly

    figure = _untitled(exhibit.figure).to_plotly_json()
    frames = {"frames": figure["frames"]} if figure.get("frames") else {}
    spec = {"data": figure["data"], "layout": figure["layout"], "config": CONFIG, **frames}
    text: str = to_json_plotly(spec)
    return text


def _untitled(figure: go.Figure) -> go.Figure:
    bare = _copy(figure)
    spared = head_height(figure)
    top, height = figure.layout.margin.t or TOP, figure.layout.height or HEIGHT
    bare.update_layout(title=None, margin_t=top - spared, height=height - spared)
    for frame in bare.frames:
        frame.layout.title = None
    return bare


def _copy(figure: go.Figure) -> go.Figure:
    """The figure with names for its traces, which plotly.js else draws at random."""
    copy = go.Figure(figure)
    for i, trace in enumerate(copy.data):
        trace.uid = f"trace{i}"
    return copy


def _page(exhibit: Exhibit) -> str:
    from plotly.io.json import to_json_plotly

    title, subtitle = headings(exhibit.figure)
    heads = {frame.name: list(map(visible, headings(frame))) for frame in exhibit.figure.frames}
    words = {
        "title": title,
        "subtitle": subtitle,
        "alt": exhibit.alt,
        "caption": exhibit.caption,
    }
    told = {name: html.escape(visible(text)) for name, text in words.items()}
    told |= {"spec": spec_of(exhibit), "heads": to_json_plotly(heads)}
    return PAGE.format(stem=exhibit.stem, script=SCRIPT, **told)


def _words(exhibit: Exhibit) -> str:
    title, subtitle = headings(exhibit.figure)
    parts = (title, subtitle, f"Caption: {exhibit.caption}", f"Alt text: {exhibit.alt}")
    return "\n\n".join(visible(part) for part in parts if part) + "\n"


def _write_images(exhibits: Sequence[Exhibit], folder: Path, png_scale: float) -> Iterator[str]:
    """Draw all images in one Chrome; yields what could not be drawn."""
    from kaleido.errors import ChromeNotFoundError

    with scratch_folder("cast-lens-drawing", _room()) as place:
        try:
            failed = _draw(exhibits, place, png_scale)
        except ChromeNotFoundError:
            yield NO_CHROME
            return
        for one in exhibits:
            for kind, end in IMAGES.items():
                drawn = place / f"{one.stem}.{kind}"
                if not drawn.exists() or not drawn.read_bytes().rstrip().endswith(end):
                    yield f"{drawn.name} could not be drawn ({failed or 'Chrome gave nothing'})."
                    continue
                with whole_file(folder / drawn.name) as temporary:
                    temporary.write_bytes(_settled(drawn.read_bytes(), kind))


def _room() -> Path:
    """Where Chrome can keep its page and profile: one that came by snap sees no temporary file."""
    from choreographer.browsers.chromium import Chromium

    chrome = Chromium.find_browser(skip_local=False) or ""
    return Path.home() if "snap" in chrome else Path(gettempdir())


def _draw(exhibits: Sequence[Exhibit], place: Path, png_scale: float) -> str:
    """Draw into a folder; returns the first line of the first thing that went wrong."""
    from choreographer.errors import BrowserClosedError, BrowserFailedError, ChannelClosedError
    from kaleido import PageGenerator, write_fig_from_object_sync

    asked: list[dict[str, Any]] = [
        {
            "fig": _copy(one.figure),
            "path": place / f"{one.stem}.{kind}",
            "opts": {
                "format": kind,
                "width": one.figure.layout.width or WIDTH,
                "height": one.figure.layout.height or HEIGHT,
                "scale": png_scale if kind == "png" else 1,
            },
        }
        for one in exhibits
        for kind in IMAGES
    ]
    page = place / "page.html"
    # else the page asks the network for MathJax, and Chrome for updates, accounts and a start page
    page.write_text(PageGenerator(mathjax=False).generate_index(), encoding="utf-8")
    own = {"page_generator": page, "tmp_dir": place, "proxy_server": NOWHERE}
    try:
        errors = write_fig_from_object_sync(asked, kopts=own)
    except (BrowserClosedError, BrowserFailedError, ChannelClosedError, CancelledError):
        return ENDED
    return next((str(error).strip().splitlines()[0] for error in errors or () if str(error)), "")


def _settled(image: bytes, kind: str) -> bytes:
    """An SVG image with one fixed word in place of the random one in all its ids."""
    found = re.search(rb'id="defs-([0-9a-f]+)"', image) if kind == "svg" else None
    return image.replace(found[1], b"figure") if found else image
