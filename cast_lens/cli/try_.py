"""`cast-lens try`: one prompt, one vector, one block and strength, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cast_lens.cli.output import AsJson, plain_table, print_json, print_line, print_table
from cast_lens.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cast_lens.diagnosis.try_one import Trial
    from cast_lens.diagnosis.try_setting import Seen, Setting

EXAMPLES = (
    "Examples: cast-lens try --source present_past --target singular_plural --layer 20 | "
    "cast-lens try --source en_fr --target en_es --layer 21 --strength 2 --show curve | "
    "cast-lens try --source topic --target sentiment_en --layer 14 "
    "--prompt 'Definition: Is it good?\\nA fine film.\\nLabel:' --show continuations"
)
# written out here, so that --help need not load what they belong to
Show = Literal["prompt", "answers", "continuations", "curve", "map", "states", "readout", "dev"]
Policy = Literal["prompt_last", "each_step", "all"]
TEXT = 60  # characters of a text in a table


def try_(
    source: Annotated[str, typer.Option(help="Task the vector is read from.")],
    target: Annotated[str, typer.Option(help="Task whose item is asked.")],
    layer: Annotated[int, typer.Option(min=0, help="Block that is read and written.")],
    strength: Annotated[float, typer.Option(help="Multiplies the vector.")] = 1.0,
    tasks: Annotated[str, typer.Option(help="bundled, hub:NAME, or a folder.")] = "bundled",
    model: Annotated[str, typer.Option(help="Short name, hub id or folder.")] = "smollm2-135m",
    policy: Annotated[Policy, typer.Option(help="Tokens that are written to.")] = "prompt_last",
    examples: Annotated[int, typer.Option(min=2, help="Source examples of the vector.")] = 32,
    selector: Annotated[str, typer.Option(help="How they are chosen: cast, random, ...")] = "cast",
    shots: Annotated[int, typer.Option(min=1, max=64, help="Demonstrations in a prompt.")] = 4,
    item: Annotated[str | None, typer.Option(help="Id of the target's item.")] = None,
    prompt: Annotated[str | None, typer.Option(help="A prompt of your own, whole.")] = None,
    answer: Annotated[str | None, typer.Option(help="Answer to follow after it.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    show: Annotated[Show, typer.Option(help="What to print.")] = "answers",
    on_dev: Annotated[
        bool, typer.Option("--on-dev", help="Map of accuracy on dev items, not of this prompt.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read a vector from one task, write it into one prompt of another, and see what it does.

    Beside it stand the prompt without it, with demonstrations, and with a random direction.
    """
    from cast_lens.diagnosis.try_one import Trial
    from cast_lens.model.load import load_lens

    setting = _setting(
        source=source,
        target=target,
        layer=layer,
        strength=strength,
        policy=policy,
        examples=examples,
        selector=selector,
        shots=shots,
        item=item,
        prompt=prompt,
        answer=answer,
        seed=seed,
    )
    if on_dev and show != "map":
        raise ConfigError("--on-dev belongs to --show map.", "Dev accuracy is --show dev.")
    found = _seen(Trial(load_lens(model), tasks), setting, show, on_dev=on_dev)
    if as_json:
        print_json({"setting": setting.model_dump(), show: found.model_dump(mode="json")})
    else:
        _print(f"{source} -> {target}, block {layer}, strength {strength:g}: {show}", found)


def _setting(**given: Any) -> Setting:
    from pydantic import ValidationError

    from cast_lens.diagnosis.try_setting import Setting

    if given["prompt"] is not None and given["item"] is not None:
        raise ConfigError("--item and --prompt are both given.", "Give one of them.")
    if given["answer"] is not None and given["prompt"] is None:
        raise ConfigError("--answer without --prompt.", "An item's right answers are known.")
    try:
        return Setting(**given)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigError(f"--{fault['loc'][0]} {fault['input']!r}: {fault['msg']}.") from None


def _seen(trial: Trial, setting: Setting, show: Show, *, on_dev: bool) -> Seen:
    if on_dev:
        return trial.site_map(setting, "accuracy")
    asked: dict[Show, Callable[[Setting], Seen]] = {
        "prompt": trial.prompt_view,
        "answers": trial.answers,
        "continuations": trial.continuations,
        "curve": trial.block_curve,
        "map": trial.site_map,
        "states": trial.states_map,
        "readout": trial.readout,
        "dev": trial.dev_accuracy,
    }
    return asked[show](setting)


def _print(title: str, found: Seen) -> None:
    rows = found.as_rows()
    numeric = {name for name, value in rows[0].items() if isinstance(value, (int, float))}
    table = plain_table(title, *(f">{n}" if n in numeric else n for n in rows[0]))
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    print_table(table)
    for note in found.notes():
        print_line(note)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    shown = repr(text) if text != text.strip() or "\n" in text else text
    return shown if len(shown) <= TEXT else f"{shown[: TEXT - 1]}…"
