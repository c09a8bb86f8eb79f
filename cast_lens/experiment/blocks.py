"""Where steering works: every searched block on test, corrected for the number of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cast_lens.analysis.comparisons import Comparison
from cast_lens.analysis.families import benjamini_hochberg
from cast_lens.errors import RunError
from cast_lens.experiment.outcomes import Outcomes, Pair, outcomes_of
from cast_lens.records import Record


class Block(Record):
    """The `cast` vector of one block, at the strength that was best there on dev.

    Attributes:
        acc: accuracy on test.
        comparison: against `zero_shot`, paired over items.
        adjusted_p: Benjamini-Hochberg's, over the blocks of this target and source.
    """

    target: str
    source: str
    layer: int
    acc: float
    comparison: Comparison
    adjusted_p: float


def blocks_of(folder: Path) -> tuple[Block, ...]:
    """Every block of every pair of a run that has the curve `layers`.

    Raises:
        RunError: when the folder is no run, or was not asked for that curve.
    """
    found = outcomes_of(folder)
    if not any(point.kind == "layers" for point in found.curves):
        raise RunError(
            f"{folder}: the run holds no curve over blocks.", 'Run it with curves = ["layers"].'
        )
    return tuple(block for pair in found.pairs for block in _blocks(found, pair))


def _blocks(found: Outcomes, pair: Pair) -> Iterator[Block]:
    target, source = pair
    hits = {
        point.x: np.array(point.hits, dtype=float)
        for point in found.curves
        if (point.kind, point.target, point.source) == ("layers", target, source)
    }
    tests = {layer: found.against_zero_shot(pair, right) for layer, right in hits.items()}
    adjusted = benjamini_hochberg({str(layer): one.p for layer, one in tests.items()})
    for (layer, one), corrected in zip(tests.items(), adjusted, strict=True):
        yield Block(
            target=target,
            source=source,
            layer=layer,
            acc=float(hits[layer].mean()),
            comparison=one,
            adjusted_p=corrected.adjusted,
        )
