"""The panels of the page and what each shows of a record."""

from __future__ import annotations

from typing import Any

from cast_lens.diagnosis.try_records import (
    Answers,
    BlockCurve,
    BlockTexts,
    Continuations,
    DevAccuracy,
    PromptView,
    SiteMap,
    StatesMap,
)
from cast_lens.diagnosis.try_same import MAP_ON_DEV, command_of, python_of
from cast_lens.diagnosis.try_setting import Setting
from cast_lens.figures.style import COLOURS
from cast_lens.widgets import markup, plots
from cast_lens.widgets.controls import Controls
from cast_lens.widgets.panel import Panel

HALF = "49.5%"
IN_HAND = "(tasks in hand have no command: save them as folders and name the folder)"


class Views:
    """The page.

    Args:
        controls: stand on top.
        model, tasks: for the commands; `tasks` is None where they are in hand.
    """

    def __init__(self, controls: Controls, model: str, tasks: str | None) -> None:
        self._model, self._tasks = model, tasks
        self._status()
        self._prompt = Panel("cast-panel-prompt", "Prompt")
        self._answers = Panel("cast-panel-answers", "Answers", HALF)
        self._texts = Panel("cast-panel-texts", "Greedy continuations")
        self._dev = Panel("cast-panel-dev", "Accuracy on dev items: press the button above")
        self._curve = Panel("cast-panel-curve", "Blocks", HALF)
        self._map = Panel("cast-panel-map", "Blocks and strengths", HALF)
        self._states = Panel("cast-panel-states", "States", HALF)
        self._readout = Panel("cast-panel-readout", "Logit lens", HALF)
        self._curve.on_click(lambda layer, _: controls.choose(round(layer)))
        self._map.on_click(lambda layer, strength: controls.choose(round(layer), float(strength)))
        self.page = self._page(controls)

    def _status(self) -> None:
        import ipywidgets as widgets

        def button(label: str, icon: str, name: str) -> Any:
            made = widgets.Button(description=label, icon=icon)
            made.add_class(name)
            return made

        self.stop = button("Stop", "stop", "cast-stop")
        self.ask_dev = button("Accuracy on dev", "bar-chart", "cast-ask-dev")
        self.ask_map = button("Map on dev", "th", "cast-ask-map")
        self._bar = widgets.IntProgress(layout=widgets.Layout(width="160px"))
        self._bar.style.bar_color = COLOURS[2]
        self._said, self._took, self._wrong = (widgets.HTML() for _ in range(3))
        self._said.add_class("cast-status")
        self._took.add_class("cast-took")

    def _page(self, controls: Controls) -> Any:
        import ipywidgets as widgets

        from cast_lens.widgets.plot import Library

        def pair(left: Any, right: Any) -> Any:
            layout = widgets.Layout(
                width="100%", justify_content="space-between", margin="8px 0 0 0"
            )
            return widgets.HBox([left, right], layout=layout)

        self._texts.box.layout.margin = "0 0 8px 0"
        beside = widgets.VBox([self._texts.box, self._dev.box], layout=widgets.Layout(width=HALF))
        status = [self.stop, self.ask_dev, self.ask_map, self._bar, self._said, self._took]
        wrap = widgets.Layout(width="100%", align_items="center", flex_flow="row wrap")
        page = widgets.VBox(
            [
                Library(),
                controls.tasks,
                controls.how,
                controls.site,
                widgets.HBox(status, layout=wrap),
                self._wrong,
                controls.own,
                self._prompt.box,
                pair(self._answers.box, beside),
                pair(self._curve.box, self._map.box),
                pair(self._states.box, self._readout.box),
            ],
            layout=widgets.Layout(width="100%", max_width="1320px"),
        )
        page.add_class("cast-workbench")
        return page

    def started(self) -> None:
        """Something was asked."""
        self._wrong.value = ""
        self.stop.disabled = False
        self._said.value = markup.note("working")

    def rested(self, word: str) -> None:
        """Nothing goes on any more."""
        self.stop.disabled = True
        self._said.value = markup.note(word)
        self._bar.value = 0

    def progress(self, what: str, done: int, of: int | None) -> None:
        """See `Worker`; a bar without an end runs round."""
        self._said.value = markup.note(what)
        self._bar.max = of or 4096
        self._bar.value = done if of else done % 4096

    def trouble(self, text: str) -> None:
        """Say why something could not be done."""
        self._wrong.value = markup.trouble(text)
        self.rested("")

    def took(self, seconds: float) -> None:
        """How long the page took to answer the last move."""
        self._took.value = markup.note(f"answered in {1000 * seconds:.0f} ms")

    def _same(self, setting: Setting, show: str) -> tuple[str, str]:
        if self._tasks is None:
            return IN_HAND, python_of(setting, show, self._model, "...")
        told = (setting, show, self._model, self._tasks)
        return command_of(*told), python_of(*told)

    def answers(self, setting: Setting, found: Answers) -> None:
        """Probabilities, arm beside arm."""
        self._answers.say(
            markup.answers_title(found),
            body=markup.answers_table(found),
            note=markup.answers_note(found),
            same=self._same(setting, "answers"),
        )
        self._answers.draw(plots.answers_plot(found))

    def prompt(self, setting: Setting, found: PromptView) -> None:
        """Tokens with their marks."""
        self._prompt.say(
            f"The zero-shot prompt as the model reads it: {len(found.tokens)} tokens",
            body=markup.tokens(found),
            note="R: source prompts are read at their last token. W: the vector is written there.",
            same=self._same(setting, "prompt"),
        )

    def texts(self, setting: Setting, found: Continuations) -> None:
        """Greedy continuations."""
        self._texts.say(
            "What each arm writes, greedily",
            body=markup.texts_table(found),
            same=self._same(setting, "continuations"),
        )

    def curve(self, setting: Setting, found: BlockCurve) -> None:
        """Every block."""
        self._curve.draw(plots.curve_plot(found, setting))
        self._curve.say(
            markup.curve_title(found),
            note=f"p({', '.join(found.followed)}) of this prompt against the block.",
            same=self._same(setting, "curve"),
        )

    def map(self, setting: Setting, found: SiteMap) -> None:
        """Every block and strength."""
        self._map.draw(plots.map_plot(found, setting))
        show = "map" if found.measure == "probability" else MAP_ON_DEV
        self._map.say(
            markup.map_title(found), note=markup.map_note(found), same=self._same(setting, show)
        )

    def states(self, setting: Setting, found: StatesMap) -> None:
        """Principal components."""
        self._states.draw(plots.states_plot(found))
        self._states.say(
            markup.states_title(found),
            note="Axes are made of the source's states alone; the vector may point out of them.",
            same=self._same(setting, "states"),
        )

    def readout(self, setting: Setting, found: BlockTexts) -> None:
        """The logit lens."""
        self._readout.draw(plots.readout_plot(found))
        self._readout.say(
            markup.readout_title(found),
            note=f"{found.notes()[0]} Likeliest token after each block.",
            same=self._same(setting, "readout"),
        )

    def dev(self, setting: Setting, found: DevAccuracy) -> None:
        """Accuracy with its interval."""
        self._dev.draw(plots.dev_plot(found))
        self._dev.say(
            markup.dev_title(found),
            body=markup.dev_table(found),
            note=f"Block {setting.layer}, strength {setting.strength:g}. {found.notes()[0]}",
            same=self._same(setting, "dev"),
        )
