"""A run as one HTML page that opens offline and says everything there is to say about it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from cast_lens.errors import RunError
from cast_lens.experiment.claims import claim_cards
from cast_lens.experiment.outcomes import outcomes_of
from cast_lens.experiment.reading import readings
from cast_lens.experiment.store import LEDGER, as_toml, load_manifest
from cast_lens.figures.bundle import csv_of, spec_of
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.of_run import exhibits_of
from cast_lens.figures.style import headings
from cast_lens.report import words
from cast_lens.report.changed import changed_of
from cast_lens.report.tables import cost_table, drawn_table, planned_table, result_tables
from cast_lens.report.template import DRAW, TEMPLATE
from cast_lens.visible import visible

SECTIONS = (
    ("asked", "What was asked"),
    ("found", "What was found"),
    ("claims", "Claims"),
    ("figures", "Figures"),
    ("items", "Items helped and harmed"),
    ("cost", "Cost"),
    ("provenance", "Provenance"),
    ("again", "The same again"),
)


def report_page(folder: Path) -> str:
    """The page of a run folder, always the same for the same folder.

    Its Content-Security-Policy lets run only the two scripts it brings, by their hashes, and
    forbids every request; control characters in texts are shown as signs.

    Raises:
        RunError: when the folder is no run, or a file of it cannot be read.
    """
    from plotly.offline import get_plotlyjs

    found, judged = outcomes_of(folder), claim_cards(folder)
    result = found.result
    manifest, ledger = load_manifest(folder), _json(folder / LEDGER)
    settings = as_toml(result.config)
    cards = [words.card_of(card) for card in judged]
    scripts = (get_plotlyjs(), DRAW)
    return _page(
        title=f"{result.config.model}: {', '.join(result.config.targets)}",
        version=manifest.versions["cast-lens"],
        policy=_policy(scripts),
        css=Markup(files("cast_lens.data").joinpath("report.css").read_text(encoding="utf-8")),  # noqa: S704
        sections=SECTIONS,
        question=words.question(result.config),
        asked=words.asked(result.config),
        readings=list(readings(result)),
        results=list(result_tables(result)),
        planned=planned_table(result),
        notes=result.notes,
        cards=cards,
        untested=[card for card in cards if not card.tested],
        figures=[_figure(one) for one in exhibits_of(found, judged)],
        changed=changed_of(folder, result),
        cheaper=list(words.cheaper(result)),
        costs=cost_table(result, ledger),
        provenance=words.provenance(manifest),
        settings=settings,
        settings_link=_link("application/toml", settings),
        command=words.command(manifest),
        plotly=Markup(scripts[0]),  # noqa: S704
        draw=Markup(scripts[1]),  # noqa: S704
    )


def _page(**values: Any) -> str:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True
    )
    return environment.from_string(TEMPLATE, globals={"zip": zip}).render(values)


def _finalize(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _policy(scripts: Sequence[str]) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'"
        for one in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _figure(exhibit: Exhibit) -> dict[str, Any]:
    title, subtitle = headings(exhibit.figure)
    return {
        "stem": exhibit.stem,
        "title": title,
        "subtitle": subtitle,
        "alt": exhibit.alt,
        "caption": exhibit.caption,
        "spec": Markup(spec_of(exhibit)),  # noqa: S704 - holds no < nor >
        "csv": _link("text/csv", csv_of(exhibit)),
        "table": drawn_table(exhibit),
    }


def _link(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8,{quote(text)}"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}).") from error
