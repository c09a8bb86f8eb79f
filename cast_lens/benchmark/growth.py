"""How cost grows: seconds and tokens against prompts, blocks, strengths, options and examples."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cast_lens.benchmark.machine import tokens_passed
from cast_lens.benchmark.works import SHORT_LABELS, Material, grid
from cast_lens.model.lens import Lens
from cast_lens.model.rate import seconds_of
from cast_lens.score.labels import score_labels
from cast_lens.steer.residual import read_residual

STRENGTHS = tuple(0.25 * i for i in range(1, 17))


@dataclass(frozen=True)
class Curve:
    """Cost against one size.

    Attributes:
        of: what grows.
        sizes: how large it is.
        seconds, tokens: median wall-clock time, and tokens that passed all blocks.
        seconds_exponent, tokens_exponent: slopes of their logarithms against that of the size.
    """

    of: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    tokens: tuple[float, ...]

    @property
    def seconds_exponent(self) -> float:
        """1 is proportional, 0 is free."""
        return _slope(self.sizes, self.seconds)

    @property
    def tokens_exponent(self) -> float:
        """1 is proportional, 0 is free."""
        return _slope(self.sizes, self.tokens)


def _slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def growth(lens: Lens, given: Material, repeats: int) -> list[Curve]:
    """Measure every curve; sizes double."""
    zero, few = given.zero, given.few_drawn
    labels = list(SHORT_LABELS)
    n = len(zero)
    middle = lens.n_layers // 2
    fractions = [max(1, n // part) for part in (8, 4, 2, 1)]
    depths = [max(1, lens.n_layers // part) for part in (8, 4, 2, 1)]
    some = zero[: max(1, n // 4)]

    def sweep(layers: Sequence[int], strengths: Sequence[float]) -> object:
        return score_labels(lens, some, labels, grid(lens, layers, strengths), normalised=False)

    def choice(options: int) -> object:
        return score_labels(lens, some, [f"the {i}" for i in range(1, options + 1)])

    asked: list[tuple[str, list[int], Callable[[int], object]]] = [
        ("prompts", fractions, lambda m: score_labels(lens, zero[:m], labels)),
        ("blocks of a sweep", depths, lambda m: sweep(range(lens.n_layers)[-m:], [1.0])),
        ("strengths of a sweep", [2, 4, 8, 16], lambda m: sweep([middle], STRENGTHS[:m])),
        ("answer options", [2, 4, 8], choice),
        ("examples of a vector", fractions, lambda m: read_residual(lens, few[:m])),
    ]
    return [_curve(lens, *one, repeats) for one in asked]


def _curve(
    lens: Lens, of: str, sizes: list[int], work: Callable[[int], object], repeats: int
) -> Curve:
    sizes = sorted(set(sizes))
    seconds, tokens = [], []
    for size in sizes:
        with tokens_passed(lens) as passed:
            work(size)
        tokens.append(passed.tokens)
        seconds.append(statistics.median(seconds_of(partial(work, size), repeats, lens.device)))
    return Curve(of, tuple(sizes), tuple(seconds), tuple(tokens))
