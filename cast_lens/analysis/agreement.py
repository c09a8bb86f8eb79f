"""How far single differences agree: what tells beforehand whether their mean will steer.

Both measures are those of Braun et al. 2025 (arXiv 2505.22637).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Rows = Float[np.ndarray, "example d_model"]


def agreement(differences: Rows) -> float:
    """Mean cosine between every two single differences.

    Raises:
        ValueError: when there are fewer than two.
    """
    n = len(differences)
    if n < 2:
        raise ValueError("agreement needs two differences")
    rows = np.asarray(differences, dtype=float)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths == 0, 1, lengths)
    own = float((unit**2).sum())
    return (float((unit.sum(axis=0) ** 2).sum()) - own) / (n * (n - 1))


def separation(few: Rows, zero: Rows) -> float:
    """d': how far apart both kinds of states lie along their mean difference, in deviations.

    Each example is projected on the mean difference of the others, so that noise does not separate.
    The deviation is pooled over both kinds.

    Raises:
        ValueError: when there are fewer than three pairs, or the two do not match.
    """
    if few.shape != zero.shape or len(few) < 3:
        raise ValueError("separation needs three pairs of states")
    a, b = np.asarray(few, dtype=float), np.asarray(zero, dtype=float)
    differences = a - b
    others = (differences.sum(axis=0) - differences) / (len(a) - 1)
    along = others / np.linalg.norm(others, axis=1, keepdims=True)
    high, low = (a * along).sum(axis=1), (b * along).sum(axis=1)
    spread = np.sqrt((high.var(ddof=1) + low.var(ddof=1)) / 2)
    return float((high.mean() - low.mean()) / spread)
