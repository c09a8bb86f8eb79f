"""Laws of reading task folders."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from builders import CARD, jsonl, row, rows, write_task
from hypothesis import given, settings
from hypothesis import strategies as st

from cast_lens.errors import TaskError
from cast_lens.tasks.check import check_task
from cast_lens.tasks.reader import BUNDLED, read_task, read_tasks, scan_task, task_folders
from cast_lens.tasks.task import SPLITS, Example, Task

GOOD = rows("train")


def after_good(line: bytes) -> bytes:
    """Six sound lines and one to judge, which so stands at line 7."""
    return GOOD + line


LINE_FAULTS = {
    "bad JSON": (b'{"id": \n', "not JSON"),
    "deep JSON": (b"[" * 100_000, "not JSON"),
    "not an object": (b"[1, 2]\n", "expected an object"),
    "missing field": (b'{"id": "x", "input": "y"}\n', "label: Field required"),
    "extra field": (jsonl(row("x", note="?")), "note: Extra inputs"),
    "unknown label": (jsonl(row("x", "green")), "'green' is not one of red, blue"),
    "unknown accepted label": (jsonl(row("x", accept=["green"])), "'green' is not one of"),
    "duplicate id": (jsonl(row("train-2")), "used at train.jsonl:3"),
    "empty input": (b'{"id": "x", "input": " \\t", "label": "red"}\n', "input: must hold visible"),
    "number as input": (b'{"id": "x", "input": 3, "label": "red"}\n', "input: "),
    "half a surrogate": (b'{"id": "x", "input": "\\ud800", "label": "red"}\n', "input: "),
    "lists in accept": (jsonl(row("x", accept=[["red"]])), "accept"),
    "endless number": (b'{"id": ' + b"1" * 5000 + b"}\n", "limit"),
}
CARD_FAULTS = {
    "bad TOML": (CARD + "\n\nrole = both\n", "at line 7"),
    "unknown key": (CARD + 'colour = "red"\n', "colour: Extra inputs"),
    "unknown format": (CARD.replace("definition", "essay"), "format: "),
    "missing key": (CARD.replace("instruction", "licence"), "instruction: Field required"),
    "label set of one": (CARD.replace(', "blue"', ""), "single value"),
    "duplicate labels": (CARD.replace('"blue"', '"red"'), "duplicate"),
    "bad name": (CARD.replace("colours", "../colours"), "name: must be a plain file name"),
    "blank instruction": (CARD.replace("Name the colour.", " "), "instruction: must hold visible"),
    "deep TOML": (CARD + "x = " + "[" * 100_000, "not TOML"),
    "endless number": (CARD + "x = " + "1" * 5000, "not TOML"),
}


def test_a_sound_folder_is_read_field_by_field(tmp_path: Path) -> None:
    task = read_task(write_task(tmp_path / "colours"))
    assert (task.name, task.labels, task.format) == ("colours", ("red", "blue"), "definition")
    assert task.train[1] == Example(id="train-1", input="thing train-1", label="blue")
    assert [len(task.split(split)) for split in SPLITS] == [6, 6, 6]


def test_line_ends_and_blank_lines_change_nothing(tmp_path: Path) -> None:
    plain = read_task(write_task(tmp_path / "plain"))
    windows = {"task.toml": CARD.replace("\n", "\r\n").encode()}
    windows["train.jsonl"] = b"\r\n" + GOOD.replace(b"\n", b"\r\n\r\n")
    assert read_task(write_task(tmp_path / "windows", windows)) == plain


def test_a_blank_line_inside_an_instruction_is_kept(tmp_path: Path) -> None:
    card = CARD.replace('"Name the colour."', '"""Name\n\nthe colour."""').encode()
    assert read_task(write_task(tmp_path, {"task.toml": card})).instruction == "Name\n\nthe colour."


@pytest.mark.parametrize("fault", LINE_FAULTS)
def test_a_faulty_line_is_named_with_file_and_line(tmp_path: Path, fault: str) -> None:
    line, complaint = LINE_FAULTS[fault]
    folder = write_task(tmp_path, {"train.jsonl": after_good(line)})
    with pytest.raises(TaskError) as caught:
        read_task(folder)
    assert f"{folder / 'train.jsonl'}:7:" in caught.value.problem
    assert complaint in caught.value.problem
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", CARD_FAULTS)
def test_a_faulty_header_is_named_with_file_and_cause(tmp_path: Path, fault: str) -> None:
    card, complaint = CARD_FAULTS[fault]
    folder = write_task(tmp_path, {"task.toml": card.encode()})
    with pytest.raises(TaskError) as caught:
        read_task(folder)
    assert str(folder / "task.toml") in caught.value.problem
    assert complaint in caught.value.problem
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["task.toml", "train.jsonl", "dev.jsonl", "test.jsonl"])
def test_a_missing_or_binary_file_is_named(tmp_path: Path, name: str) -> None:
    missing = write_task(tmp_path / "missing", {name: None})
    binary = write_task(tmp_path / "binary", {name: b"name\xff\xfe\x00"})
    with pytest.raises(TaskError, match="missing: no such file") as caught:
        read_task(missing)
    assert str(missing / name) in caught.value.problem
    with pytest.raises(TaskError, match="byte 4 cannot be read as UTF-8") as caught:
        read_task(binary)
    assert str(binary / name) in caught.value.problem


@pytest.mark.parametrize("content", [b"", b"\n \r\n\n"])
def test_a_split_without_items_is_named(tmp_path: Path, content: bytes) -> None:
    folder = write_task(tmp_path, {"dev.jsonl": content})
    with pytest.raises(TaskError, match="holds no item") as caught:
        read_task(folder)
    assert str(folder / "dev.jsonl") in caught.value.problem


def test_every_fault_is_found_and_the_error_counts_the_rest(tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {"train.jsonl": after_good(b"[]\n{}\n"), "dev.jsonl": None}
    folder = write_task(tmp_path, files)
    found = scan_task(folder).findings
    assert [(f.path.name, f.line) for f in found] == [
        ("train.jsonl", 7),
        ("train.jsonl", 8),
        ("dev.jsonl", 0),
    ]
    with pytest.raises(TaskError, match=r"and 2 more.*tasks check"):
        read_task(folder)


def test_repeated_inputs_are_reported_but_not_fatal(tmp_path: Path) -> None:
    twin = {"id": "twin", "input": "thing train-0", "label": "red"}
    leak = {"id": "leak", "input": "thing train-1", "label": "blue"}
    files: dict[str, bytes | None] = {"train.jsonl": after_good(jsonl(twin))}
    files["test.jsonl"] = rows("test") + jsonl(leak)
    folder = write_task(tmp_path, files)
    findings = {f.kind: str(f) for f in check_task(folder).findings}
    assert "train.jsonl:7" in findings["duplicate input"]
    assert "test.jsonl:7" in findings["overlap between splits"]
    assert "train.jsonl:2" in findings["overlap between splits"]
    assert len(read_task(folder).train) == 7


def test_a_check_never_ends_in_a_traceback_over_inputs_without_words(tmp_path: Path) -> None:
    def marks(split: str, mark: str) -> bytes:
        labels = ("red", "blue")
        return jsonl(
            *(row(f"{split}{i}", labels[i % 2]) | {"input": mark * (i + 1)} for i in range(6))
        )

    files: dict[str, bytes | None] = {
        f"{split}.jsonl": marks(split, mark) for split, mark in zip(SPLITS, "?!-", strict=True)
    }
    report = check_task(write_task(tmp_path, files))
    assert report.usable
    assert report.counts == {"train": 6, "dev": 6, "test": 6}


def test_a_skewed_split_and_a_long_item_are_reported_with_their_place(tmp_path: Path) -> None:
    skewed = jsonl(*(row(f"s{i}", "red") for i in range(6)))
    long = jsonl({"id": "long", "input": "x " * 3000, "label": "red"})
    folder = write_task(tmp_path, {"dev.jsonl": skewed, "train.jsonl": after_good(long)})
    report = check_task(folder)
    found = {f.kind: f for f in report.findings}
    assert found["skewed labels"].path.name == "dev.jsonl"
    assert (found["over-long item"].path.name, found["over-long item"].line) == ("train.jsonl", 7)
    assert report.usable


@given(st.lists(st.sampled_from(["red", "blue", "green"]), max_size=5))
def test_accept_holds_the_label_first_and_nothing_twice(accepted: list[str]) -> None:
    example = Example(id="x", input="y", label="red", accept=tuple(accepted))
    assert example.accept[0] == "red"
    assert set(example.accept) == {"red", *accepted}
    assert len(set(example.accept)) == len(example.accept)


def test_an_unknown_task_name_suggests_the_nearest(tmp_path: Path) -> None:
    for name in ("country_capital", "country_currency", "antonym"):
        write_task(tmp_path / name, {"task.toml": CARD.replace("colours", name).encode()})
    with pytest.raises(TaskError) as caught:
        read_tasks(tmp_path, ["antonym", "country_captal"])
    assert "country_captal" in caught.value.problem
    assert caught.value.remedy.startswith("Did you mean country_capital")


def test_folders_without_tasks_or_with_twins_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no such folder"):
        task_folders(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TaskError, match=r"no task\.toml"):
        task_folders(tmp_path / "empty")
    write_task(tmp_path / "a" / "colours")
    write_task(tmp_path / "b" / "colours")
    with pytest.raises(TaskError, match="two tasks are named 'colours'"):
        task_folders(tmp_path)


def test_bundled_tasks_are_read_in_the_order_asked() -> None:
    names = ["topic", "antonym", "country_capital", "en_fr"]
    assert [task.name for task in read_tasks(BUNDLED, names)] == names
    assert [task.name for task in read_tasks(BUNDLED, names[::-1])] == names[::-1]


def test_a_fingerprint_is_of_content_and_not_of_place(tmp_path: Path) -> None:
    here, there = (read_task(write_task(tmp_path / place)) for place in ("here", "there"))
    changed = read_task(write_task(tmp_path / "new", {"dev.jsonl": rows("dev", 5)}))
    assert here.fingerprint() == there.fingerprint()
    assert here.fingerprint() != changed.fingerprint()


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES | st.sampled_from(["red", "blue", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
STRINGS = st.sampled_from(["x", "train-1", "red", "blue"])
NEAR_ROWS = st.fixed_dictionaries(
    {"id": STRINGS, "input": STRINGS, "label": STRINGS | VALUES},
    optional={"accept": VALUES, "note\n": VALUES},
).map(lambda value: json.dumps(value).encode())
TOML_PIECES = ["name", "labels", '"red"', "=", "[", "]", "{", "}", ",", "\n", "1", '"""', "\r", "#"]
NEAR_CARDS = st.lists(st.sampled_from(TOML_PIECES)).map(lambda parts: "".join(parts).encode())
CONTENTS = st.binary(max_size=60) | NEAR_ROWS | NEAR_CARDS


@settings(max_examples=400)
@given(
    name=st.sampled_from(["task.toml", "train.jsonl", "dev.jsonl", "test.jsonl"]),
    content=CONTENTS,
    append=st.booleans(),
)
def test_any_bytes_in_any_file_give_a_task_or_a_task_error(
    name: str, content: bytes, append: bool
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = write_task(Path(place))
        sound = (folder / name).read_bytes()
        (folder / name).write_bytes(sound + content if append else content)
        findings = [finding for finding in scan_task(folder).findings if finding.fatal]
        if findings:
            with pytest.raises(TaskError) as caught:
                read_task(folder)
            assert caught.value.problem.startswith(f"{folder}/")
            assert "\n" not in str(caught.value)
        else:
            task = read_task(folder)
            assert Task.model_validate(task.model_dump()) == task
            assert len(task.fingerprint()) == 16
