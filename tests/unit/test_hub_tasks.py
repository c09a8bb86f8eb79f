"""Laws of tasks out of Hugging Face data sets, on files with the same columns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import jsonl, write_task

from cast_lens.errors import TaskError
from cast_lens.prompts.prompt import zero_shot
from cast_lens.tasks.find import find_tasks
from cast_lens.tasks.hub import HUB_SETS, SUITES, hub_task, hub_tasks
from cast_lens.tasks.reader import read_task
from cast_lens.tasks.task import SPLITS, Task

Row = dict[str, Any]


def question(i: int, n: int, keys: str) -> Row:
    texts = [f"{mark} {i}" for mark in ("oak", "elm", "ash", "fir", "yew")[:n]]
    choices = {"text": texts, "label": list(keys[:n])}
    return {"id": f"q{i}", "question": f"Tree {i}?", "choices": choices, "answerKey": keys[2]}


# family: a row by number in the hub's columns, and what row 0 is as input and label
FAMILIES: dict[str, tuple[Callable[[int], Row], str, str]] = {
    "ag_news": (
        lambda i: {"text": f"Rain in town {i}.", "label": 3},
        "Sentence: Rain in town 0. \n Label:",
        "technology",
    ),
    "arc_challenge": (
        lambda i: question(i, 4, "1234"),
        "Question:Tree 0?\nA. oak 0\nB. elm 0\nC. ash 0\nD. fir 0 \n Answer:",
        "C",
    ),
    "arc_easy": (
        lambda i: question(i, 4, "ABCD"),
        "Question:Tree 0?\nA. oak 0\nB. elm 0\nC. ash 0\nD. fir 0 \n Answer:",
        "C",
    ),
    "boolq": (
        lambda i: {"question": f"is door {i} red", "passage": f"Door {i} is.", "answer": True},
        "Context: Door 0 is. \n Question:is door 0 red \n Answer:",
        "True",
    ),
    "commonsense_qa": (
        lambda i: question(i, 5, "ABCDE"),
        "Question:Tree 0? \nA. oak 0 \nB. elm 0 \nC. ash 0 \nD. fir 0 \nE. yew 0 \n Answer:",
        "C",
    ),
    "financial_phrasebank": (
        lambda i: {"text": f"Sales rose {i} % .", "label": 2},
        "Sentence: Sales rose 0 % . \n Label:",
        "positive",
    ),
    "medmcqa": (
        lambda i: {
            "question": f"Bone {i}",
            "opa": "a",
            "opb": "b",
            "opc": "c",
            "opd": "d",
            "cop": 1,
        },
        "Question:Bone 0 \nA. a \nB. b \nC. c \nD. d \n Answer:",
        "B",
    ),
    "mnli": (
        lambda i: {"premise": f"He ran {i}.", "hypothesis": "He moved.", "label": 0, "idx": i},
        "Premise: He ran 0. \n Hypothesis:He moved. \n Label:",
        "entailment",
    ),
    "qqp": (
        lambda i: {"question1": f"Why {i}?", "question2": "Why?", "label": 0, "idx": i},
        "Question 1: Why 0? \n Question 2:Why? \n Label:",
        "not duplicate",
    ),
    "race": (
        lambda i: {
            "article": f"Tale {i}.",
            "question": "Who?",
            "options": list("wxyz"),
            "answer": "D",
        },
        "Context: Tale 0. \n Question:Who? \nA. w \nB. x \nC. y \nD. z \n Answer:",
        "D",
    ),
    "sciq": (
        lambda i: (
            {"question": f"Gas {i}?", "correct_answer": "ne", "distractor1": "fe"}
            | {"distractor2": "cu", "distractor3": "au", "support": ""}
        ),
        "",  # its options come in no order: a test of its own
        "",
    ),
    "social_i_qa": (
        lambda i: (
            {"context": f"Kim left {i}.", "question": "Why?", "label": "2"}
            | {"answerA": "bored", "answerB": "late", "answerC": "lost"}
        ),
        "Context: Kim left 0. \n Question:Why? \nA. bored \nB. late \nC. lost \n Answer:",
        "B",
    ),
    "sst2": (
        lambda i: {"sentence": f"dull part {i} ", "label": 0, "idx": i},
        "Sentence: dull part 0  \n Label:",
        "negative",
    ),
    "sib200": (
        lambda i: {"index_id": i, "category": "travel", "text": f"Boat {i}."},
        "Text: Boat 0.\nTopic:",
        "travel",
    ),
    "xnli": (
        lambda i: {"premise": f"It rains {i}.", "hypothesis": "It is dry.", "label": 2},
        "Premise: It rains 0.\nHypothesis: It is dry.\nLabel:",
        "contradiction",
    ),
    "pawsx": (
        lambda i: {"id": i, "sentence1": f"A before {i}.", "sentence2": "B after A.", "label": 1},
        "Sentence 1: A before 0.\nSentence 2: B after A.\nLabel:",
        "paraphrase",
    ),
    "xcopa": (
        lambda i: (
            {"premise": f"Cup {i} fell.", "question": "effect", "label": 0, "idx": i}
            | {"choice1": "It broke.", "choice2": "It sang.", "changed": False}
        ),
        "Premise: Cup 0 fell.\nAsked for: effect\nA. It broke.\nB. It sang.\nAnswer:",
        "A",
    ),
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def family_of(name: str) -> str:
    return HUB_SETS[name].family or name


def sound_rows(name: str, n: int = 3) -> dict[str, list[Row]]:
    """Rows of each split of the hub that a set is drawn from, no two alike."""
    make = FAMILIES[family_of(name)][0]
    splits = dict.fromkeys(HUB_SETS[name].splits)
    return {split: [make(n * at + i) for i in range(n)] for at, split in enumerate(splits)}


def write(folder: Path, rows: dict[str, list[Row]]) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = {split: folder / f"{split}.jsonl" for split in rows}
    for split, path in files.items():
        path.write_bytes(jsonl(*rows[split]))
    return files


def read(name: str, folder: Path, rows: dict[str, list[Row]], **more: Any) -> Task:
    return hub_task(name, data_files=write(folder, rows), **more)


def ids(task: Task) -> dict[str, list[str]]:
    return {split: [e.id for e in task.split(split)] for split in SPLITS}


@pytest.mark.parametrize("name", HUB_SETS)
def test_each_set_of_the_table_gives_a_task_in_the_benchmarks_format(
    name: str, tmp_path: Path
) -> None:
    task = read(name, tmp_path, sound_rows(name))
    assert (task.name, task.labels, task.format) == (name, HUB_SETS[name].labels, "definition")
    assert all(task.split(split) for split in SPLITS)
    _, text, label = FAMILIES[family_of(name)]
    if text:
        first = f"{family_of(name)}-{HUB_SETS[name].splits[0]}-0"
        (example,) = (e for e in task.items() if e.id == first)
        assert (example.input, example.label) == (text, label)


def test_a_prompt_reads_as_the_benchmark_writes_it(tmp_path: Path) -> None:
    task = read("sst2", tmp_path, sound_rows("sst2"))
    (example,) = (e for e in task.items() if e.id == "sst2-train-0")
    assert zero_shot(task, example).text == (
        "Definition: Given a movie review do text classification, based on the sentiment conveyed "
        'by the review label it as "positive" or "negative"\nSentence: dull part 0  \n Label:'
    )


def test_the_right_answer_of_sciq_stands_at_every_letter_and_always_at_the_same(
    tmp_path: Path,
) -> None:
    rows = sound_rows("sciq", 40)
    task = read("sciq", tmp_path, rows)
    assert {e.label for e in task.items()} == set("ABCD")
    assert all(f"\n{e.label}. ne" in e.input for e in task.items())
    turned = {split: [dict(reversed(row.items())) for row in some] for split, some in rows.items()}
    assert list(read("sciq", tmp_path / "turned", turned).items()) == list(task.items())


def test_the_table_holds_both_suites_whole_and_pins_each_set_to_a_commit() -> None:
    assert SUITES == ("cross_domain", "cross_lingual")
    counts = [sum(one.suite == suite for one in HUB_SETS.values()) for suite in SUITES]
    assert counts == [13, 8 + 6 + 5 + 2]
    assert {family_of(name) for name in HUB_SETS} == set(FAMILIES)
    for one in HUB_SETS.values():
        assert len(one.revision) == 40
        int(one.revision, 16)


def test_parquet_and_json_lines_give_the_same_task(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = sound_rows("arc_easy")
    files = {split: tmp_path / f"{split}.parquet" for split in rows}
    for split, path in files.items():
        pq.write_table(pa.Table.from_pylist(rows[split]), path)
    assert hub_task("arc_easy", data_files=files) == read("arc_easy", tmp_path / "json", rows)


def test_a_draw_follows_from_the_seed_alone(tmp_path: Path) -> None:
    rows = sound_rows("xnli_de", 40)
    first, again, other = (
        read("xnli_de", tmp_path / str(at), rows, limit_per_split=5, seed=seed)
        for at, seed in enumerate((0, 0, 1))
    )
    assert [len(first.split(split)) for split in SPLITS] == [5, 5, 5]
    assert first == again
    assert ids(first) != ids(other)


def test_parallel_sets_give_the_same_items(tmp_path: Path) -> None:
    for german, french in (("xnli_de", "xnli_fr"), ("sib200_de", "sib200_fr")):
        rows = sound_rows(german, 30)
        there = read(german, tmp_path / german, rows, limit_per_split=6)
        if HUB_SETS[french].id_column:
            rows = {split: some[::-1] for split, some in rows.items()}
        assert ids(there) == ids(read(french, tmp_path / french, rows, limit_per_split=6))


def test_dev_and_test_out_of_train_each_take_a_fifth(tmp_path: Path) -> None:
    task = read("financial_phrasebank", tmp_path, sound_rows("financial_phrasebank", 50))
    assert [len(task.split(split)) for split in SPLITS] == [30, 10, 10]
    assert len({e.id for e in task.items()}) == 50


def test_a_text_in_two_splits_stays_in_test_alone(tmp_path: Path) -> None:
    rows = sound_rows("arc_easy", 4)
    rows["train"][1] = rows["test"][2] | {"id": "twin"}
    rows["validation"][0] = rows["validation"][3] | {"id": "twin"}
    task = read("arc_easy", tmp_path, rows)
    assert [len(task.split(split)) for split in SPLITS] == [3, 3, 4]
    inputs = [e.input for e in task.items()]
    assert len(set(inputs)) == len(inputs)


def test_a_question_without_four_options_is_left_out(tmp_path: Path) -> None:
    rows = sound_rows("arc_challenge")
    rows["train"][1] = question(90, 3, "ABC")
    rows["test"][0] = question(91, 5, "ABCDE")
    task = read("arc_challenge", tmp_path, rows)
    assert [len(task.split(split)) for split in SPLITS] == [2, 3, 2]


@pytest.mark.parametrize(
    ("name", "fault", "complaint"),
    [
        ("sst2", {"label": -1}, "row sst2-train-1: label -1 is not one of 0 to 1"),
        ("arc_easy", {"answerKey": "F"}, "row arc_easy-train-1: label 'F' is not one of A, B"),
        ("social_i_qa", {"label": "4"}, "row social_i_qa-train-1: label '4' is not one of 1, 2"),
        ("sib200_it", {"category": "art"}, "row sib200-train-1: label 'art' is not one of enter"),
    ],
)
def test_an_unknown_label_names_the_row(
    name: str, fault: Row, complaint: str, tmp_path: Path
) -> None:
    rows = sound_rows(name)
    rows["train"][1] |= fault
    with pytest.raises(TaskError) as caught:
        read(name, tmp_path, rows)
    assert complaint in caught.value.problem


@pytest.mark.parametrize(("name", "column"), [("qqp", "question2"), ("sib200_en", "index_id")])
def test_a_missing_column_is_named(name: str, column: str, tmp_path: Path) -> None:
    rows = sound_rows(name)
    for some in rows.values():
        for row in some:
            del row[column]
    with pytest.raises(TaskError, match=f"{name}: no column '{column}', only "):
        read(name, tmp_path, rows)


def test_missing_splits_and_files_are_named(tmp_path: Path) -> None:
    files = write(tmp_path, sound_rows("race"))
    test = files.pop("test")
    with pytest.raises(TaskError, match="race: no split 'test', only train, validation"):
        hub_task("race", data_files=files)
    with pytest.raises(TaskError, match="race: files cannot be read"):
        hub_task("race", data_files=files | {"test": test.with_name("none.jsonl")})
    with pytest.raises(TaskError, match="two kinds"):
        hub_task("race", data_files=files | {"test": test.with_suffix(".parquet")})
    with pytest.raises(TaskError, match="no row is left for train"):
        read(
            "sst2",
            tmp_path / "one",
            {"train": [{"sentence": "x", "label": 1}]}
            | {"validation": [{"sentence": "y", "label": 1}]},
        )


def test_an_unknown_name_or_suite_suggests_the_nearest() -> None:
    with pytest.raises(TaskError, match=r"No task 'sst-2' .* Did you mean sst2"):
        hub_task("sst-2")
    with pytest.raises(TaskError, match=r"No task 'xnli_de' in hub:cross_domain"):
        hub_tasks("cross_domain", ["xnli_de"])
    with pytest.raises(TaskError, match=r"No suite 'glue' on the hub\. Known: cross_domain, cross"):
        find_tasks("hub:glue", ["sst2"])


def test_bundled_and_folders_are_found_as_before(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "colours")
    assert find_tasks(str(tmp_path), ["colours"]) == [read_task(folder)]
    assert [task.name for task in find_tasks("bundled", ["topic", "antonym"])] == [
        "topic",
        "antonym",
    ]


OFFLINE = """
import sys
from cast_lens.errors import TaskError
from cast_lens.tasks.find import find_tasks
try:
    (task,) = find_tasks("hub:cross_domain", ["ag_news"])
    sys.stdout.write(task.provenance + " " + str(len(list(task.items()))))
