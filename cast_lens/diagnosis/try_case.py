"""What is asked at a setting: an item of the target, or the user's own prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cast_lens.diagnosis.try_records import MarkedToken, PromptView
from cast_lens.diagnosis.try_setting import OWN, Kind, Setting
from cast_lens.errors import TaskError
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import fit_prompt, rendered
from cast_lens.prompts.demonstrations import draw_demonstrations
from cast_lens.prompts.prompt import Prompt, few_shot, zero_shot
from cast_lens.steer.injection import Policy
from cast_lens.tasks.task import Example, Task


@dataclass(frozen=True)
class Case:
    """One question to the model.

    Attributes:
        zero, few: its zero-shot prompt, and the one with demonstrations of the target.
        options: answers to score; empty for an own prompt of a task with free answers for which
            no answer was given.
        followed: whose probability is shown; empty where it must be found out.
        why: see `Answers`.
    """

    task: Task
    zero: Prompt
    few: Prompt
    options: tuple[str, ...]
    followed: tuple[str, ...]
    why: Literal["right", "given", "few-shot"]

    @property
    def kind(self) -> Kind:
        """Whether labels or free answers are scored."""
        return "free" if self.task.free_answers else "labels"

    def following(self, answer: str) -> Case:
        """The same case with an answer to follow."""
        return replace(self, options=self.options or (answer,), followed=(answer,))


def case_of(setting: Setting, target: Task) -> Case:
    """The question of a setting.

    Raises:
        TaskError: when there is no such item, or the given answer is none of the labels.
        PromptError: when the target has too few examples to show.
    """
    if setting.prompt is None:
        item = item_of(target, setting.item)
        shown = draw_demonstrations(target.train, item, setting.shots, setting.seed)
        zero, few = zero_shot(target, item), few_shot(target, item, shown)
        return Case(target, zero, few, target.labels or item.accept, item.accept, "right")
    zero, few = _own(setting, target, setting.prompt)
    given = (setting.answer,) if setting.answer else ()
    if given and target.labels and setting.answer not in target.labels:
        raise TaskError(
            f"{setting.answer!r} is no label of {target.name}.",
            f"Its labels: {', '.join(target.labels)}.",
        )
    why: Literal["given", "few-shot"] = "given" if given else "few-shot"
    return Case(target, zero, few, target.labels or given, given, why)


def item_of(task: Task, wanted: str | None) -> Example:
    """An item by its id, the first test item without one.

    Raises:
        TaskError: when there is none of that id.
    """
    if wanted is None:
        return task.test[0]
    for example in task.items():
        if example.id == wanted:
            return example
    near = ", ".join(e.id for e in task.test[:3])
    raise TaskError(f"{task.name}: no item {wanted!r} in train, dev, test.", f"Ids: {near}, ...")


def _own(setting: Setting, target: Task, text: str) -> tuple[Prompt, Prompt]:
    """The text alone, and with demonstrations before it that do not ask the same.

    An instruction that the text begins with stands before the demonstrations, and only once.
    """
    query = Example(id=OWN, input=text, label=target.train[0].label)
    pool = [e for e in target.train if zero_shot(target, e).query not in text]
    shown = draw_demonstrations(pool, query, setting.shots, setting.seed)
    few = few_shot(target, query, shown)
    asked = text.removeprefix(few.head)
    few = replace(few, query=asked, content_free_query=asked)
    return Prompt(OWN, "", (), (), text, text), few


def view(lens: Lens, prompt: Prompt, accepted: Sequence[str], policy: Policy) -> PromptView:
    """A prompt's tokens, with those marked where vectors are read and written."""
    fitted, ids = fit_prompt(lens, prompt)
    last = len(ids) - 1
    return PromptView(
        query_id=prompt.query_id,
        text=rendered(lens.tokenizer, fitted),
        accepted=tuple(accepted),
        tokens=tuple(
            MarkedToken(
                id=id_,
                text=lens.tokenizer.decode([id_]),
                read=at == last,
                written=at == last or policy == "all",
            )
            for at, id_ in enumerate(ids)
        ),
        later=policy != "prompt_last",
    )
