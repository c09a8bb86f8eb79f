"""Estimates and p values as text, the same in tables on screen and in reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line's help must not wait for numpy
    from cast_lens.analysis.estimates import Estimate


def share(estimate: Estimate) -> str:
    """A share and its interval."""
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def difference(estimate: Estimate | None) -> str:
    """A difference and its interval, with its sign; nothing where there is none."""
    if estimate is None:
        return ""
    return f"{estimate.value:+.2f} [{estimate.low:+.2f}, {estimate.high:+.2f}]"


def percent(part: float, digits: int = 0) -> str:
    """A part of a whole in hundredths."""
    return f"{100 * part:.{digits}f} %"


def p_value(p: float) -> str:
    """A p value with three digits, never as 0."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
