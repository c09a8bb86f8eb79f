"""Many prompts through extraction and scoring: is memory flat, is anything left behind?

`python tests/trust/long_run.py tiny 20000` or `... smollm2-135m 3000`. Each work is done twice and
looked at the second time: the first time the allocator finds its size.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil
from torch import Tensor

from cast_lens import load_lens, tiny_lens
from cast_lens.doctor.hygiene import hooks_in
from cast_lens.experiment.evaluate import Questions, evaluate
from cast_lens.model.lens import Lens
from cast_lens.model.memory import Budget
from cast_lens.prompts.demonstrations import draw_demonstrations
from cast_lens.prompts.prompt import Prompt, few_shot, zero_shot
from cast_lens.score.likelihood import Likelihoods, in_order
from cast_lens.score.plan import Sheet
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual, residual_moments
from cast_lens.steer.states import ResidualStates
from cast_lens.steer.vectors import mean_vector
from cast_lens.tasks.task import Example, Task

TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
EVERY = 500  # prompts between two looks
MEGABYTE = 10**6
WIDE = Budget(new_tokens=8192, cached_tokens=65_536, logit_rows=256)  # a tiny model bears it
GROWTH = 0.5  # megabytes for every 1,000 prompts, beyond what is found
SHOTS, POOL = 2, 64
LABELS = ("red", "blue", "green")
WORDS = ("house", "water", "cat", "dog", "sun", "city", "country", "name", "woman", "man")


@dataclass(frozen=True)
class Look:
    """What the process holds after so many prompts."""

    prompts: float
    megabytes: float
    files: int
    threads: int
    hooks: int
    tensors: int


@dataclass
class Stage:
    """One work over all prompts.

    Attributes:
        found: megabytes of what it finds, which memory may grow by.
    """

    name: str
    prompts: int
    found: float = 0.0
    looks: list[Look] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def grown(self) -> float:
        """Megabytes from the first look to the last one within the work."""
        return self.looks[-2].megabytes - self.looks[0].megabytes

    def left_behind(self) -> Iterator[str]:
        """What grew in number; the last look is after the work, the one before it within."""
        for name in ("files", "threads", "hooks", "tensors"):
            first, last = (getattr(self.looks[at], name) for at in (0, -2))
            if last > first:
                yield f"{self.name}: {name} grew from {first} to {last}"

    def faults(self) -> Iterator[str]:
        """What grew that must not, memory included."""
        yield from self.left_behind()
        if self.grown > self.found + GROWTH * self.prompts / 1000:
            yield (
                f"{self.name}: memory grew by {self.grown:.1f} MB, and {self.found:.1f} MB of it "
                "is what was found"
            )


def megabytes_of(thing: Any) -> float:
    """What an object and all that it holds take; what stands in it twice counts once."""
    seen: set[int] = set()

    def bytes_of(one: Any) -> int:
        if id(one) in seen:
            return 0
        seen.add(id(one))
        if isinstance(one, Tensor | np.ndarray):
            return int(one.nbytes)
        inside: list[Any] = [getattr(one, name) for name in getattr(one, "__slots__", ())]
        inside += getattr(one, "__dict__", {}).values()
        if isinstance(one, dict):
            inside += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            inside += one
        return sys.getsizeof(one) + sum(map(bytes_of, inside))

    return bytes_of(thing) / MEGABYTE


def look(lens: Lens, prompts: float) -> Look:
    """What the process holds now: garbage collected, and free memory given back where it can be."""
    gc.collect()
    if TRIM is not None:
        TRIM(0)
    process = psutil.Process()
    return Look(
        prompts=prompts,
        megabytes=process.memory_info().rss / MEGABYTE,
        files=process.num_fds(),
        threads=threading.active_count(),
        hooks=hooks_in(lens.model),
        tensors=sum(issubclass(type(one), Tensor) for one in gc.get_objects()),
    )


@contextmanager
def looking(lens: Lens, stage: Stage, prompts: int, every: int) -> Iterator[None]:
    """Look at the process whenever a progress bar has moved by so many prompts."""

    class Bar:
        def __init__(self, total: int, *_: Any, **__: Any) -> None:
            self.total, self.done, self.looked = total, 0, 0.0

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None:
            stage.looks.append(look(lens, prompts))

        def update(self, n: int = 1) -> None:
            self.done += n
            at = self.done / self.total * prompts
            if at - self.looked >= every:
                self.looked = at
                stage.looks.append(look(lens, at))

    gc.collect()
    gc.freeze()  # what was there before is neither searched nor counted
    try:
        with (
            patch("cast_lens.steer.residual.progress_bar", Bar),
            patch("cast_lens.score.contexts.progress_bar", Bar),
        ):
            start = time.perf_counter()
            yield
            stage.seconds = time.perf_counter() - start
    finally:
        gc.unfreeze()


def long_task(n: int) -> Task:
    """A task of `n` test items, all different, short and long."""

    def text(split: str, i: int) -> str:
        said = [WORDS[i // 10**place % 10] for place in range(5)]
        return f"{split} {' '.join(said + said * (i % 3))}"

    def items(split: str, count: int) -> list[Example]:
        return [
            Example(id=f"{split}-{i}", input=text(split, i), label=LABELS[i % 3])
            for i in range(count)
        ]

    return Task(
        name="long",
        instruction="Name the colour.",
        labels=LABELS,
        format="definition",
        train=items("a", POOL),
        dev=items("the", 3),
        test=items("in", n),
    )


def stages(lens: Lens, task: Task, every: int = EVERY) -> list[Stage]:
    """Extraction, moments and both ways of scoring over all test items of a task."""
    n, layer = len(task.test), lens.n_layers // 2
    made: list[Stage] = []

    def work(name: str, do: Callable[[], Any]) -> Any:
        do()
        made.append(Stage(name, n))
        with looking(lens, made[-1], n, every):
            result = do()
        made[-1].found = megabytes_of(getattr(result, "values", None))
        return result

    def states(prompts: Sequence[Prompt]) -> Callable[[], ResidualStates]:
        return lambda: read_residual(lens, prompts, layers=[layer])

    few, zero = _few_shot(task), [zero_shot(task, e) for e in task.test]
    after = work("extraction, few-shot", states(few))
    before = work("extraction, zero-shot", states(zero))
    work("moments, all blocks", lambda: residual_moments(lens, few))
    variants = [None, Injection(mean_vector(after, before, layer))]
    asked = Questions(task, task.test, tuple(zero))
    held: list[float] = []

    def weighed(question: Likelihoods, wanted: Sequence[Sheet]) -> Any:
        held.append(megabytes_of(question.found))
        return in_order(question, wanted)

    with patch("cast_lens.score.both.in_order", weighed):
        scored = work(
            "scoring and generation",
            lambda: evaluate(lens, asked, variants, max_new_tokens=3, description="scoring"),
        )
    made[-1].found = held[0] + megabytes_of([one.generated for row in scored for one in row])
    return made


def _few_shot(task: Task) -> list[Prompt]:
    return [few_shot(task, q, draw_demonstrations(task.train, q, SHOTS, 0)) for q in task.test]


def main(words: Sequence[str]) -> int:
    """Measure, tell, and fail when something grew."""
    name, wanted = words
    n = int(wanted)
    lens = replace(tiny_lens(), budget=WIDE) if name == "tiny" else load_lens(name)
    faults = []
    for stage in stages(lens, long_task(n)):
        first, last = stage.looks[0], stage.looks[-2]
        sys.stdout.write(
            f"{stage.name}: {n} prompts, {1000 * stage.seconds / n:.2f} ms each, "
            f"{first.megabytes:.1f} to {last.megabytes:.1f} MB "
            f"(what was found: {stage.found:.1f}), "
            f"files {first.files} to {last.files}, threads {first.threads} to {last.threads}, "
            f"hooks {first.hooks} to {last.hooks}, tensors {first.tensors} to {last.tensors}, "
            f"{len(stage.looks)} looks\n"
        )
        sys.stdout.flush()
        faults += stage.faults()
    sys.stdout.write("\n".join(faults or ["nothing grew"]) + "\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
