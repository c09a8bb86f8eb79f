"""Corrections for many tests: Holm for a few planned ones, Benjamini-Hochberg for sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from cast_lens.records import Record


class Adjusted(Record):
    """One test of a family.

    Attributes:
        name: of the test.
        p: as the test gave it.
        adjusted: to be compared with the level meant for the whole family.
        method: "Holm" or "Benjamini-Hochberg".
        family: number of tests in it.
    """

    name: str
    p: float
    adjusted: float
    method: str
    family: int


def holm(p_values: Mapping[str, float]) -> tuple[Adjusted, ...]:
    """Adjusted p values, in the order given: bounds the chance of even one false finding.

    Raises:
        ValueError: when a p value is not between 0 and 1.
    """
    return _adjusted(p_values, "Holm", holm_adjusted)


def benjamini_hochberg(p_values: Mapping[str, float]) -> tuple[Adjusted, ...]:
    """Adjusted p values, in the order given: bounds the expected share of findings that are false.

    Raises:
        ValueError: when a p value is not between 0 and 1.
    """
    return _adjusted(p_values, "Benjamini-Hochberg", benjamini_hochberg_adjusted)


def holm_adjusted(p: Float[np.ndarray, "family test"]) -> Float[np.ndarray, "family test"]:
    """Holm's p values, each row a family. They hold however the tests depend on each other.

    The k-th smallest of m is multiplied by m - k + 1, and is at least what the one before it
    became. Source: Holm 1979. Not statsmodels, which empties the garbage of the whole program on
    every call.
    """
    order = np.argsort(p, axis=1)
    left = p.shape[1] - np.arange(p.shape[1])
    rising = np.maximum.accumulate(np.take_along_axis(p, order, axis=1) * left, axis=1)
    adjusted = np.empty_like(rising)
    np.put_along_axis(adjusted, order, np.minimum(rising, 1), axis=1)
    return adjusted


def benjamini_hochberg_adjusted(
    p: Float[np.ndarray, "family test"],
) -> Float[np.ndarray, "family test"]:
    """Benjamini and Hochberg's p values, each row a family.

    They hold for independent tests and for positively dependent ones, such as many arms against
    one baseline. Source: Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001.
    """
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(p, axis=1, method="bh"))


def _adjusted(
    p_values: Mapping[str, float], method: str, correct: Callable[[np.ndarray], np.ndarray]
) -> tuple[Adjusted, ...]:
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise ValueError(f"p of {name!r} is {p}, not between 0 and 1")
    if not p_values:
        return ()
    corrected = correct(np.array([list(p_values.values())], dtype=float))[0]
    return tuple(
        Adjusted(name=name, p=p, adjusted=float(new), method=method, family=len(p_values))
        for (name, p), new in zip(p_values.items(), corrected, strict=True)
    )
