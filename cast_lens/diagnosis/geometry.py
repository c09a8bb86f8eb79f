"""States of several tasks side by side, with what is known of each prompt, and their maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.projection import Method, Projection, project, project_blocks
from cast_lens.errors import TaskError, VectorError
from cast_lens.experiment.evaluate import Questions, likelihoods_of
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import fit_prompt
from cast_lens.prompts.demonstrations import draw_demonstrations, sample_examples
from cast_lens.prompts.prompt import Prompt, Template, few_shot, zero_shot
from cast_lens.records import Rows, Tabular
from cast_lens.shapes import as_array, shaped
from cast_lens.steer.identity import Identity
from cast_lens.steer.residual import read_residual
from cast_lens.tasks.task import Example, Task

Kind = Literal["few-shot", "zero-shot", "few-shot minus zero-shot"]
FEW: Kind = "few-shot"
ZERO: Kind = "zero-shot"
DIFFERENCE: Kind = "few-shot minus zero-shot"


@dataclass(frozen=True)
class Row:
    """What is known of one prompt whose state was read.

    Attributes:
        task: its name.
        kind: of the prompt; a difference belongs to both prompts of its query.
        query_id, query: the example that is asked, and its input.
        label: its right answer.
        correct: whether the model's likeliest answer is right (of a difference: after the few-shot
            prompt); None where it was not asked.
        text: the prompt.
    """

    task: str
    kind: Kind
    query_id: str
    query: str
    label: str
    correct: bool | None
    text: str


@dataclass(frozen=True)
class Group:
    """States of one task under one kind of prompt after one block."""

    task: str
    kind: Kind
    layer: int


@shaped
class LabelledStates(Tabular):
    """States after some blocks, with what is known of each prompt.

    Attributes:
        values: float32, at the last token of each prompt.
        layers: which block each first index is, ascending.
        rows: one a prompt.
        identity: model, tokenizer, template and dtype they were read with.
        seed: of the draw of queries and demonstrations.
    """

    values: Float[np.ndarray, "layer prompt d_model"]
    layers: tuple[int, ...]
    rows: tuple[Row, ...]
    identity: Identity
    seed: int

    def __post_init__(self) -> None:
        if self.values.shape[:2] != (len(self.layers), len(self.rows)):
            raise VectorError(
                f"States of shape {self.values.shape} do not fit {len(self.layers)} layers and "
                f"{len(self.rows)} prompts."
            )

    def at(self, layer: int) -> Float[np.ndarray, "prompt d_model"]:
        """States after one block.

        Raises:
            VectorError: when that block was not read.
        """
        if layer not in self.layers:
            raise VectorError(f"Layer {layer} was not read; read were {list(self.layers)}.")
        return np.asarray(self.values[self.layers.index(layer)])

    def where(self, group: Group) -> list[int]:
        """Which rows belong to a group.

        Raises:
            TaskError: when none does.
        """
        found = [i for i, r in enumerate(self.rows) if (r.task, r.kind) == (group.task, group.kind)]
        if not found:
            raise TaskError(f"No {group.kind} state of {group.task!r} was read.")
        return found

    def groups(self, layers: Sequence[int] | None = None) -> tuple[Group, ...]:
        """Every task and kind after every block asked for, in the order they were read."""
        held = dict.fromkeys((row.task, row.kind) for row in self.rows)
        wanted = self.layers if layers is None else layers
        return tuple(Group(task, kind, layer) for (task, kind), layer in product(held, wanted))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The values, for `numpy.asarray`."""
        return as_array(self.values, dtype, copy)

    def as_rows(self) -> Rows:
        """One row a prompt, without its states."""
        return [dict(vars(row)) for row in self.rows]


def read_labelled(
    lens: Lens,
    tasks: Sequence[Task],
    *,
    queries: int = 24,
    shots: int = 4,
    layers: Sequence[int] | None = None,
    seed: int = 0,
    template: Template = "plain",
    answers: bool = False,
) -> LabelledStates:
    """Read few-shot and zero-shot states of the same queries of each task.

    Queries and demonstrations are drawn from the training split, a query never among its own
    demonstrations.

    Args:
        lens: the model.
        tasks: names must differ.
        queries: of each task; all where it has fewer.
        shots: demonstrations in a few-shot prompt.
        layers: blocks to read, 0-based; all when None.
        seed: of every draw.
        template: plain text, or the model's chat template.
        answers: whether to score the prompts too, which says what is answered right.

    Raises:
        TaskError: when two tasks have one name.
        PromptError, ModelError: see `read_residual` and `draw_demonstrations`.
    """
    if len({task.name for task in tasks}) != len(tasks):
        raise TaskError("Two tasks have the same name.")
    rows: list[Row] = []
    prompts: list[Prompt] = []
    for task in tasks:
        items = tuple(sample_examples(task.train, queries, seed))
        few = [
            few_shot(task, e, draw_demonstrations(task.train, e, shots, seed), template=template)
            for e in items
        ]
        zero = [zero_shot(task, e, template=template) for e in items]
        for kind, some in ((FEW, few), (ZERO, zero)):
            fitted = tuple(fit_prompt(lens, prompt)[0] for prompt in some)
            right = _right(lens, Questions(task, items, fitted)) if answers else [None] * len(items)
            prompts += fitted
            rows += [
                _row(task, kind, e, prompt, hit)
                for e, prompt, hit in zip(items, fitted, right, strict=True)
            ]
    states = read_residual(lens, prompts, layers=layers, description="reading states for maps")
    return LabelledStates(states.values.numpy(), states.layers, tuple(rows), states.identity, seed)


def _right(lens: Lens, asked: Questions) -> list[bool | None]:
    what = f"{asked.task.name}: answers"
    hits, _ = likelihoods_of(lens, asked, [None], description=what)
    return [bool(hit) for hit in hits[0]]


def _row(task: Task, kind: Kind, example: Example, prompt: Prompt, hit: bool | None) -> Row:
    return Row(task.name, kind, example.id, example.input, example.label, hit, prompt.text)


def differences(states: LabelledStates) -> LabelledStates:
    """Few-shot minus zero-shot state of each query; its text is that of the few-shot prompt.

    Raises:
        TaskError: when a query lacks one of the two.
    """
    place = {(r.task, r.kind, r.query_id): i for i, r in enumerate(states.rows)}
    few = [i for i, r in enumerate(states.rows) if r.kind == FEW]
    zero = [place.get((states.rows[i].task, ZERO, states.rows[i].query_id)) for i in few]
    paired = [i for i in zero if i is not None]
    if not few or len(paired) < len(few):
        raise TaskError("Differences need a few-shot and a zero-shot state of each query.")
    rows = tuple(
        Row(r.task, DIFFERENCE, r.query_id, r.query, r.label, r.correct, r.text)
        for r in (states.rows[i] for i in few)
    )
    values = states.values[:, few] - states.values[:, paired]
    return LabelledStates(values, states.layers, rows, states.identity, states.seed)


def map_states(
    states: LabelledStates, layer: int, method: Method, dimensions: int = 2, seed: int = 0
) -> Projection:
    """One map of all states after a block; see `project`."""
    return project(states.at(layer), method, dimensions, seed)


def map_blocks(
    states: LabelledStates, method: Method, dimensions: int = 2, seed: int = 0
) -> tuple[Projection, ...]:
    """A map for each block that was read, each turned towards the last; see `project_blocks`."""
    return project_blocks(states.values, method, dimensions, seed)
