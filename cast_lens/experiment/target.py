"""All arms on one target: the same test items for each, chosen on dev, scored once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from cast_lens.errors import TaskError
from cast_lens.experiment.arms import PAIR_ARMS, TARGET_ARMS, PromptArm
from cast_lens.experiment.cells import Cells
from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.experiment.curves import CurvePoint, curves_of
from cast_lens.experiment.evaluate import ItemScore, Questions, evaluate
from cast_lens.experiment.label_facts import label_facts
from cast_lens.experiment.ledger import Reading, arm_costs
from cast_lens.experiment.record import ArmCost, ArmResult
from cast_lens.experiment.search import Chosen, Trial, choose_sites, trials
from cast_lens.experiment.sources import Source
from cast_lens.experiment.summary import compare, summarise
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import fit_prompt
from cast_lens.prompts.demonstrations import sample_examples
from cast_lens.prompts.prompt import zero_shot
from cast_lens.steer.vectors import SteeringVector
from cast_lens.tasks.task import Example, Split, Task

ITEM_SCORES = TypeAdapter(list[tuple[ItemScore, ...]])
log = logging.getLogger("cast_lens")
EVALUATED: tuple[Split, ...] = ("dev", "test")
SHOWN = 5


@dataclass(frozen=True, eq=False)
class ScoredArm:
    """An arm's result with what it rests on.

    Attributes:
        items: item scores, one tuple a draw.
        vectors: what was written, one a draw; empty for prompt arms.
        reading: what it read.
    """

    result: ArmResult
    items: tuple[tuple[ItemScore, ...], ...]
    vectors: tuple[SteeringVector, ...]
    reading: Reading


def evaluation_items(task: Task, split: Split, limit: int | None, seed: int) -> list[Example]:
    """Items of a split whose text stands in no earlier split, at most `limit` of them.

    Which ones a limit keeps depends on the seed and their ids, not on their order.

    Raises:
        TaskError: when fewer than two are left.
    """
    earlier = {e.input for e in task.train}
    if split == "test":
        earlier |= {e.input for e in task.dev}
    items = [e for e in task.split(split) if e.input not in earlier]
    if len(items) < 2:  # a share of one item has no interval
        raise TaskError(
            f"{task.name}: {len(items)} of {len(task.split(split))} {split} items are not in an "
            "earlier split, 2 or more are needed.",
            f"Add items to {split}.jsonl that stand in no other split.",
        )
    if limit is None or limit >= len(items):
        return items
    kept = {e.id for e in sample_examples(items, limit, seed)}
    return [e for e in items if e.id in kept]


@dataclass(frozen=True, eq=False)
class Arms:
    """All arms of one target, and what a reader must know about its items."""

    scored: tuple[ScoredArm, ...]
    costs: tuple[ArmCost, ...]
    curves: tuple[CurvePoint, ...]
    notes: tuple[str, ...]


def run_target(
    lens: Lens, config: CastConfig, task: Task, sources: Sequence[Source], cells: Cells
) -> Arms:
    """Search on the target's dev items, then score every arm once on its test items.

    All arms that read the zero-shot prompt are scored in one call, so that it is read once.
    Cross-task demonstrations of the target itself would repeat `icl_in_task` and are left out.
    """
    asked = trials(config, sources)
    dev = questions_of(config, task, "dev")
    found = choose_sites(lens, config, dev, asked, cells) if asked else []
    test = questions_of(config, task, "test")
    variants = [None, *(one.injection for one in found)]
    what = f"{task.name}: zero-shot and steered"
    most = config.max_new_tokens
    steered = cells.values(
        what,
        ITEM_SCORES,
        lambda: evaluate(lens, test, variants, max_new_tokens=most, description=what),
    )
    tokens = _tokens(lens, config, test)
    baseline = _scored(task, _Outcome("zero_shot", None, (steered[0],), what, tokens), None)
    scored = [baseline]
    for name, build in {**TARGET_ARMS, **PAIR_ARMS}.items():
        if name in config.arms and name != "zero_shot":
            for source in sources if name in PAIR_ARMS else (None,):
                if source is None or source.task.name != task.name:
                    outcome = _prompt_arm(lens, config, test, (name, build, source), cells)
                    scored.append(_scored(task, outcome, baseline))
    scored += _vector_arms(task, asked, found, steered[1:], baseline)
    cast = [
        (trial.source, one) for trial, one in zip(asked, found, strict=True) if trial.arm == "cast"
    ]
    curves = curves_of(lens, config, test, cast, cells)
    costs = arm_costs(lens, config, sources, dev, [arm.reading for arm in scored])
    return Arms(tuple(scored), costs, curves, tuple(_left_out(task)))


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What an arm did, before it is summed up."""

    arm: Arm
    source: Source | None
    items: tuple[tuple[ItemScore, ...], ...]
    piece: str
    tokens: tuple[int, ...]
    chosen: tuple[Chosen, ...] = ()
    dropped: int = 0


