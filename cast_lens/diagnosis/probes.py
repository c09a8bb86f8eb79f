"""What can be read off a model's states after each block: few-shot or zero-shot, task, label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.estimates import Estimate
from cast_lens.analysis.probing import (
    FOLDS,
    SEEDS,
    Probe,
    TransferMatrix,
    probe,
    probe_accuracy,
    transfer,
)
from cast_lens.diagnosis.queries import letters_of, together
from cast_lens.errors import ConfigError
from cast_lens.experiment.config import CastConfig
from cast_lens.model.lens import Lens
from cast_lens.prompts.demonstrations import draw_demonstrations, sample_examples
from cast_lens.prompts.prompt import Prompt, few_shot, zero_shot
from cast_lens.records import Record, Rows, rows_of
from cast_lens.shapes import shaped
from cast_lens.steer.residual import read_residual
from cast_lens.tasks.task import Example, Task

Question = Literal["kind", "task", "label"]
KINDS = ("few-shot", "zero-shot")


@dataclass(frozen=True)
class Row:
    """What is known of one state.

    Attributes:
        kind: `few-shot` or `zero-shot`.
        task: whose prompt it is.
        label: right answer of its query.
        query: the query's input.
        group: what is never on both sides of a split has one; see `together`.
        letter: the query's first letter beyond what all queries of its task begin with: the type
            that control tasks label at random.
    """

    kind: str
    task: str
    label: str
    query: str
    group: str
    letter: str


@shaped
class ProbeRows:
    """States to probe.

    Attributes:
        values: float32, last token of each prompt.
        layers: which block each first index is; `depths` their relative depths.
        rows: what each second index is.
        model: its name.
    """

    values: Float[np.ndarray, "layer row d_model"]
    layers: tuple[int, ...]
    depths: tuple[float, ...]
    rows: tuple[Row, ...]
    model: str

    def asked(self, question: Question) -> list[str]:
        """The answer to a question for each row."""
        return [getattr(row, question) for row in self.rows]


class LayerProbe(Record):
    """One question asked of the states after one block.

    Attributes:
        model, layer, depth: of what.
        question: `kind` (few-shot or zero-shot?), `task` or `label`.
        tasks: whose prompts.
        probe: what was found.
        untrained: accuracy on the states of a model with random weights, if one was given.
    """

    model: str
    layer: int
    depth: float
    question: Question
    tasks: tuple[str, ...]
    probe: Probe
    untrained: Estimate | None


class LayerTransfer(Record):
    """Probes of one question, carried from task to task, after one block."""

    model: str
    layer: int
    depth: float
    question: Question
    matrix: TransferMatrix

    def as_rows(self) -> Rows:
        """One row a task trained on and a task tested on."""
        return rows_of([self.matrix], layer=self.layer, question=self.question)


def read_rows(lens: Lens, tasks: Sequence[Task], config: CastConfig) -> ProbeRows:
    """Read the few-shot and the zero-shot state of every query after the searched blocks.

    Queries are drawn at random. Demonstrations come from the examples that are no query, so that
    no prompt shows what another one asks.

    Args:
        lens: the model.
        tasks: whose training examples are asked.
        config: `examples` (queries a task), `shots`, `layers`, `template` and `seed` are read.

    Raises:
        ConfigError: when a task has too few examples.
        ModelError: when a layer does not exist.
    """
    prompts: list[Prompt] = []
    asked: list[tuple[Task, Example, str]] = []
    for task in tasks:
        ordered = sample_examples(task.train, len(task.train), config.seed)
        queries, rest = ordered[: config.examples], ordered[config.examples :]
        if len(rest) <= config.shots:
            raise ConfigError(
                f"{task.name}: {config.examples} of {len(ordered)} examples asked leave "
                f"{len(rest)} to demonstrate, {config.shots} shots need more.",
                "Lower examples or shots.",
            )
        for query, letter in zip(queries, letters_of(queries), strict=True):
            shown = draw_demonstrations(rest, query, config.shots, config.seed)
            prompts.append(few_shot(task, query, shown, template=config.template))
            prompts.append(zero_shot(task, query, template=config.template))
            asked.append((task, query, letter))
    groups = together([query for _, query, _ in asked])
    rows = [
        Row(kind, task.name, query.label, query.input, group, letter)
        for (task, query, letter), group in zip(asked, groups, strict=True)
        for kind in KINDS
    ]
    states = read_residual(lens, prompts, layers=config.layers_of(lens.n_layers))
    depths = tuple(map(lens.depth, states.layers))
    return ProbeRows(states.values.numpy(), states.layers, depths, tuple(rows), lens.name)


def probe_layers(
    lens: Lens,
    tasks: Sequence[Task],
    config: CastConfig,
    question: Question = "kind",
    *,
    untrained: Lens | None = None,
    seeds: Sequence[int] = SEEDS,
) -> tuple[LayerProbe, ...]:
    """Read states and probe them after every searched block; see `read_rows`, `probe_rows`.

    Args:
        untrained: the control, see `random_weights`.
    """
    control = None if untrained is None else read_rows(untrained, tasks, config)
    return probe_rows(read_rows(lens, tasks, config), question, untrained=control, seeds=seeds)


def probe_rows(
    read: ProbeRows,
    question: Question,
    *,
    untrained: ProbeRows | None = None,
    seeds: Sequence[int] = SEEDS,
) -> tuple[LayerProbe, ...]:
    """Probe states that were read.

    Both kinds of prompt are pooled; the two of one query are never on both sides of a split. The
    control task's types are the queries' first letters, which many queries share.

    Args:
        read: the states.
        question: what is asked of them.
        untrained: states of the same prompts in a model with random weights.
        seeds: of splits and control labels.

    Raises:
        ConfigError: when there are fewer than two answers, or too few queries to an answer.
    """
    answers, groups = read.asked(question), [row.group for row in read.rows]
    _check(question, answers, groups)
    letters = [row.letter for row in read.rows]
    return tuple(
        LayerProbe(
            model=read.model,
            layer=layer,
            depth=read.depths[i],
            question=question,
            tasks=tuple(dict.fromkeys(row.task for row in read.rows)),
            probe=probe(read.values[i], answers, groups, types=letters, seeds=seeds),
            untrained=None
            if untrained is None
            else probe_accuracy(untrained.values[i], answers, groups, seeds=seeds),
        )
        for i, layer in enumerate(read.layers)
    )


def transfer_rows(
    read: ProbeRows, question: Question, *, seeds: Sequence[int] = SEEDS
) -> tuple[LayerTransfer, ...]:
    """Train on each task's states and test on every task's, after every block that was read.

    Raises:
        ConfigError: when the tasks do not have the same two or more answers, each often enough.
    """
    where = {
        name: [i for i, row in enumerate(read.rows) if row.task == name]
        for name in dict.fromkeys(row.task for row in read.rows)
    }
    answers = {name: [read.asked(question)[i] for i in own] for name, own in where.items()}
    groups = {name: [read.rows[i].group for i in own] for name, own in where.items()}
    letters = {name: [read.rows[i].letter for i in own] for name, own in where.items()}
    if len({frozenset(own) for own in answers.values()}) != 1:
        raise ConfigError(f"These tasks differ in their {question}s, so no probe fits them all.")
    for name in where:
        _check(question, answers[name], groups[name])
    return tuple(
        LayerTransfer(
            model=read.model,
            layer=layer,
            depth=read.depths[i],
            question=question,
            matrix=transfer(
                {name: read.values[i][own] for name, own in where.items()},
                answers,
                groups,
                types=letters,
                seeds=seeds,
            ),
        )
        for i, layer in enumerate(read.layers)
    )


def _check(question: Question, answers: Sequence[str], groups: Sequence[str]) -> None:
    asked: dict[str, set[str]] = {answer: set() for answer in answers}
    for answer, group in zip(answers, groups, strict=True):
        asked[answer].add(group)
    rarest = min(asked, key=lambda answer: len(asked[answer]))
    if len(asked) < 2 or len(asked[rarest]) < FOLDS:
        raise ConfigError(
            f"A probe of the {question} needs two answers with {FOLDS} queries each; of "
            f"{len(asked)}, {rarest!r} has {len(asked[rarest])}.",
            "Raise examples, or take tasks with a closed set of labels.",
        )
