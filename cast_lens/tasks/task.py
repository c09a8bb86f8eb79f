"""The nouns of floor 0: an example and a task. Frozen and checked on construction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cast_lens.files import fingerprint
from cast_lens.records import Rows, Tabular

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

Filled = Annotated[str, StringConstraints(pattern=r"\S")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Example(BaseModel):
    """One item of a task.

    Attributes:
        id: unique within the task; parallel tasks share ids.
        input: the query as the prompt shows it.
        label: the right answer, as a demonstration shows it.
        accept: every right answer, `label` first; `(label,)` when the file names no others.
        passage: what items that ask about one text share, for statistics; None where alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Filled
    input: Filled
    label: Filled
    accept: tuple[Filled, ...] = ()
    passage: Filled | None = None

    @model_validator(mode="before")
    @classmethod
    def _label_is_accepted(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("label"), str):
            accept = data.get("accept", ())
            if isinstance(accept, (list, tuple)) and all(isinstance(a, str) for a in accept):
                data = {**data, "accept": tuple(dict.fromkeys([data["label"], *accept]))}
        return data


class TaskCard(BaseModel):
    """The header of a task, as `task.toml` holds it.

    Attributes:
        instruction: what the prompt asks for, one sentence.
        labels: the closed set of answers; empty for free answers.
        format: `definition` (``Definition: ...``) or `qa` (``Q: ... A:``).
        case_sensitive: whether a generated answer must match in upper and lower case too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    role: Literal["source", "target", "both"] = "both"
    language: Filled = "en"
    instruction: Filled
    labels: tuple[Filled, ...] = ()
    licence: str = ""
    provenance: str = ""
    format: Literal["definition", "qa"]
    case_sensitive: bool = False

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels hold a duplicate")
        if len(self.labels) == 1:
            raise ValueError("labels hold a single value: a choice needs two")
        return self


class Task(Tabular, TaskCard):
    """A task: its card and its three disjoint splits."""

    train: tuple[Example, ...] = Field(repr=False)
    dev: tuple[Example, ...] = Field(repr=False)
    test: tuple[Example, ...] = Field(repr=False)

    @model_validator(mode="after")
    def _items_fit(self) -> Self:
        seen_ids: set[str] = set()
        for example in self.items():
            if example.id in seen_ids:
                raise ValueError(f"id {example.id!r} occurs twice")
            seen_ids.add(example.id)
            unknown = [a for a in example.accept if self.labels and a not in self.labels]
            if unknown:
                raise ValueError(f"item {example.id!r} has the unknown label {unknown[0]!r}")
        return self

    def split(self, name: Split) -> tuple[Example, ...]:
        """The examples of one split."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[name]

    def items(self) -> Iterator[Example]:
        """All examples, train first."""
        for name in SPLITS:
            yield from self.split(name)

    @property
    def free_answers(self) -> bool:
        """Whether answers are free text rather than one of `labels`."""
        return not self.labels

    def fingerprint(self) -> str:
        """Digest of every field and item: the same text gives the same digest anywhere."""
        return fingerprint(self.model_dump(mode="json"))

    def as_rows(self) -> Rows:
        """One row an example."""
        return [{"split": name, **one.model_dump()} for name in SPLITS for one in self.split(name)]
