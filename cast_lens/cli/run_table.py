"""The table of a run, one block a target, and what it says in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from cast_lens.analysis.written import difference, p_value, share
from cast_lens.cli.costs import cheaper_lines
from cast_lens.cli.output import plain_table, print_line, print_table
from cast_lens.experiment.blocks import Block
from cast_lens.experiment.changed import Changed
from cast_lens.experiment.reading import readings
from cast_lens.experiment.record import ArmCost, ArmResult, CastResult

SHORT = 60
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
    ">prompt",
)
KEY = (
    "accuracy: the likeliest label is right; for free answers, an accepted answer is the greedy "
    "choice.  generated: exact match of the greedy text; valid: it is one of the task's answers.\n"
    "[ ]: 95 % intervals (Wilson; paired bootstrap for differences).  cells: block-strength pairs "
    "searched on dev, for controls as for the method; dose: norm written / norm of the state.\n"
    "p: exact McNemar, or sign flips where an arm is a mean over draws; Holm: over the comparisons "
    "planned for one source.  helped, harmed: items.  could have seen: the smallest difference "
    "found with power 0.8.  minus calibrated zero-shot: a gain that is gone here was only a shift "
    "of the label prior.\n"
    "prompt: tokens of the prompt, mean.  cheaper: in operations of reading the prompts, with "
    "extraction and the search on dev counted."
)


def _site(result: ArmResult) -> str:
    if not result.sites:
        return ""
    first, *others = result.sites
    more = f"  (+{len(others)} draws)" if others else ""
    return f"{first.layer}, {first.strength:g}, {first.dose:.2f}{more}"


def _row(result: ArmResult, cost: ArmCost) -> list[str]:
    metrics = result.metrics
    return [
        result.arm,
        result.source or "",
        _site(result),
        str(result.sites[0].cells) if result.sites else "",
        share(metrics["acc,none"]),
        difference(result.differences.get("acc,none")),
        f"{metrics['exact_match,none'].value:.2f}",
        f"{metrics['valid,none'].value:.2f}",
        str(metrics["acc,none"].n),
        f"{cost.prompt_tokens:.0f}",
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
                difference(found.difference),
                p_value(found.p),
                p_value(one.adjusted_p),
                str(found.helped),
                str(found.harmed),
                "-" if least is None else f"{least:.2f}",
            )
    return table


def _labels(result: CastResult, target: str) -> Table | None:
    """What each arm does with the labels; None where answers are free."""
    columns = ("arm", "source", "chosen (right)", ">ECE", ">minus calibrated zero-shot", ">p")
    table = plain_table("", *columns)
    for one in result.results:
        if one.target == target and one.labels is not None:
            prior = one.labels.prior
            table.add_row(
                one.arm,
                one.source or "",
                ", ".join(f"{la.label} {la.predicted} ({la.true})" for la in one.labels.histogram),
                f"{one.labels.ece:.2f}",
                difference(prior.beyond_prior.difference) if prior else "",
                p_value(prior.beyond_prior.p) if prior else "",
            )
    return table if table.row_count else None


def print_run(result: CastResult) -> None:
    """Print a run: a table a target, the key, what it means, and what was left out."""
    for target in result.config.targets:
        table = plain_table(f"target {target}  ({result.identity['model']})", *COLUMNS)
        for one, cost in zip(result.results, result.costs, strict=True):
            if one.target == target:
                table.add_row(*_row(one, cost))
        print_table(table)
        for line in cheaper_lines(result, target):
            print_line(line)
        print_line()
        if any(one.target == target for one in result.planned):
            print_table(_planned(result, target))
            print_line()
        labels = _labels(result, target)
        if labels is not None:
            print_table(labels)
            print_line()
    print_line(KEY)
    print_line()
    for sentence in readings(result):
        print_line(sentence)
    for note in result.notes:
        print_line(f"note: {note}")


def print_blocks(blocks: Sequence[Block]) -> None:
    """Print each block's effect on test, pair by pair."""
    table = plain_table(
        "", "target", "source", ">block", ">accuracy", ">minus zero-shot", ">p", ">p, BH"
    )
    for one in blocks:
        table.add_row(
            one.target,
            one.source,
            str(one.layer),
            f"{one.acc:.2f}",
            difference(one.comparison.difference),
            p_value(one.comparison.p),
            p_value(one.adjusted_p),
        )
    print_table(table)
    print_line(
        "Each block at the strength that was best there on dev.  p, BH: corrected over the blocks "
        "of a pair (Benjamini-Hochberg)."
    )


def print_changed(items: Sequence[Changed], arm: str) -> None:
    """Print the items that an arm helped or harmed, pair by pair."""
    columns = ("", "item", "input", "right", "zero-shot", arm)
    for target, source in dict.fromkeys((item.target, item.source) for item in items):
        own = [item for item in items if (item.target, item.source) == (target, source)]
        table = plain_table(f"target {target}  {f'<- {source}' if source else ''}", *columns)
        for item in sorted(own, key=lambda item: not item.helped):
            what = "helped" if item.helped else "harmed"
            text = [_short(t) for t in (item.input, item.label, item.before, item.after)]
            table.add_row(what, item.doc_id, *text)
        print_table(table)
        print_line()
    if not items:
        print_line(f"{arm} changed no item.")


def _short(text: str) -> str:
    """One line of a text, of at most so many characters as fit a table."""
    line = " ".join(text.split())
    return line if len(line) <= SHORT else line[: SHORT - 1] + "\N{HORIZONTAL ELLIPSIS}"
