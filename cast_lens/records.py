"""Records: frozen, checked, and tables for whoever looks at them or counts on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from cast_lens.visible import escaped

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
LONG, WIDE = 20, 16  # rows and columns of a table in a notebook


class Tabular:
    """What can be laid out as rows, all with a name for each value; a notebook shows it so."""

    def as_rows(self) -> Rows:
        """What is in it, one mapping a row."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """The rows as a pandas frame."""
        return to_frame([self])

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        single = len(frame) == 1
        return escaped(
            (frame.T if single else frame).to_html(
                max_rows=None if single else LONG,
                max_cols=WIDE,
                header=not single,
                index=single,
                border=0,
                justify="left",
                na_rep="",
                float_format="{:.4g}".format,
                # a dollar sign in a task's text is no formula
                classes="tex2jax_ignore mathjax_ignore",
            )
        )


class Record(Tabular, BaseModel):
    """Something found; it never changes.

    Attributes:
        aside: fields that do not go along where the record stands in the row of another.
    """

    model_config = ConfigDict(frozen=True)

    aside: ClassVar[frozenset[str]] = frozenset()

    def as_rows(self) -> Rows:
        """One row of its own values; a record that holds many others has a row for each.

        What is nested has its place's name and its own: `gain_low`; what is called `value` has
        its place's name alone: `gain`. Matrices and lists of records are left out.
        """
        return [as_row(self)]


def to_frame(records: Iterable[Tabular] | Mapping[str, Tabular]) -> pd.DataFrame:
    """The rows of several records, one below the other, as a pandas frame.

    Args:
        records: where they have names, these are the index, each as often as its record has rows.
    """
    import pandas as pd

    if not isinstance(records, Mapping):
        return pd.DataFrame(rows_of(records))
    named = [(name, row) for name, one in records.items() for row in one.as_rows()]
    return pd.DataFrame([row for _, row in named], index=[name for name, _ in named])


def rows_of(records: Iterable[Tabular], **known: object) -> Rows:
    """The rows of several records, what is known of all of them first in each."""
    return [known | row for one in records for row in one.as_rows()]


def as_row(value: BaseModel | Mapping[str, object]) -> dict[str, Any]:
    """One flat row of a record, or of values by name; see `Record.as_rows`."""
    return dict(_cells("", value))


def _cells(name: str, value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        aside = value.aside if isinstance(value, Record) and name else ()
        parts: Mapping[Any, object] = {key: one for key, one in value if key not in aside}
    elif isinstance(value, Mapping):
        parts = value
    else:
        if not _many(value):
            yield name, value
        return
    for key, one in parts.items():
        own = name if name and key == "value" else f"{name}_{key}" if name else str(key)
        yield from _cells(own, one)


def _many(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(one, (BaseModel, tuple)) for one in value)
