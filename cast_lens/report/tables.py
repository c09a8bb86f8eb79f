"""Tables of a report: plain cells, whoever lays them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cast_lens.analysis.written import difference, p_value, share
from cast_lens.experiment.record import ArmResult, CastResult
from cast_lens.figures.exhibit import Exhibit

SHOWN = 60  # rows of a figure's numbers
GIGA = 1e9


@dataclass(frozen=True)
class Column:
    """A column; numbers stand on the right, long text keeps its lines."""

    name: str
    number: bool = False
    long: bool = False


@dataclass(frozen=True)
class Row:
    """A row; the method's are marked."""

    cells: tuple[str, ...]
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its caption."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def columns(*names: str) -> tuple[Column, ...]:
    """Columns by name: ``>`` before it for numbers, ``|`` for long text."""
    return tuple(
        Column(name.lstrip(">|"), name.startswith(">"), name.startswith("|")) for name in names
    )


def result_tables(result: CastResult) -> Iterable[Table]:
    """One table of all arms for each target."""
    names = ("arm", "source", "block, strength, dose", ">cells", ">accuracy", ">minus zero-shot")
    for target in result.config.targets:
        own = [one for one in result.results if one.target == target]
        yield Table(
            f"Target {target}: accuracy on test with 95 % intervals; block and strength chosen on "
            "dev among so many cells, for controls as for the method",
            columns(*names, ">generated", ">valid", ">n"),
            tuple(Row(_cells(one), one.arm == "cast") for one in own),
        )


def _cells(one: ArmResult) -> tuple[str, ...]:
    return (
        one.arm,
        one.source or "",
        _site(one),
        str(one.sites[0].cells) if one.sites else "",
        share(one.metrics["acc,none"]),
        difference(one.differences.get("acc,none")),
        f"{one.metrics['exact_match,none'].value:.2f}",
        f"{one.metrics['valid,none'].value:.2f}",
        str(one.metrics["acc,none"].n),
    )


def _site(one: ArmResult) -> str:
    if not one.sites:
        return ""
    first, *others = one.sites
    more = f" (+{len(others)} draws)" if others else ""
    return f"{first.layer}, {first.strength:g}, {first.dose:.2f}{more}"


def planned_table(result: CastResult) -> Table:
    """The method against what it must beat."""
    names = ("target", "source", "against", ">difference", ">p, Holm", ">helped", ">harmed")
    rows = []
    for one in result.planned:
        found = one.comparison
        least = found.smallest_detectable
        rows.append(
            Row(
                (
                    one.target,
                    one.source,
                    one.against,
                    difference(found.difference),
                    p_value(one.adjusted_p),
                    str(found.helped),
                    str(found.harmed),
                    "" if least is None else f"{least:.2f}",
                )
            )
        )
    caption = (
        "cast against other arms on the same items, planned before the run; Holm over those of one "
        "pair; the last column is the smallest difference found with power 0.8"
    )
    return Table(caption, columns(*names, ">could have seen"), tuple(rows))


def cost_table(result: CastResult, ledger: Mapping[str, Any]) -> Table:
    """What each arm reads, counted, and what it took, measured.

    Args:
        result: the run.
        ledger: of the run folder, as `measured_costs` made it.
    """
    taken = {(row["target"], row["arm"], row["source"]): row for row in ledger["arms"]}
    rows = []
    for one in result.costs:
        spent = taken[one.target, one.arm, one.source]
        cells = (
            one.arm,
            one.target,
            one.source or "",
            f"{one.prompt_tokens:.0f}",
            f"{one.flops / GIGA:,.3g}",
            f"{one.once_flops / GIGA:,.4g}" if one.once_flops else "",
            f"{spent['seconds']:.1f}",
            f"{spent['peak_memory_mb']:,.0f}",
        )
        rows.append(Row(cells, one.arm == "cast"))
    names = ("arm", "target", "source", ">prompt tokens", ">GFLOP a query", ">GFLOP once")
    caption = (
        "Cost of each arm: prompt and operations counted, extraction and search once; seconds and "
        "peak memory of scoring on test as measured in this run"
    )
    return Table(caption, columns(*names, ">seconds", ">peak MB"), tuple(rows))


def drawn_table(exhibit: Exhibit) -> Table:
    """What a figure draws: its first rows."""
    numeric = [isinstance(value, int | float) for value in exhibit.rows[0].values()]
    names = [f"{'>' if n else ''}{key}" for key, n in zip(exhibit.rows[0], numeric, strict=True)]
    rows = tuple(Row(tuple(map(_value, row.values()))) for row in exhibit.rows[:SHOWN])
    total = len(exhibit.rows)
    caption = "All numbers" if total <= SHOWN else f"The first {SHOWN} of {total} rows"
    return Table(f"{caption} of {exhibit.stem}", columns(*names), rows)


def _value(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def texts_of(rows: Sequence[Sequence[str]]) -> tuple[Row, ...]:
    """Rows of text."""
    return tuple(Row(tuple(cells)) for cells in rows)
