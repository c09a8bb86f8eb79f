"""Many runs as one: models and seeds, each cell a run folder of its own, computed once."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cast_lens.experiment.cells import unfinished, unfinished_folder
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.record import CastResult
from cast_lens.experiment.run import run_cast
from cast_lens.experiment.store import check_out, load_run, save_run
from cast_lens.model.lens import Lens
from cast_lens.model.load import load_lens
from cast_lens.progress import progress_bar
from cast_lens.records import Record

log = logging.getLogger("cast_lens")


class GridRow(Record):
    """One arm over all seeds of one model.

    Attributes:
        acc: mean accuracy over seeds; `lowest` and `highest` of a single seed.
        gain: mean difference to `zero_shot` of the same seed; None for that arm itself.
        seeds: how many.
    """

    model: str
    target: str
    arm: str
    source: str | None
    acc: float
    lowest: float
    highest: float
    gain: float | None
    seeds: int


def finish_run(
    config: CastConfig, out: Path, *, lens: Lens | None = None, memory: str | None = None
) -> bool:
    """Run the experiment into a folder unless it is there; go on where a killed run was.

    Returns:
        Whether anything was computed.

    Raises:
        CastLensError: when the folder holds something else, or the run cannot be done.
    """
    if check_out(out, config) is not None and not unfinished_folder(out).exists():
        return False
    start = time.monotonic()
    with unfinished(out) as pieces:
        if check_out(out, config) is not None:  # killed while clearing up, or done by another
            return False
        found = run_cast(config, lens, memory=memory, pieces=pieces)
        save_run(found, out, time.monotonic() - start, within=pieces)
    return True


def grid_cells(
    config: CastConfig, models: Sequence[str], seeds: Sequence[int], out: Path
) -> Iterator[tuple[CastConfig, Path]]:
    """The settings and the folder of every run of a grid, model by model."""
    for model in models:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.")
        for seed in seeds:
            yield (
                config.model_copy(update={"model": model, "seed": seed}),
                out / name / f"seed{seed}",
            )


def run_grid(
    config: CastConfig,
    models: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    *,
    memory: str | None = None,
) -> tuple[GridRow, ...]:
    """Run every model and seed, each into a folder of its own, and sum them up.

    Raises:
        CastLensError: see `finish_run`.
    """
    cells = list(grid_cells(config, models, seeds, out))
    missing = [cell for cell in cells if check_out(cell[1], cell[0]) is None]
    lens: Lens | None = None
    of = ""
    with progress_bar(len(cells), "grid", unit="run") as bar:
        bar.update(len(cells) - len(missing))
        for settings, folder in missing:
            if settings.model != of:
                lens = None  # the last model is let go before the next is loaded
                of = settings.model
                lens = load_lens(
                    of,
                    device=settings.device,
                    dtype=settings.dtype,
                    backend=settings.backend,
                    memory=memory,
                )
            finish_run(settings, folder, lens=lens)
            bar.update()
    return tuple(_summed_up([load_run(folder) for _, folder in cells]))


def _summed_up(results: Sequence[CastResult]) -> Iterator[GridRow]:
    by_arm: dict[tuple[str, str, str, str | None], list[tuple[float, float | None]]] = {}
    for result in results:
        for one in result.results:
            gain = one.differences.get("acc,none")
            key = (result.config.model, one.target, one.arm, one.source)
            found = one.metrics["acc,none"].value, gain.value if gain else None
            by_arm.setdefault(key, []).append(found)
    for (model, target, arm, source), seeds in by_arm.items():
        acc = [value for value, _ in seeds]
        gains = [gain for _, gain in seeds if gain is not None]
        yield GridRow(
            model=model,
            target=target,
            arm=arm,
            source=source,
            acc=float(np.mean(acc)),
            lowest=min(acc),
            highest=max(acc),
            gain=float(np.mean(gains)) if gains else None,
            seeds=len(acc),
        )
