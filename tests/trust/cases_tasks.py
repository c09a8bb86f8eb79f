"""Bad task files: what is wrong, how to make it, what the line must say."""

from __future__ import annotations

from collections.abc import Callable

from trust_ground import CARD, SPLITS, Files, Ground, jsonl, row, rows

Prepare = Callable[[Ground], list[str]]
Case = tuple[str, Prepare, str]
LONG = "x " * 100_000


def files(changed: Files) -> Prepare:
    """A run over the sound task with some files replaced."""

    def prepare(ground: Ground) -> list[str]:
        ground.task(changed)
        return ground.run()

    return prepare


def train(line: bytes) -> Prepare:
    """One more line after six sound ones."""
    return files({"train.jsonl": rows("train") + line})


def card(old: str, new: str) -> Prepare:
    """The header with a part replaced."""
    return files({"task.toml": CARD.replace(old, new).encode()})


def named(name: str) -> Prepare:
    """A run over a task of another name, while something lies outside the folder of tasks."""

    def prepare(ground: Ground) -> list[str]:
        ground.task()
        outside = ground.task(folder="outside")
        outside.rename(ground.root / "outside")
        return ground.run(sources=name.replace("ROOT", str(ground.root)))

    return prepare


def all_long(field: str) -> Prepare:
    """Every item, or the instruction, longer than the model's context."""

    def prepare(ground: Ground) -> list[str]:
        if field == "instruction":
            ground.task({"task.toml": CARD.replace("Name the", LONG).encode()})
        else:
            one = jsonl(*(row(f"test-{i}", "red", input=f"{LONG}{i}") for i in range(4)))
            ground.task({"test.jsonl": one})
        return ground.run()

    return prepare


def _no_folder(ground: Ground) -> list[str]:
    return ground.run(tasks="nowhere")


def _file_for_folder(ground: Ground) -> list[str]:
    (ground.root / "tasks").write_text("not a folder")
    return ground.run()


def _empty_folder(ground: Ground) -> list[str]:
    (ground.root / "tasks").mkdir()
    return ground.run()


def _directory_for_file(ground: Ground) -> list[str]:
    ground.task({"dev.jsonl": None})
    (ground.root / "tasks" / "colours" / "dev.jsonl").mkdir()
    return ground.run()


def _twin_folders(ground: Ground) -> list[str]:
    ground.task()
    (ground.root / "tasks" / "a").mkdir()
    ground.task().rename(ground.root / "tasks" / "a" / "colours")
    ground.task()
    return ground.run()


def _twin_names(ground: Ground) -> list[str]:
    ground.task()
    ground.task({"task.toml": CARD.encode(), "dev.jsonl": rows("dev", 4)}, folder="other")
    return ground.run(sources="other")


def _same_inputs(ground: Ground) -> list[str]:
    alike = [row(f"train-{i}", ("red", "blue")[i % 2], input="the same") for i in range(6)]
    ground.task({"train.jsonl": jsonl(*alike)})
    return ground.run()


def _all_leaked(ground: Ground) -> list[str]:
    leaked = [row(f"leak-{i}", "red", input=f"thing test-{i}") for i in range(6)]
    ground.task({"train.jsonl": rows("train") + jsonl(*leaked)})
    return ground.run()


def _same_name(ground: Ground) -> list[str]:
    ground.task()
    return ground.run(sources="colours,colours")


