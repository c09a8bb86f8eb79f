"""The command and the Python that give the same numbers as a panel of the workbench."""

from __future__ import annotations

import shlex
from typing import Literal, get_args

from cast_lens.diagnosis.try_setting import Setting

Show = Literal["prompt", "answers", "continuations", "curve", "map", "states", "readout", "dev"]
SHOWN: tuple[Show, ...] = get_args(Show)
MAP_ON_DEV = "dev-map"
CALLS: dict[str, str] = {
    "prompt": "prompt_view(setting)",
    "answers": "answers(setting)",
    "continuations": "continuations(setting)",
    "curve": "block_curve(setting)",
    "map": "site_map(setting)",
    "states": "states_map(setting)",
    "readout": "readout(setting)",
    "dev": "dev_accuracy(setting)",
    MAP_ON_DEV: 'site_map(setting, "accuracy")',
}
assert set(CALLS) == {*SHOWN, MAP_ON_DEV}


def command_of(setting: Setting, show: str, model: str, tasks: str) -> str:
    """The shell command that prints what a panel shows.

    Args:
        setting: every value that is not the default is written out.
        show: a key of `CALLS`.
        model: what `load_lens` was given.
        tasks: what the tasks were found by.
    """
    words = ["cast-lens", "try"]
    for name, default in (("model", "smollm2-135m"), ("tasks", "bundled")):
        given = {"model": model, "tasks": tasks}[name]
        words += [] if given == default else [f"--{name}", given]
    for name, value in _given(setting).items():
        # a value that starts with a dash would be taken for an option
        words.append(f"--{name}={value}")
    words += ["--show", "map", "--on-dev"] if show == MAP_ON_DEV else ["--show", show]
    return shlex.join(words)


def python_of(setting: Setting, show: str, model: str, tasks: str) -> str:
    """The same in Python; the last line's value is the record."""
    values = ", ".join(f"{name}={value!r}" for name, value in _given(setting).items())
    return "\n".join(
        [
            "from cast_lens import Setting, Trial, load_lens",
            "",
            f"trial = Trial(load_lens({model!r}), {tasks!r})",
            f"setting = Setting({values})",
            f"trial.{CALLS[show]}",
        ]
    )


def _given(setting: Setting) -> dict[str, str | int | float]:
    fields = type(setting).model_fields
    return {
        name: value
        for name, value in setting.model_dump().items()
        if fields[name].is_required() or value != fields[name].default
    }
