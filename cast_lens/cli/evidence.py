"""`cast-lens compare` and `cast-lens validate`: how far results can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cast_lens.analysis.written import difference, p_value
from cast_lens.cli.output import AsJson, plain_table, print_json, print_line, print_table

COMPARE_EXAMPLES = "Example: cast-lens compare runs/seed0 runs/seed1"
VALIDATE_EXAMPLES = "Examples: cast-lens validate | cast-lens validate --repeats 500 --json"

First = Annotated[Path, typer.Argument(help="Run folder.")]
Second = Annotated[Path, typer.Argument(help="Run folder that is held against it.")]


def compare(first: First, second: Second, as_json: AsJson = False) -> None:
    """Compare two runs arm by arm, paired by item; refuse what is not comparable."""
    from cast_lens.experiment.across import compare_runs

    found = compare_runs(first, second)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    for line in found.differing:
        print_line(f"settings differ in {line}")
    columns = ("target", "arm", "source", ">second minus first", ">p", ">p, BH")
    table = plain_table("", *columns, ">helped", ">harmed", ">n")
    for one in found.arms:
        table.add_row(
            one.target,
            one.arm,
            one.source or "",
            difference(one.comparison.difference),
            p_value(one.comparison.p),
            p_value(one.adjusted_p),
            str(one.comparison.helped),
            str(one.comparison.harmed),
            str(one.comparison.n),
        )
    print_table(table)
    print_line("p, BH: corrected over all rows (Benjamini-Hochberg).")


def validate(
    repeats: Annotated[int, typer.Option(min=1, help="Planted data sets for each test.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the planted data.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Try every statistical test on planted data: how often it is wrong, how often it finds."""
    from cast_lens.analysis.validation import validate as measured

    found = measured(repeats, seed)
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    columns = ("test", "data", ">false positives", ">claimed", ">power", "0.03 to 0.07", "note")
    table = plain_table("", *columns)
    for one in found:
        rate = one.false_positive_rate
        table.add_row(
            one.test,
            one.setting,
            f"{rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]",
            f"{one.nominal:g}",
            f"{one.power.value:.2f}",
            "yes" if one.within else "NO",
            one.note,
        )
    print_table(table)
