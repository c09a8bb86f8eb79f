"""`cast-lens parallel`: are tasks' vectors parallel, and more than text before the query makes?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cast_lens.cli.figures import print_figures
from cast_lens.cli.given import names_of, numbers_of
from cast_lens.cli.output import (
    AsJson,
    log_to_stderr,
    plain_table,
    print_json,
    print_line,
    print_table,
)

if TYPE_CHECKING:
    from cast_lens.diagnosis.parallel import ParallelTasks

EXAMPLES = (
    "Examples: cast-lens parallel --sources present_past,singular_plural,country_capital "
    "--layers 5,13,20 | cast-lens parallel --sources en_fr,en_es,antonym --examples 64 "
    "--figures DIR"
)


def parallel(
    sources: Annotated[str, typer.Option(help="Two or more tasks, separated by commas.")],
    model: Annotated[str, typer.Option(help="Short name, hub id or folder.")] = "smollm2-135m",
    tasks: Annotated[str, typer.Option(help="bundled, hub:NAME, or a folder.")] = "bundled",
    layers: Annotated[str, typer.Option(help="coarse, all, or block numbers.")] = "coarse",
    examples: Annotated[int, typer.Option(min=4, help="Examples of each task.")] = 32,
    shots: Annotated[int, typer.Option(min=1, help="Demonstrations in a few-shot prompt.")] = 4,
    demonstrations: Annotated[
        str, typer.Option(help="drawn for each example, or one fixed set a task.")
    ] = "drawn",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    figures: Annotated[Path | None, typer.Option(help="Folder to write figures to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cosines between tasks' vectors: raw, centred, whitened; with ceilings, nulls and Holm.

    Examples of each task are drawn at random, not selected.
    """
    from cast_lens.diagnosis.parallel import parallel_tasks
    from cast_lens.diagnosis.parallel_words import in_words
    from cast_lens.experiment.config import read_config
    from cast_lens.model.load import load_lens

    log_to_stderr()
    names = names_of(sources)
    config = read_config(
        None,
        {
            "model": model,
            "tasks": tasks,
            "sources": names,
            "targets": names,
            "layers": numbers_of("layers", layers),
            "examples": examples,
            "shots": shots,
            "demonstrations": demonstrations,
            "selector": "random",
            "seed": seed,
        },
    )
    found = parallel_tasks(load_lens(model), config)
    words = in_words(found.blocks)
    notes = _write_figures(found, figures) if figures is not None else ()
    if as_json:
        print_json({**found.model_dump(mode="json"), "in_words": words})
        return
    _print(found)
    for line in words:
        print_line(line)
    if figures is not None:
        print_figures(figures, notes)


def _write_figures(found: ParallelTasks, folder: Path) -> tuple[str, ...]:
    from cast_lens.figures.bundle import write_bundles
    from cast_lens.figures.parallelism import parallel_exhibits

    return write_bundles(parallel_exhibits(found.blocks, found.model), folder)


def _print(found: ParallelTasks) -> None:
    from cast_lens.analysis.cosines.records import CENTRED, PLAIN, RAW, WHITENED
    from cast_lens.diagnosis.parallel_words import more_than

    nulls = found.blocks[0].nulls
    kinds = [
        (PLAIN, RAW),
        *((null, RAW) for null in nulls),
        (PLAIN, CENTRED),
        (PLAIN, WHITENED),
    ]
    heads = [kind if whose == PLAIN else whose for whose, kind in kinds]
    above = [f">pairs above {null}" for null in nulls]
    title = f"Mean cosine between {len(found.tasks)} tasks on {found.model}"
    table = plain_table(title, ">block", *(f">{head}" for head in heads), ">ceiling", *above)
    for block in found.blocks:
        cosines = [block.find(whose, kind) for whose, kind in kinds]
        ceiling = cosines[0].ceiling if cosines[0] else 0.0
        table.add_row(
            str(block.layer),
            *(f"{one.mean.value:+.2f}" if one else "" for one in cosines),
            f"{ceiling:.2f}",
            *(f"{len(more_than(block, null))} of {len(block.pairs)}" for null in nulls),
        )
    print_table(table)