except TaskError as error:
    sys.stdout.write(str(error))
"""


def offline(home: Path) -> str:
    """What a process without network, whose Hugging Face cache is `home`, finds or says."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    environment = mine | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", OFFLINE]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def fill_cache(home: Path, revision: str, scratch: Path) -> None:
    """Put ag_news where `datasets` keeps what it downloaded at a revision."""
    from datasets import load_dataset

    files = write(scratch, sound_rows("ag_news"))
    texts = {split: str(path) for split, path in files.items()}
    tables = load_dataset("json", data_files=texts, cache_dir=str(scratch / "made"))
    made = Path(tables["train"].cache_files[0]["filename"]).parent
    kept = home / "datasets" / "fancyzhx___ag_news" / "default" / "0.0.0" / revision
    kept.mkdir(parents=True)
    for split in texts:
        shutil.copy(made / f"json-{split}.arrow", kept / f"ag_news-{split}.arrow")
    info = (made / "dataset_info.json").read_text(encoding="utf-8")
    facts = json.loads(info.replace('"dataset_name": "json"', '"dataset_name": "ag_news"'))
    facts["config_name"] = "default"
    (kept / "dataset_info.json").write_text(json.dumps(facts), encoding="utf-8")


def test_offline_with_an_empty_cache_says_how_to_mend_it(tmp_path: Path) -> None:
    said = offline(tmp_path / "home")
    assert said.startswith("ag_news: fancyzhx/ag_news is not in the cache")
    assert "Run once with a network connection" in said
    assert "--tasks DIR" in said


def test_offline_the_cache_serves_the_pinned_revision_and_no_other(tmp_path: Path) -> None:
    pinned = HUB_SETS["ag_news"].revision
    fill_cache(tmp_path / "right", pinned, tmp_path / "a")
    assert offline(tmp_path / "right") == f"fancyzhx/ag_news at {pinned} 6"
    fill_cache(tmp_path / "wrong", "0" * 40, tmp_path / "b")
    said = offline(tmp_path / "wrong")
    assert f"holds fancyzhx/ag_news at {'0' * 12}, expected {pinned[:12]}" in said
