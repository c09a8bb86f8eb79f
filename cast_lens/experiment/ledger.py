"""What each arm costs: tokens and operations, counted, and seconds and memory, measured.

Counted costs are those of reading prompts, each for itself: what prompts share is read once in a
run, but whoever puts one query to a model reads the whole prompt. Writing the answer costs every
arm about the same and is left out, and so is the sentence encoder that chooses examples.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cast_lens.experiment.arms import VECTOR_ARMS, draws, written
from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.experiment.evaluate import Questions
from cast_lens.experiment.flops import added_flops, breaks_even, read_flops
from cast_lens.experiment.record import ArmCost
from cast_lens.experiment.sources import FEW, ZERO, Source
from cast_lens.experiment.spent import Spent
from cast_lens.model.branches import can_branch
from cast_lens.model.lens import Lens
from cast_lens.model.size import ModelSize, size_of
from cast_lens.score.plan import make_sheet

READS: dict[Arm, tuple[str, ...]] = {
    "cast": (FEW, ZERO),
    "few_only": (FEW,),
    "mean_centred": (FEW,),
    "task_vector": ("task_vector state",),
    "shuffled_labels": ("shuffled_labels states", ZERO),
    "irrelevant_demos": ("irrelevant_demos states", ZERO),
    "random_direction": (FEW, ZERO),
    "opposite": (FEW, ZERO),
}
assert READS.keys() == VECTOR_ARMS.keys()


@dataclass(frozen=True)
class Reading:
    """What an arm read on the target's test items.

    Attributes:
        piece: name of the piece that holds its scores; arms may share one.
        tokens: of each item's prompt.
        variants: how many variants of the piece are the arm's.
    """

    target: str
    arm: Arm
    source: str | None
    piece: str
    tokens: tuple[int, ...]
    variants: int = 1


def arm_costs(
    lens: Lens,
    config: CastConfig,
    sources: Sequence[Source],
    dev: Questions,
    readings: Sequence[Reading],
) -> tuple[ArmCost, ...]:
    """The counted costs of all arms of one target.

    Args:
        lens: the model.
        config: the settings.
        sources: what was read of the sources.
        dev: the items that vectors were searched on.
        readings: what the arms read, one record an arm.
    """
    size = size_of(lens)
    each = {(r.arm, r.source): _per_query(size, r) for r in readings}
    steered = [r for r in readings if r.arm in VECTOR_ARMS]
    sheets = _sheets(lens, dev) if steered else []
    packed = config.policy != "all" and can_branch(lens, max((p for p, _ in sheets), default=0))
    once = {
        (r.arm, r.source): _extraction(size, r, sources)
        + _search(size, config, r.arm, sheets, packed=packed)
        for r in steered
    }
    return tuple(
        ArmCost(
            target=r.target,
            arm=r.arm,
            source=r.source,
            prompt_tokens=statistics.fmean(r.tokens),
            flops=each[r.arm, r.source],
            once_flops=once.get((r.arm, r.source), 0.0),
            breaks_even=_breaks_even(r, each, once) if r.arm == "cast" else {},
        )
        for r in readings
    )


def _per_query(size: ModelSize, reading: Reading) -> float:
    return statistics.fmean(read_flops(size, tokens) for tokens in reading.tokens)


def _extraction(size: ModelSize, reading: Reading, sources: Sequence[Source]) -> float:
    """States that the arm's vector is made of; a centred mean needs those of all sources."""
    used = [s for s in sources if reading.arm == "mean_centred" or s.task.name == reading.source]
    lengths = [n for s in used for name in READS[reading.arm] for n in s.tokens[name]]
    return sum(read_flops(size, tokens, unembedded=0) for tokens in lengths)


def _sheets(lens: Lens, dev: Questions) -> list[tuple[int, int]]:
    """For each item the tokens of its prompt, and the places after which answers are scored."""
    sheets = [
        make_sheet(lens, prompt, dev.task.labels or example.accept)
        for example, prompt in zip(dev.items, dev.prompts, strict=True)
    ]
    return [(len(sheet.context), 1 + len(sheet.tree.parents)) for sheet in sheets]


def _search(
    size: ModelSize,
    config: CastConfig,
    arm: Arm,
    sheets: Sequence[tuple[int, int]],
    *,
    packed: bool,
) -> float:
    """Every block and strength on every dev item, for all draws of the arm.

    Packed, a prompt is read once and each variant adds the last token and the answers, from its
    block on; otherwise each variant reads all of it.
    """
    grid = [
        (size.n_layers - 1 - layer) / size.n_layers
        for layer in config.layers_of(size.n_layers)
        for _ in written(config, arm)[1]
    ] * draws(config, arm)
    if not packed:
        whole = (read_flops(size, p + n - 1, unembedded=n) for p, n in sheets)
        return len(grid) * sum(whole)
    read = sum(read_flops(size, prompt, unembedded=0) for prompt, _ in sheets)
    tried = (added_flops(size, places, prompt, s) for prompt, places in sheets for s in grid)
    return read + sum(tried)


def _breaks_even(
    cast: Reading,
    each: Mapping[tuple[Arm, str | None], float],
    once: Mapping[tuple[Arm, str | None], float],
) -> dict[Arm, int | None]:
    key = (cast.arm, cast.source)
    others: dict[Arm, str | None] = {"icl_in_task": None, "icl_cross_task": cast.source}
    return {
        arm: breaks_even(once[key], each[key], each[arm, source])
        for arm, source in others.items()
        if (arm, source) in each
    }


def measured_costs(readings: Sequence[Reading], spent: Sequence[Spent]) -> dict[str, Any]:
    """Seconds and memory of every piece, and of every arm, as JSON.

    The arms that read the zero-shot prompt are scored together, in one piece: such an arm's
    seconds are its `share` of the piece, by how many of the variants are its own. Its memory is
    the whole piece's.
    """
    of = {one.piece: one for one in spent}
    variants: dict[str, int] = {}
    for reading in readings:
        variants[reading.piece] = variants.get(reading.piece, 0) + reading.variants
    rows = []
    for reading in readings:
        share, piece = reading.variants / variants[reading.piece], of[reading.piece]
        rows.append(
            {
                "target": reading.target,
                "arm": reading.arm,
                "source": reading.source,
                "piece": reading.piece,
                "share": round(share, 6),
                "seconds": round(share * piece.seconds, 3),
                "peak_memory_mb": piece.peak_memory_mb,
            }
        )
    return {"pieces": [one.model_dump() for one in spent], "arms": rows}
