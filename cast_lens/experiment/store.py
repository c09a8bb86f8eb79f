"""The run folder: results, items, vectors, settings, manifest; whole or not at all."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cast_lens.errors import RunError, VectorError
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.curves import CurvePoint
from cast_lens.experiment.evaluate import ItemScore
from cast_lens.experiment.ledger import measured_costs
from cast_lens.experiment.manifest import Manifest
from cast_lens.experiment.record import SCHEMA, CastResult
from cast_lens.experiment.run import CastRun
from cast_lens.files import whole_folder, write_json, write_text
from cast_lens.steer.vectors import save_vectors

RESULTS, MANIFEST, ITEMS = "results.json", "manifest.json", "items.parquet"
LEDGER, SETTINGS = "ledger.json", "config.toml"
CURVES, VECTORS = "curves.parquet", "vectors.safetensors"
Record = TypeVar("Record", bound=BaseModel)
COLUMNS = {"target", "arm", "source", "draw"}  # of the items, beside those of `ItemScore`


def as_toml(config: CastConfig) -> str:
    """The settings as TOML; JSON's strings, numbers and flat lists are valid TOML too."""
    settings = config.model_dump(mode="json", exclude_none=True)
    return "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in settings.items())


def _item_rows(run: CastRun) -> list[dict[str, Any]]:
    return [
        {
            "target": arm.result.target,
            "arm": arm.result.arm,
            "source": arm.result.source,
            "draw": draw,
            **vars(item),
            "label_logprobs": list(item.label_logprobs),
            "content_free": list(item.content_free),
        }
        for arm in run.arms
        for draw, items in enumerate(arm.items)
        for item in items
    ]


def _curve_rows(run: CastRun) -> list[dict[str, Any]]:
    return [{**vars(point), "hits": list(point.hits)} for point in run.curves]


def save_run(run: CastRun, folder: Path, seconds: float, *, within: Path | None = None) -> None:
    """Write a run folder.

    Args:
        run: what `run_cast` returned.
        folder: must not exist yet.
        seconds: how long it took; kept in the manifest only.
        within: see `whole_folder`.

    Raises:
        RunError: when the folder exists or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if folder.exists():
        raise RunError(f"{folder} exists already.", "Choose another folder.")
    vectors = {
        f"{arm.result.target}/{arm.result.source}/{arm.result.arm}/{draw}/{v.tensor_name}": v
        for arm in run.arms
        for draw, v in enumerate(arm.vectors)
    }
    manifest = run.manifest.model_copy(update={"seconds": round(seconds, 1)})
    try:
        with whole_folder(folder, within) as place:
            write_json(place / RESULTS, run.result.model_dump(mode="json"))
            write_text(place / SETTINGS, as_toml(run.result.config))
            write_json(place / MANIFEST, manifest.model_dump(mode="json"))
            write_json(place / LEDGER, measured_costs([a.reading for a in run.arms], run.spent))
            pq.write_table(pa.Table.from_pylist(_item_rows(run)), place / ITEMS)
            if run.curves:
                pq.write_table(pa.Table.from_pylist(_curve_rows(run)), place / CURVES)
            if vectors:
                save_vectors(place / VECTORS, vectors)
    except (OSError, VectorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(
            f"{folder}: cannot be written ({reason}).",
            "Free some space or mend the place; the same command goes on from there.",
        ) from error


def check_out(folder: Path, config: CastConfig) -> CastResult | None:
    """What stands at the place a run is to be written to.

    Returns:
        None when the place is free, the result when it holds a finished run of the same settings.

    Raises:
        RunError: when it holds another run (naming the settings that differ) or anything else.
    """
    try:
        if not folder.exists():
            return None
    except OSError as error:
        raise RunError(f"{folder}: cannot be a folder ({error.strerror}).") from error
    if not (folder / RESULTS).is_file():
        raise RunError(f"{folder} exists and is not a run folder.", "Choose another --out.")
    found = load_run(folder)
    differing = [
        name
        for name in CastConfig.model_fields
        if getattr(found.config, name) != getattr(config, name)
    ]
    if differing:
        raise RunError(
            f"{folder} holds a run with other settings ({', '.join(differing)}).",
            "Choose another --out.",
        )
    return found


def load_run(folder: Path) -> CastResult:
    """Read the result of a run folder.

    Raises:
        RunError: when it is not a run folder or its results cannot be read.
    """
    found = _record(folder, RESULTS, CastResult)
    if found.schema_name != SCHEMA:
        raise RunError(
            f"{folder / RESULTS}: cannot be read (it is {found.schema_name}, not {SCHEMA})."
        )
    return found


def load_manifest(folder: Path) -> Manifest:
    """Read what a run folder says a run was made of.

    Raises:
        RunError: when it is not a run folder or its manifest cannot be read.
    """
    return _record(folder, MANIFEST, Manifest)


def _record(folder: Path, name: str, kind: type[Record]) -> Record:
    path = folder / name
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{folder}: not a run folder (it holds no {name}).") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "file"
        message = " ".join(fault["msg"].split())
        raise RunError(f"{path}: cannot be read as a run ({where}: {message}).") from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error}).") from error


def load_items(folder: Path) -> list[dict[str, Any]]:
    """What every arm made of every item, one row an arm, draw and item.

    Raises:
        RunError: when the folder holds no such table or it cannot be read.
    """
    return _rows(folder, ITEMS, COLUMNS | {field.name for field in fields(ItemScore)})


def load_curves(folder: Path) -> list[CurvePoint]:
    """The points of all curves; none where the run was asked for none.

    Raises:
        RunError: when the table cannot be read.
    """
    if not (folder / CURVES).exists():
        return []
    rows = _rows(folder, CURVES, {field.name for field in fields(CurvePoint)})
    return [CurvePoint(**{**row, "hits": tuple(row["hits"])}) for row in rows]


def _rows(folder: Path, name: str, columns: set[str]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / name
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except FileNotFoundError:
        raise RunError(f"{folder}: not a run folder (it holds no {name}).") from None
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{path}: cannot be read ({error}).") from error
    lacking = sorted(columns - set(rows[0] if rows else ()))
    if lacking:
        raise RunError(f"{path}: cannot be read (it has no column {lacking[0]!r}).")
    return rows
