"""What an examination found, and the questions it is made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ConfigDict

from cast_lens.doctor.subject import Subject
from cast_lens.records import Record, Rows, rows_of


class Check(Record):
    """One check.

    Attributes:
        name: what was checked.
        number: what was measured; None where nothing finite was.
        tolerance: the largest number that passes; None where the number is only told.
        unit: of both.
        passed: None where the check was not run, for the reason in `says`.
        says: what was found, in words.
        remedy: what to do when it fails.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    number: float | None
    tolerance: float | None
    unit: str
    passed: bool | None
    says: str
    remedy: str


class Examination(Record):
    """Every check of one model, the cause of others before them.

    Attributes:
        model: what it was called.
        facts: device, dtype, library class and versions.
        fault: the fault that was planted, if any.
        checks: in the order they were made.
    """

    model_config = ConfigDict(extra="forbid")

    model: str
    facts: dict[str, str]
    fault: str | None
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.passed is False)

    @property
    def named(self) -> str | None:
        """The first check that failed: later ones may fail because of it. None when all passed."""
        return self.failed[0].name if self.failed else None

    def as_rows(self) -> Rows:
        """One row a check."""
        return rows_of(self.checks)


@dataclass(frozen=True)
class Measured:
    """A number, the largest that passes (None: any finite one) and what it says."""

    number: float
    tolerance: float | None
    says: str


@dataclass(frozen=True)
class NotRun:
    """Why a question does not arise for this model."""

    reason: str


@dataclass(frozen=True)
class Question:
    """One thing to ask of a subject."""

    name: str
    unit: str
    remedy: str
    ask: Callable[[Subject], Measured | NotRun]


def answered(question: Question, subject: Subject) -> Check:
    """Ask one question; an error inside is an answer too."""
    try:
        return check_of(question, question.ask(subject))
    except Exception as error:  # a broken model may raise anything
        reason = " ".join(str(error).split()) or repr(error)
        failed = Measured(math.nan, None, f"{type(error).__name__}: {reason}")
    return check_of(question, failed)


def check_of(question: Question, found: Measured | NotRun) -> Check:
    """A question and its answer as one check."""
    named = {"name": question.name, "unit": question.unit, "remedy": question.remedy}
    if isinstance(found, NotRun):
        return Check(number=None, tolerance=None, passed=None, says=found.reason, **named)
    finite = math.isfinite(found.number)
    return Check(
        number=found.number if finite else None,
        tolerance=found.tolerance,
        passed=finite and (found.tolerance is None or found.number <= found.tolerance),
        says=found.says if finite else f"no finite number: {found.says}",
        **named,
    )
