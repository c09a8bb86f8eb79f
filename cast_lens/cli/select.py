"""`cast-lens select`: which examples of a source would be chosen, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cast_lens.cli.figures import print_figures
from cast_lens.cli.output import AsJson, plain_table, print_json, print_line, print_table

EXAMPLES = (
    "Examples: cast-lens select topic --examples 12 | "
    "cast-lens select sst2 --tasks DIR --selector k_center --figures maps"
)
TEXT = 70  # characters of an example's text


def select(
    task: Annotated[str, typer.Argument(help="Source task.")],
    tasks: Annotated[str, typer.Option(help="bundled, hub:cross_domain, or a folder.")] = "bundled",
    examples: Annotated[int, typer.Option(min=1, help="How many to choose.")] = 16,
    selector: Annotated[str, typer.Option(help="cast, ideal, vote_k, k_center, ...")] = "cast",
    embeddings: Annotated[
        str, typer.Option(help="minilm, model, or an encoder's folder or hub id.")
    ] = "minilm",
    alpha: Annotated[float, typer.Option(help="Influence (1) against diversity (0).")] = 0.5,
    gamma: Annotated[float, typer.Option(help="Influence kept by each diffusion step.")] = 0.8,
    diffusion_steps: Annotated[int, typer.Option(help="Diffusion steps.")] = 3,
    model: Annotated[str, typer.Option(help="Read where --embeddings is model.")] = "smollm2-135m",
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
    figures: Annotated[
        Path | None, typer.Option(help="Folder to write a map of the pool to.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choose examples of a source task and show how influential and how different they are."""
    from cast_lens.experiment.choosing import embeddings_of
    from cast_lens.experiment.choosing import select as chosen
    from cast_lens.experiment.config import read_config
    from cast_lens.model.load import load_lens
    from cast_lens.tasks.find import find_tasks

    config = read_config(
        None,
        {
            "model": model,
            "tasks": tasks,
            "sources": [task],
            "targets": [task],
            "examples": examples,
            "selector": selector,
            "embeddings": embeddings,
            "alpha": alpha,
            "gamma": gamma,
            "diffusion_steps": diffusion_steps,
            "seed": seed,
        },
    )
    (source,) = find_tasks(tasks, [task])
    pool = source.train
    lens = load_lens(model) if embeddings == "model" else None
    rows = embeddings_of(lens, config, source, pool)
    found = chosen(config, rows, pool, examples)
    notes: tuple[str, ...] = ()
    if figures is not None:
        from cast_lens.figures.bundle import write_bundles
        from cast_lens.figures.selection import selection_map

        texts, labels = [e.input for e in pool], [e.label for e in pool]
        notes = write_bundles([selection_map(found, rows, texts, labels, source.name)], figures)
    facts = [
        {
            "id": found.ids[i],
            "label": pool[at].label,
            "influence": float(found.influence[i]),
            "rank": float(found.rank[i]),
            "diversity": float(found.diversity[i]),
            "score": float(found.score[i]),
            "input": pool[at].input,
        }
        for i, at in enumerate(found.indices)
    ]
    if as_json:
        print_json({"task": source.name, "recipe": dict(found.recipe), "chosen": facts})
    else:
        _print(f"{found.method}: {len(facts)} of {len(pool)} examples of {source.name}", facts)
        if figures is not None:
            print_figures(figures, notes)


def _print(title: str, facts: list[dict[str, Any]]) -> None:
    columns = (">", "id", "label", ">influence", ">rank", ">diversity", ">score", "input")
    table = plain_table(title, *columns)
    for i, fact in enumerate(facts, start=1):
        numbers = (f"{fact[name]:.2f}" for name in ("influence", "rank", "diversity", "score"))
        text = " ".join(fact["input"].split())
        short = text if len(text) <= TEXT else text[: TEXT - 1] + "\N{HORIZONTAL ELLIPSIS}"
        table.add_row(str(i), fact["id"], fact["label"], *numbers, short)
    print_table(table)
    print_line("rank: of influence in the pool, 1 is the highest; diversity: 1 - nearest cosine.")
