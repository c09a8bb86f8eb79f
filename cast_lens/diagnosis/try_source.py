"""Sources as a workbench needs them: read once for all blocks, vectors made when asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cast_lens.diagnosis.try_setting import Setting
from cast_lens.experiment.arms import VECTOR_ARMS, Made
from cast_lens.experiment.cells import Cells
from cast_lens.experiment.config import CastConfig, make_config
from cast_lens.experiment.sources import Source, read_source
from cast_lens.model.hooks import hooked
from cast_lens.model.lens import Lens
from cast_lens.steer.injection import Injection
from cast_lens.steer.vectors import SteeringVector
from cast_lens.tasks.task import Task

V = TypeVar("V")


class Kept(Generic[V]):
    """The last few things that were made, by key; an older one is made again when asked for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The thing under a key, made where it is not there."""
        if key not in self._found:
            self._found[key] = make()
        self._found.move_to_end(key)
        if len(self._found) > self._most:
            self._found.popitem(last=False)
        return self._found[key]

    def __contains__(self, key: Hashable) -> bool:
        return key in self._found


class Watch:
    """Is told how far long work is, and may end it by raising; this one does nothing."""

    def reading(self, what: str, tokens: int) -> None:
        """So many tokens have been read; the model is at work, so nothing else may be asked."""

    def between(self, what: str, done: int, of: int) -> None:
        """So many pieces are done; the model rests, so something else may be asked meanwhile."""


def settings_of(setting: Setting, model: str) -> CastConfig:
    """The same settings as a run has them.

    Raises:
        ConfigError: when one is out of range.
    """
    return make_config(
        {
            "model": model,
            "sources": [setting.source],
            "targets": [setting.target],
            "arms": ["zero_shot", "icl_in_task", "cast", "random_direction"],
            "layers": "all",
            "shots": setting.shots,
            "examples": setting.examples,
            "selector": setting.selector,
            "policy": setting.policy,
            "seed": setting.seed,
        }
    )


def source_key(setting: Setting) -> tuple[str, int, str, int, int]:
    """What the states of a source depend on."""
    return setting.source, setting.examples, setting.selector, setting.shots, setting.seed


class Sources:
    """Read sources and their vectors, as a run has them."""

    def __init__(self, lens: Lens, task: Callable[[str], Task]) -> None:
        self._lens = lens
        self._task = task
        self._read: Kept[Source] = Kept(4)
        self._vectors: Kept[tuple[SteeringVector, SteeringVector]] = Kept(4096)

    def known(self, setting: Setting) -> bool:
        """Whether nothing has to be read for this setting."""
        return source_key(setting) in self._read

    def source(self, setting: Setting, watch: Watch) -> Source:
        """The chosen examples and their states after every block."""
        return self._read.get(source_key(setting), lambda: self._made(setting, watch))

    def _made(self, setting: Setting, watch: Watch) -> Source:
        config = settings_of(setting, self._lens.name)
        task = self._task(setting.source)
        cells = Cells(None, self._lens, config, {})
        what = f"reading {min(config.examples, len(task.train))} examples of {task.name}"
        tokens = 0

        def count(states: object) -> None:
            nonlocal tokens
            tokens += states.shape[0] * states.shape[1]  # type: ignore[attr-defined]
            watch.reading(what, tokens)

        watch.reading(what, 0)
        with hooked(self._lens, {0: count}):
            return read_source(self._lens, config, task, cells)

    def vectors(
        self, setting: Setting, layer: int, watch: Watch
    ) -> tuple[SteeringVector, SteeringVector]:
        """The vector of one block, and a random direction of its norm."""

        def make() -> tuple[SteeringVector, SteeringVector]:
            source = self.source(setting, watch)
            made = Made(settings_of(setting, self._lens.name), source, [source], layer, 0)
            return VECTOR_ARMS["cast"](made), VECTOR_ARMS["random_direction"](made)

        self._lens.hook_name(layer)  # refuses a block that is not there before anything is read
        return self._vectors.get((source_key(setting), layer), make)

    def injections(
        self, setting: Setting, layer: int, strength: float, watch: Watch
    ) -> tuple[Injection, Injection]:
        """Both of them, to be written."""
        vector, random = self.vectors(setting, layer, watch)
        return (
            Injection(vector, strength, setting.policy),
            Injection(random, strength, setting.policy),
        )
