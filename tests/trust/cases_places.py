"""Bad places: where to write and what to read of a finished run."""

from __future__ import annotations

import json

from cases_settings import typed
from cases_tasks import Case, Prepare
from trust_ground import Ground


def _out_is_a_file(ground: Ground) -> list[str]:
    ground.task()
    (ground.root / "out").write_text("mine")
    return ground.run()


def _out_is_in_a_file(ground: Ground) -> list[str]:
    ground.task()
    (ground.root / "file").write_text("mine")
    return ground.run(out="file/out")


def _out_is_another_folder(ground: Ground) -> list[str]:
    ground.task()
    (ground.root / "out").mkdir()
    (ground.root / "out" / "thesis.txt").write_text("mine")
    return ground.run()


def _out_holds_another_run(ground: Ground) -> list[str]:
    ground.finished()
    return ground.run(seed="3")


def _out_is_unreadable(ground: Ground) -> list[str]:
    ground.task()
    (ground.root / "out").mkdir()
    (ground.root / "out" / "results.json").write_bytes(b"{")
    return ground.run()


def _out_has_a_name_too_long(ground: Ground) -> list[str]:
    ground.task()
    return ground.run(out="o" * 300)


def _out_is_empty_text(ground: Ground) -> list[str]:
    ground.task()
    return ground.run(out="")


def _pieces_are_a_file(ground: Ground) -> list[str]:
    ground.task()
    (ground.root / "out.unfinished").write_text("mine")
    return ground.run()


def results(content: bytes) -> Prepare:
    """Show a folder with such a results file."""

    def prepare(ground: Ground) -> list[str]:
        ground.task()
        (ground.root / "out").mkdir()
        (ground.root / "out" / "results.json").write_bytes(content)
        return ["show", "out"]

    return prepare


def spoiled(name: str, content: bytes | None, *words: str) -> Prepare:
    """A finished run with one file replaced, or left out where None, and a command over it."""

    def prepare(ground: Ground) -> list[str]:
        path = ground.finished() / name
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        return list(words)

    return prepare


def _cut_results(ground: Ground) -> list[str]:
    path = ground.finished() / "results.json"
    path.write_bytes(path.read_bytes()[:-40])
    return ["show", "out"]


def _later_schema(ground: Ground) -> list[str]:
    path = ground.finished() / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_name": "other.9"}))
    return ["show", "out"]


def _foreign_items() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"other": [1]}), sink)
    return bytes(sink.getvalue().to_pybytes())


CHANGED = ("show", "out", "--changed", "cast")
PLACES: list[Case] = [
    ("out is a file", _out_is_a_file, "is not a run folder"),
    ("out lies in a file", _out_is_in_a_file, "cannot be written"),
    ("out is another folder", _out_is_another_folder, "is not a run folder"),
    ("out holds another run", _out_holds_another_run, "other settings (seed)"),
    ("out has too long a name", _out_has_a_name_too_long, "cannot be"),
    ("out is empty text", _out_is_empty_text, "not a run folder"),
    ("out.unfinished is a file", _pieces_are_a_file, "out.unfinished: cannot be written"),
    ("out holds an unreadable run", _out_is_unreadable, "results.json: cannot be read"),
    ("show nothing", typed("show", "nowhere"), "nowhere: not a run folder"),
    ("show a file", typed("show", "tasks/colours/task.toml"), "task.toml"),
    ("results empty", results(b""), "results.json: cannot be read"),
    ("results binary", results(b"\x00\xff"), "results.json: cannot be read"),
    ("results another JSON", results(b'{"a": 1}'), "results.json: cannot be read"),
    ("results too deep", results(b"[" * 100_000), "results.json: cannot be read"),
    ("results cut off", _cut_results, "results.json: cannot be read"),
    ("results of another schema", _later_schema, "it is other.9, not cast_lens"),
    ("items missing", spoiled("items.parquet", None, *CHANGED), "no items.parquet"),
    ("items cut off", spoiled("items.parquet", b"PAR1", *CHANGED), "items.parquet: cannot be"),
    ("items of other columns", spoiled("items.parquet", _foreign_items(), *CHANGED), "no column"),
    ("arm not in the run", spoiled("x", None, "show", "out", "--changed", "y"), "no arm 'y'"),
    ("blocks not in the run", spoiled("x", None, "show", "out", "--blocks"), "no curve"),
    ("curves are no table", spoiled("curves.parquet", b"x", "show", "out", "--blocks"), "curves"),
    ("compare nothing", typed("compare", "nowhere", "nowhere"), "nowhere: not a run folder"),
    ("claims of nothing", typed("claims", "nowhere"), "nowhere: not a run folder"),
    ("report of nothing", typed("report", "nowhere"), "nowhere: not a run folder"),
    ("figures of nothing", typed("figures", "nowhere"), "nowhere: not a run folder"),
    ("report to a folder", spoiled("x", None, "report", "out", "--out", "tasks"), "tasks"),
]
