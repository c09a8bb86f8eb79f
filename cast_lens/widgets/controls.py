"""What can be chosen, as widgets, and the setting that is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from cast_lens.diagnosis.try_one import Trial
from cast_lens.diagnosis.try_setting import Setting
from cast_lens.experiment.config import Selector
from cast_lens.prompts.prompt import zero_shot
from cast_lens.steer.injection import Policy

DEPTH = 2 / 3  # of the block that is chosen first
SHORT = 60  # characters of an item in the list
NAMES = {"description_width": "72px"}


class Controls:
    """The upper part of the page.

    Args:
        trial: knows the tasks and the model.
        names: of the tasks to choose from.
        setting: what is chosen first.
        changed: is called whenever the setting is another.
    """

    def __init__(
        self, trial: Trial, names: Sequence[str], setting: Setting, changed: Callable[[], None]
    ) -> None:
        import ipywidgets as widgets

        self._trial = trial
        self._changed = changed
        self._quiet = False
        half = widgets.Layout(width="31%", min_width="240px")

        def dropdown(label: str, options: Sequence[Any], value: Any) -> Any:
            return widgets.Dropdown(
                options=options, value=value, description=label, style=NAMES, layout=half
            )

        def number(label: str, value: int, low: int, high: int) -> Any:
            return widgets.BoundedIntText(
                value=value, min=low, max=high, description=label, style=NAMES, layout=half
            )

        wide = widgets.Layout(width="48%", min_width="320px")
        self.source = dropdown("source", names, setting.source)
        self.target = dropdown("target", names, setting.target)
        self.item = dropdown("item", self._items(setting.target), setting.item)
        self.examples = number("examples", setting.examples, 6, 1024)
        self.selector = dropdown("selector", get_args(Selector), setting.selector)
        self.shots = number("shots", setting.shots, 1, 64)
        self.policy = dropdown("written at", get_args(Policy), setting.policy)
        self.layer = widgets.IntSlider(
            value=setting.layer,
            max=trial.lens.n_layers - 1,
            description="block",
            style=NAMES,
            layout=wide,
        )
        self.strength = widgets.FloatSlider(
            value=setting.strength,
            min=-4,
            max=4,
            step=0.05,
            description="strength",
            style=NAMES,
            layout=wide,
        )
        self.prompt = widgets.Textarea(
            value=self._text(),
            rows=4,
            continuous_update=False,
            layout=widgets.Layout(width="99%"),
        )
        self.answer = widgets.Text(
            placeholder="answer to follow (own prompt)", layout=half, continuous_update=False
        )
        self.ask = widgets.Button(description="Ask this prompt", icon="play")
        self.back = widgets.Button(description="Back to the item", icon="undo")
        self._wire()
        for name in ("source", "target", "item", "layer", "strength", "prompt", "ask", "policy"):
            getattr(self, name).add_class(f"cast-{name}")
        wrap = widgets.Layout(flex_flow="row wrap", width="100%")
        self.tasks = widgets.HBox([self.source, self.target, self.item], layout=wrap)
        self.how = widgets.HBox(
            [self.examples, self.selector, self.shots, self.policy], layout=wrap
        )
        self.site = widgets.HBox([self.layer, self.strength], layout=wrap)
        self.own = widgets.VBox(
            [self.prompt, widgets.HBox([self.ask, self.back, self.answer], layout=wrap)]
        )

    def setting(self) -> Setting:
        """What is chosen now; a prompt that was edited is the user's own."""
        text = self.prompt.value
        own = text != self._text() and text.strip() != ""
        return Setting(
            source=self.source.value,
            target=self.target.value,
            layer=self.layer.value,
            strength=round(self.strength.value, 6),
            policy=self.policy.value,
            examples=self.examples.value,
            selector=self.selector.value,
            shots=self.shots.value,
            item=None if own else self.item.value,
            prompt=text if own else None,
            answer=(self.answer.value.strip() or None) if own else None,
        )

    def choose(self, layer: int, strength: float | None = None) -> None:
        """Move the sliders, and tell so once."""
        self._quiet = True
        self.layer.value = layer
        if strength is not None:
            self.strength.value = strength
        self._quiet = False
        self._changed()

    def _items(self, target: str) -> list[tuple[str, str]]:
        items = self._trial.task(target).test
        return [(_short(f"{' '.join(e.input.split())} → {e.label}"), e.id) for e in items]

    def _text(self) -> str:
        """The item's own prompt."""
        task = self._trial.task(self.target.value)
        return zero_shot(task, next(e for e in task.test if e.id == self.item.value)).text

    def _wire(self) -> None:
        for widget in (self.source, self.examples, self.selector, self.shots):
            widget.observe(self._tell, "value")
        for widget in (self.policy, self.layer, self.strength, self.prompt, self.answer):
            widget.observe(self._tell, "value")
        self.target.observe(self._target_changed, "value")
        self.item.observe(self._item_changed, "value")
        self.ask.on_click(self._tell)
        self.back.on_click(self._item_changed)

    def _tell(self, _: object) -> None:
        if not self._quiet:
            self._changed()

    def _target_changed(self, _: object) -> None:
        self._quiet = True
        self.item.options = self._items(self.target.value)
        self.item.value = self.item.options[0][1]
        self._quiet = False
        self._item_changed(None)

    def _item_changed(self, _: object) -> None:
        if self._quiet:
            return
        self._quiet = True
        self.prompt.value, self.answer.value = self._text(), ""
        self._quiet = False
        self._changed()


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def first_setting(trial: Trial, names: Sequence[str]) -> Setting:
    """The second task's first item, with the first task's vector, at two thirds of the depth."""
    source, target = names[0], names[min(1, len(names) - 1)]
    return Setting(
        source=source,
        target=target,
        layer=round(DEPTH * (trial.lens.n_layers - 1)),
        examples=min(32, len(trial.task(source).train)),
        item=trial.task(target).test[0].id,
    )
