"""One row of a Hugging Face data set to its input and its label, as the benchmark writes them.

The cross-domain strings are those of Chatterjee et al. 2024 (repository C-anwoy/Cross-Task-ICL),
spaces before line ends and missing spaces after colons included. A function gives None for a row
that its task has no place for, such as a question without four options.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Render = Callable[[Row], tuple[str, str] | None]

LETTERS = "ABCDE"


def _named(names: Sequence[str], value: object) -> str:
    """The class name a data set means by a number.

    Raises:
        ValueError: when it is no number of a class, as the -1 of an item without a label.
    """
    if not isinstance(value, int) or not 0 <= value < len(names):
        raise ValueError(f"label {value!r} is not one of 0 to {len(names) - 1}")
    return names[value]


def _letter(keys: Sequence[str], value: object) -> str:
    """The letter of the option that a data set means by a key of its own.

    Raises:
        ValueError: when no option has that key.
    """
    if value not in keys:
        raise ValueError(f"label {value!r} is not one of {', '.join(keys)}")
    return LETTERS[keys.index(str(value))]


def _choice(question: str, options: Sequence[str], gap: str = " \n") -> str:
    lettered = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return f"{gap.join([question, *lettered])} \n Answer:"


def news(row: Row) -> tuple[str, str]:
    """AG News."""
    names = ("world", "sports", "business", "technology")
    return f"Sentence: {row['text']} \n Label:", _named(names, row["label"])


def review(row: Row) -> tuple[str, str]:
    """SST-2."""
    names = ("negative", "positive")
    return f"Sentence: {row['sentence']} \n Label:", _named(names, row["label"])


def finance(row: Row) -> tuple[str, str]:
    """Financial PhraseBank."""
    names = ("negative", "neutral", "positive")
    return f"Sentence: {row['text']} \n Label:", _named(names, row["label"])


def entailment(row: Row) -> tuple[str, str]:
    """MNLI."""
    names = ("entailment", "neutral", "contradiction")
    text = f"Premise: {row['premise']} \n Hypothesis:{row['hypothesis']} \n Label:"
    return text, _named(names, row["label"])


def duplicates(row: Row) -> tuple[str, str]:
    """QQP."""
    names = ("not duplicate", "duplicate")
    text = f"Question 1: {row['question1']} \n Question 2:{row['question2']} \n Label:"
    return text, _named(names, row["label"])


def passage(row: Row) -> tuple[str, str]:
    """BoolQ."""
    text = f"Context: {row['passage']} \n Question:{row['question']} \n Answer:"
    return text, str(row["answer"])


def _keyed(row: Row, n_options: int, gap: str) -> tuple[str, str] | None:
    """A question whose options carry their own keys, ``A`` to ``E`` or ``1`` to ``5``."""
    options, keys = row["choices"]["text"], list(row["choices"]["label"])
    if len(options) != n_options:
        return None
    text = _choice(f"Question:{row['question']}", options, gap)
    return text, _letter(keys, row["answerKey"])


def school_science(row: Row) -> tuple[str, str] | None:
    """ARC; a few of its questions have three or five options, which the task leaves out."""
    return _keyed(row, 4, "\n")


def commonsense(row: Row) -> tuple[str, str] | None:
    """CommonsenseQA."""
    return _keyed(row, 5, " \n")


def medicine(row: Row) -> tuple[str, str]:
    """MedMCQA."""
    options = [row[column] for column in ("opa", "opb", "opc", "opd")]
    return _choice(f"Question:{row['question']}", options), _named(LETTERS[:4], row["cop"])


def science(row: Row) -> tuple[str, str]:
    """SciQ, whose options come with the right one apart: here in an order of their digests."""
    right = row["correct_answer"]
    options = [right, *(row[f"distractor{i}"] for i in (1, 2, 3))]
    options.sort(key=lambda option: _digest(row["question"], option))
    return _choice(f"Question:{row['question']}", options, "\n"), LETTERS[options.index(right)]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def reading(row: Row) -> tuple[str, str]:
    """RACE."""
    question = f"Context: {row['article']} \n Question:{row['question']}"
    return _choice(question, row["options"]), row["answer"]


def social(row: Row) -> tuple[str, str]:
    """Social IQa, which counts its answers from 1, as text."""
    question = f"Context: {row['context']} \n Question:{row['question']}"
    options = [row[column] for column in ("answerA", "answerB", "answerC")]
    return _choice(question, options), _letter("123", row["label"])


def topic(row: Row) -> tuple[str, str]:
    """SIB-200."""
    return f"Text: {row['text']}\nTopic:", row["category"]


def inference(row: Row) -> tuple[str, str]:
    """XNLI."""
    names = ("entailment", "neutral", "contradiction")
    text = f"Premise: {row['premise']}\nHypothesis: {row['hypothesis']}\nLabel:"
    return text, _named(names, row["label"])


def paraphrase(row: Row) -> tuple[str, str]:
    """PAWS-X."""
    names = ("different", "paraphrase")
    text = f"Sentence 1: {row['sentence1']}\nSentence 2: {row['sentence2']}\nLabel:"
    return text, _named(names, row["label"])


def cause_or_effect(row: Row) -> tuple[str, str]:
    """XCOPA."""
    lines = (
        f"Premise: {row['premise']}",
        f"Asked for: {row['question']}",
        f"A. {row['choice1']}",
        f"B. {row['choice2']}",
        "Answer:",
    )
    return "\n".join(lines), _named(LETTERS[:2], row["label"])
