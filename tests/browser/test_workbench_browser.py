"""The workbench in JupyterLab: what the page shows is what the Python API says."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from conftest import Lab

from cast_lens.diagnosis.try_one import Trial
from cast_lens.diagnosis.try_setting import Setting
from cast_lens.files import write_json
from cast_lens.model.load import load_lens

pytestmark = pytest.mark.real

FIRST = Setting(
    source="product_company",
    target="landmark_country",
    layer=26,
    strength=2.0,
    examples=24,
    selector="random",
    item="landmark_country-mount-etna",
)
OWN = "Say which country the landmark is in.\n\nQ: Big Ben\nA:"
PATIENCE = 120  # half seconds until a plot is drawn
SHOWN = 5e-5  # the page prints four digits
CLOSE = 1e-4
NUMBERS = """() => Object.fromEntries([...document.querySelectorAll('.cast-answers [data-arm]')]
    .map(e => [e.dataset.arm, Number(e.textContent)]))"""
TRACE = """([panel, at]) => {
    const t = document.querySelector(panel + ' .js-plotly-plot')?.data?.[at];
    if (!t) return {x: null, y: null, z: null};
    const listed = v => v === undefined ? null : Array.from(v, r => r && r.length !== undefined
        && typeof r !== 'string' ? Array.from(r) : r);
    return {x: listed(t.x), y: listed(t.y), z: listed(t.z)};
}"""
CELL = """([layer, strength]) => {
    const plot = document.querySelector('.cast-panel-map .js-plotly-plot');
    plot.scrollIntoView({block: 'center'});
    const {xaxis, yaxis} = plot._fullLayout, at = plot.getBoundingClientRect();
    return {x: at.left + xaxis._offset + xaxis.l2p(layer),
            y: at.top + yaxis._offset + yaxis.l2p(yaxis._categories.indexOf(strength))};
}"""
MOVE = """([key]) => new Promise(done => {
    const handle = document.querySelector('.cast-strength .noUi-handle');
    const panel = document.querySelector('.cast-panel-answers');
    const plot = panel.querySelector('.js-plotly-plot');
    const shown = () => panel.querySelector('[data-arm=steered]')?.textContent;
    const before = shown(), pressed = performance.now(), took = {};
    const note = what => {
        took[what] ??= performance.now() - pressed;
        if (took.number && took.plot) { watch.disconnect(); done(took); }
    };
    const watch = new MutationObserver(() => {
        if (shown() !== undefined && shown() !== before) note('number');
    });
    watch.observe(panel, {subtree: true, childList: true, characterData: true});
    plot.once('plotly_afterplot', () => note('plot'));
    handle.focus();
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, code: key, bubbles: true}));
})"""
MOVES = 12
SLOWEST = 3000  # ms; on two quiet cores it is under 300, and tests run on busy ones
KERNEL = """() => window.jupyterapp.shell.currentWidget?.context?.sessionContext
    ?.session?.kernel?.status === 'idle'"""
SAYS = "word => document.querySelector('.cast-status')?.innerText.includes(word)"
PLOTS = "document.querySelectorAll('.cast-workbench .js-plotly-plot').length"


def idle(page: Any) -> None:
    """Wait until the page says that nothing is left to do."""
    page.wait_for_function(
        "() => document.querySelector('.cast-status')?.innerText.trim() === 'ready'"
        " || document.querySelector('.cast-trouble')",
        timeout=300_000,
    )
    assert page.locator(".cast-trouble").all_inner_texts() == []


def text(page: Any, selector: str) -> str:
    return str(page.locator(selector).first.inner_text())


def numbers_agree(page: Any, trial: Trial, setting: Setting) -> dict[str, float]:
    """The answers on the page against the API, arm by arm."""
    shown: dict[str, float] = page.evaluate(NUMBERS)
    found = trial.answers(setting)
    assert list(shown) == [one.arm for one in found.arms]
    for one in found.arms:
        assert shown[one.arm] == pytest.approx(one.probability, abs=SHOWN + CLOSE)
    return shown


def trace(page: Any, panel: str, at: int, layers: list[int]) -> dict[str, Any]:
    """One trace as the browser holds it, once it has been drawn for these blocks."""
    for _ in range(PATIENCE):
        drawn: dict[str, Any] = page.evaluate(TRACE, [panel, at])
        if drawn["x"] == layers:
            break
        page.wait_for_timeout(500)
    assert drawn["x"] == layers
    return drawn


def curve_agrees(page: Any, trial: Trial, setting: Setting) -> None:
    curve = trial.block_curve(setting)
    trace(page, ".cast-panel-curve", 4, [setting.layer])
    for at, values in enumerate((curve.steered, curve.random)):
        drawn = trace(page, ".cast-panel-curve", at, list(curve.layers))
        assert drawn["y"] == pytest.approx(list(values), abs=CLOSE)


def opened(lab: Lab, page: Any) -> None:
    """Run the notebook and wait until the workbench has shown everything."""
    page.goto(lab.notebook("06_workbench.ipynb"))
    page.wait_for_function("() => window.jupyterapp !== undefined")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.wait_for_function(KERNEL, timeout=120_000)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator(".cast-workbench").wait_for(timeout=180_000)
    idle(page)
    page.wait_for_function(f"() => {PLOTS} >= 5")


def map_agrees(page: Any, trial: Trial, setting: Setting) -> None:
    found = trial.site_map(setting)
    drawn = trace(page, ".cast-panel-map", 0, list(found.layers))
    for row, values in zip(drawn["z"], found.values, strict=True):
        assert row == pytest.approx(list(values), abs=CLOSE)


def press(page: Any, slider: str, key: str, times: int) -> None:
    page.locator(f"{slider} .noUi-handle").focus()
    for _ in range(times):
        page.keyboard.press(key)


def latencies(page: Any) -> dict[str, list[float]]:
    """Milliseconds from a key press on the slider to another number and another plot, by move."""
    times = []
    for _ in range(MOVES):
        times.append(page.evaluate(MOVE, ["ArrowRight"]))
        settled(page)
    return {what: [float(one[what]) for one in times] for what in ("number", "plot")}


def settled(page: Any) -> None:
    """Wait for a change to reach the kernel and all that follows from it to be shown."""
    page.wait_for_timeout(500)
    idle(page)


def picture(page: Any, path: Path) -> None:
    page.locator(".cast-workbench").screenshot(path=path)


def test_the_page_follows_sliders_clicks_and_prompts(lab: Lab, page: Any, pictures: Path) -> None:
    trial = Trial(load_lens("smollm2-135m"))
    opened(lab, page)
    first = numbers_agree(page, trial, FIRST)
    curve_agrees(page, trial, FIRST)
    map_agrees(page, trial, FIRST)
    assert page.locator(".cast-tokens [data-marks=RW]").count() == 1
    picture(page, pictures / "1_opened.png")

    # the keys move the strength by 0.05 each
    press(page, ".cast-layer", "ArrowLeft", 2)
    press(page, ".cast-strength", "ArrowRight", 4)
    settled(page)
    moved = FIRST.model_copy(update={"layer": 24, "strength": 2.2})
    after = numbers_agree(page, trial, moved)
    curve_agrees(page, trial, moved)
    assert after["steered"] != first["steered"]
    assert after["zero-shot"] == first["zero-shot"]
    assert "answered in" in text(page, ".cast-took")
    picture(page, pictures / "2_sliders_moved.png")

    times = latencies(page)
    write_json(pictures / "latency.json", {"ms": times, "load": os.getloadavg()})
    assert median(times["plot"]) < SLOWEST
    press(page, ".cast-strength", "ArrowLeft", MOVES)

    place = page.evaluate(CELL, [20, "1.5"])
    page.mouse.move(place["x"], place["y"])
    page.mouse.click(place["x"], place["y"])
    page.wait_for_function(
        "() => document.querySelector('.cast-layer .widget-readout').innerText.trim() === '20'"
        " && document.querySelector('.cast-strength .widget-readout').innerText.trim() === '1.50'"
    )
    settled(page)
    clicked = FIRST.model_copy(update={"layer": 20, "strength": 1.5})
    numbers_agree(page, trial, clicked)
    curve_agrees(page, trial, clicked)

    page.locator(".cast-prompt textarea").fill(OWN)
    page.locator(".cast-ask").click()
    settled(page)
    asked = clicked.model_copy(update={"prompt": OWN, "item": None})
    own_prompt_agrees(page, trial, asked)

    page.locator(".cast-ask-dev").click()
    page.locator(".cast-panel-dev table.cast-dev").wait_for(timeout=180_000)
    idle(page)
    dev_agrees(page, trial, asked)
    picture(page, pictures / "3_own_prompt_and_dev.png")

    page.locator(".cast-ask-map").click()
    page.wait_for_function(SAYS, arg=" of ")
    page.locator(".cast-stop").click()
    page.wait_for_function(SAYS, arg="stopped")


def own_prompt_agrees(page: Any, trial: Trial, setting: Setting) -> None:
    numbers_agree(page, trial, setting)
    written = trial.continuations(setting).texts
    cells = page.locator(".cast-texts td:nth-child(2)").all_inner_texts()
    assert cells == [one.replace(" ", "␣") or "(empty)" for one in written.values()]
    command = page.locator(".cast-panel-answers .cast-command").text_content()
    assert f"--layer={setting.layer}" in command
    assert "Q: Big Ben" in command


def dev_agrees(page: Any, trial: Trial, setting: Setting) -> None:
    rows = page.locator(".cast-dev tbody tr").all_inner_texts()
    for row, (arm, one) in zip(rows, trial.dev_accuracy(setting).arms.items(), strict=True):
        assert row.startswith(arm)
        assert f"{one.value:.3f}" in row
        assert f"{one.low:.3f} to {one.high:.3f}" in row
