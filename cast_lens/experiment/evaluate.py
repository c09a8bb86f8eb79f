"""Score items both ways: by likelihood and by generation; one record an item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from cast_lens.files import fingerprint
from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.both import answer_and_generate, choose_and_generate
from cast_lens.score.generation import parse_answer
from cast_lens.score.labels import Given, LabelScores, score_answers, score_labels
from cast_lens.tasks.task import Example, Task


@dataclass(frozen=True)
class ItemScore:
    """What one arm made of one item.

    Attributes:
        doc_id, prompt_hash, target_hash: as lm-eval names them.
        passage: of the item; its own id where it shares none.
        label: the right answer; `predicted` the likeliest label, empty for free answers.
        logprob: of the right answer (the likeliest accepted one), summed over its tokens.
        acc: likeliest label is right; for free answers: an accepted one is the greedy choice.
        acc_bytes, acc_calibrated: the same per byte and calibrated; None for free answers.
        generated: the text; `exact_match` whether it is right, `valid` whether it is one of the
            task's answers at all.
        label_logprobs: of every label, in the task's order; `content_free` the same after the
            content-free prompt; both empty for free answers.
    """

    doc_id: str
    prompt_hash: str
    target_hash: str
    passage: str
    label: str
    predicted: str
    logprob: float
    acc: bool
    acc_bytes: bool | None
    acc_calibrated: bool | None
    generated: str
    exact_match: bool
    valid: bool
    label_logprobs: tuple[float, ...]
    content_free: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Questions:
    """Items of one task and the prompts that ask them, in the same order."""

    task: Task
    items: tuple[Example, ...]
    prompts: tuple[Prompt, ...]


def evaluate(
    lens: Lens,
    asked: Questions,
    injections: Sequence[Given],
    *,
    max_new_tokens: int,
    description: str,
) -> list[tuple[ItemScore, ...]]:
    """Score every item by likelihood and by generation, once under each variant."""
    facts, texts = _answered(lens, asked, injections, max_new_tokens, description)
    known = _answers_of(asked.task)
    return [
        tuple(
            ItemScore(
                **_identity(example, prompt), **_judged(asked.task, example, text, known), **f
            )
            for example, prompt, text, f in zip(
                asked.items, asked.prompts, variant_texts, variant_facts, strict=True
            )
        )
        for variant_texts, variant_facts in zip(texts, facts, strict=True)
    ]


def _identity(example: Example, prompt: Prompt) -> dict[str, Any]:
    return {
        "doc_id": example.id,
        "prompt_hash": fingerprint(prompt.text),
        "target_hash": fingerprint(example.label),
        "passage": example.passage or example.id,
        "label": example.label,
    }


def _spoken(task: Task, answer: str) -> str:
    return parse_answer(answer, case_sensitive=task.case_sensitive)


def _answers_of(task: Task) -> set[str]:
    """Every answer the task knows: its labels, or all accepted answers of all its items."""
    listed = task.labels or [answer for e in task.items() for answer in e.accept]
    return {_spoken(task, answer) for answer in listed}


def _judged(task: Task, example: Example, text: str, known: set[str]) -> dict[str, Any]:
    answer = _spoken(task, text)
    accepted = {_spoken(task, one) for one in example.accept}
    return {"generated": text, "exact_match": answer in accepted, "valid": answer in known}


def _answered(
    lens: Lens,
    asked: Questions,
    injections: Sequence[Given],
    max_new_tokens: int,
    description: str,
) -> tuple[list[list[dict[str, Any]]], list[list[str]]]:
    """Likelihood facts and generated texts, each indexed [variant][item]."""
    how: dict[str, Any] = {"max_new_tokens": max_new_tokens, "description": description}
    if asked.task.free_answers:
        accepted = [example.accept for example in asked.items]
        answers, texts = answer_and_generate(lens, asked.prompts, accepted, injections, **how)
        facts = [
            [_answer_facts(bool(hit), float(logprob)) for hit, logprob in zip(h, p, strict=True)]
            for h, p in zip(answers.greedy, answers.logprob, strict=True)
        ]
        return facts, texts
    labels = asked.task.labels
    scores, texts = choose_and_generate(lens, asked.prompts, labels, injections, **how)
    facts = [
        [_label_facts(scores, example, variant, i) for i, example in enumerate(asked.items)]
        for variant in range(len(injections))
    ]
    return facts, texts


def _answer_facts(greedy: bool, logprob: float) -> dict[str, Any]:
    return {
        "predicted": "",
        "logprob": logprob,
        "acc": greedy,
        "acc_bytes": None,
        "acc_calibrated": None,
        "label_logprobs": (),
        "content_free": (),
    }


def _label_facts(scores: LabelScores, example: Example, variant: int, item: int) -> dict[str, Any]:
    right = [scores.labels.index(answer) for answer in example.accept]
    logprobs = scores.logprobs[variant, item]
    assert scores.content_free is not None
    bare = scores.content_free[variant, item]
    return {
        "predicted": scores.labels[scores.raw[variant, item]],
        "logprob": float(logprobs[right].max()),
        "acc": int(scores.raw[variant, item]) in right,
        "acc_bytes": int(scores.per_byte[variant, item]) in right,
        "acc_calibrated": int(scores.calibrated[variant, item]) in right,
        "label_logprobs": tuple(map(float, logprobs)),
        "content_free": tuple(map(float, bare)),
    }


@dataclass(frozen=True)
class DevScore:
    """How good one variant is on dev: accuracy first, then the log-likelihood of what is right."""

    acc: float
    loglikelihood: float


def score_on_dev(
    lens: Lens, asked: Questions, injections: Sequence[Given], *, description: str
) -> list[DevScore]:
    """Score many variants on dev items by likelihood, in one call."""
    hits, logprobs = likelihoods_of(lens, asked, injections, description=description)
    return [DevScore(float(h.mean()), float(p.mean())) for h, p in zip(hits, logprobs, strict=True)]


def likelihoods_of(
    lens: Lens, asked: Questions, injections: Sequence[Given], *, description: str
) -> tuple[Bool[np.ndarray, "variant item"], Float[np.ndarray, "variant item"]]:
    """Whether each item is right under each variant, and how likely what is right is.

    For a closed set of labels the log-likelihood is relative to all labels, so that it does not
    reward merely making any label likelier.
    """
    prompts, items = asked.prompts, asked.items
    if asked.task.free_answers:
        accepted = [example.accept for example in items]
        answers = score_answers(lens, prompts, accepted, injections, description=description)
        return answers.greedy, answers.logprob
    scores = score_labels(
        lens,
        prompts,
        asked.task.labels,
        injections,
        normalised=False,
        description=description,
    )
    truth = np.array([[label in e.accept for label in scores.labels] for e in items])
    hits = truth[np.arange(len(items))[None], scores.raw]
    right = np.where(truth[None], scores.logprobs, -np.inf).max(axis=-1)
    return hits, right - np.logaddexp.reduce(scores.logprobs, axis=-1)
