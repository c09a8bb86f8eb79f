"""A small batch of the target's dev items, one after another, so that it can be stopped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from cast_lens.diagnosis.try_setting import Setting
from cast_lens.diagnosis.try_source import Watch
from cast_lens.experiment.evaluate import Questions, likelihoods_of
from cast_lens.experiment.target import evaluation_items
from cast_lens.model.lens import Lens
from cast_lens.prompts.demonstrations import draw_demonstrations
from cast_lens.prompts.prompt import Prompt, few_shot, zero_shot
from cast_lens.score.labels import Given
from cast_lens.tasks.task import Example, Task


def dev_questions(task: Task, setting: Setting, limit: int, *, few: bool) -> Questions:
    """At most `limit` dev items, asked with or without demonstrations of the target."""

    def prompt_of(item: Example) -> Prompt:
        if not few:
            return zero_shot(task, item)
        shown = draw_demonstrations(task.train, item, setting.shots, setting.seed)
        return few_shot(task, item, shown)

    items = tuple(evaluation_items(task, "dev", limit, setting.seed))
    return Questions(task, items, tuple(map(prompt_of, items)))


def on_dev(
    lens: Lens, asked: Questions, variants: Sequence[Given], what: str, watch: Watch
) -> Bool[np.ndarray, "variant item"]:
    """Whether each item is answered rightly; see `likelihoods_of`.

    Args:
        lens: the model.
        asked: items and prompts.
        variants: each None or one injection.
        what: what `watch` is told is going on.
        watch: is told after every item.
    """
    n = len(asked.items)
    hits = []
    for done, (item, prompt) in enumerate(zip(asked.items, asked.prompts, strict=True)):
        watch.between(what, done, n)
        one = Questions(asked.task, (item,), (prompt,))
        hits.append(likelihoods_of(lens, one, variants, description=what)[0])
    watch.between(what, n, n)
    return np.concatenate(hits, axis=1)
