"""What is read of a source task: its chosen examples and their states, plain and altered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cast_lens.experiment.cells import Cells
from cast_lens.experiment.choosing import choose_examples
from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.model.lens import Lens
from cast_lens.model.random_words import random_words
from cast_lens.model.tokens import encode, fit_prompt
from cast_lens.prompts.demonstrations import (
    draw_demonstrations,
    fixed_demonstrations,
    item_generator,
)
from cast_lens.prompts.prompt import Prompt, few_shot, render_demonstration, zero_shot
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import ResidualStates
from cast_lens.tasks.task import Example, Task

FEW, ZERO = "few-shot states", "zero-shot states"
Alter = Callable[[Lens, CastConfig, Task, Sequence[Example]], Mapping[str, Example]]


@dataclass(frozen=True, eq=False)
class Source:
    """A source task, its chosen examples and their states.

    Attributes:
        task: the source.
        chosen: the examples the vector is a mean over.
        shown: where its demonstrations come from: the chosen, or a fixed set apart from them.
        few, zero: states at the last token of their few-shot and zero-shot prompts.
        altered: by arm, other states: few-shot ones with demonstrations that were tampered with,
            or the single one of `task_vector`.
        tokens: of every prompt that was read, by the name of the states read there.
    """

    task: Task
    chosen: tuple[Example, ...]
    shown: tuple[Example, ...]
    few: ResidualStates
    zero: ResidualStates
    altered: Mapping[Arm, ResidualStates]
    tokens: Mapping[str, tuple[int, ...]]


def read_source(lens: Lens, config: CastConfig, task: Task, cells: Cells) -> Source:
    """Choose examples of a source and read the states that the arms ask for."""
    fixed = fixed_set(config, task)
    left = [e for e in task.train if e not in fixed]
    chosen = choose_examples(lens, config, task, left)
    shown = fixed or chosen
    tokens: dict[str, tuple[int, ...]] = {}

    def read(name: str, prompts: Sequence[Prompt]) -> ResidualStates:
        fitted = [fit_prompt(lens, prompt) for prompt in prompts]
        tokens[name] = tuple(len(row) for _, row in fitted)
        what = f"{task.name}: {name}"
        return read_states(lens, config, cells, what, [prompt for prompt, _ in fitted])

    def few(told: Mapping[str, Example], queries: Sequence[Example]) -> list[Prompt]:
        return [
            few_shot(
                task,
                query,
                [told[d.id] for d in demonstrations_for(config, shown, query)],
                template=config.template,
            )
            for query in queries
        ]

    plain = {e.id: e for e in shown}
    altered = {
        arm: read(f"{arm} states", few(alter(lens, config, task, shown), chosen))
        for arm, alter in ALTERED.items()
        if arm in config.arms
    }
    if "task_vector" in config.arms:
        altered["task_vector"] = read("task_vector state", few(plain, chosen[:1]))
    zero = [zero_shot(task, e, template=config.template) for e in chosen]
    return Source(
        task=task,
        chosen=chosen,
        shown=shown,
        few=read(FEW, few(plain, chosen)),
        zero=read(ZERO, zero),
        altered=altered,
        tokens=tokens,
    )


def read_states(
    lens: Lens, config: CastConfig, cells: Cells, what: str, prompts: Sequence[Prompt]
) -> ResidualStates:
    """States after the searched blocks, computed once; `what` names them within the run."""
    layers = config.layers_of(lens.n_layers)
    return cells.states(what, lambda: read_residual(lens, prompts, layers=layers, description=what))


def fixed_set(config: CastConfig, task: Task) -> tuple[Example, ...]:
    """The one set of demonstrations of a task, where the settings ask for one."""
    if config.demonstrations == "drawn":
        return ()
    return fixed_demonstrations(task.train, config.shots, config.seed)


def demonstrations_for(
    config: CastConfig, shown: Sequence[Example], query: Example
) -> tuple[Example, ...]:
    """What a prompt shows before a query, out of the examples that may be shown."""
    if config.demonstrations == "fixed":
        return tuple(shown)
    return draw_demonstrations(shown, query, config.shots, config.seed)


def _shuffled(
    _lens: Lens, config: CastConfig, task: Task, shown: Sequence[Example]
) -> dict[str, Example]:
    """Each example with the label of another one, drawn once for the task."""
    order = item_generator(config.seed, "shuffled labels", task.name).permutation(len(shown))
    turned = zip(order, [*order[1:], order[0]], strict=True)
    return {
        shown[one].id: _told(shown[one], shown[one].input, shown[other].label)
        for one, other in turned
    }


def _told(example: Example, text: str, label: str) -> Example:
    return Example(id=example.id, input=text, label=label)


def _irrelevant(
    lens: Lens, config: CastConfig, task: Task, shown: Sequence[Example]
) -> dict[str, Example]:
    """Each example's input and answer replaced by random words, of as many tokens in all."""
    return {e.id: _meaningless(lens, config, task, e) for e in shown}


def _meaningless(lens: Lens, config: CastConfig, task: Task, example: Example) -> Example:
    def tokens(told: Example) -> int:
        return len(encode(lens.tokenizer, render_demonstration(task, told)))

    wanted = tokens(example)
    generator = item_generator(config.seed, "irrelevant", task.name, example.id)
    label, *words = random_words(lens.tokenizer, wanted, generator)
    candidates = [
        _told(example, " ".join(words[:count]), label) for count in range(1, len(words) + 1)
    ]
    return min(candidates, key=lambda told: abs(tokens(told) - wanted))


ALTERED: dict[Arm, Alter] = {"shuffled_labels": _shuffled, "irrelevant_demos": _irrelevant}