def questions_of(config: CastConfig, task: Task, split: Split) -> Questions:
    """The zero-shot prompts of a split's items, as many as the settings ask for."""
    limit = config.dev_items if split == "dev" else config.test_items
    items = evaluation_items(task, split, limit, config.seed)
    prompts = tuple(zero_shot(task, e, template=config.template) for e in items)
    return Questions(task, tuple(items), prompts)


def _tokens(lens: Lens, config: CastConfig, asked: Questions) -> tuple[int, ...]:
    """Tokens of every prompt."""
    fitted = (fit_prompt(lens, prompt, config.max_new_tokens) for prompt in asked.prompts)
    return tuple(len(row) for _, row in fitted)


def _prompt_arm(
    lens: Lens,
    config: CastConfig,
    test: Questions,
    arm: tuple[Arm, PromptArm, Source | None],
    cells: Cells,
) -> _Outcome:
    name, build, source = arm
    full = [build(config, source, test.task, example) for example in test.items]
    prompts = tuple(fit_prompt(lens, prompt, config.max_new_tokens)[0] for prompt in full)
    dropped = sum(
        len(before.demonstrations) - len(after.demonstrations)
        for before, after in zip(full, prompts, strict=True)
    )
    origin = f" <- {source.task.name}" if source else ""
    what = f"{test.task.name}{origin}: {name}"
    asked = replace(test, prompts=prompts)
    most = config.max_new_tokens
    items = cells.values(
        what,
        ITEM_SCORES,
        lambda: evaluate(lens, asked, [None], max_new_tokens=most, description=what),
    )
    tokens = _tokens(lens, config, asked)
    return _Outcome(name, source, (items[0],), what, tokens, dropped=dropped)


def _vector_arms(
    task: Task,
    asked: Sequence[Trial],
    found: Sequence[Chosen],
    items: Sequence[tuple[ItemScore, ...]],
    baseline: ScoredArm,
) -> Iterator[ScoredArm]:
    """One scored arm for each source and arm; its draws together."""
    by_arm: dict[tuple[str, Arm], list[int]] = {}
    for i, trial in enumerate(asked):
        by_arm.setdefault((trial.source.task.name, trial.arm), []).append(i)
    for (_, name), members in by_arm.items():
        outcome = _Outcome(
            arm=name,
            source=asked[members[0]].source,
            items=tuple(items[i] for i in members),
            piece=baseline.reading.piece,
            tokens=baseline.reading.tokens,
            chosen=tuple(found[i] for i in members),
        )
        yield _scored(task, outcome, baseline)


def _scored(task: Task, outcome: _Outcome, baseline: ScoredArm | None) -> ScoredArm:
    source = outcome.source.task.name if outcome.source else None
    result = ArmResult(
        target=task.name,
        arm=outcome.arm,
        source=source,
        sites=tuple(one.site for one in outcome.chosen),
        search=tuple(cell for draw, one in enumerate(outcome.chosen) for cell in one.cells(draw)),
        metrics=summarise(task, outcome.items),
        differences=compare(task, outcome.items, baseline.items[0]) if baseline else {},
        labels=label_facts(task, outcome.items[0], baseline.items[0] if baseline else None),
        dropped_demonstrations=outcome.dropped,
    )
    acc = result.metrics["acc,none"].value
    log.info("%s <- %s: %s acc %.3f", task.name, source or "-", outcome.arm, acc)
    vectors = tuple(one.injection.vector for one in outcome.chosen)
    reading = Reading(
        task.name, outcome.arm, source, outcome.piece, outcome.tokens, len(outcome.items)
    )
    return ScoredArm(result, outcome.items, vectors, reading)


def _left_out(task: Task) -> Iterator[str]:
    for split in EVALUATED:
        fresh = {e.id for e in evaluation_items(task, split, None, 0)}
        gone = [e.id for e in task.split(split) if e.id not in fresh]
        if gone:
            yield (
                f"{task.name}: {len(gone)} {split} items left out, their text also stands in an "
                f"earlier split ({', '.join(gone[:SHOWN])})."
            )
