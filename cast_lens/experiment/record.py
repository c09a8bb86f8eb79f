"""What a run found: one record an arm, and the whole."""

from __future__ import annotations

from typing import Any

from cast_lens.analysis.comparisons import Comparison
from cast_lens.analysis.cosines.records import CosineMatrices
from cast_lens.analysis.estimates import Estimate
from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.experiment.label_facts import LabelFacts
from cast_lens.records import Record, Rows, as_row, rows_of

SCHEMA = "cast_lens.results.4"


class Site(Record):
    """Where an arm writes, as chosen on dev.

    Attributes:
        layer, depth: block and its relative depth.
        strength: multiplier; `dose` is the written norm relative to the state's.
        dev_acc: accuracy on dev, the best of `cells`, hence optimistic.
        cells: how many block-strength pairs were tried; `dev_n` on how many items.
        agreement: mean cosine between every two of the single differences at that block (Braun et
            al. 2025, arXiv 2505.22637); None but for `cast`.
    """

    layer: int
    depth: float
    strength: float
    dose: float
    dev_acc: float
    cells: int
    dev_n: int
    agreement: float | None = None


class Cell(Record):
    """One block and strength that was tried on dev.

    Attributes:
        draw: of which vector, where an arm draws several.
        acc, loglikelihood: means over dev items; see `likelihoods_of`.
    """

    draw: int
    layer: int
    strength: float
    acc: float
    loglikelihood: float


class ArmResult(Record):
    """One arm on one target.

    Attributes:
        source: source task; None where the arm has none.
        sites: one for each vector drawn; empty for prompt arms.
        search: everything tried on dev; empty for prompt arms.
        metrics: by lm-eval's key, ``acc,none`` and so on, on test.
        differences: the same minus `zero_shot`, paired over items; empty for `zero_shot`.
        labels: label histogram, calibration and prior shift; None where answers are free.
        dropped_demonstrations: left out because prompts did not fit the context.
    """

    target: str
    arm: Arm
    source: str | None
    sites: tuple[Site, ...]
    search: tuple[Cell, ...]
    metrics: dict[str, Estimate]
    differences: dict[str, Estimate]
    labels: LabelFacts | None
    dropped_demonstrations: int

    def as_rows(self) -> Rows:
        """One row: where it writes (the first vector's site), its scores, and its gains."""
        site = self.sites[0] if self.sites else None
        where = ("layer", "strength", "dose", "cells")
        scores = {key.partition(",")[0]: one for key, one in self.metrics.items()}
        return [
            {"target": self.target, "arm": self.arm, "source": self.source}
            | {name: getattr(site, name, None) for name in where}
            | as_row({**scores, "gain": self.differences.get("acc,none")})
        ]


class Planned(Record):
    """`cast` against one other arm on the same items: a comparison planned before the run.

    Attributes:
        comparison: of accuracy.
        adjusted_p: Holm's, over the planned comparisons of this target and source.
    """

    target: str
    source: str
    against: Arm
    comparison: Comparison
    adjusted_p: float


class ArmCost(Record):
    """What one arm costs, counted; see `arm_costs`.

    Attributes:
        prompt_tokens: of the prompt the arm reads, mean over test items.
        flops: floating-point operations of reading it, mean over test items; see `read_flops`.
        once_flops: of extraction and of the search on dev, counted in full for this arm; 0 for
            prompt arms.
        breaks_even: for `cast`, by other arm: from how many queries on it is cheaper, `once_flops`
            included; None when it never is. Empty for other arms.
    """

    target: str
    arm: Arm
    source: str | None
    prompt_tokens: float
    flops: float
    once_flops: float
    breaks_even: dict[Arm, int | None]


class CastResult(Record):
    """A whole run.

    Attributes:
        config: as resolved.
        identity: fingerprints of model, tokenizer and tasks.
        results: in the order targets, then sources, then arms.
        planned: the method against what it must beat.
        costs: of every arm, in the order of `results`.
        parallelism: of the sources' difference vectors, one record a searched block; none where
            there is one source, or one of fewer than four examples.
        notes: what a reader must know, such as items left out.
    """

    schema_name: str = SCHEMA
    config: CastConfig
    identity: dict[str, Any]
    results: tuple[ArmResult, ...]
    planned: tuple[Planned, ...]
    costs: tuple[ArmCost, ...]
    parallelism: tuple[CosineMatrices, ...]
    notes: tuple[str, ...]

    def find(self, target: str, arm: str, source: str | None = None) -> ArmResult:
        """One arm's result.

        Raises:
            KeyError: when the run does not hold it.
        """
        for result in self.results:
            if (result.target, result.arm, result.source) == (target, arm, source):
                return result
        raise KeyError((target, arm, source))

    def as_rows(self) -> Rows:
        """One row an arm."""
        return rows_of(self.results)
