"""Scores and texts under every position policy, with the cache and without, and the fast way."""

from __future__ import annotations

from typing import get_args

from cast_lens.doctor.plain import Edits, add_at, logprob, read
from cast_lens.doctor.record import Measured, NotRun, Question
from cast_lens.doctor.subject import ANSWERS, STRENGTH, Subject
from cast_lens.model.branches import can_branch
from cast_lens.model.tokens import Row
from cast_lens.score.generation import generate
from cast_lens.score.likelihood import score_continuations
from cast_lens.score.plain import score_plain
from cast_lens.score.plan import Sheet, make_sheet
from cast_lens.steer.injection import Injection, Policy, Variant

NEW_TOKENS = 4
POLICIES: tuple[Policy, ...] = get_args(Policy)


def _edits(subject: Subject, policy: Policy, last: int) -> Edits:
    """What a policy writes into a whole sequence whose prompt ends at column `last`."""
    columns = {
        "prompt_last": slice(last, last + 1),
        "each_step": slice(last, None),
        "all": slice(None),
    }
    return {subject.middle: add_at(columns[policy], STRENGTH * subject.vector.direction)}


def _sheets(subject: Subject) -> list[Sheet]:
    return [make_sheet(subject.lens, prompt, ANSWERS) for prompt in subject.prompts]


def _variants(subject: Subject) -> list[Variant]:
    return [(Injection(subject.vector, STRENGTH, policy),) for policy in POLICIES]


def _oracle(subject: Subject, sheet: Sheet, policy: Policy | None) -> list[float]:
    edits = _edits(subject, policy, len(sheet.context) - 1) if policy else {}
    return [logprob(subject.plain, sheet.context, answer, edits) for answer in sheet.answers]


def _with_cache(subject: Subject) -> Measured:
    variants: list[Variant] = [(), *_variants(subject)]
    answers = [ANSWERS] * len(subject.prompts)
    found = score_continuations(subject.lens, subject.prompts, answers, variants)
    sheets = _sheets(subject)
    offs = [
        abs(one.logprob - expected)
        for policy, rows in zip((None, *POLICIES), found, strict=True)
        for sheet, row in zip(sheets, rows, strict=True)
        for one, expected in zip(row, _oracle(subject, sheet, policy), strict=True)
    ]
    return Measured(max(offs), subject.nats, f"unsteered, {', '.join(POLICIES)}")


def _without_cache(subject: Subject) -> Measured:
    sheets = _sheets(subject)
    offs = [
        abs(found[answer].logprob - expected)
        for policy, variant in zip(POLICIES, _variants(subject), strict=True)
        for sheet, found in zip(sheets, score_plain(subject.lens, sheets, variant), strict=True)
        for answer, expected in zip(sheet.answers, _oracle(subject, sheet, policy), strict=True)
    ]
    return Measured(max(offs), subject.nats, ", ".join(POLICIES))


def _text(subject: Subject, row: Row, policy: Policy) -> str:
    """Greedy text by plain Hugging Face, everything read anew for each token."""
    edits = _edits(subject, policy, len(row) - 1)
    written: tuple[int, ...] = ()
    text = ""
    while len(written) < NEW_TOKENS and "\n" not in text:
        token = int(read(subject.plain, row + written, edits).logits[-1].argmax())
        if token in subject.sound.eos_ids:
            break
        written += (token,)
        text = subject.sound.tokenizer.decode(list(written))
    return text.split("\n", 1)[0]


def _texts(subject: Subject) -> Measured | NotRun:
    if subject.half:
        return NotRun("in half precision the two likeliest tokens may tie")
    injections = [Injection(subject.vector, STRENGTH, policy) for policy in POLICIES]
    found = generate(subject.lens, subject.prompts, injections, max_new_tokens=NEW_TOKENS)
    pairs = [
        (text, _text(subject, row, policy))
        for policy, texts in zip(POLICIES, found, strict=True)
        for row, text in zip(subject.rows, texts, strict=True)
    ]
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    says = f"{len(pairs)} texts of {NEW_TOKENS} tokens"
    if differing:
        ours, theirs = differing[0]
        says += f"; such as {ours!r}, by Hugging Face {theirs!r}"
    return Measured(len(differing), 0, says)


def _fast(subject: Subject) -> Measured | NotRun:
    """The packed way against the plain way, both ours."""
    sheets = _sheets(subject)
    longest = max(len(sheet.context) + max(map(len, sheet.answers)) for sheet in sheets)
    if not can_branch(subject.lens, longest):
        return NotRun(f"not used, {_why_slow(subject, longest)}: the slower way serves")
    variants = _variants(subject)
    answers = [ANSWERS] * len(sheets)
    found = score_continuations(subject.lens, subject.prompts, answers, variants)
    offs = [
        abs(one.logprob - whole[answer].logprob)
        for rows, variant in zip(found, variants, strict=True)
        for row, sheet, whole in zip(
            rows, sheets, score_plain(subject.lens, sheets, variant), strict=True
        )
        for one, answer in zip(row, sheet.answers, strict=True)
    ]
    return Measured(max(offs), subject.nats, "used; against the plain way")


def _why_slow(subject: Subject, longest: int) -> str:
    lens = subject.sound
    if lens.backend != "bridge":
        return "a HookedTransformer takes no mask of ours"
    if lens.window is not None and longest > lens.window:
        return f"prompts exceed the sliding window of {lens.window} tokens"
    return "its own trial disagrees with plain passes"


REMEDY = "Scores are wrong here: do not use them; report the architecture."
QUESTIONS = (
    Question("policies, no cache", "nats", REMEDY, _without_cache),
    Question("policies, cache", "nats", REMEDY, _with_cache),
    Question("policies, texts", "texts", REMEDY, _texts),
    Question("fast path", "nats", REMEDY, _fast),
)