SPLIT = {name: rows(name) for name in SPLITS}
HALF = SPLIT["train"][:-20]
TASKS: list[Case] = [
    ("tasks folder missing", _no_folder, "nowhere: no such folder"),
    ("tasks folder is a file", _file_for_folder, "tasks: no such folder"),
    ("tasks folder empty", _empty_folder, "no task.toml"),
    ("task.toml missing", files({"task.toml": None}), "no task.toml"),
    ("train.jsonl missing", files({"train.jsonl": None}), "train.jsonl: missing"),
    ("dev.jsonl missing", files({"dev.jsonl": None}), "dev.jsonl: missing"),
    ("test.jsonl missing", files({"test.jsonl": None}), "test.jsonl: missing"),
    ("dev.jsonl is a folder", _directory_for_file, "dev.jsonl: missing"),
    ("task.toml empty", files({"task.toml": b""}), "name: Field required"),
    ("train.jsonl empty", files({"train.jsonl": b""}), "train.jsonl: empty"),
    ("dev.jsonl blank", files({"dev.jsonl": b" \n\r\n"}), "dev.jsonl: empty"),
    ("train.jsonl cut off", files({"train.jsonl": HALF}), "train.jsonl:6: unreadable item"),
    ("task.toml cut off", files({"task.toml": CARD[:40].encode()}), "task.toml: not TOML"),
    ("train.jsonl binary", files({"train.jsonl": b"\x00\xff\xfe\x93"}), "train.jsonl: not UTF-8"),
    ("task.toml binary", files({"task.toml": b"\x89PNG\r\n\x1a\n"}), "task.toml: not UTF-8"),
    ("train.jsonl of NULs", files({"train.jsonl": bytes(64)}), "train.jsonl:1: unreadable item"),
    (
        "train.jsonl in UTF-16",
        files({"train.jsonl": SPLIT["train"].decode().encode("utf-16")}),
        "train.jsonl: not UTF-8",
    ),
    ("train.jsonl with a BOM", files({"train.jsonl": b"\xef\xbb\xbf" + rows("train")}), "BOM"),
    ("CSV for JSON lines", files({"train.jsonl": b"id,input,label\n"}), "train.jsonl:1: unread"),
    ("one JSON list", files({"train.jsonl": b"[1, 2]\n"}), "expected an object"),
    ("wrong columns", train(b'{"id": "x", "text": "y", "answer": "red"}\n'), "input: Field"),
    ("extra column", train(jsonl(row("x", note="?"))), "note: Extra inputs"),
    ("duplicate id", train(jsonl(row("train-2"))), "'train-2' was used at train.jsonl:3"),
    ("test item in train", train(jsonl(row("test-0"))), "'test-0' was used at train.jsonl:7"),
    ("every test text in train", _all_leaked, "0 of 6 test items are not in an earlier split"),
    ("label not in the set", train(jsonl(row("x", "green"))), "'green' is not one of red, blue"),
    ("accepted not in the set", train(jsonl(row("x", accept=["green"]))), "'green' is not one of"),
    ("label empty", train(jsonl(row("x", ""))), "label: must hold visible text"),
    ("label blank", train(jsonl(row("x", " \t"))), "label: must hold visible text"),
    ("label null", train(b'{"id": "x", "input": "y", "label": null}\n'), "label: "),
    ("label NaN", train(b'{"id": "x", "input": "y", "label": NaN}\n'), "label: "),
    ("id a number", train(b'{"id": 7, "input": "y", "label": "red"}\n'), "id: "),
    ("input a list", train(b'{"id": "x", "input": [], "label": "red"}\n'), "input: "),
    ("half a surrogate", train(b'{"id": "x", "input": "\\ud800", "label": "red"}\n'), "input: "),
    ("half a surrogate as key", train(b'{"id": "x", "\\ud800": 1}\n'), "train.jsonl:7"),
    ("deep JSON", train(b"[" * 100_000), "not JSON"),
    ("endless number", train(b'{"id": ' + b"1" * 5000 + b"}\n"), "train.jsonl:7"),
    ("set of one label", card(', "blue"', ""), "a choice needs two"),
    ("label twice in the set", card('"blue"', '"red"'), "labels hold a duplicate"),
    ("no instruction", card("instruction", "licence"), "instruction: Field required"),
    ("blank instruction", card("Name the colour.", " "), "instruction: must hold visible"),
    ("unknown format", card("definition", "essay"), "format: "),
    ("unknown header key", card("format", "colour = 1\nformat"), "colour: Extra inputs"),
    ("name leaves the folder", card("colours", "../outside"), "must be a plain file name"),
    ("name ends in a line break", card('"colours"', '"""colours\n"""'), "plain file name"),
    ("asked for a task outside", named("../outside"), "No task '../outside'"),
    ("asked for an absolute path", named("ROOT/outside"), "No task '"),
    ("asked for an unknown task", named("colour"), "Did you mean colours"),
    ("two folders of one name", _twin_folders, "two tasks are named 'colours'"),
    ("two tasks of one name", _twin_names, "call themselves 'colours'"),
    ("a source twice", _same_name, "sources"),
    ("one item in train", files({"train.jsonl": rows("train", 1)}), "2 shots need more than 2"),
    ("one item in test", files({"test.jsonl": rows("test", 1)}), "1 of 1 test items"),
    ("one item in dev", files({"dev.jsonl": rows("dev", 1)}), "1 of 1 dev items"),
    ("all inputs alike", _same_inputs, "0 other examples"),
    ("inputs of 100,000 tokens", all_long("input"), "exceed the model's context of 1024"),
    ("instruction of 100,000 tokens", all_long("instruction"), "exceed the model's context"),
]
