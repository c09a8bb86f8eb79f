"""`cast-lens repeat`: a run made again, number by number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cast_lens.cli.output import (
    AsJson,
    log_to_stderr,
    plain_table,
    print_json,
    print_line,
    print_table,
)

if TYPE_CHECKING:
    from cast_lens.experiment.differences import Difference
    from cast_lens.experiment.repeat import Repetition

EXAMPLES = (
    "Examples: cast-lens repeat runs/tour | cast-lens repeat runs/tour --memory 500MB "
    "--out runs/tour-again | cast-lens repeat runs/mine --tasks moved/tasks --json"
)
Text = str | None


def repeat(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to keep the repetition in [nowhere].")
    ] = None,
    model: Annotated[Text, typer.Option(help="Where the model is now [where it was].")] = None,
    tasks: Annotated[Text, typer.Option(help="Where the tasks are now [where they were].")] = None,
    device: Annotated[Text, typer.Option(help="cpu, cuda, ... [the run's].")] = None,
    memory: Annotated[
        Text, typer.Option(help="What a batch may take, as 4GB [the run's own batches].")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a run again as its manifest says and print the largest difference of every measure.

    Exit status 0 when every difference is within its tolerance, 1 when not. Versions, machine and
    batches that are not the run's are listed; another model, tokenizer or task is refused. Outcomes
    of items and accuracies must be the same; log-likelihoods may differ by 2e-3 nats, directions,
    cosines and calibration by 1e-3 (0.5 nats and 0.1 with weights in 16 bits). Times are left out.
    """
    from cast_lens.experiment.repeat import repeat_run

    log_to_stderr()
    found = repeat_run(folder, out, model=model, tasks=tasks, device=device, memory=memory)
    if as_json:
        facts = found.model_dump(mode="json")
        print_json({**facts, "passed": found.passed, "verdict": _verdict(found)})
    else:
        _print(found)
    raise typer.Exit(0 if found.passed else 1)


def _print(found: Repetition) -> None:
    for fact in found.changed:
        print_line(f"not as in the run: {fact.name} {fact.now}, was {fact.run}")
    columns = ("file", "measure", ">values", ">largest difference", ">at most", "unit")
    table = plain_table("", *columns, "", "where")
    for one in found.differences:
        table.add_row(
            one.file,
            one.measure,
            f"{one.compared:,}",
            f"{one.largest:.2g}",
            f"{one.tolerance:.2g}",
            one.unit,
            "ok" if one.passed else "DIFFERS",
            _where(one),
        )
    print_table(table)
    print_line(_verdict(found))


def _where(one: Difference) -> str:
    return f"{one.where}: {one.first}, repeated {one.second}" if one.where else ""


def _verdict(found: Repetition) -> str:
    worst = found.largest
    if worst is None:
        return "The repetition is identical in every number."
    told = "within tolerance" if found.passed else "NOT the same"
    return (
        f"The repetition is {told}; the largest difference for its tolerance: {worst.file}, "
        f"{worst.measure}: {worst.largest:.2g} (at most {worst.tolerance:.2g}), {_where(worst)}."
    )
