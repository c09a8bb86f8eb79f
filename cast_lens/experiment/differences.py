"""Two run folders held against each other, number by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cast_lens.experiment.store import (
    CURVES,
    ITEMS,
    MANIFEST,
    RESULTS,
    VECTORS,
    load_curves,
    load_items,
    load_manifest,
    load_run,
)
from cast_lens.records import Record
from cast_lens.steer.vectors import load_vectors

Place = tuple[str, ...]
KEYS = ("target", "arm", "source", "against", "kind", "x", "selector", "seed", "draw", "doc_id")
MOVED = {"model", "tasks", "embeddings", "device"}  # where things are, not what they are
NATS = {"logprob", "label_logprobs", "content_free", "loglikelihood", "loglikelihood,none"}
OUTCOMES = {"acc", "acc_bytes", "acc_calibrated", "exact_match", "valid"}
OUTCOMES |= {"predicted", "generated", "hits"}
ROUNDED = {"dose", "agreement", "ece", "parallelism"}
DRAWN = {"flips_p", "flips_holm", "random_p", "random_holm", "p", "holm"}
SHARES = {"metrics", "differences", "labels", "planned", "search", "sites"}
Value = float | Tensor | str | int | bool | None
Leaves = dict[Place, Value]
MISSING, COUNT = "missing", "differ"


@dataclass(frozen=True)
class Measure:
    """A kind of number, and how far two runs may lie apart in it.

    Attributes:
        unit: of the difference; where it is `differ`, values are counted that are not the same.
        tolerance: with weights in 32 bits; `half` with weights in 16.
    """

    name: str
    unit: str
    tolerance: float = 0.0
    half: float = 0.0


# rounding follows the batch a prompt is read in; what is decided by it must still be the same,
# but a random draw that all but ties may count or not
NAT = Measure("log-likelihoods", "nats", 2e-3, 0.5)
ROUND = Measure("cosines, doses, calibration", "", 1e-3, 0.1)
DRAW = Measure("p values of cosines", "", 0.05, 0.5)
DIRECTION = Measure("directions", "of their length", 1e-3, 0.1)
SHARE = Measure("accuracies and their statistics", "")
OUTCOME = Measure("outcomes of items", COUNT)
REST = Measure("names, counts, words", COUNT)


class Difference(Record):
    """The largest difference of two runs in one measure of one file.

    Attributes:
        compared: how many values.
        largest: the largest difference, or how many values differ; see `Measure`.
        tolerance: the most that passes.
        where: the place of the largest; empty where nothing differs.
        first, second: what the runs hold there.
    """

    file: str
    measure: str
    unit: str
    compared: int
    largest: float
    tolerance: float
    where: str = ""
    first: str = ""
    second: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is within the tolerance."""
        return self.largest <= self.tolerance

    @property
    def weight(self) -> float:
        """The difference in units of its tolerance."""
        return self.largest / self.tolerance if self.tolerance else self.largest and float("inf")


def run_differences(first: Path, second: Path) -> tuple[Difference, ...]:
    """The largest difference in every measure of every file; times and places are left out.

    Raises:
        CastLensError: when a file of a run folder is missing or cannot be read.
    """
    half = load_manifest(second).machine["dtype"] != "float32"
    return tuple(
        difference
        for file in FILES
        for difference in _differences(file, file.read(first), file.read(second), half=half)
    )


def _differences(
    file: HeldFile, first: Leaves, second: Leaves, *, half: bool
) -> Iterator[Difference]:
    found: dict[Measure, dict[Place, tuple[Value, Value]]] = {}
    for place in dict.fromkeys([*first, *second]):
        values = first.get(place, MISSING), second.get(place, MISSING)
        measure = file.measure({part.split("[")[0] for part in place})
        if measure.unit != COUNT and not all(isinstance(v, float | Tensor) for v in values):
            measure = REST
        found.setdefault(measure, {})[place] = values
    for measure, pairs in found.items():
        yield _largest(file.name, measure, pairs, half=half)


