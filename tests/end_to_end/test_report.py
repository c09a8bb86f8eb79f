"""The report and the figures of a run whose items try to be more than text."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import plotly.graph_objects as go
import pytest
from tasks_on_disk import save_task

from cast_lens.cli.figures import figures
from cast_lens.cli.report import report
from cast_lens.errors import FigureError, RunError
from cast_lens.experiment.changed import changed_items
from cast_lens.experiment.config import make_config
from cast_lens.experiment.run import run_cast
from cast_lens.experiment.store import load_run, save_run
from cast_lens.figures import bundle
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.map_layout import as_frame, slider
from cast_lens.figures.of_run import run_exhibits
from cast_lens.figures.style import plain, styled
from cast_lens.model.planted import LAYER, Planted
from cast_lens.report import changed
from cast_lens.report.page import SECTIONS, report_page
from cast_lens.visible import visible

EVIL = '<script>alert("x")</script></title> **bold** `code` \x1b[31mred\x1b[0m \u202eabc'
CHROME = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
        if (found := shutil.which(name))
    ),
    None,
)
VOID = {"meta", "link", "br", "img", "hr", "input", "source"}


@pytest.fixture(scope="module")
def folder(known: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every arm on a target whose inputs hold markup and control characters."""
    root = tmp_path_factory.mktemp("tasks")
    test = tuple(e.model_copy(update={"input": f"{EVIL} {e.input}"}) for e in known.target.test)
    save_task(known.source, root)
    save_task(known.target.model_copy(update={"test": test}), root)
    config = make_config(
        {
            "model": "planted",
            "tasks": str(root),
            "sources": [known.source.name, known.target.name],
            "targets": [known.target.name],
            "examples": 20,
            "test_items": 10,
            "selector": "random",
            "layers": [LAYER, LAYER + 1],
            "strengths": [0.5, 1.0],
            "random_directions": 2,
            "curves": ["layers", "examples", "shots"],
            "curve_examples": [1, 4],
            "curve_seeds": 2,
            "curve_shots": [1, 2],
        }
    )
    out = tmp_path_factory.mktemp("runs") / "evil"
    save_run(run_cast(config, known.lens), out, 1.0)
    return out


@pytest.fixture(scope="module")
def exhibits(folder: Path) -> tuple[Exhibit, ...]:
    return run_exhibits(folder)


