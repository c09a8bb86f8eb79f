"""Laws of figures as files: whole, offline, the same twice, and deaf to what texts say."""

from __future__ import annotations

import csv
import json
import re
import struct
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from kaleido.errors import ChromeNotFoundError

from cast_lens.analysis.selection.choice import select_examples
from cast_lens.errors import FigureError
from cast_lens.figures import bundle
from cast_lens.figures.bundle import IMAGES, NO_CHROME, SCRIPT, csv_of, spec_of, write_bundles
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.selection import selection_map
from cast_lens.figures.style import headings, plain, styled
from cast_lens.visible import visible

EVIL = '</title></script><script>alert("x")</script> **bold** \x1b[31mred\x1b[0m & \u202egnp'


def exhibit(stem: str = "dots", name: str = EVIL) -> Exhibit:
    figure = go.Figure()
    figure.add_scatter(x=[1.5, 2.5], y=[plain(name), "b"], name=plain(name))
    styled(figure, plain(f"Dots of {name}"), plain(name))
    rows = [{"name": name, "x": 1.5, "low": None}, {"name": "b", "x": 2.5, "low": 0.25}]
    return Exhibit(stem, figure, f"Caption of {name}.", f"Alt of {name}.", rows)


@pytest.fixture
def without_chrome(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> str:
        raise ChromeNotFoundError

    monkeypatch.setattr(bundle, "_draw", none)


class Tags(HTMLParser):
    """What a browser would see as elements and as text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.alts: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.alts += [value or "" for name, value in attrs if name == "aria-label"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.usefixtures("without_chrome")
def test_a_page_obeys_no_text_and_asks_nothing_but_the_script_beside_it(tmp_path: Path) -> None:
    write_bundles([exhibit()], tmp_path)
    page = Tags((tmp_path / "dots.html").read_text())
    assert page.links == [SCRIPT]
    assert (tmp_path / SCRIPT).stat().st_size > 1_000_000
    assert page.tags.count("script") == 2
    assert "b" not in page.tags
    assert "\x1b" not in page.text
    shown = visible(EVIL)
    assert page.alts == [f"Alt of {shown}."]
    assert f"Caption of {shown}." in page.text
    assert page.text.count(f"Dots of {shown}") == 2


@pytest.mark.usefixtures("without_chrome")
def test_without_chrome_all_but_images_is_written_and_one_line_says_so(tmp_path: Path) -> None:
    assert write_bundles([exhibit("one"), exhibit("two")], tmp_path) == (NO_CHROME,)
    endings = ("html", "csv", "txt")
    expected = {SCRIPT, *(f"{stem}.{end}" for stem in ("one", "two") for end in endings)}
    assert {path.name for path in tmp_path.iterdir()} == expected


@pytest.mark.usefixtures("without_chrome")
def test_the_same_exhibits_are_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_bundles([exhibit()], tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_images_are_drawn_in_one_chrome_and_are_the_same_bytes_twice(tmp_path: Path) -> None:
    notes = [write_bundles([exhibit()], tmp_path / to, png_scale=1.5) for to in ("a", "b")]
    if notes[0] == (NO_CHROME,):
        pytest.skip("no Chrome or Chromium is installed")
    assert notes == [(), ()]
    first, second = ((tmp_path / folder / "dots.png").read_bytes() for folder in ("a", "b"))
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert struct.unpack(">II", first[16:24]) == (1500, 960)
    first, second = ((tmp_path / folder / "dots.svg").read_bytes() for folder in ("a", "b"))
    assert first == second
    drawn = ET.fromstring(first)
    words = "".join(drawn.itertext())
    assert "<script>alert" in words
    assert not [e for e in drawn.iter() if e.tag.endswith("script")]


def test_one_figure_that_cannot_be_drawn_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(exhibits: list[Exhibit], place: Path, _: float) -> str:
        for kind, end in IMAGES.items():
            (place / f"{exhibits[0].stem}.{kind}").write_bytes(b"drawn" + end)
            (place / f"{exhibits[1].stem}.{kind}").write_bytes(b"half")
        return "no WebGL"

    monkeypatch.setattr(bundle, "_draw", some)
    notes = write_bundles([exhibit("one"), exhibit("two")], tmp_path)
    assert notes == tuple(f"two.{k} could not be drawn (no WebGL)." for k in ("png", "svg"))
    assert (tmp_path / "one.png").read_bytes() == b"drawn" + IMAGES["png"]
    assert not (tmp_path / "two.png").exists()


def test_the_table_reads_back_as_what_is_drawn() -> None:
    rows = list(csv.DictReader(csv_of(exhibit()).splitlines()))
    assert [(row["x"], row["low"]) for row in rows] == [("1.5", ""), ("2.5", "0.25")]
    assert rows[0]["name"] == EVIL


def test_the_figure_in_a_page_has_no_title_and_cannot_leave_its_script_element() -> None:
    text = spec_of(exhibit())
    assert not set("<>") & set(text)
    found = json.loads(text)
    assert "text" not in (found["layout"].get("title") or {})
    assert found["data"][0]["name"] == plain(EVIL)
    # plotly.js 3.7 offers to send figures to its maker's server
    assert found["config"]["showSendToCloud"] is False
    assert found["config"]["plotlyServerURL"] == ""


def test_frames_of_an_animated_figure_stay_with_it() -> None:
    one = exhibit()
    one.figure.frames = [go.Frame(data=[{"type": "scatter", "y": [1, 2]}], name="1")]
    assert [frame["name"] for frame in json.loads(spec_of(one))["frames"]] == ["1"]


def test_two_figures_of_one_stem_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one name"):
        write_bundles([exhibit(), exhibit()], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FigureError, match="file: cannot be written"):
        write_bundles([exhibit()], tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x00\x7f\x9b", "␀<U+007F><U+009B>"),
        ("\u202eabc\u2066", "<U+202E>abc<U+2066>"),
        ("نمی\u200cخواهم 👩\u200d🔬", "نمی\u200cخواهم 👩\u200d🔬"),
    ],
)
def test_control_characters_are_shown_and_all_else_is_left(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_titles_break_into_lines_that_fit_and_push_the_plot_down() -> None:
    figures = [styled(go.Figure(), title, "n = 3") for title in ("word", "word " * 60)]
    lines = re.sub("</?b>", "", figures[1].layout.title.text).split("<br>")
    assert len(lines) > 2
    assert max(map(len, lines)) <= 92
    assert max(map(len, lines)) - min(map(len, lines)) <= len("word ")
    split = styled(go.Figure(), "word " * 18 + "31 %").layout.title.text.split("<br>")
    assert split[-1].endswith("word 31\u00a0%</b>")
    split = styled(go.Figure(), "word " * 17 + "+0.10 [+0.00, +0.20]").layout.title.text.split(
        "<br>"
    )
    assert split[-1].endswith("+0.10\u00a0[+0.00,\u00a0+0.20]</b>")
    assert figures[1].layout.margin.t > figures[0].layout.margin.t
    assert headings(figures[1]) == (" ".join(["word"] * 60), "n = 3")
    evil = styled(go.Figure(), plain("a <b>x</b> & y"), plain("<script>"))
    assert headings(evil) == ("a <b>x</b> & y", "<script>")


def test_the_map_of_a_selection_tells_who_was_chosen_in_which_order() -> None:
    rows = np.random.default_rng(0).normal(size=(12, 5))
    ids = [f"id{i:02}" for i in range(12)]
    chosen = select_examples(rows, ids, 4, "k_center")
    found = selection_map(chosen, rows, [f"{EVIL} {i}" for i in ids], ["yes"] * 12, "fruit")
    order = {row["order"]: row["input"] for row in found.rows if row["order"]}
    assert [order[i + 1] for i in range(4)] == [f"{EVIL} {ids[at]}" for at in chosen.indices]
    assert len(found.rows) == 12
    told = [*found.figure.data[0].text, *found.figure.data[1].customdata]
    assert len(told) == 16
    assert not any("<script" in text or "\x1b" in text for text in told)


def test_a_notebook_shows_the_figure_and_its_caption_as_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    one = exhibit()
    one._ipython_display_()
    figure, caption = shown
    assert figure is one.figure
    assert "Caption of" in caption.data
    assert "<script" not in caption.data
