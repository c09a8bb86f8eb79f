"""Prompts in the formats of the cross-task benchmark and of word tasks.

`definition` follows Chatterjee et al. 2024 (arXiv 2405.10548, repository C-anwoy/Cross-Task-ICL):
``Definition: {instruction}\\n{input}``, a demonstration being its input, a space and its label.
`qa` is ``{instruction}\\n\\nQ: {input}\\nA:``. A cross-task prompt puts the source task's
instruction and demonstrations before the target's zero-shot prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cast_lens.errors import PromptError
from cast_lens.tasks.task import Example, Task

Template = Literal["plain", "chat"]
CONTENT_FREE = "N/A"


@dataclass(frozen=True)
class Prompt:
    """One prompt, kept in pieces so that a demonstration can be dropped whole.

    Attributes:
        query_id: id of the example that is asked.
        head: the instruction (for a cross-task prompt, the source's).
        demonstrations: rendered demonstrations, in order.
        demonstration_ids: their example ids, same length.
        query: everything after the demonstrations: a target instruction if any, and the query.
        content_free_query: `query` with its content replaced by ``N/A`` (Zhao et al. 2021).
        template: `plain` text, or the model's own `chat` template around it.
    """

    query_id: str
    head: str
    demonstrations: tuple[str, ...]
    demonstration_ids: tuple[str, ...]
    query: str
    content_free_query: str
    template: Template = "plain"

    def __post_init__(self) -> None:
        if len(self.demonstrations) != len(self.demonstration_ids):
            raise PromptError(
                f"{self.query_id}: {len(self.demonstrations)} demonstrations but "
                f"{len(self.demonstration_ids)} ids."
            )

    @property
    def text(self) -> str:
        """The whole prompt, before any chat template."""
        return self.head + "".join(self.demonstrations) + self.query

    def without_first_demonstration(self) -> Prompt:
        """The same prompt with its first demonstration dropped."""
        return replace(
            self,
            demonstrations=self.demonstrations[1:],
            demonstration_ids=self.demonstration_ids[1:],
        )

    def content_free(self) -> Prompt:
        """The same prompt asking about nothing, for calibration."""
        return replace(self, query=self.content_free_query)


def _head(task: Task) -> str:
    if task.format == "definition":
        return f"Definition: {task.instruction}\n"
    return f"{task.instruction}\n\n"


def _query(task: Task, text: str) -> str:
    return text if task.format == "definition" else f"Q: {text}\nA:"


def _content_free_input(task: Task, text: str) -> str:
    """Keep the answer cue (the last line of a multi-line input), replace the rest."""
    if task.format == "qa" or "\n" not in text:
        return CONTENT_FREE
    return f"{CONTENT_FREE}\n{text.rsplit(chr(10), 1)[1]}"


def render_demonstration(task: Task, example: Example) -> str:
    """One demonstration as the task's format shows it."""
    if task.format == "definition":
        return f"{example.input} {example.label}\n"
    return f"Q: {example.input}\nA: {example.label}\n\n"


def _prompt(
    source: Task,
    target: Task,
    query: Example,
    demonstrations: Sequence[Example],
    template: Template,
) -> Prompt:
    bridge = "" if source.name == target.name else _head(target)
    empty = _query(target, _content_free_input(target, query.input))
    return Prompt(
        query_id=query.id,
        head=_head(source),
        demonstrations=tuple(render_demonstration(source, d) for d in demonstrations),
        demonstration_ids=tuple(d.id for d in demonstrations),
        query=bridge + _query(target, query.input),
        content_free_query=bridge + empty,
        template=template,
    )


def zero_shot(task: Task, query: Example, *, template: Template = "plain") -> Prompt:
    """Instruction and query."""
    return _prompt(task, task, query, (), template)


def few_shot(
    task: Task, query: Example, demonstrations: Sequence[Example], *, template: Template = "plain"
) -> Prompt:
    """Instruction, demonstrations of the same task, query.

    Raises:
        PromptError: when the query is among its own demonstrations.
    """
    if any(d.id == query.id or d.input == query.input for d in demonstrations):
        raise PromptError(f"{query.id}: the query is among its own demonstrations.")
    return _prompt(task, task, query, demonstrations, template)


def cross_task(
    source: Task,
    target: Task,
    query: Example,
    demonstrations: Sequence[Example],
    *,
    template: Template = "plain",
) -> Prompt:
    """Source instruction and demonstrations, then the target's zero-shot prompt.

    A source equal to the target gives the few-shot prompt of that task.
    """
    if source.name == target.name:
        return few_shot(target, query, demonstrations, template=template)
    return _prompt(source, target, query, demonstrations, template)
