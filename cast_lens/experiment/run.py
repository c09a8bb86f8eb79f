"""Run the experiment: read sources, search on dev, score once on test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cast_lens.errors import ConfigError
from cast_lens.experiment.arms import PAIR_ARMS, VECTOR_ARMS, left_out
from cast_lens.experiment.cells import Cells
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.curves import CurvePoint
from cast_lens.experiment.manifest import Manifest, RunIdentity, manifest_of
from cast_lens.experiment.parallel import block_of, comparable
from cast_lens.experiment.planned import planned_comparisons
from cast_lens.experiment.record import CastResult
from cast_lens.experiment.sources import read_source
from cast_lens.experiment.spent import Spent
from cast_lens.experiment.summary import clusters_of, values_of
from cast_lens.experiment.target import EVALUATED, ScoredArm, questions_of, run_target
from cast_lens.model.branches import can_branch
from cast_lens.model.lens import Lens
from cast_lens.model.load import load_lens
from cast_lens.progress import progress_bar
from cast_lens.score.plan import make_sheet
from cast_lens.tasks.find import find_tasks
from cast_lens.tasks.task import Task


@dataclass(frozen=True)
class CastRun:
    """All that `run_cast` returns: the result, what it rests on, and what each piece took."""

    result: CastResult
    manifest: Manifest
    arms: tuple[ScoredArm, ...]
    curves: tuple[CurvePoint, ...]
    spent: tuple[Spent, ...]


def run_cast(
    config: CastConfig,
    lens: Lens | None = None,
    *,
    memory: str | None = None,
    pieces: Path | None = None,
) -> CastRun:
    """Run CAST and its comparison arms.

    Args:
        config: the settings.
        lens: a loaded model to use; `config.model` is loaded when None.
        memory: what a batch may take, as ``4GB``; see `load_lens`.
        pieces: folder that keeps finished pieces, so that a run that was killed goes on from
            there; see `unfinished`.

    Raises:
        CastLensError: when a task, the model or a setting is unusable.
    """
    targets = find_tasks(config.tasks, config.targets)
    sources = find_tasks(config.tasks, config.sources)
    _check_sizes(config, sources, targets)
    lens = lens or load_lens(
        config.model,
        device=config.device,
        dtype=config.dtype,
        backend=config.backend,
        memory=memory,
    )
    for layer in config.layers_of(lens.n_layers):
        lens.hook_name(layer)
    _check_questions(lens, config, targets)
    digests = {task.name: task.fingerprint() for task in [*sources, *targets]}
    return _run(lens, config, sources, targets, Cells(pieces, lens, config, digests))


def _check_sizes(config: CastConfig, sources: Sequence[Task], targets: Sequence[Task]) -> None:
    """Refuse before the first forward pass what would fail after an hour."""
    digests: dict[str, str] = {}
    for task in [*sources, *targets]:
        if digests.setdefault(task.name, task.fingerprint()) != task.fingerprint():
            raise ConfigError(f"Two different tasks call themselves {task.name!r} in task.toml.")
    for task in sources:
        fixed = config.demonstrations == "fixed"
        pool = len(task.train) if fixed else min(config.examples, len(task.train))
        if pool <= config.shots:
            raise ConfigError(
                f"{task.name}: {config.shots} shots need more than {config.shots} of its "
                f"{pool} chosen examples.",
                "Lower shots or raise examples.",
            )
    for task in targets if "icl_in_task" in config.arms else ():
        if len(task.train) < config.shots:
            raise ConfigError(
                f"{task.name}: {config.shots} shots, but {len(task.train)} training examples.",
                "Lower shots or leave icl_in_task out of arms.",
            )


def _check_questions(lens: Lens, config: CastConfig, targets: Sequence[Task]) -> None:
    """Refuse before the first forward pass an item that does not fit or has no answer token."""
    for task in targets:
        for split in EVALUATED:
            asked = questions_of(config, task, split)
            for example, prompt in zip(asked.items, asked.prompts, strict=True):
                make_sheet(lens, prompt, task.labels or example.accept, config.max_new_tokens)


def _run(
    lens: Lens,
    config: CastConfig,
    sources: Sequence[Task],
    targets: Sequence[Task],
    cells: Cells,
) -> CastRun:
    paired = any(arm in VECTOR_ARMS or arm in PAIR_ARMS for arm in config.arms)
    used = sources if paired else ()
    with progress_bar(len(used) + len(targets), "whole run", unit="stage") as bar:
        states = []
        for task in used:
            states.append(read_source(lens, config, task, cells))
            bar.update()
        found = []
        for task in targets:
            found.append(run_target(lens, config, task, states, cells))
            bar.update()
    missing = [f"{arm}: left out, {why}." for arm, why in left_out(config, len(sources)).items()]
    arms = tuple(arm for target in found for arm in target.scored)
    identity = RunIdentity(
        model=lens.name,
        model_fingerprint=lens.fingerprint,
        tokenizer_fingerprint=lens.tokenizer_fingerprint,
        n_layers=lens.n_layers,
        scoring="packed" if can_branch(lens, 1) else "one row a variant",
        tasks={task.name: task.fingerprint() for task in [*sources, *targets]},
    )
    result = CastResult(
        config=config,
        identity=identity.model_dump(),
        results=tuple(arm.result for arm in arms),
        planned=planned_comparisons(
            {
                (arm.result.target, arm.result.arm, arm.result.source): values_of(arm.items, "acc")
                for arm in arms
            },
            {
                arm.result.target: clusters_of([item.passage for item in arm.items[0]])
                for arm in arms
            },
        ),
        costs=tuple(cost for target in found for cost in target.costs),
        parallelism=tuple(
            block_of(states, layer, config.seed)
            for layer in (states[0].few.layers if comparable(states) else ())
        ),
        notes=(*missing, *(note for target in found for note in target.notes)),
    )
    curves = tuple(point for target in found for point in target.curves)
    manifest = manifest_of(lens, config, identity, {s.task.name: s.chosen for s in states})
    return CastRun(result, manifest, arms, curves, cells.spent)