class Page(HTMLParser):
    """A page as a browser takes it apart: elements, their texts, and what each table holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((found, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            attrs, text = self.scripts[-1]
            self.scripts[-1] = (attrs, text + data)
        elif self.open and self.open[-1] != "style":
            self.text += data

    def all(self, *names: str) -> list[dict[str, str]]:
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return report_page(folder)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_items_are_shown_word_for_word_and_obeyed_in_nothing(
    folder: Path, page: Page, text: str
) -> None:
    items = changed_items(folder, "cast")
    assert len(items) == 20
    for item in items:
        assert EVIL in item.input
        assert visible(item.input) in page.text
    assert "alert(" not in "".join(script for attrs, script in page.scripts if not attrs)
    assert not {"b", "strong"} & {tag for tag, _ in page.tags}
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not page.open


def test_only_the_two_scripts_of_the_page_may_run_and_nothing_may_be_fetched(page: Page) -> None:
    (policy,) = [
        m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    run = [script for attrs, script in page.scripts if not attrs]
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in run]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert len(run) == 2
    held = [attrs for attrs, _ in page.scripts if attrs]
    assert {attrs["type"] for attrs in held} == {"application/json"}
    links = [attrs.get("href") or attrs.get("src") for _, attrs in page.tags]
    assert all(link.startswith(("#", "data:")) for link in links if link)


def test_the_page_can_be_walked_by_keyboard_and_heard(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    jumps = [a["href"][1:] for a in page.all("a") if a["href"].startswith("#")]
    assert jumps[0] == "main"
    assert [id_ for id_, _ in SECTIONS] == jumps[1:]
    assert set(jumps) <= set(ids)
    assert all(attrs["aria-labelledby"] in ids for attrs in page.all("section", "figure"))
    assert all(a.get("aria-label") for _, a in page.tags if a.get("role") in {"group", "region"})
    scrolled = [attrs for _, attrs in page.tags if attrs.get("class") == "wide"]
    assert all(attrs["tabindex"] == "0" for attrs in scrolled)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert {attrs["scope"] for attrs in page.all("th")} == {"row", "col"}
    headings = [int(tag[1]) for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert headings[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(headings))


def test_every_figure_is_there_with_its_words_and_its_numbers(
    exhibits: tuple[Exhibit, ...], page: Page
) -> None:
    held = {attrs["id"]: json.loads(script) for attrs, script in page.scripts if attrs}
    assert list(held) == [f"spec-{one.stem}" for one in exhibits]
    for one in exhibits:
        assert len(held[f"spec-{one.stem}"]["data"]) == len(one.figure.data)
        assert visible(one.caption) in page.text
    saved = [a["download"] for a in page.all("a") if "download" in a]
    assert saved == [*(f"{one.stem}.csv" for one in exhibits), "config.toml"]


def test_the_page_says_what_the_run_found(folder: Path, page: Page, known: Planted) -> None:
    result = load_run(folder)
    for one in result.results:
        acc = one.metrics["acc,none"]
        assert f"{acc.value:.2f} [{acc.low:.2f}, {acc.high:.2f}]" in page.text
    steered = f"{known.target.name} from {known.source.name}: cast helped 10 and harmed 0 items"
    # one of its two random directions helps all ten items, the other none
    beside = "random directions of the same norm helped 5 and harmed 0 a draw"
    assert f"{steered}; {beside}" in page.text
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["identity"]["model_fingerprint"] in page.text
    assert "cast-lens run --config config.toml" in page.text
    assert "not tested by this run" in page.text


def test_long_lists_are_cut_and_say_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed, "LISTED", 3)
    tables = changed.changed_of(folder, load_run(folder)).tables
    assert [len(table.rows) for table in tables] == [3, 3]
    assert all("10 items helped, the first 3 listed" in table.caption for table in tables)


def test_the_figures_of_a_run_put_controls_beside_the_method(
    folder: Path, exhibits: tuple[Exhibit, ...]
) -> None:
    found = {one.stem: one for one in exhibits}
    assert {
        "gains",
        "claims",
        "parallel_course",
        "costs",
        "curve_layers",
        "curve_shots",
        "budget",
    } <= set(found)
    arms = {row["arm"] for row in found["gains"].rows}
    assert arms == {"cast", "random_direction", "irrelevant_demos", "shuffled_labels"}
    result = load_run(folder)
    for row in found["gains"].rows:
        right = result.find(row["target"], row["arm"], row["source"]).differences["acc,none"]
        assert (row["value"], row["low"], row["high"]) == (right.value, right.low, right.high)
    (accuracy,) = [one for stem, one in found.items() if stem.startswith("accuracy_")]
    assert len(accuracy.rows) == len(result.results)
    (labels,) = [one for stem, one in found.items() if stem.startswith("labels_")]
    shares = [row["share"] for row in labels.rows if row["arm"] == "right answers"]
    assert shares == [1, 0]


def test_the_commands_write_where_they_say_the_same_page_twice(
    folder: Path,
    text: str,
    exhibits: tuple[Exhibit, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(folder, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == text
    monkeypatch.setattr(bundle, "_draw", lambda *_: "no Chrome here")
    figures(folder, tmp_path / "f")
    assert {path.stem for path in (tmp_path / "f").glob("*.csv")} == {o.stem for o in exhibits}
    said = capsys.readouterr().out
    assert f"Figures: {tmp_path / 'f'}" in said
    assert "could not be drawn (no Chrome here)" in said
    with pytest.raises(RunError, match="not a run folder"):
        report(tmp_path)
    with pytest.raises(FigureError, match="cannot be written"):
        report(folder, tmp_path / "r.html" / "x.html")


@pytest.mark.skipif(CHROME is None, reason="needs Chrome or Chromium")
def test_a_browser_without_network_draws_every_figure_and_complains_of_nothing(
    text: str, page: Page, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(text)
    done = _shown(tmp_path / "page.html")
    assert f'data-drawn="{len(page.scripts) - 2}"' in done.stdout
    assert done.stdout.count('class="main-svg"') >= len(page.scripts) - 2
    assert "CONSOLE" not in done.stderr
    assert "Content Security Policy" not in done.stderr


@pytest.mark.skipif(CHROME is None, reason="needs Chrome or Chromium")
def test_a_page_tells_the_finding_of_the_frame_that_is_shown(tmp_path: Path) -> None:
    figure = styled(go.Figure(go.Scatter(y=[1, 2])), "Finding of 1", "below 1")
    other = styled(go.Figure(go.Scatter(y=[2, 1])), plain("Finding <of> 2"), "below 2")
    figure.frames = [
        as_frame("1", go.Figure(figure)),
        as_frame("2", other),
    ]
    bundle.write_bundles([Exhibit("moving", figure, "c", "a", [{"y": 1}])], tmp_path)
    page = tmp_path / "moving.html"
    step = slider(["2"])["steps"][0]["args"]
    move = (
        f'<script>setTimeout(() => Plotly.animate("moving", ...{json.dumps(step)}), 500)</script>'
    )
    page.write_text(page.read_text().replace("</body>", f"{move}</body>"))
    done = _shown(page)
    assert "<h1>Finding &lt;of&gt; 2</h1>\n<p>below 2</p>" in done.stdout
    assert "Finding" not in done.stdout.split("<figure>")[1].split("</figure>")[0]
    assert "CONSOLE" not in done.stderr


def _shown(page: Path) -> subprocess.CompletedProcess[str]:
    """A page as a browser without network has it after a while."""
    words = [
        *(str(CHROME), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"),
        *(f"--user-data-dir={page.parent / 'profile'}", "--window-size=500,900"),
        *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=30000", "--dump-dom"),
        page.as_uri(),
    ]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
