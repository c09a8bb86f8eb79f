"""One run of the whole benchmark: every work, its floor, its peers, and how cost grows."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from cast_lens.benchmark.arms_together import arms_together
from cast_lens.benchmark.growth import Curve, growth
from cast_lens.benchmark.machine import matmul_rate, tokens_passed
from cast_lens.benchmark.peers import EXTRACTION, Peer, json_of, peers, steering_vectors
from cast_lens.benchmark.works import Material, Work, material, works
from cast_lens.errors import RunError
from cast_lens.experiment.config import ARMS
from cast_lens.experiment.machine import machine_facts, versions
from cast_lens.model.catalog import CATALOG, named_model
from cast_lens.model.lens import Lens
from cast_lens.model.rate import seconds_of
from cast_lens.model.size import size_of
from cast_lens.progress import progress_bar
from cast_lens.tasks.task import Task

QUERIES = 64
MANY = 200
STARTS = 5
MEMORY_TARGET_MB = 50.0
STEERING_VECTORS_TARGET = 6.0


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        work: what was done.
        seconds: median of the repeats, all of which are in `repeats`.
        tokens: what passed all blocks, padding included; `needed` the least that could.
        ratio: seconds over the seconds of what `unit` names; None where that was not run.
        target: what the ratio is held to.
        note: what a reader must know.
    """

    work: str
    seconds: float
    repeats: tuple[float, ...] = ()
    tokens: float | None = None
    needed: float | None = None
    ratio: float | None = None
    unit: str = ""
    target: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none, or nothing to compare with."""
        if self.ratio is None or self.target is None:
            return None
        faster_is_more = self.unit.startswith("times")
        return self.ratio >= self.target if faster_is_more else self.ratio <= self.target


@dataclass(frozen=True)
class Bench:
    """The benchmark's result.

    Attributes:
        machine: facts and versions.
        prompts: what was read.
        flops: operations a second of the model's MLP product: before, between and after the works.
        rows: works, then peers, then memory and starts.
        curves: how cost grows.
        not_run: what was left out, and why.
    """

    machine: dict[str, Any]
    prompts: dict[str, Any]
    flops: tuple[float, ...]
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    not_run: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """JSON values only."""
        found = asdict(self)
        for entry, curve in zip(found["curves"], self.curves, strict=True):
            entry["seconds_exponent"] = curve.seconds_exponent
            entry["tokens_exponent"] = curve.tokens_exponent
        for entry, row in zip(found["rows"], self.rows, strict=True):
            entry["met"] = row.met
        return found


def run_bench(
    lens: Lens, model: str, task: Task, repeats: int, steering_vectors_python: Path | None
) -> Bench:
    """Measure everything on one model and task.

    Args:
        lens: the model.
        model: what `load_lens` was given, for the peers.
        task: where prompts come from.
        repeats: of each work, medians are reported; half as many of peers and curves.
        steering_vectors_python: the interpreter of an environment with steering-vectors.
    """
    given, many = material(task, QUERIES), material(task, MANY)
    todo = works(lens, given, many)
    fewer = max(1, repeats // 2)
    others = peers(lens, plain_model(lens, model), given, todo[-1].name)
    rates, rows = [matmul_rate(lens)], []
    skipped = [f"{peer.name}: {peer.reason}" for peer in others if peer.reason]
    with progress_bar(len(todo) + len(others) + 2, "benchmark", unit="work") as bar:
        for work in todo:
            rows.append(_worked(lens, work, repeats))
            rates.append(matmul_rate(lens))
            bar.update()
        for peer in others:
            rows += [] if peer.reason else [_peer(lens, peer, fewer)]
            bar.update()
        if steering_vectors_python is not None:
            # tried after all else, and what it says must not cost what was measured
            try:
                rows.append(_steering_vectors(steering_vectors_python, model, given, fewer))
            except RunError as error:
                skipped.append(f"steering-vectors: {error}")
        bar.update()
        curves = growth(lens, given, fewer)
        bar.update()
    if steering_vectors_python is None:
        skipped.append("steering-vectors: needs the Python of an environment of its own")
    rows = _with_ratios(lens, rows, todo, statistics.median(rates))
    return Bench(
        machine={**machine_facts(lens), **versions()},
        prompts={
            "task": task.name,
            "fingerprint": task.fingerprint(),
            "queries": len(given.queries),
        },
        flops=tuple(rates),
        rows=(*rows, _together(lens), _memory(model), *_starts()),
        curves=tuple(curves),
        not_run=tuple(skipped),
    )


def _worked(lens: Lens, work: Work, repeats: int) -> Row:
    with tokens_passed(lens) as passed:
        work.run()  # also the first use, which checks and caches
    seconds = tuple(seconds_of(work.run, repeats, lens.device))
    return Row(
        work.name,
        statistics.median(seconds),
        seconds,
        passed.tokens,
        work.tokens,
        unit=work.unit,
        target=work.target,
    )


def _peer(lens: Lens, peer: Peer, repeats: int) -> Row:
    seconds = tuple(seconds_of(peer.run, repeats, lens.device))
    return Row(peer.name, statistics.median(seconds), seconds, note=f"for: {peer.work}")


def _steering_vectors(python: Path, model: str, given: Material, repeats: int) -> Row:
    found = steering_vectors(python, where(model), given, repeats)
    seconds = tuple(found["seconds"])
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return Row(
        "steering-vectors",
        statistics.median(seconds),
        seconds,
        note=f"for: {EXTRACTION}; {versions}",
    )


def where(model: str) -> str:
    """The Hugging Face folder or hub id behind a name."""
    return str(named_model(model).folder) if model in CATALOG else model


def plain_model(lens: Lens, model: str) -> Any:
    """The same weights as a plain Hugging Face model; None for a GGUF file."""
    if model.endswith(".gguf"):
        return None
    from transformers import AutoModelForCausalLM

    hf = AutoModelForCausalLM.from_pretrained(where(model), dtype=lens.dtype)
    return hf.to(lens.device).eval()


def _with_ratios(lens: Lens, rows: Sequence[Row], todo: Sequence[Work], rate: float) -> list[Row]:
    """Each work against its floor or its peer, each peer against its work."""
    seconds = {row.work: row.seconds for row in rows}
    each = 2 * size_of(lens).block_parameters
    found = []
    for row, work in zip(rows, todo, strict=False):
        if work.unit == "floor":
            unit = (work.tokens * each + work.logits * 2 * lens.d_model) / rate
        else:
            unit = seconds.get(work.unit, float("nan")) * work.share
        found.append(replace(row, ratio=row.seconds / unit))
    for row in rows[len(todo) :]:
        ours = seconds[row.note.removeprefix("for: ").split(";")[0]]
        target = STEERING_VECTORS_TARGET if row.work == "steering-vectors" else None
        unit_name = "times as long as ours"
        found.append(replace(row, ratio=row.seconds / ours, unit=unit_name, target=target))
    return found


def _together(lens: Lens) -> Row:
    """All arms in one run, against each arm in a run of its own."""
    seconds, singly = arms_together(lens, 1)
    return Row(
        "all arms in one run",
        statistics.median(seconds),
        seconds,
        ratio=statistics.median(seconds) / singly,
        unit="each arm alone",
        note=f"the {len(ARMS)} runs of one arm each took {singly:.1f} s",
    )


def _memory(model: str) -> Row:
    """How much more memory 2,000 prompts take than 200."""
    command = [sys.executable, "-m", "cast_lens.benchmark.memory_peer", model]
    few, many = json_of(command, "the measurement of memory")
    return Row(
        "peak memory, 2,000 prompts over 200",
        0.0,
        ratio=(many - few) / 1e6,
        unit="MB more",
        target=MEMORY_TARGET_MB,
    )


def _starts() -> list[Row]:
    """How long help and import take, beyond what torch takes."""
    python = [sys.executable, "-c"]
    help_ = _started([sys.executable, "-m", "cast_lens", "--help"])
    torch_ = _started([*python, "import torch"])
    both = _started([*python, "import torch, cast_lens"])
    return [
        Row("cast-lens --help", help_, ratio=help_, unit="s", target=0.5),
        Row("import cast_lens, beyond torch", both, ratio=both - torch_, unit="s", target=0.3),
    ]


def _started(command: Sequence[str]) -> float:
    def start() -> None:
        subprocess.run(command, capture_output=True, check=True)

    return statistics.median(seconds_of(start, STARTS, torch.device("cpu")))
