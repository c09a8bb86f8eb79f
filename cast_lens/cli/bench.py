"""`cast-lens bench`: the work against its floor and against others, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cast_lens.cli.output import AsJson, plain_table, print_json, print_line, print_table

if TYPE_CHECKING:
    from cast_lens.benchmark.bench import Bench, Row

EXAMPLES = (
    "Examples: cast-lens bench | cast-lens bench --json > benchmarks/mine.json | "
    "cast-lens bench --steering-vectors other-env/bin/python --task DIR/sst2"
)


def bench(
    model: Annotated[str, typer.Option(help="Short name, hub id or folder.")] = "smollm2-135m",
    task: Annotated[
        Path | None, typer.Option(help="Folder of one task; a bundled one if left out.")
    ] = None,
    repeats: Annotated[
        int, typer.Option(min=1, help="Of each work, half of peers; medians count.")
    ] = 3,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...")] = None,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    steering_vectors: Annotated[
        Path | None, typer.Option(help="Python of an environment with steering-vectors.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure scoring, sweeps, extraction and generation against the least work they need.

    The floor is the unique tokens, times 2, times the parameters of the blocks, over the measured
    rate of this machine's matrix product. Nothing else should run meanwhile.
    """
    from cast_lens.benchmark.bench import run_bench
    from cast_lens.model.load import load_lens
    from cast_lens.tasks.reader import BUNDLED, read_task

    chosen = read_task(task or BUNDLED / "sentences" / "science")
    lens = load_lens(model, device=device, dtype=dtype)
    found = run_bench(lens, model, chosen, repeats, steering_vectors)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)


def _print(found: Bench) -> None:
    facts = ", ".join(f"{name} {value}" for name, value in found.machine.items())
    print_line(facts)
    rates = ", ".join(f"{rate / 1e9:.0f}" for rate in found.flops)
    print_line(f"matrix product, GFLOP/s, before and after each work: {rates}")
    table = plain_table("", "work", ">seconds", ">tokens", ">needed", ">ratio", "to", ">target", "")
    for row in found.rows:
        table.add_row(*_cells(row))
    print_table(table)
    for curve in found.curves:
        sizes = ", ".join(
            f"{size}: {seconds:.2f} s, {tokens:.0f} tokens"
            for size, seconds, tokens in zip(curve.sizes, curve.seconds, curve.tokens, strict=True)
        )
        print_line(
            f"{curve.of}: time grows with exponent {curve.seconds_exponent:.2f}, "
            f"tokens {curve.tokens_exponent:.2f} ({sizes})"
        )
    for line in found.not_run:
        print_line(f"not run: {line}")


def _cells(row: Row) -> list[str]:
    def number(value: float | None, digits: int) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    verdict = {None: "", True: "met", False: "missed"}[row.met]
    return [
        row.work,
        number(row.seconds or None, 2),
        number(row.tokens, 0),
        number(row.needed, 0),
        number(row.ratio, 2),
        row.unit,
        number(row.target, 1),
        verdict,
    ]
