"""`cast-lens grid`: the same experiment over models and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cast_lens.cli.given import names_of
from cast_lens.cli.output import (
    AsJson,
    log_to_stderr,
    plain_table,
    print_json,
    print_line,
    print_table,
)
from cast_lens.errors import ConfigError

EXAMPLES = (
    "Examples: cast-lens grid --preset tour --seeds 0,1,2 --out runs/grid | "
    "cast-lens grid --config my.toml --models smollm2-135m,DIR/other --seeds 0,1 --out runs/two"
)


def grid(
    out: Annotated[Path, typer.Option(help="Folder of run folders, MODEL/seedN.")],
    config: Annotated[Path | None, typer.Option("--config", help="TOML file of settings.")] = None,
    preset: Annotated[str | None, typer.Option(help="Settings under a name.")] = None,
    models: Annotated[
        str | None, typer.Option(help="Models, separated by commas; the settings' if out.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    memory: Annotated[str | None, typer.Option(help="What a batch may take, as 4GB.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the experiment for every model and seed; sum up over seeds.

    Every cell is a run folder of its own and is computed once: the same command goes on where it
    was stopped, and more seeds or models add to what is there.
    """
    from cast_lens.experiment.config import read_config
    from cast_lens.experiment.grid import run_grid
    from cast_lens.experiment.presets import preset_file

    if (config is None) == (preset is None):
        raise ConfigError("A grid takes its settings from --config or from --preset, one of them.")
    settings = read_config(preset_file(preset) if preset else config, {})
    chosen = [settings.model] if models is None else names_of(models) or []
    if not chosen or len(set(chosen)) < len(chosen):
        raise ConfigError(f"--models {models}: expected different models.")
    log_to_stderr()
    rows = run_grid(settings, chosen, _seeds(seeds), out, memory=memory)
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    columns = ("model", "target", "arm", "source", ">accuracy", ">lowest, highest")
    table = plain_table("", *columns, ">minus zero-shot", ">seeds")
    for row in rows:
        table.add_row(
            row.model,
            row.target,
            row.arm,
            row.source or "",
            f"{row.acc:.2f}",
            f"{row.lowest:.2f}, {row.highest:.2f}",
            "" if row.gain is None else f"{row.gain:+.2f}",
            str(row.seeds),
        )
    print_table(table)
    print_line(
        "accuracy: mean over seeds, which draw other examples, demonstrations and placebos; "
        "intervals over items stand in each run's own table (cast-lens show)."
    )


def _seeds(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ConfigError(f"--seeds {text}: expected numbers separated by commas.") from None
    if not found or len(set(found)) != len(found) or min(found) < 0:
        raise ConfigError(f"--seeds {text}: expected different numbers from 0 up.")
    return found
