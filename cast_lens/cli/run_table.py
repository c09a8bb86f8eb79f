"""The table of a run, one block a target, and what it says in words."""

from __future__ import annotations

from rich.table import Table

from cast_lens.analysis.estimates import Estimate
from cast_lens.cli.output import p_value, plain_table, print_line, print_table
from cast_lens.experiment.reading import readings
from cast_lens.experiment.record import ArmResult, CastResult

COLUMNS = (
    "arm",
    "source",
    "block, strength, dose",
    ">cells",
    ">accuracy",
    ">minus zero-shot",
    ">generated",
    ">valid",
    ">n",
)
KEY = (
    "accuracy: the likeliest label is right; for free answers, an accepted answer is the greedy "
    "choice.  generated: exact match of the greedy text; valid: it is one of the task's answers.\n"
    "[ ]: 95 % intervals (Wilson; paired bootstrap for differences).  cells: block-strength pairs "
    "searched on dev, for controls as for the method; dose: norm written / norm of the state.\n"
    "p: exact McNemar, or sign flips where an arm is a mean over draws; Holm: over the comparisons "
    "planned for one source.  helped, harmed: items.  could have seen: the smallest difference "
    "found with power 0.8."
)


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _difference(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:+.2f} [{estimate.low:+.2f}, {estimate.high:+.2f}]"


def _site(result: ArmResult) -> str:
    if not result.sites:
        return ""
    first, *others = result.sites
    more = f"  (+{len(others)} draws)" if others else ""
    return f"{first.layer}, {first.strength:g}, {first.dose:.2f}{more}"


def _row(result: ArmResult) -> list[str]:
    metrics = result.metrics
    return [
        result.arm,
        result.source or "",
        _site(result),
        str(result.sites[0].cells) if result.sites else "",
        _share(metrics["acc,none"]),
        _difference(result.differences.get("acc,none")),
        f"{metrics['exact_match,none'].value:.2f}",
        f"{metrics['valid,none'].value:.2f}",
        str(metrics["acc,none"].n),
    ]


def _planned(result: CastResult, target: str) -> Table:
    """The method against what it must beat."""
    columns = ("cast of", "against", ">difference", ">p", ">p, Holm", ">helped", ">harmed")
    table = plain_table("", *columns, ">could have seen")
    for one in result.planned:
        if one.target == target:
            found = one.comparison
            least = found.smallest_detectable
            table.add_row(
                one.source,
                one.against,
                _difference(found.difference),
                p_value(found.p),
                p_value(one.adjusted_p),
                str(found.helped),
                str(found.harmed),
                "-" if least is None else f"{least:.2f}",
            )
    return table


def print_run(result: CastResult) -> None:
    """Print a run: a table a target, the key, what it means, and what was left out."""
    for target in result.config.targets:
        table = plain_table(f"target {target}  ({result.identity['model']})", *COLUMNS)
        for one in result.results:
            if one.target == target:
                table.add_row(*_row(one))
        print_table(table)
        print_line()
        if any(one.target == target for one in result.planned):
            print_table(_planned(result, target))
            print_line()
    print_line(KEY)
    print_line()
    for sentence in readings(result):
        print_line(sentence)
    for note in result.notes:
        print_line(f"note: {note}")
