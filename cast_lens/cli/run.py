"""`cast-lens run` and `cast-lens show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cast_lens.cli.given import names_of, numbers_of
from cast_lens.cli.output import AsJson, log_to_stderr, print_json, print_line, to_terminal
from cast_lens.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import BaseModel

    from cast_lens.experiment.config import CastConfig

RUN_EXAMPLES = (
    "Examples: cast-lens run --sources present_past --targets present_past,third_person "
    "--out runs/first | cast-lens run --config my.toml --seed 1 --out runs/seed1 | "
    "cast-lens run --preset tour --out runs/tour | cast-lens run --preset paper-cross-domain "
    "--dry-run"
)
SHOW_EXAMPLES = "Examples: cast-lens show runs/first | cast-lens show runs/first --changed cast"

ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file of settings.")]
Preset = Annotated[
    str | None, typer.Option(help="tour, claims, paper-cross-domain or paper-cross-lingual.")
]
Out = Annotated[Path | None, typer.Option(help="Run folder to write; must not hold another run.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print settings and what they would take; run nothing.")
]
Text = str | None
Number = int | None
Folder = Annotated[Path, typer.Argument(help="Run folder.")]


def run(
    out: Out = None,
    config: ConfigFile = None,
    preset: Preset = None,
    model: Annotated[Text, typer.Option(help="Short name, hub id, folder or .gguf file.")] = None,
    tasks: Annotated[Text, typer.Option(help="Folder, bundled, or hub:NAME [bundled].")] = None,
    sources: Annotated[Text, typer.Option(help="Source tasks, separated by commas.")] = None,
    targets: Annotated[Text, typer.Option(help="Target tasks, separated by commas.")] = None,
    arms: Annotated[Text, typer.Option(help="Arms, separated by commas; all if left out.")] = None,
    shots: Annotated[Number, typer.Option(help="Demonstrations in a few-shot prompt [4].")] = None,
    demonstrations: Annotated[Text, typer.Option(help="drawn for each query, or fixed.")] = None,
    examples: Annotated[Number, typer.Option(help="Source examples in the mean [64].")] = None,
    selector: Annotated[Text, typer.Option(help="How they are chosen: cast, random, ...")] = None,
    embeddings: Annotated[Text, typer.Option(help="minilm, model, a folder or hub id.")] = None,
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
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Run CAST and its comparison arms; print the table and write a run folder.

    Block and strength are chosen on the target's dev items, for the controls as for the method,
    and every arm is scored once on the same test items. Settings come from the preset or the TOML
    file, then from the command line. A run that was stopped goes on where it was with the same
    command.
    """
    from cast_lens.experiment.config import read_config

    settings = read_config(
        _settings_file(preset, config),
        {
            "model": model,
            "tasks": tasks,
            "sources": names_of(sources),
            "targets": names_of(targets),
            "arms": names_of(arms),
            "shots": shots,
            "demonstrations": demonstrations,
            "examples": examples,
            "selector": selector,
            "embeddings": embeddings,
            "layers": numbers_of("layers", layers, int),
            "strengths": numbers_of("strengths", strengths, float),
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
    if dry_run:
        _print_estimate(settings, memory, as_json=as_json)
    elif out is None:
        raise ConfigError("--out is not set.", "Name a folder to write, or give --dry-run.")
    else:
        _run(settings, out, memory)
        show(out, as_json=as_json)


def _settings_file(preset: str | None, config: Path | None) -> Path | None:
    from cast_lens.experiment.presets import preset_file

    if preset is None:
        return config
    if config is not None:
        raise ConfigError(
            "--preset and --config cannot both be given.",
            "Take one of them and set the rest on the command line.",
        )
    return preset_file(preset)


def _print_estimate(settings: CastConfig, memory: str | None, *, as_json: bool) -> None:
    from cast_lens.cli.costs import print_estimate
    from cast_lens.experiment.estimate import estimate
    from cast_lens.experiment.store import as_toml

    found = estimate(settings, memory=memory)
    if as_json:
        parts = {"settings": settings, "estimate": found}
        print_json({name: part.model_dump(mode="json") for name, part in parts.items()})
    else:
        print_estimate(as_toml(settings), found)


def _run(settings: CastConfig, out: Path, memory: str | None) -> None:
    from cast_lens.experiment.grid import finish_run

    log_to_stderr()
    if not finish_run(settings, out, memory=memory):
        to_terminal(f"{out} already holds this run; nothing was computed.")


def show(
    folder: Folder,
    changed: Annotated[
        Text, typer.Option(help="List the items that this arm helped or harmed.")
    ] = None,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="Accuracy by block, where the run has that curve.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the table of a run folder again, the items that one arm changed, or its blocks."""
    from cast_lens.cli.run_table import print_blocks, print_changed, print_run
    from cast_lens.experiment.blocks import blocks_of
    from cast_lens.experiment.changed import changed_items
    from cast_lens.experiment.store import load_run

    if changed is not None:
        items = changed_items(folder, changed)
        _print(items, as_json, lambda: print_changed(items, changed))
    elif blocks:
        found = blocks_of(folder)
        _print(found, as_json, lambda: print_blocks(found))
    else:
        result = load_run(folder)
        if as_json:
            print_json(result.model_dump(mode="json"))
            return
        print_run(result)
        print_line(f"Run folder: {folder}")


def _print(records: Sequence[BaseModel], as_json: bool, table: Callable[[], None]) -> None:
    if as_json:
        print_json([record.model_dump(mode="json") for record in records])
    else:
        table()
