"""Accuracy against blocks, numbers of examples and shots, and wordings, at the sites chosen on dev.

Only test items are scored here and nothing is chosen by what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from pydantic import TypeAdapter

from cast_lens.experiment.cells import Cells
from cast_lens.experiment.choosing import choose_examples
from cast_lens.experiment.config import CastConfig, CurveKind
from cast_lens.experiment.evaluate import Questions, likelihoods_of
from cast_lens.experiment.search import Chosen
from cast_lens.experiment.sources import Source, demonstrations_for, fixed_set, read_states
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import fit_prompt
from cast_lens.prompts.prompt import few_shot, zero_shot
from cast_lens.steer.injection import Injection
from cast_lens.steer.states import ResidualStates, contrast
from cast_lens.steer.vectors import SteeringVector
from cast_lens.tasks.task import Example

HITS = TypeAdapter(list[list[bool]])
# what a target's instruction is replaced by: neither says what the task is
REWORDED = ("Give the answer.", "Continue as you think fit.")


@dataclass(frozen=True)
class CurvePoint:
    """The test items under one setting.

    Attributes:
        kind: what was varied: the block, the number of source examples or of shots, or the
            target's instruction, with the vector of a source or without.
        x: the block, the number, or which wording of `REWORDED`.
        selector, seed: how the examples were chosen; empty and 0 elsewhere.
        hits: whether each item was right, in the order of the run's items.
    """

    kind: CurveKind
    target: str
    source: str | None
    x: int
    selector: str
    seed: int
    hits: tuple[bool, ...]


def curves_of(
    lens: Lens,
    config: CastConfig,
    test: Questions,
    found: Sequence[tuple[Source, Chosen]],
    cells: Cells,
) -> tuple[CurvePoint, ...]:
    """All curves of one target.

    Args:
        lens: the model.
        config: the settings.
        test: the target's test items.
        found: for each source, what the search on dev found for `cast`.
        cells: keeps finished pieces.
    """
    points: list[CurvePoint] = []
    for source, chosen in found:
        asked: list[tuple[CurvePoint, Injection]] = []
        if "layers" in config.curves:
            asked += _layer_points(test, source, chosen)
        if "examples" in config.curves:
            asked += _example_points(lens, config, test, source, chosen, cells)
        if asked:
            what = f"{test.task.name} <- {source.task.name}: curves"
            hits = _hits(lens, test, [injection for _, injection in asked], what, cells)
            points += [
                replace(point, hits=tuple(h)) for (point, _), h in zip(asked, hits, strict=True)
            ]
    if "shots" in config.curves:
        points += _shot_points(lens, config, test, cells)
    if "instructions" in config.curves:
        points += _instruction_points(lens, config, test, found, cells)
    return tuple(points)


def _hits(
    lens: Lens, asked: Questions, injections: Sequence[Injection | None], what: str, cells: Cells
) -> list[list[bool]]:
    def score() -> list[list[bool]]:
        hits, _ = likelihoods_of(lens, asked, injections, description=what)
        return [[bool(hit) for hit in row] for row in hits]

    return cells.values(what, HITS, score)


def _layer_points(
    test: Questions, source: Source, chosen: Chosen
) -> Iterator[tuple[CurvePoint, Injection]]:
    for injection in chosen.best_by_layer():
        layer = injection.vector.layer
        point = CurvePoint("layers", test.task.name, source.task.name, layer, "", 0, ())
        yield point, injection


def _example_points(
    lens: Lens,
    config: CastConfig,
    test: Questions,
    source: Source,
    chosen: Chosen,
    cells: Cells,
) -> Iterator[tuple[CurvePoint, Injection]]:
    """The selector's first N and random N; every example has the same states in all of them."""
    fixed = fixed_set(config, source.task)
    pool = [e for e in source.task.train if e not in fixed]
    differences = _pool_differences(lens, config, source, pool, cells)
    sizes = sorted(n for n in config.curve_examples if n <= len(pool))
    for selector, seed in _selections(config):
        settings = config.model_copy(
            update={"selector": selector, "seed": seed, "examples": max(sizes, default=1)}
        )
        order = choose_examples(lens, settings, source.task, pool)
        for n in sizes:
            vector = mean_over(differences, order[:n], chosen.injection)
            point = CurvePoint("examples", test.task.name, source.task.name, n, selector, seed, ())
            yield point, replace(chosen.injection, vector=vector)


def _selections(config: CastConfig) -> list[tuple[str, int]]:
    drawn = [("random", config.seed + i) for i in range(config.curve_seeds)]
    return drawn if config.selector == "random" else [(config.selector, config.seed), *drawn]


def _pool_differences(
    lens: Lens, config: CastConfig, source: Source, pool: Sequence[Example], cells: Cells
) -> ResidualStates:
    task = source.task
    shown = fixed_set(config, task) or tuple(pool)
    few = [
        few_shot(task, e, demonstrations_for(config, shown, e), template=config.template)
        for e in pool
    ]
    zero = [zero_shot(task, e, template=config.template) for e in pool]
    of_pool = f"{task.name}: states of the whole pool"
    return contrast(
        read_states(lens, config, cells, f"{of_pool}, few-shot", few),
        read_states(lens, config, cells, f"{of_pool}, zero-shot", zero),
    )


def mean_over(
    differences: ResidualStates, chosen: Sequence[Example], at: Injection
) -> SteeringVector:
    """The vector of some examples, in the place of another one.

    Args:
        differences: of a whole pool.
        chosen: of that pool.
        at: the injection whose block and recipe it takes.
    """
    row = {id_: i for i, id_ in enumerate(differences.query_ids)}
    rows = torch.tensor([row[e.id] for e in chosen])
    direction = differences.at(at.vector.layer)[rows].double().mean(dim=0).float()
    recipe = {**at.vector.recipe, "n": len(chosen), "examples": [e.id for e in chosen]}
    return replace(at.vector, direction=direction, recipe=recipe)


def _shot_points(
    lens: Lens, config: CastConfig, test: Questions, cells: Cells
) -> Iterator[CurvePoint]:
    task = test.task
    for shots in sorted(k for k in config.curve_shots if k < len(task.train)):
        settings = config.model_copy(update={"shots": shots})
        shown = fixed_set(settings, task) or task.train
        full = [
            few_shot(task, e, demonstrations_for(settings, shown, e), template=config.template)
            for e in test.items
        ]
        prompts = tuple(fit_prompt(lens, prompt, config.max_new_tokens)[0] for prompt in full)
        what = f"{task.name}: {shots} shots"
        (hits,) = _hits(lens, replace(test, prompts=prompts), [None], what, cells)
        yield CurvePoint("shots", task.name, None, shots, "", 0, tuple(hits))


def _instruction_points(
    lens: Lens,
    config: CastConfig,
    test: Questions,
    found: Sequence[tuple[Source, Chosen]],
    cells: Cells,
) -> Iterator[CurvePoint]:
    """Zero-shot and steered, where the target's prompt no longer says what the task is."""
    variants = [None, *(chosen.injection for _, chosen in found)]
    sources = [None, *(source.task.name for source, _ in found)]
    for x, instruction in enumerate(REWORDED):
        task = test.task.model_copy(update={"instruction": instruction})
        prompts = tuple(zero_shot(task, e, template=config.template) for e in test.items)
        what = f"{task.name}: instruction {x}"
        hits = _hits(lens, replace(test, task=task, prompts=prompts), variants, what, cells)
        for source, own in zip(sources, hits, strict=True):
            yield CurvePoint("instructions", task.name, source, x, "", 0, tuple(own))
