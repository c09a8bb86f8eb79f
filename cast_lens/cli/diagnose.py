"""`cast-lens diagnose`: every block of a model, for one source and one target, on one screen."""

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
    from cast_lens.diagnosis.diagnosed import DiagnosedBlock, Diagnosis

EXAMPLES = (
    "Examples: cast-lens diagnose --source present_past --target third_person | cast-lens diagnose "
    "--source country_capital --target singular_plural --figures runs/diagnosis"
)
COLUMNS = (
    ">block",
    ">|h|",
    ">|v|",
    ">dose",
    ">agree",
    ">d'",
    ">cosine",
    ">words",
    ">text",
    ">shared",
    ">probe",
    ">select.",
    ">entropy",
    ">few",
    ">p(right)",
    ">few",
    ">at",
    "gain on test",
    ">placebo",
)
LEGEND = (
    "|h|, |v|, dose: median length of the target's states; the vector's; one over the other. "
    "agree, d': mean cosine between single differences; distance of few- and zero-shot states "
    "along the vector, in deviations. cosine, words: of both tasks' vectors; of those made by "
    "random words. text, shared: share of the vector along what random words do; along what the "
    "other tasks do on average. probe, select.: accuracy; minus a control task's. entropy, "
    "p(right): logit lens at zero-shot, then few-shot prompts. at: strength chosen on dev; "
    "* differs from zero-shot (Benjamini-Hochberg, 0.05); < the block that dev chose."
)


def diagnose(
    source: Annotated[str, typer.Option(help="Task whose vector is written.")],
    target: Annotated[str, typer.Option(help="Task it is written to.")],
    model: Annotated[str, typer.Option(help="Short name, hub id, folder or .gguf file.")] = (
        "smollm2-135m"
    ),
    tasks: Annotated[str, typer.Option(help="Folder, bundled, or hub:NAME.")] = "bundled",
    beside: Annotated[str, typer.Option(help="Further tasks for the shared direction.")] = "",
    layers: Annotated[str, typer.Option(help="coarse, all, or block numbers.")] = "all",
    strengths: Annotated[str, typer.Option(help="Searched on dev at every block.")] = "0.5,1,2",
    examples: Annotated[int, typer.Option(help="Source examples in the mean.")] = 32,
    shots: Annotated[int, typer.Option(help="Demonstrations in a few-shot prompt.")] = 4,
    dev_items: Annotated[int, typer.Option(help="Items of dev to search on.")] = 20,
    test_items: Annotated[int, typer.Option(help="Items of test to score.")] = 40,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
    figures: Annotated[
        Path | None, typer.Option(help="Folder to write the figure page to.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Where can the task be read, where does writing it work, and is it more than format?

    One line a block; the source's examples are drawn at random.
    """
    from cast_lens.diagnosis.diagnose import diagnose as run
    from cast_lens.experiment.config import make_config
    from cast_lens.model.load import load_lens

    log_to_stderr()
    config = make_config(
        {
            "model": model,
            "tasks": tasks,
            "sources": [source, *(names_of(beside) or [])],
            "targets": [target],
            "layers": numbers_of("layers", layers),
            "strengths": numbers_of("strengths", strengths, float),
            "examples": examples,
            "selector": "random",
            "shots": shots,
            "dev_items": dev_items,
            "test_items": test_items,
            "seed": seed,
        }
    )
    found = run(load_lens(config.model), config)
    notes: tuple[str, ...] = ()
    if figures is not None:
        from cast_lens.figures.bundle import write_bundles
        from cast_lens.figures.diagnosis import diagnosis_page

        notes = write_bundles([diagnosis_page(found)], figures)
    if as_json:
        print_json(found.model_dump(mode="json") | {"in_words": found.in_words})
        return
    _print(found)
    if figures is not None:
        print_figures(figures, notes)


def _print(found: Diagnosis) -> None:
    table = plain_table(
        f"{found.model}: {found.source} -> {found.target}, {found.examples} examples, "
        f"{found.shots} shots, {found.dev_n} dev and {found.test_n} test items",
        *COLUMNS,
    )
    for block in found.blocks:
        table.add_row(*_row(found, block))
    print_table(table)
    print_line(LEGEND)
    for sentence in found.in_words:
        print_line(sentence)


def _row(found: Diagnosis, block: DiagnosedBlock) -> list[str]:
    star = "*" if block.adjusted_p < 0.05 else ""
    chosen = " <" if block.layer == found.site.layer else ""
    return [
        str(block.layer),
        f"{block.state_norm:.3g}",
        f"{block.vector_norm:.3g}",
        f"{block.dose:.2f}",
        f"{block.agreement:.2f}",
        f"{block.separation:.1f}",
        _known(block.cosine),
        _known(block.text_cosine),
        f"{block.text:.2f}",
        _known(block.shared),
        f"{block.probe.accuracy.value:.2f}",
        f"{block.probe.selectivity.value:+.2f}",
        f"{block.entropy.value:.1f}",
        f"{block.entropy_few.value:.1f}",
        f"{block.right.value:.2f}",
        f"{block.right_few.value:.2f}",
        f"{block.strength:g}",
        f"{block.gain.value:+.2f} [{block.gain.low:+.2f}, {block.gain.high:+.2f}]{star}{chosen}",
        f"{block.placebo_gain.value:+.2f}",
    ]


def _known(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
