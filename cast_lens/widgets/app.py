"""The workbench: choose a vector, a block and a strength, and see at once what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

from cast_lens.diagnosis.try_one import Trial
from cast_lens.diagnosis.try_records import Answers, SiteMap
from cast_lens.diagnosis.try_setting import Measure, Seen, Setting
from cast_lens.diagnosis.try_source import Kept, source_key
from cast_lens.model.lens import Lens
from cast_lens.tasks.reader import BUNDLED, task_folders
from cast_lens.tasks.task import Task
from cast_lens.widgets import markup
from cast_lens.widgets.controls import Controls, first_setting
from cast_lens.widgets.static import StaticPage
from cast_lens.widgets.views import Views
from cast_lens.widgets.worker import Plan, Step, Worker


def workbench(
    lens: Lens,
    tasks: str | Sequence[Task] = "bundled",
    *,
    setting: Setting | None = None,
    model: str | None = None,
) -> Workbench | StaticPage:
    """Open the workbench below a notebook's cell.

    The model works in a thread of its own. Call `wait()` before using the same lens in another
    cell while it is at work.

    Args:
        lens: the model.
        tasks: `bundled`, a folder of task folders, or tasks in hand.
        setting: what is chosen first; the first two tasks when None.
        model: what `load_lens` was given, for the commands; the lens's name when None.

    Returns:
        The page; a plain one that does not change where ipywidgets or anywidget is missing.

    Raises:
        TaskError: when there are no such tasks.
    """
    trial = Trial(lens, tasks)
    names = _names(tasks)
    first = setting or first_setting(trial, names)
    if first.item is None and first.prompt is None:
        first = first.model_copy(update={"item": trial.task(first.target).test[0].id})
    try:
        import anywidget  # noqa: F401 - plotly's widgets need it
        import ipywidgets  # noqa: F401
    except ImportError:
        return StaticPage(trial, first)
    return Workbench(trial, names, first, model or lens.name)


def _names(tasks: str | Sequence[Task]) -> list[str]:
    if not isinstance(tasks, str):
        return [task.name for task in tasks]
    root = BUNDLED if tasks == "bundled" else Path(tasks).expanduser()
    return sorted(task_folders(root))


class Workbench:
    """The page, its worker, and what connects them; a notebook shows it as a cell's last value.

    Attributes:
        trial: answers everything; use it after `wait()`.
        controls: sliders and lists.
        page: the widget.
    """

    def __init__(self, trial: Trial, names: Sequence[str], setting: Setting, model: str) -> None:
        self.trial = trial
        self.controls = Controls(trial, names, setting, self._moved)
        tasks = trial.tasks if isinstance(trial.tasks, str) else None
        self._views = Views(self.controls, model, tasks)
        self._views.stop.on_click(lambda _: self.stop())
        self._views.ask_dev.on_click(lambda _: self._ask_dev())
        self._views.ask_map.on_click(lambda _: self._ask_map())
        self._maps: Kept[SiteMap] = Kept(32)
        self._worker = Worker(trial.lens, self._views.progress, self._views.trouble)
        self.page = self._views.page
        self._moved()

    @property
    def setting(self) -> Setting:
        """What is chosen now."""
        return self.controls.setting()

    def wait(self, seconds: float | None = None) -> bool:
        """Until all that was asked is shown; False when that takes longer than `seconds`."""
        return self._worker.wait(seconds)

    def stop(self) -> None:
        """End what the model is doing; what is shown stays."""
        self._worker.stop()
        self._views.rested("stopped")

    def close(self) -> None:
        """End the worker and take the page down."""
        self._worker.close()
        self.page.close()

    def static(self) -> StaticPage:
        """What is chosen now as a page that does not change and needs no widgets."""
        self.wait()
        return StaticPage(self.trial, self.setting)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        found = self.page._repr_mimebundle_(**options)
        told = "This page needs Jupyter widgets; workbench(lens).static() gives a plain one."
        data = found[0] if isinstance(found, tuple) else found
        data["text/html"] = markup.note(told)
        return found

    def _moved(self) -> None:
        """Ask for everything at the setting that is now chosen, the quickest first."""
        setting, asked = self.setting, time.perf_counter()
        trial, watch, views = self.trial, self._worker, self._views
        views.started()

        def answered(found: Answers) -> None:
            views.answers(setting, found)
            views.took(time.perf_counter() - asked)

        def show(panel: Callable[..., None]) -> Callable[[Seen], None]:
            return lambda found: panel(setting, found)

        steps = [
            Step(lambda: trial.answers(setting, watch), answered),
            Step(lambda: trial.prompt_view(setting), show(views.prompt)),
            Step(lambda: trial.states_map(setting, watch), show(views.states)),
            Step(lambda: trial.block_curve(setting, watch), show(views.curve)),
            Step(lambda: trial.continuations(setting, watch), show(views.texts)),
            Step(lambda: trial.readout(setting, watch), show(views.readout)),
            Step(lambda: self._map(setting), show(views.map)),
            Step(lambda: None, lambda _: views.rested("ready")),
        ]
        self._worker.ask(Plan(_key(setting), steps))

    def _map(self, setting: Setting) -> SiteMap:
        """The map on dev items where it was asked for, else the map of this prompt."""
        on_dev = ("accuracy", *_on_dev(setting))
        if on_dev in self._maps:
            return self._maps.get(on_dev, lambda: self._site_map(setting, "accuracy"))
        return self._maps.get(
            ("probability", _key(setting)), lambda: self._site_map(setting, "probability")
        )

    def _site_map(self, setting: Setting, measure: Measure) -> SiteMap:
        return self.trial.site_map(setting, measure, watch=self._worker)

    def _ask_dev(self) -> None:
        setting = self.setting
        self._views.started()
        found = Step(
            lambda: self.trial.dev_accuracy(setting, watch=self._worker),
            lambda found: self._views.dev(setting, found),
        )
        self._ask_long(setting, found)

    def _ask_map(self) -> None:
        setting = self.setting
        self._views.started()

        def work() -> SiteMap:
            key = ("accuracy", *_on_dev(setting))
            return self._maps.get(key, lambda: self._site_map(setting, "accuracy"))

        def show(found: SiteMap) -> None:
            # the sliders may have moved while it was made
            self._views.map(self.setting, found)

        self._ask_long(setting, Step(work, show))

    def _ask_long(self, setting: Setting, step: Step) -> None:
        rest = Step(lambda: None, lambda _: self._views.rested("ready"))
        self._worker.ask_long(Plan(_key(setting), [step, rest]))


def _on_dev(setting: Setting) -> tuple[Hashable, ...]:
    """What a map on dev items depends on."""
    return source_key(setting), setting.target, setting.policy


def _key(setting: Setting) -> Hashable:
    """What all panels share while only block and strength move."""
    return *_on_dev(setting), setting.item, setting.prompt, setting.answer
