"""What a run would take, before it starts: tokens, operations, memory and time.

Tokens are counted as the program reads them: a prompt once for all its variants, each of which
adds the prompt's last token and its answers, from its block on. What different prompts share is
read once in a run but counted for each here, and answers are counted as long as they may get, so
tokens and operations are an upper bound. The sentence encoder is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from cast_lens.errors import ModelError, TaskError
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.lengths import Lengths, assumed_lengths, lengths_of, token_count
from cast_lens.experiment.stages import Work, curves, extraction, scoring, search
from cast_lens.model.load import DTYPES
from cast_lens.model.memory import SHARE, Budget, batch_bytes, budget_of, free_memory, parse_memory
from cast_lens.model.rate import quick_rate
from cast_lens.model.size import ModelSize, size_by_name
from cast_lens.records import Record, Rows, rows_of
from cast_lens.tasks.find import HUB, find_tasks

ELSEWHERE_RATE = 1e14  # a third of what an A100 reaches at best in half precision
ELSEWHERE_MEMORY = 80 * 10**9


class Stage(Record):
    """One stage of a run.

    Attributes:
        tokens: that pass the model; one that passes half of the blocks counts a half.
        flops: floating-point operations; see `read_flops`.
        seconds: at the estimate's rate.
    """

    name: str
    tokens: int
    flops: float
    seconds: float


class Estimate(Record):
    """What a run would take.

    Attributes:
        parameters: of the model.
        stages: in the order they come; `tokens`, `flops` and `seconds` are their sums.
        weights_bytes: the model's weights; `batch_bytes` what a batch takes beside them at most.
        device: the run's.
        rate: operations a second that the time is for; `rate_measured` whether that was measured
            on the device, with a matrix product of the model's size.
        assumptions: what could not be had and what was taken instead.
    """

    parameters: int
    stages: tuple[Stage, ...]
    tokens: int
    flops: float
    seconds: float
    weights_bytes: int
    batch_bytes: int
    device: str
    rate: float
    rate_measured: bool
    assumptions: tuple[str, ...]

    def as_rows(self) -> Rows:
        """One row a stage."""
        return rows_of(self.stages)


def estimate(config: CastConfig, *, memory: str | None = None) -> Estimate:
    """Work out what a run would take, without loading the model.

    Args:
        config: the settings.
        memory: what a batch may take, as ``4GB``; see `load_lens`.

    Raises:
        TaskError: when a task is unknown or unusable. One of the hub that cannot be had is assumed.
        ModelError: when the model's size cannot be found out, or the device is none.
        ConfigError: when `memory` is no size.
    """
    size, where = size_by_name(config.model)
    notes = [f"model: {size.parameters / 1e9:.3g} billion parameters, {where}"]
    works = _works(size, config, notes)
    device = _device_here(config.device)
    if device is None:
        rate = ELSEWHERE_RATE
        notes.append(
            f"time: no {config.device} device here, so it is for {rate / 1e12:g} TFLOP/s and "
            f"{ELSEWHERE_MEMORY / 1e9:g} GB"
        )
    else:
        rate = quick_rate(size.d_model, size.d_mlp, DTYPES[config.dtype], device)
    stages = tuple(
        Stage(name=name, tokens=round(w.tokens), flops=w.flops, seconds=w.flops / rate)
        for name, w in works.items()
    )
    weights = size.parameters * DTYPES[config.dtype].itemsize
    free = ELSEWHERE_MEMORY if device is None else round(free_memory(device) / SHARE)
    if weights > free:
        notes.append(f"memory: the weights do not fit the {free / 1e9:.0f} GB that are free")
    room = parse_memory(memory) if memory else max(0, round((free - weights) * SHARE))
    batch = _batch(size, config, room, max(stage.tokens for stage in stages))
    return Estimate(
        parameters=size.parameters,
        stages=stages,
        tokens=sum(stage.tokens for stage in stages),
        flops=sum(stage.flops for stage in stages),
        seconds=sum(stage.seconds for stage in stages),
        weights_bytes=weights,
        batch_bytes=batch,
        device=config.device or "cpu",
        rate=rate,
        rate_measured=device is not None,
        assumptions=tuple(notes),
    )


def _works(size: ModelSize, config: CastConfig, notes: list[str]) -> dict[str, Work]:
    """The work of each stage; what had to be assumed is added to the notes."""
    count, assumed = token_count(config.model)
    notes += [assumed] if assumed else []
    sources = _lengths(config, config.sources, count, notes)
    targets = _lengths(config, config.targets, count, notes)
    return {
        "reading sources": extraction(size, config, sources),
        "search on dev": search(size, config, sources, targets),
        "scoring on test": scoring(size, config, sources, targets),
        **({"curves on test": curves(size, config, sources, targets)} if config.curves else {}),
    }


def _lengths(
    config: CastConfig, names: tuple[str, ...], count: Callable[[str], float], notes: list[str]
) -> list[Lengths]:
    try:
        return [lengths_of(config, task, count) for task in find_tasks(config.tasks, names)]
    except TaskError as error:
        # an unknown or broken task is an error here as in a run; one out of reach has a cause
        if not config.tasks.startswith(HUB) or error.__cause__ is None:
            raise
    found = [assumed_lengths(config, name) for name in names]
    like = found[0]
    note = (
        f"tasks: {config.tasks} cannot be had here; taken for each: {like.zero:g} tokens a "
        f"zero-shot prompt, {like.shown:g} a demonstration, {like.test} test items"
    )
    if note not in notes:
        notes.append(note)
    return found


def _device_here(name: str | None) -> torch.device | None:
    """The device, if this machine has it.

    Raises:
        ModelError: when it is no device at all.
    """
    try:
        device = torch.device(name or "cpu")
    except RuntimeError:
        raise ModelError(f"Device {name!r} is none that torch knows.") from None
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        return None
    return device


def _batch(size: ModelSize, config: CastConfig, room: int, most_tokens: int) -> int:
    """Bytes of the largest batch: what there is room for, or all tokens of a stage at once."""
    itemsize = DTYPES[config.dtype].itemsize
    budget = budget_of(size, room, torch.device(config.device or "cpu").type, itemsize)
    used = Budget(
        new_tokens=min(budget.new_tokens, most_tokens),
        cached_tokens=min(budget.cached_tokens, most_tokens),
        logit_rows=min(budget.logit_rows, most_tokens),
    )
    return batch_bytes(size, used, itemsize)
