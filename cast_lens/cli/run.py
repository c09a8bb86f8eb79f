"""`cast-lens run` and `cast-lens show`."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cast_lens.cli.output import AsJson, print_json, print_line, to_terminal
from cast_lens.errors import ConfigError

RUN_EXAMPLES = (
    "Examples: cast-lens run --sources present_past --targets present_past,third_person "
    "--out runs/first | cast-lens run --config my.toml --seed 1 --out runs/seed1"
)
SHOW_EXAMPLES = "Example: cast-lens show runs/first"

ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file of settings.")]
Out = Annotated[Path, typer.Option(help="Run folder to write; must not hold another run.")]
Text = str | None
Number = int | None
Folder = Annotated[Path, typer.Argument(help="Run folder.")]


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _numbers(name: str, text: str | None, kind: type) -> list[Any] | str | None:
    if text is None or text in {"all", "coarse"}:
        return text
    try:
        return [kind(part) for part in _list(text) or []]
    except ValueError:
        raise ConfigError(f"--{name} {text}: expected numbers separated by commas.") from None


def run(
    out: Out,
    config: ConfigFile = None,
    model: Annotated[Text, typer.Option(help="Short name, hub id, folder or .gguf file.")] = None,
    tasks: Annotated[Text, typer.Option(help="Folder of tasks; the bundled suite if out.")] = None,
    sources: Annotated[Text, typer.Option(help="Source tasks, separated by commas.")] = None,
    targets: Annotated[Text, typer.Option(help="Target tasks, separated by commas.")] = None,
    arms: Annotated[Text, typer.Option(help="Arms, separated by commas; all if left out.")] = None,
    shots: Annotated[Number, typer.Option(help="Demonstrations in a few-shot prompt [4].")] = None,
    demonstrations: Annotated[Text, typer.Option(help="drawn for each query, or fixed.")] = None,
    examples: Annotated[Number, typer.Option(help="Source examples in the mean [64].")] = None,
    layers: Annotated[Text, typer.Option(help="coarse, all, or block numbers [coarse].")] = None,
    strengths: Annotated[Text, typer.Option(help="Strengths to search [0.5,1,2].")] = None,
    policy: Annotated[Text, typer.Option(help="prompt_last, each_step or all.")] = None,
    rule: Annotated[Text, typer.Option(help="add, norm_preserving or replace.")] = None,
    template: Annotated[Text, typer.Option(help="plain or chat.")] = None,
    random_directions: Annotated[Number, typer.Option(help="Placebos [3].")] = None,
    dev_items: Annotated[Number, typer.Option(help="Items of dev to search on [40].")] = None,
    test_items: Annotated[Number, typer.Option(help="Items of test to score [all].")] = None,
    max_new_tokens: Annotated[Number, typer.Option(help="Bound on an answer [15].")] = None,
    seed: Annotated[Number, typer.Option(help="Seed of every draw [0].")] = None,
    backend: Annotated[Text, typer.Option(help="bridge, or hooked on TransformerLens 3.")] = None,
    device: Annotated[Text, typer.Option(help="cpu, cuda, ...")] = None,
    dtype: Annotated[Text, typer.Option(help="float32, bfloat16 or float16.")] = None,
    memory: Annotated[Text, typer.Option(help="What a batch may take, as 4GB [half].")] = None,
    as_json: AsJson = False,
) -> None:
    """Run CAST and its comparison arms; print the table and write a run folder.

    Block and strength are chosen on the target's dev items, for the controls as for the method,
    and every arm is scored once on the same test items. Settings come from the TOML file, then
    from the command line. A run that was stopped goes on where it was with the same command.
    """
    from cast_lens.experiment.cells import unfinished
    from cast_lens.experiment.config import read_config
    from cast_lens.experiment.run import run_cast
    from cast_lens.experiment.store import check_out, save_run

    settings = read_config(
        config,
        {
            "model": model,
            "tasks": tasks,
            "sources": _list(sources),
            "targets": _list(targets),
            "arms": _list(arms),
            "shots": shots,
            "demonstrations": demonstrations,
            "examples": examples,
            "layers": _numbers("layers", layers, int),
            "strengths": _numbers("strengths", strengths, float),
            "policy": policy,
            "rule": rule,
            "template": template,
            "random_directions": random_directions,
            "dev_items": dev_items,
            "test_items": test_items,
            "max_new_tokens": max_new_tokens,
            "seed": seed,
            "backend": backend,
            "device": device,
            "dtype": dtype,
        },
    )
    if check_out(out, settings) is not None:
        to_terminal(f"{out} already holds this run; nothing was computed.")
    else:
        _log_to_stderr()
        start = time.monotonic()
        with unfinished(out) as pieces:
            found = run_cast(settings, memory=memory, pieces=pieces)
            save_run(found, out, time.monotonic() - start, within=pieces)
    show(out, as_json=as_json)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("cast_lens")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def show(folder: Folder, as_json: AsJson = False) -> None:
    """Print the table of a run folder again."""
    from cast_lens.cli.run_table import print_run
    from cast_lens.experiment.store import load_run

    result = load_run(folder)
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    print_run(result)
    print_line(f"Run folder: {folder}")
