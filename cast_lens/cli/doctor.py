"""`cast-lens doctor`: is what this program does with a model right, on this machine?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cast_lens.cli.output import AsJson, plain_table, print_json, print_line, print_table

if TYPE_CHECKING:
    from cast_lens.doctor.record import Check, Examination

EXAMPLES = (
    "Examples: cast-lens doctor | cast-lens doctor --model FOLDER --dtype bfloat16 | "
    "cast-lens doctor --fault mask"
)
VERDICTS = {True: "ok", False: "FAILED", None: "not run"}


def doctor(
    model: Annotated[str, typer.Option(help="Short name, hub id or folder.")] = "smollm2-135m",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...")] = None,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    fault: Annotated[
        str | None,
        typer.Option(help="Plant pad, bos, mask, layer, sign or cache, to see it named."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare reading, steering and scoring with plain Hugging Face on the same weights.

    Exit status 1 when a check fails. The first that fails is the one to mend: later ones may fail
    because of it.
    """
    from cast_lens.doctor.examine import examine

    found = examine(model, fault=fault, device=device, dtype=dtype)
    if as_json:
        print_json({**found.model_dump(mode="json"), "named": found.named})
    else:
        _print(found)
    raise typer.Exit(1 if found.failed else 0)


def _print(found: Examination) -> None:
    print_line(f"{found.model}: " + ", ".join(f"{k} {v}" for k, v in found.facts.items()))
    if found.fault:
        print_line(f"planted fault: {found.fault}")
    table = plain_table("", "check", "", ">number", ">at most", "unit", "")
    for check in found.checks:
        table.add_row(*_cells(check))
    print_table(table)
    print_line(_verdict(found))


def _cells(check: Check) -> list[str]:
    return [
        check.name,
        VERDICTS[check.passed],
        _number(check.number),
        _number(check.tolerance),
        "" if check.passed is None else check.unit,
        check.says,
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _verdict(found: Examination) -> str:
    run = [check for check in found.checks if check.passed is not None]
    if not found.failed:
        missed = " The planted fault was not found." if found.fault else ""
        return f"All {len(run)} checks passed.{missed}"
    first = found.failed[0]
    return f"{len(found.failed)} of {len(run)} checks failed, first: {first.name}. {first.remedy}"