def _largest(
    file: str, measure: Measure, pairs: Mapping[Place, tuple[Value, Value]], *, half: bool
) -> Difference:
    apart = {place: _apart(*values) for place, values in pairs.items()}
    worst = max(apart, key=lambda place: apart[place])
    first, second = pairs[worst]
    shown = {"where": ", ".join(worst), "first": _shown(first), "second": _shown(second)}
    return Difference(
        file=file,
        measure=measure.name,
        unit=measure.unit,
        compared=len(pairs),
        largest=sum(map(bool, apart.values())) if measure.unit == COUNT else apart[worst],
        tolerance=measure.half if half else measure.tolerance,
        **(shown if apart[worst] else {}),
    )


def _apart(first: Value, second: Value) -> float:
    """How far two values lie apart; 1 for values that are no numbers and not the same."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return float((first - second).norm() / first.norm())
    if isinstance(first, float) and isinstance(second, float) and first != second:
        return abs(first - second)
    return float(first != second)


def _of_result(parts: set[str]) -> Measure:
    if parts & NATS:
        return NAT
    if "parallelism" in parts and parts & DRAWN:
        return DRAW
    if parts & ROUNDED:
        return ROUND
    return SHARE if parts & SHARES else REST


def _of_item(parts: set[str]) -> Measure:
    if parts & OUTCOMES:
        return OUTCOME
    return NAT if parts & NATS else REST


def _of_vector(parts: set[str]) -> Measure:
    return DIRECTION if "direction" in parts else REST


def _shown(value: Value) -> str:
    if isinstance(value, Tensor):
        return f"length {value.norm():.6g}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Value]]:
    """Every single value below a value that JSON can hold, with the names that lead to it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*place, name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            *above, last = place or ("",)
            yield from _leaves(inner, (*above, f"{last}[{_called(number, inner)}]"))
    else:
        yield place, value


def _called(number: int, value: Any) -> str:
    """An element by what it is about, where it says so; else by its number."""
    if not isinstance(value, Mapping) or "target" not in value:
        return str(number)
    return ", ".join(f"{key} {value[key]}" for key in KEYS if value.get(key) is not None)


def _results(folder: Path) -> Leaves:
    found = load_run(folder).model_dump(mode="json")
    config = {name: value for name, value in found.pop("config").items() if name not in MOVED}
    identity = {name: value for name, value in found.pop("identity").items() if name != "model"}
    return dict(_leaves({**found, "config": config, "identity": identity}))


def _items(folder: Path) -> Leaves:
    return _rows(load_items(folder))


def _curves(folder: Path) -> Leaves:
    return _rows(vars(point) for point in load_curves(folder))


def _rows(rows: Iterable[Mapping[str, Any]]) -> Leaves:
    """Values by row and column; the columns that say which row it is, once."""
    found: Leaves = {}
    for row in rows:
        values = {name: value for name, value in row.items() if name not in KEYS}
        found |= dict(_leaves(values, (_called(0, row),)))
    return found


def _vectors(folder: Path) -> Leaves:
    path = folder / VECTORS
    found: Leaves = {}
    for name, vector in (load_vectors(path) if path.exists() else {}).items():
        found[name, "direction"] = vector.direction.double()
        found |= dict(_leaves({"recipe": dict(vector.recipe)}, (name,)))
    return found


def _chosen(folder: Path) -> Leaves:
    return dict(_leaves({"chosen": load_manifest(folder).chosen}))


@dataclass(frozen=True)
class HeldFile:
    """A file of a run folder: how its values are read, and which measure a value belongs to."""

    name: str
    read: Callable[[Path], Leaves]
    measure: Callable[[set[str]], Measure]


FILES = (
    HeldFile(RESULTS, _results, _of_result),
    HeldFile(ITEMS, _items, _of_item),
    HeldFile(CURVES, _curves, _of_item),
    HeldFile(VECTORS, _vectors, _of_vector),
    HeldFile(MANIFEST, _chosen, lambda _: REST),
)
