"""Tasks out of data sets of the Hugging Face hub, by pinned revision."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cast_lens.errors import TaskError
from cast_lens.files import fingerprint
from cast_lens.reach import datasets_offline_unless_reached
from cast_lens.tasks.hub_languages import CROSS_LINGUAL
from cast_lens.tasks.hub_table import CROSS_DOMAIN, HubSet
from cast_lens.tasks.task import SPLITS, Example, Split, Task

HUB_SETS = {known.name: known for known in (*CROSS_DOMAIN, *CROSS_LINGUAL)}
SUITES = tuple(dict.fromkeys(known.suite for known in HUB_SETS.values()))
ITEMS = 1000  # of a split
SHARE = 5  # dev and test each take one row in five of a hub split that train is drawn from too


def hub_tasks(suite: str, names: Sequence[str]) -> list[Task]:
    """The named tasks of a suite, in the order given.

    Args:
        suite: `cross_domain` or `cross_lingual`.
        names: as in the suite.

    Raises:
        TaskError: when the suite or a name is unknown, or a data set cannot be had or read.
    """
    if suite not in SUITES:
        raise TaskError(f"No suite {suite!r} on the hub.", f"Known: {', '.join(SUITES)}.")
    known = [name for name, one in HUB_SETS.items() if one.suite == suite]
    for name in names:
        _check_known(name, known, f"hub:{suite}")
    return [hub_task(name) for name in names]


def hub_task(
    name: str,
    *,
    limit_per_split: int | None = ITEMS,
    seed: int = 0,
    data_files: Mapping[str, Path] | None = None,
) -> Task:
    """One task out of a data set, downloaded once into the cache of `datasets`.

    Which rows are drawn follows from the seed and the rows' ids, so parallel sets give the same
    items in every language. Where splits are drawn from one of the hub's, they share its rows. No
    two items have the same input: a row that repeats another's is left out, from train first.

    Args:
        name: as in the table, for example ``sst2`` or ``xnli_de``.
        limit_per_split: at most so many items of a split; all when None.
        seed: of the draw.
        data_files: JSON Lines or Parquet files with the data set's columns, by the hub's split
            names, to be read instead of the hub.

    Raises:
        TaskError: when the name is unknown, the data set cannot be had, or a row does not fit.
    """
    _check_known(name, list(HUB_SETS), "the hub's table")
    hub_set = HUB_SETS[name]
    tables = _load_files(hub_set, data_files) if data_files else _load_hub(hub_set)
    try:
        return Task(
            name=name,
            role=hub_set.role,
            language=hub_set.language,
            instruction=hub_set.instruction,
            labels=hub_set.labels,
            licence=hub_set.licence,
            provenance=_provenance(hub_set, data_files),
            format="definition",
            **_draw(hub_set, tables, limit_per_split, seed),
        )
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise TaskError(f"{name}: {message}.") from None


def _check_known(name: str, known: Sequence[str], where: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:8]
        raise TaskError(f"No task {name!r} in {where}.", f"Did you mean {', '.join(near)}?")


def _provenance(hub_set: HubSet, data_files: Mapping[str, Path] | None) -> str:
    if data_files:
        return "files in the columns of " + hub_set.hub_id
    part = f" ({hub_set.config})" if hub_set.config else ""
    return f"{hub_set.hub_id}{part} at {hub_set.revision}"


def _load_hub(hub_set: HubSet) -> Mapping[str, Any]:
    from datasets import load_dataset

    try:
        with datasets_offline_unless_reached(hub_set.hub_id, hub_set.revision):
            tables: Mapping[str, Any] = load_dataset(
                hub_set.hub_id, hub_set.config, revision=hub_set.revision
            )
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise TaskError(
            f"{hub_set.name}: {hub_set.hub_id} is not in the cache of Hugging Face datasets and "
            f"could not be downloaded ({reason}).",
            "Run once with a network connection and without HF_HUB_OFFLINE, or give a folder of "
            "tasks instead (--tasks DIR).",
        ) from error
    for table in tables.values():
        _check_revision(hub_set, table)
    return tables


def _check_revision(hub_set: HubSet, table: Any) -> None:
    """Refuse another revision, which `datasets` takes from its cache when it is offline."""
    for file in table.cache_files:
        folder = Path(file["filename"]).parent
        if folder.name != hub_set.revision:
            raise TaskError(
                f"{hub_set.name}: the cache holds {hub_set.hub_id} at {folder.name[:12]}, "
                f"expected {hub_set.revision[:12]}.",
                f"Remove {folder} and run once with a network connection.",
            )


def _load_files(hub_set: HubSet, data_files: Mapping[str, Path]) -> Mapping[str, Any]:
    from datasets import load_dataset

    kinds = {"parquet" if path.suffix == ".parquet" else "json" for path in data_files.values()}
    if len(kinds) > 1:
        raise TaskError(f"{hub_set.name}: files are of two kinds.", "Give all as one kind.")
    files = {split: str(path) for split, path in data_files.items()}
    try:
        tables: Mapping[str, Any] = load_dataset(kinds.pop(), data_files=files)
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise TaskError(f"{hub_set.name}: files cannot be read ({reason}).") from error
    return tables


def _draw(
    hub_set: HubSet, tables: Mapping[str, Any], limit: int | None, seed: int
) -> dict[Split, tuple[Example, ...]]:
    """The examples of each split; test first, so that no text of it is left to train."""
    drawn: dict[Split, tuple[Example, ...]] = {}
    seen: set[str] = set()
    for split in reversed(SPLITS):
        examples: list[Example] = []
        for example in _examples(hub_set, tables, split, seed):
            if limit is not None and len(examples) == limit:
                break
            if example.input not in seen:
                seen.add(example.input)
                examples.append(example)
        if not examples:
            raise TaskError(f"{hub_set.name}: no row is left for {split}.")
        drawn[split] = tuple(examples)
    return drawn


def _examples(
    hub_set: HubSet, tables: Mapping[str, Any], split: Split, seed: int
) -> Iterator[Example]:
    hub_split = hub_set.splits[SPLITS.index(split)]
    if hub_split not in tables:
        raise TaskError(f"{hub_set.name}: no split {hub_split!r}, only {', '.join(tables)}.")
    table = tables[hub_split]
    keys = _keys(hub_set, table, hub_split)
    order = sorted(range(len(keys)), key=lambda i: _digest(seed, keys[i]))
    for i in _share(hub_set, split, order):
        example = _example(hub_set, table[i], keys[i])
        if example is not None:
            yield example


def _keys(hub_set: HubSet, table: Any, hub_split: str) -> list[str]:
    """An id for every row, the same in all languages of a family."""
    prefix = f"{hub_set.family or hub_set.name}-{hub_split}"
    if hub_set.id_column is None:
        return [f"{prefix}-{i}" for i in range(len(table))]
    if hub_set.id_column not in table.column_names:
        raise _missing_column(hub_set, hub_set.id_column, table.column_names)
    return [f"{prefix}-{value}" for value in table[hub_set.id_column]]


def _digest(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed} {key}".encode()).digest()


def _share(hub_set: HubSet, split: Split, order: list[int]) -> list[int]:
    """The rows a split may take of the hub split it is drawn from."""
    hub_split = hub_set.splits[SPLITS.index(split)]
    pairs = zip(SPLITS, hub_set.splits, strict=True)
    turns = [s for s, drawn_from in pairs if drawn_from == hub_split][::-1]
    if len(turns) > 1:
        turns += ["train"] * (SHARE - len(turns))
    return [i for place, i in enumerate(order) if turns[place % len(turns)] == split]


def _example(hub_set: HubSet, row: Mapping[str, Any], key: str) -> Example | None:
    try:
        rendered = hub_set.render(row)
    except KeyError as error:
        raise _missing_column(hub_set, error.args[0], row) from None
    except ValueError as error:
        raise TaskError(f"{hub_set.name}: row {key}: {error}.") from None
    if rendered is None:
        return None
    text, label = rendered
    if label not in hub_set.labels:
        known = ", ".join(hub_set.labels)
        raise TaskError(f"{hub_set.name}: row {key}: label {label!r} is not one of {known}.")
    shared = fingerprint(row[hub_set.passage]) if hub_set.passage else None
    return Example(id=key, input=text, label=label, passage=shared)


def _missing_column(hub_set: HubSet, column: str, known: Iterable[str]) -> TaskError:
    return TaskError(f"{hub_set.name}: no column {column!r}, only {', '.join(known)}.")
