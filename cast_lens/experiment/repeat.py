"""A run made again from its manifest and held against itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from cast_lens.errors import RunError
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.differences import Difference, run_differences
from cast_lens.experiment.grid import finish_run
from cast_lens.experiment.manifest import Manifest
from cast_lens.experiment.store import load_manifest, load_run
from cast_lens.model.lens import Lens
from cast_lens.model.load import load_lens
from cast_lens.records import Record
from cast_lens.tasks.find import find_tasks


class Circumstance(Record):
    """A version, a fact of the machine or a bound that is not as it was in the run."""

    name: str
    run: str
    now: str


class Repetition(Record):
    """A run and its repetition.

    Attributes:
        folder: of the run.
        changed: versions, machine, batches and settings' places that are not as they were.
        differences: the largest of each measure of each file; see `run_differences`.
    """

    folder: Path
    changed: tuple[Circumstance, ...]
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether every difference is within its tolerance."""
        return all(one.passed for one in self.differences)

    @property
    def largest(self) -> Difference | None:
        """The largest difference for its tolerance; None when there is none."""
        worst = max(self.differences, key=lambda one: one.weight)
        return worst if worst.largest else None


def repeat_run(
    folder: Path,
    out: Path | None = None,
    *,
    lens: Lens | None = None,
    model: str | None = None,
    tasks: str | None = None,
    device: str | None = None,
    memory: str | None = None,
) -> Repetition:
    """Make a run again as its manifest says and compare every number.

    Args:
        folder: of the run.
        out: where the repetition is kept; nowhere when None.
        lens: the model, where it is at hand already.
        model, tasks: where they are now, when not where they were.
        device: another one than the run's.
        memory: what a batch may take, as ``4GB``; batches are the run's own when None.

    Raises:
        RunError: when the folder is no run, or model, tokenizer or a task are not the run's.
        CastLensError: when the model or the tasks cannot be had; see also `finish_run`.
    """
    manifest = load_manifest(folder)
    load_run(folder)  # refused now rather than after an hour
    if out is not None and out.resolve() == folder.resolve():
        raise RunError(f"{out}: is the run itself.", "Choose another --out.")
    given = {"model": model, "tasks": tasks, "device": device}
    settings = _settings(manifest, {name: value for name, value in given.items() if value})
    _check_tasks(folder, manifest, settings)
    lens = lens or load_lens(
        settings.model,
        device=settings.device,
        dtype=settings.dtype,
        backend=settings.backend,
        memory=memory,
    )
    _check_model(folder, manifest, lens)
    if memory is None and str(lens.device) == manifest.machine.get("device"):
        lens = replace(lens, budget=manifest.batches)
    with _place(out) as place:
        finish_run(settings, place, lens=lens)
        return Repetition(
            folder=folder,
            changed=tuple(_changed(manifest, load_manifest(place))),
            differences=run_differences(folder, place),
        )


def _settings(manifest: Manifest, given: dict[str, str]) -> CastConfig:
    return manifest.config.model_copy(update=manifest.places | given)


def _check_tasks(folder: Path, manifest: Manifest, settings: CastConfig) -> None:
    for task in find_tasks(settings.tasks, (*settings.sources, *settings.targets)):
        was, now = manifest.identity.tasks.get(task.name), task.fingerprint()
        if was != now:
            raise RunError(
                f"{folder}: task {task.name} is not what it was in the run "
                f"(fingerprint {was}, now {now}).",
                "Give the folder of the tasks as they were with --tasks.",
            )


def _check_model(folder: Path, manifest: Manifest, lens: Lens) -> None:
    identity = manifest.identity
    for what, was, now in (
        ("model", identity.model_fingerprint, lens.fingerprint),
        ("tokenizer", identity.tokenizer_fingerprint, lens.tokenizer_fingerprint),
    ):
        if was != now:
            raise RunError(
                f"{folder}: the {what} of {lens.name} is not the run's "
                f"(fingerprint {was}, now {now}).",
                "Give the model as it was with --model.",
            )


def _changed(run: Manifest, now: Manifest) -> Iterator[Circumstance]:
    facts = [
        {
            **one.versions,
            **one.machine,
            **{f"batch {name}": str(value) for name, value in asdict(one.batches).items()},
            "scoring": one.identity.scoring,
        }
        for one in (run, now)
    ]
    for name in dict.fromkeys([*facts[0], *facts[1]]):
        pair = [one.get(name, "not told") for one in facts]
        if pair[0] != pair[1]:
            yield Circumstance(name=name, run=pair[0], now=pair[1])


@contextmanager
def _place(out: Path | None) -> Iterator[Path]:
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="cast-lens-") as name:
        yield Path(name) / "repeat"
