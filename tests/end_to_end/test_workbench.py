"""The workbench without a browser: what is shown is of the last setting, and nothing blocks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cast_lens.diagnosis.try_records import BlockCurve
from cast_lens.diagnosis.try_same import CALLS, SHOWN, command_of, python_of
from cast_lens.diagnosis.try_setting import Setting
from cast_lens.diagnosis.try_source import Watch
from cast_lens.figures.style import plain
from cast_lens.model.planted import Planted
from cast_lens.widgets.app import Workbench, workbench
from cast_lens.widgets.static import StaticPage
from cast_lens.widgets.worker import Plan, Step, Worker

LONG = 120  # seconds that nothing here takes


@pytest.fixture
def bench(known: Planted) -> Iterator[Workbench]:
    setting = Setting(
        source=known.source.name,
        target=known.target.name,
        layer=known.layer,
        examples=12,
        selector="random",
    )
    opened = workbench(known.lens, [known.source, known.target], setting=setting)
    assert isinstance(opened, Workbench)
    yield opened
    opened.close()


def words_of(widget: object) -> str:
    """All words on the page."""
    own = str(widget.value) if type(widget).__name__ == "HTML" else ""  # type: ignore[attr-defined]
    return own + "".join(map(words_of, getattr(widget, "children", ())))


def test_after_many_moves_the_page_shows_the_last(bench: Workbench) -> None:
    for step in range(1, 30):
        bench.controls.strength.value = step / 10
    bench.controls.layer.value = 2
    assert bench.wait(LONG)
    page = words_of(bench.page)
    assert "cast-trouble" not in page
    assert "ready" in page
    setting = bench.setting
    assert (setting.layer, setting.strength) == (2, 2.9)
    for one in bench.trial.answers(setting).arms:
        assert f'data-arm="{one.arm}">{one.probability:.4f}<' in page
    curve = bench.trial.block_curve(setting)
    assert isinstance(curve, BlockCurve)
    drawn = bench._views._curve.plot.figure["data"]
    assert drawn[0]["y"] == pytest.approx(curve.steered)
    assert drawn[4]["x"] == [2]


def test_a_click_on_the_map_moves_both_sliders(bench: Workbench) -> None:
    assert bench.wait(LONG)
    bench._views._map.plot.clicked = {"x": 3, "y": "0.5", "at": 1}
    assert bench.wait(LONG)
    assert (bench.setting.layer, bench.setting.strength) == (3, 0.5)
    marked = bench._views._map.plot.figure["data"][2]
    assert (marked["x"], marked["y"]) == ([3], ["0.5"])


def test_trouble_is_said_and_the_next_move_mends_it(bench: Workbench) -> None:
    bench.controls.shots.value = 60
    assert bench.wait(LONG)
    assert "60 demonstrations" in words_of(bench.page)
    bench.controls.shots.value = 4
    assert bench.wait(LONG)
    assert "cast-trouble" not in words_of(bench.page)


def test_an_edited_prompt_is_an_own_prompt_and_markup_in_it_is_text(bench: Workbench) -> None:
    item = bench.controls.prompt.value
    bench.controls.prompt.value = "<b>Is it so?</b>"
    assert bench.wait(LONG)
    assert bench.setting.prompt == "<b>Is it so?</b>"
    assert bench.setting.item is None
    assert "<b>Is it" not in words_of(bench.page)
    bench.controls.back.click()
    assert bench.wait(LONG)
    assert bench.controls.prompt.value == item
    assert bench.setting.prompt is None


def test_long_work_shows_how_far_it_is_and_ends_when_stop_is_pressed(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def long(_: Setting, watch: Watch) -> None:
        watch.between("dev", 1, 3)
        begun.set()
        assert go_on.wait(LONG)
        watch.between("dev", 2, 3)

    monkeypatch.setattr(bench.trial, "dev_accuracy", long)
    assert bench.wait(LONG)
    before = words_of(bench.page)
    views = bench._views
    views.ask_dev.click()
    assert begun.wait(LONG)
    assert (views._bar.value, views._bar.max) == (1, 3)
    assert "dev: 1 of 3" in words_of(bench.page)
    assert not views.stop.disabled
    views.stop.click()
    go_on.set()
    assert bench.wait(LONG)
    assert words_of(bench.page) == before.replace(">ready<", ">stopped<")
    assert views.stop.disabled


def test_every_panel_shows_the_command_and_the_python_of_its_numbers(
    known: Planted, planted_folder: Path
) -> None:
    setting = Setting(
        source=known.source.name, target=known.target.name, layer=2, examples=6, selector="random"
    )
    opened = workbench(known.lens, str(planted_folder), setting=setting, model="m")
    assert isinstance(opened, Workbench)
    try:
        assert opened.wait(LONG)
        first = words_of(opened.page)
        opened._views.ask_dev.click()
        opened._views.ask_map.click()
        assert opened.wait(LONG)
        page = first + words_of(opened.page)
        for show in CALLS:
            told = (opened.setting, show, "m", str(planted_folder))
            assert plain(command_of(*told)) in page, show
            assert plain(python_of(*told)) in page, show
        # one for each panel
        assert words_of(opened.page).count("cast-command") == len(SHOWN)
    finally:
        opened.close()


def test_another_target_brings_its_items_and_prompt(bench: Workbench, known: Planted) -> None:
    bench.controls.target.value = known.source.name
    assert bench.wait(LONG)
    assert bench.setting.item == known.source.test[0].id
    assert known.source.instruction in bench.controls.prompt.value


def test_moves_are_answered_while_long_work_goes_on(known: Planted) -> None:
    seen: list[str] = []
    begun, go_on = threading.Event(), threading.Event()
    worker = Worker(known.lens, lambda *_: None, seen.append)

    def long() -> str:
        for piece in range(3):
            begun.set()
            assert go_on.wait(LONG)
            worker.between("long", piece, 3)
        return "long"

    worker.ask_long(Plan("one", [Step(long, seen.append)]))
    assert begun.wait(LONG)
    for name in ("dropped", "quick"):
        worker.ask(Plan("one", [Step(lambda name=name: name, seen.append)]))
    go_on.set()
    assert worker.wait(LONG)
    assert seen == ["quick", "long"]
    worker.close()


def test_long_work_is_dropped_when_stopped_or_nobody_waits_for_it(known: Planted) -> None:
    for end in ("stop", "other"):
        seen: list[str] = []
        begun, go_on = threading.Event(), threading.Event()
        worker = Worker(known.lens, lambda *_: None, seen.append)

        def long(begun=begun, go_on=go_on, worker=worker) -> str:  # type: ignore[no-untyped-def]
            begun.set()
            assert go_on.wait(LONG)
            worker.between("long", 1, 3)
            return "long"

        worker.ask_long(Plan("one", [Step(long, seen.append)]))
        assert begun.wait(LONG)
        if end == "stop":
            worker.stop()
        else:
            worker.ask(Plan("another", [Step(lambda: "new", seen.append)]))
        go_on.set()
        assert worker.wait(LONG)
        assert seen == ([] if end == "stop" else ["new"])
        worker.close()


def test_without_widgets_there_is_a_page_that_needs_none(
    known: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    opened = workbench(
        known.lens,
        [known.source, known.target],
        setting=Setting(
            source=known.source.name,
            target=known.target.name,
            layer=1,
            examples=12,
            selector="random",
        ),
    )
    assert isinstance(opened, StaticPage)
    page = opened._repr_html_()
    steered = opened.trial.answers(opened.setting).find("steered").probability
    assert f">{steered:.4f}<" in page
    assert page.count("<polyline") == 4
    assert "<script" not in page
