"""The command `cast-lens`: one line and exit status 2 for anything a person can mend."""

from __future__ import annotations

import logging
import sys
from typing import Any, NoReturn

import typer

from cast_lens.cli import (
    bench,
    claims,
    diagnose,
    doctor,
    evidence,
    figures,
    grid,
    models,
    notebooks,
    parallel,
    prompts,
    repeat,
    report,
    run,
    select,
    tasks,
    try_,
)
from cast_lens.cli.output import to_terminal
from cast_lens.errors import CastLensError
from cast_lens.interrupts import STOPPED, stopped, was_pressed

WRONG_USE: Any = typer.BadParameter.__base__  # every fault of options and arguments
app = typer.Typer(
    name="cast-lens",
    help="Read what in-context examples do inside a language model, carry it to another task, "
    "put it back, and see whether it was more than chance.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models.app, name="models")
app.add_typer(tasks.app, name="tasks")
app.command("prompts", epilog=prompts.EXAMPLES)(prompts.prompts)
app.command("select", epilog=select.EXAMPLES)(select.select)
app.command("run", epilog=run.RUN_EXAMPLES)(run.run)
app.command("bench", epilog=bench.EXAMPLES)(bench.bench)
app.command("grid", epilog=grid.EXAMPLES)(grid.grid)
app.command("try", epilog=try_.EXAMPLES)(try_.try_)
app.command("notebooks", epilog=notebooks.EXAMPLES)(notebooks.notebooks)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("diagnose", epilog=diagnose.EXAMPLES)(diagnose.diagnose)
app.command("parallel", epilog=parallel.EXAMPLES)(parallel.parallel)
app.command("figures", epilog=figures.EXAMPLES)(figures.figures)
app.command("report", epilog=report.EXAMPLES)(report.report)
app.command("claims", epilog=claims.EXAMPLES)(claims.claims)
app.command("compare", epilog=evidence.COMPARE_EXAMPLES)(evidence.compare)
app.command("validate", epilog=evidence.VALIDATE_EXAMPLES)(evidence.validate)
app.command("repeat", epilog=repeat.EXAMPLES)(repeat.repeat)
app.command("show", epilog=run.SHOW_EXAMPLES)(run.show)


def main() -> None:
    """Run the command line."""
    for library in ("transformers", "sentence_transformers"):
        logging.getLogger(library).setLevel(logging.ERROR)
    try:
        code = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        stopped()
    except Exception as error:
        if was_pressed():  # a library made another error of it
            stopped()
        _explain(error)
    if code == STOPPED:  # what newer typers make of Ctrl-C
        stopped()
    sys.exit(code)


def _explain(error: Exception) -> NoReturn:
    """One line for what a person can mend; anything else is our fault and goes on."""
    if isinstance(error, CastLensError):
        _refuse(str(error))
    if isinstance(error, WRONG_USE):
        _refuse_use(error)
    if isinstance(error, OSError):  # what the system refused and no command foresaw
        _refuse(f"{error.filename or 'a file'}: {error.strerror or error}.")
    raise error


def _refuse(line: str) -> NoReturn:
    to_terminal(f"cast-lens: {line}")
    sys.exit(2)


def _refuse_use(error: Any) -> NoReturn:
    """Say what was typed wrongly; without any command, show what there is instead."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(error.exit_code)
    where = error.ctx.command_path if error.ctx else "cast-lens"
    said = " ".join(error.format_message().split()).removesuffix(".")
    _refuse(f"{said}. See {where} --help.")
