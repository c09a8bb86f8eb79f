"""What a run costs, in words and tables: before it starts, and per arm once it is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cast_lens.cli.output import plain_table, print_line, print_table

if TYPE_CHECKING:
    from cast_lens.experiment.estimate import Estimate
    from cast_lens.experiment.record import ArmCost, CastResult

MINUTE, HOUR = 60, 3600


def cheaper_lines(result: CastResult, target: str) -> Iterator[str]:
    """From how many queries on each source's vector is cheaper than in-context examples."""
    for cost in result.costs:
        if cost.target == target and cost.breaks_even:
            yield f"cast of {cost.source}: {', '.join(_cheaper(cost))}."


def _cheaper(cost: ArmCost) -> Iterator[str]:
    for arm, queries in cost.breaks_even.items():
        if queries is None:
            yield f"never cheaper than {arm}"
        else:
            yield f"cheaper than {arm} from {queries:,} queries on"


def print_estimate(settings: str, found: Estimate) -> None:
    """Print settings as TOML, and what a run of them would take."""
    print_line(settings)
    table = plain_table("", "stage", ">tokens", ">FLOPs", ">time")
    for stage in found.stages:
        table.add_row(
            stage.name, f"{stage.tokens:,}", f"{stage.flops:.2e}", _duration(stage.seconds)
        )
    table.add_row("all", f"{found.tokens:,}", f"{found.flops:.2e}", _duration(found.seconds))
    print_table(table)
    print_line()
    weights, batch = found.weights_bytes / 1e9, found.batch_bytes / 1e9
    print_line(f"memory: weights {weights:.1f} GB and a batch of at most {batch:.1f} GB")
    how = "measured here with a matrix product" if found.rate_measured else "assumed"
    print_line(
        f"time: at {found.rate / 1e9:,.0f} GFLOP/s on {found.device}, {how}; a run does not keep "
        "that rate (cast-lens bench)"
    )
    print_line("tokens: an upper bound; what prompts share is counted for each, answers in full")
    for line in found.assumptions:
        print_line(line)


def _duration(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.1f} min"
    return f"{seconds / HOUR:.1f} h"
