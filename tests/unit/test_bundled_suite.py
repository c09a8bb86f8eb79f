"""Laws of the data that come with the package."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from cast_lens.tasks.check import TaskReport, check_task
from cast_lens.tasks.reader import BUNDLED, read_task, task_folders
from cast_lens.tasks.task import SPLITS, Split, Task

WORDS = sorted(task_folders(BUNDLED / "words"))
SENTENCES = sorted(task_folders(BUNDLED / "sentences"))
SEVEN = {
    "entailment",
    "science",
    "sentiment_de",
    "sentiment_en",
    "sentiment_es",
    "sentiment_fr",
    "topic",
}
FAMILIES = {
    "countries": [name for name in WORDS if name.startswith("country_")],
    "translations": [name for name in WORDS if name.startswith("en_") or name.endswith("_en")],
    "verbs": ["present_past", "third_person", "verb_gerund"],
    "degrees": ["comparative", "superlative"],
}


@cache
def folder_of(name: str) -> Path:
    return task_folders(BUNDLED)[name]


@cache
def bundled(name: str) -> Task:
    return read_task(folder_of(name))


@cache
def report(name: str) -> TaskReport:
    return check_task(folder_of(name))


def keys(task: Task, split: Split) -> set[str]:
    """What an item is about, as its id says after the task's name."""
    return {example.id.removeprefix(f"{task.name}-") for example in task.split(split)}


def test_there_are_at_least_sixteen_word_tasks_of_118_items() -> None:
    sizes = {name: len(list(bundled(name).items())) for name in WORDS}
    assert len(sizes) >= 16
    assert min(sizes.values()) >= 118
    assert all(bundled(name).format == "qa" for name in WORDS)


def test_the_seven_sentence_tasks_have_at_least_80_items_and_closed_labels() -> None:
    assert set(SENTENCES) == SEVEN
    assert all(len(list(bundled(name).items())) >= 80 for name in SENTENCES)
    assert all(len(bundled(name).labels) >= 2 for name in SENTENCES)


def test_every_task_has_its_own_instruction() -> None:
    instructions = Counter(bundled(name).instruction for name in WORDS)
    assert max(instructions.values()) == 1
    distinct = {bundled(name).instruction for name in SENTENCES}
    assert len(distinct) >= len(SENTENCES) - 3  # the four languages may share one


@pytest.mark.parametrize("name", WORDS + SENTENCES)
def test_every_task_passes_its_own_check(name: str) -> None:
    found = report(name)
    assert found.usable
    assert (found.name, found.folder.name) == (name, name)
    assert all(found.counts[split] > 0 for split in SPLITS)


@pytest.mark.parametrize("name", WORDS + SENTENCES)
def test_no_input_stands_twice_in_a_task(name: str) -> None:
    inputs = Counter(example.input.strip().lower() for example in bundled(name).items())
    assert [text for text, count in inputs.items() if count > 1] == []
    assert [f for f in report(name).findings if "overlap" in f.kind or "duplicate" in f.kind] == []


@pytest.mark.parametrize("name", SENTENCES)
def test_labels_are_balanced_within_one_item_in_every_split(name: str) -> None:
    task = bundled(name)
    for split in SPLITS:
        counts = Counter(example.label for example in task.split(split))
        assert set(counts) == set(task.labels)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_sentiment_is_parallel_over_languages() -> None:
    english = bundled("sentiment_en")
    for language in ("de", "es", "fr"):
        other = bundled(f"sentiment_{language}")
        assert other.language == language
        for split in SPLITS:
            ours = {e.id: e.input for e in english.split(split)}
            theirs = {e.id: e.input for e in other.split(split)}
            assert ours.keys() == theirs.keys()
            assert not set(ours.values()) & set(theirs.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_related_word_tasks_never_share_a_key_across_splits(family: str) -> None:
    tasks = [bundled(name) for name in FAMILIES[family]]
    where: dict[str, set[str]] = {}
    for task in tasks:
        for split in SPLITS:
            for key in keys(task, split):
                where.setdefault(key, set()).add(split)
    shared = set.intersection(*({k for s in SPLITS for k in keys(task, s)} for task in tasks))
    assert len(tasks) >= 2
    assert len(shared) >= 100  # the family is one: the law is not empty
    assert {key: found for key, found in where.items() if len(found) > 1} == {}


def test_capitalise_asks_for_case_and_nothing_else() -> None:
    task = bundled("capitalise")
    assert task.case_sensitive
    assert all(example.label not in example.input for example in task.items())
    assert all(example.label.lower() == example.input.lower() for example in task.items())


@pytest.mark.parametrize("name", sorted(SEVEN - {"topic"}))
def test_word_counts_alone_do_not_solve_a_sentence_task(name: str) -> None:
    words = report(name).bag_of_words
    assert words is not None
    assert words.n == len(list(bundled(name).items()))
    assert words.accuracy <= words.chance + 0.2
