"""How long a task's prompts are, for an estimate; assumed where the task cannot be read."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace

from cast_lens.errors import ModelError
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.target import evaluation_items
from cast_lens.model.load import load_tokenizer
from cast_lens.prompts.demonstrations import sample_examples
from cast_lens.prompts.prompt import render_demonstration, zero_shot
from cast_lens.tasks.task import Task

CHARACTERS = 4  # of one token, where there is no tokenizer
SAMPLE = 20  # items whose lengths are averaged

Count = Callable[[str], float]


@dataclass(frozen=True)
class Lengths:
    """Means over items of one task, in tokens, and how many items there are.

    Attributes:
        name: of the task.
        zero: its zero-shot prompt, of which `head` is the instruction.
        shown: one demonstration.
        places: tokens after which its answers are scored, the prompt's last one included.
        empty: the content-free query that calibrates labels; 0 for free answers.
        train, dev, test: items, those evaluated for dev and test.
    """

    name: str
    zero: float
    head: float
    shown: float
    places: float
    empty: float
    train: int
    dev: int
    test: int


# means over the cross-task benchmark of Chatterjee et al. 2024, at four characters a token
TYPICAL = Lengths(
    name="", zero=165, head=80, shown=86, places=4, empty=6, train=1000, dev=60, test=200
)


def token_count(model: str) -> tuple[Count, str | None]:
    """How to count a text's tokens, and what had to be assumed for it."""
    try:
        tokenizer = load_tokenizer(model)
    except ModelError:
        note = f"tokens: {CHARACTERS} characters each, since the tokenizer cannot be had here"
        return lambda text: len(text) / CHARACTERS, note
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]), None


def lengths_of(config: CastConfig, task: Task, count: Count) -> Lengths:
    """Measure a task on some of its items.

    Raises:
        TaskError: when it has no item to evaluate.
    """
    items = sample_examples(list(task.items()), SAMPLE, config.seed)
    prompts = [zero_shot(task, e) for e in items]
    answers = [task.labels or e.accept for e in items]
    return Lengths(
        name=task.name,
        zero=statistics.fmean(count(p.text) for p in prompts),
        head=count(prompts[0].head),
        shown=statistics.fmean(count(render_demonstration(task, e)) for e in items),
        places=1 + statistics.fmean(sum(count(f" {a}") - 1 for a in some) for some in answers),
        empty=count(prompts[0].content_free().query) if task.labels else 0,
        train=len(task.train),
        dev=len(evaluation_items(task, "dev", config.dev_items, config.seed)),
        test=len(evaluation_items(task, "test", config.test_items, config.seed)),
    )


def assumed_lengths(config: CastConfig, name: str) -> Lengths:
    """What to take for a task that cannot be read: `TYPICAL`."""
    return replace(
        TYPICAL,
        name=name,
        dev=min(config.dev_items or TYPICAL.dev, TYPICAL.dev),
        test=min(config.test_items or TYPICAL.test, TYPICAL.test),
    )
