"""The command `cast-lens`: one line and exit status 2 for anything a person can mend."""

from __future__ import annotations

import logging
import sys

import typer

from cast_lens.cli import (
    bench,
    claims,
    diagnose,
    evidence,
    figures,
    grid,
    models,
    parallel,
    prompts,
    report,
    run,
    select,
    tasks,
)
from cast_lens.cli.output import to_terminal
from cast_lens.errors import CastLensError

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
app.command("diagnose", epilog=diagnose.EXAMPLES)(diagnose.diagnose)
app.command("parallel", epilog=parallel.EXAMPLES)(parallel.parallel)
app.command("figures", epilog=figures.EXAMPLES)(figures.figures)
app.command("report", epilog=report.EXAMPLES)(report.report)
app.command("claims", epilog=claims.EXAMPLES)(claims.claims)
app.command("compare", epilog=evidence.COMPARE_EXAMPLES)(evidence.compare)
app.command("validate", epilog=evidence.VALIDATE_EXAMPLES)(evidence.validate)
app.command("show", epilog=run.SHOW_EXAMPLES)(run.show)


def main() -> None:
    """Run the command line."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        app()
    except CastLensError as error:
        to_terminal(f"cast-lens: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        to_terminal("cast-lens: stopped; nothing half-written was left, the same command goes on.")
        sys.exit(130)
