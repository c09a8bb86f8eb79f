"""How records become rows: names, what is left out, and text that stays text."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import Field, ValidationError

from cast_lens.analysis.estimates import Estimate
from cast_lens.records import Record, as_row, rows_of, to_frame

HALF = Estimate(value=0.5, low=0.2, high=0.8, n=6, method="Wilson")


class Found(Record):
    name: str
    gain: Estimate
    missing: Estimate | None = None
    by_arm: dict[str, Estimate] = Field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    matrix: tuple[tuple[float, ...], ...] = ()
    parts: tuple[Estimate, ...] = ()


class Many(Record):
    parts: tuple[Found, ...]

    def as_rows(self) -> list[dict[str, object]]:
        return rows_of(self.parts, of="many")


def test_a_nested_value_has_its_places_name_and_what_is_beside_it_both() -> None:
    row = as_row(Found(name="a", gain=HALF, by_arm={"cast": HALF}))
    assert row == {
        "name": "a",
        "gain": 0.5,
        "gain_low": 0.2,
        "gain_high": 0.8,
        "gain_n": 6,
        "missing": None,
        "by_arm_cast": 0.5,
        "by_arm_cast_low": 0.2,
        "by_arm_cast_high": 0.8,
        "by_arm_cast_n": 6,
        "tasks": (),
        "matrix": (),
        "parts": (),
    }
    assert as_row(HALF) == HALF.model_dump()


def test_matrices_and_lists_of_records_are_left_out() -> None:
    row = as_row(Found(name="a", gain=HALF, matrix=((1.0,),), parts=(HALF,), tasks=("x",)))
    assert row["tasks"] == ("x",)
    assert {"matrix", "parts"} & set(row) == set()


def test_a_frame_holds_the_rows_of_all_records_in_order() -> None:
    one, other = (Found(name=name, gain=HALF) for name in "ab")
    frame = to_frame([Many(parts=(one, other)), Many(parts=(other,))])
    assert list(frame["name"]) == ["a", "b", "b"]
    assert set(frame["of"]) == {"many"}
    assert frame.iloc[:2].equals(Many(parts=(one, other)).to_frame())


def test_a_long_table_is_cut_and_markup_is_text() -> None:
    page = Many(parts=(Found(name="<script>$x$", gain=HALF),) * 500)._repr_html_()
    assert page.count("<tr") < 30
    assert "<script" not in page
    assert "&lt;script&gt;$x$" in page
    # a dollar sign is no formula
    assert "mathjax_ignore" in page


def test_a_record_never_changes() -> None:
    with pytest.raises(ValidationError):
        HALF.value = 1.0  # type: ignore[misc]


def test_pandas_is_loaded_only_for_a_frame() -> None:
    script = "import sys, cast_lens.records; sys.stdout.write(str('pandas' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert done.stdout == b"False"


def test_named_records_give_a_frame_its_index() -> None:
    frame = to_frame({"one": HALF, "two": Many(parts=(Found(name="a", gain=HALF),) * 2)})
    assert list(frame.index) == ["one", "two", "two"]
    assert frame.loc["one", "value"] == 0.5
