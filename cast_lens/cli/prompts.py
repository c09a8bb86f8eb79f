"""`cast-lens prompts`: the exact text and tokens, and where the vector is read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cast_lens.cli.output import AsJson, print_json, print_line
from cast_lens.errors import TaskError

if TYPE_CHECKING:
    from cast_lens.prompts.prompt import Prompt
    from cast_lens.tasks.task import Example, Task

EXAMPLES = (
    "Examples: cast-lens prompts present_past | "
    "cast-lens prompts sst2 --tasks DIR --kind few --item sst2-1200 | "
    "cast-lens prompts en_es --source en_fr --kind cross"
)
# written out here, so that --help need not load what they belong to
Kind = Literal["zero", "few", "cross"]
Split = Literal["train", "dev", "test"]
Template = Literal["plain", "chat"]


def prompts(
    task: Annotated[str, typer.Argument(help="Task whose item is asked.")],
    tasks: Annotated[str, typer.Option(help="bundled, hub:cross_domain, or a folder.")] = "bundled",
    model: Annotated[str, typer.Option(help="Model whose tokenizer is used.")] = "smollm2-135m",
    kind: Annotated[Kind, typer.Option(help="Zero-shot, few-shot or cross-task prompt.")] = "zero",
    source: Annotated[str | None, typer.Option(help="Source task of a cross-task prompt.")] = None,
    item: Annotated[
        str | None, typer.Option(help="Id of the item; the split's first if out.")
    ] = None,
    split: Annotated[Split, typer.Option(help="Where to look when no item is named.")] = "test",
    shots: Annotated[int, typer.Option(min=1, help="Demonstrations.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    template: Annotated[Template, typer.Option(help="Plain text or chat template.")] = "plain",
    as_json: AsJson = False,
) -> None:
    """Show the exact text and tokens of a prompt, and mark where the vector is read and written."""
    from cast_lens.model.load import load_tokenizer
    from cast_lens.model.tokens import encode, rendered
    from cast_lens.tasks.find import find_tasks

    target, *others = find_tasks(tasks, [task, *([source] if source else [])])
    query = _find(target, item, split)
    prompt = _build(kind, target, others, query, shots, seed, template)
    tokenizer = load_tokenizer(model)
    text = rendered(tokenizer, prompt)
    ids = encode(tokenizer, text)
    facts = {
        "query_id": prompt.query_id,
        "demonstration_ids": list(prompt.demonstration_ids),
        "text": text,
        "answer": list(query.accept),
        "ids": list(ids),
        "tokens": [tokenizer.decode([i]) for i in ids],
        "read_and_write_at": len(ids) - 1,
    }
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _find(task: Task, item: str | None, split: Split) -> Example:
    if item is None:
        return task.split(split)[0]
    for example in task.items():
        if example.id == item:
            return example
    near = ", ".join(e.id for e in task.split("test")[:3])
    raise TaskError(f"{task.name}: no item {item!r} in train, dev, test.", f"Ids: {near}, ...")


def _build(
    kind: Kind,
    target: Task,
    others: list[Task],
    query: Example,
    shots: int,
    seed: int,
    template: Template,
) -> Prompt:
    from cast_lens.prompts.demonstrations import draw_demonstrations
    from cast_lens.prompts.prompt import cross_task, few_shot, zero_shot

    if kind == "zero":
        return zero_shot(target, query, template=template)
    if kind == "few":
        shown = draw_demonstrations(target.train, query, shots, seed)
        return few_shot(target, query, shown, template=template)
    if not others:
        raise TaskError("A cross-task prompt needs a source.", "Add --source NAME.")
    shown = draw_demonstrations(others[0].train, query, shots, seed)
    return cross_task(others[0], target, query, shown, template=template)


def _print(facts: dict[str, Any]) -> None:
    print_line(facts["text"])
    print_line()
    print_line(" ".join(f"{token!r}" for token in facts["tokens"]))
    last = facts["read_and_write_at"]
    print_line()
    print_line(f"{last + 1} tokens; right answers: {', '.join(facts['answer'])}")
    print_line(
        f"read and written at token {last} ({facts['tokens'][last]!r}), the prompt's last: "
        "states are read there, prompt_last writes there, each_step there and at every later token"
    )
