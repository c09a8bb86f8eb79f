"""What an arm does to the label prior, and whether its probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from cast_lens.analysis.comparisons import Comparison, compare_paired
from cast_lens.analysis.estimates import Estimate, proportion
from cast_lens.records import Record, Rows, rows_of

BINS = 10


class LabelCount(Record):
    """How often one label is chosen and how often it is right; where several are, all count."""

    label: str
    predicted: int
    true: int


class Bin(Record):
    """Items whose chosen label has a probability in one range.

    Attributes:
        n: items.
        confidence: mean probability of the chosen label.
        accuracy: share of items where it is right.
    """

    n: int
    confidence: float
    accuracy: float


class Calibration(Record):
    """Expected calibration error.

    Attributes:
        ece: mean over items of the gap between confidence and accuracy of their bin, 0 to 1. With
            few items it is above 0 for perfectly calibrated probabilities too.
        n: items.
        bins: those that hold items, by rising confidence.
    """

    ece: float
    n: int
    bins: tuple[Bin, ...]

    def as_rows(self) -> Rows:
        """One row a bin."""
        return rows_of(self.bins)


class PriorShift(Record):
    """Accuracies with and without calibration of the label prior.

    Attributes:
        method: "content-free" or "batch", see `prior_shift`.
        zero_shot, zero_shot_calibrated, steered, steered_calibrated: accuracies.
        beyond_prior: steered against calibrated zero-shot. A gain that is gone here was only a
            shift of the prior.
    """

    method: str
    zero_shot: Estimate
    zero_shot_calibrated: Estimate
    steered: Estimate
    steered_calibrated: Estimate
    beyond_prior: Comparison


def label_histogram(
    logprobs: Float[np.ndarray, "item label"],
    truth: Bool[np.ndarray, "item label"],
    labels: Sequence[str],
) -> tuple[LabelCount, ...]:
    """Count each label, in the order given, as the likeliest one and as a right one.

    Raises:
        ValueError: when shapes differ, a value is not finite or an item has no right label.
    """
    _check(truth, logprobs)
    if len(labels) != truth.shape[1]:
        raise ValueError(f"{truth.shape[1]} labels need a name each, got {len(labels)}")
    chosen = np.bincount(logprobs.argmax(axis=1), minlength=len(labels))
    return tuple(
        LabelCount(label=label, predicted=int(predicted), true=int(true))
        for label, predicted, true in zip(labels, chosen, truth.sum(axis=0), strict=True)
    )


def calibration_error(
    logprobs: Float[np.ndarray, "item label"], truth: Bool[np.ndarray, "item label"]
) -> Calibration:
    """Expected calibration error of the chosen label's probability, in 10 bins of equal width.

    Probabilities are the softmax of the log-likelihoods over the labels. A bin holds its upper
    edge. Source: Naeini et al. 2015; Guo et al. 2017 (arXiv 1706.04599).

    Raises:
        ValueError: when shapes differ, a value is not finite or an item has no right label.
    """
    from scipy.special import softmax

    _check(truth, logprobs)
    confidence = softmax(logprobs, axis=1).max(axis=1)
    right = _hits(logprobs, truth)
    where = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
    bins = tuple(
        Bin(n=int(held.sum()), confidence=confidence[held].mean(), accuracy=right[held].mean())
        for held in (where == one for one in np.unique(where))
    )
    gaps = sum(one.n * abs(one.confidence - one.accuracy) for one in bins)
    return Calibration(ece=gaps / len(right), n=len(right), bins=bins)


def prior_shift(
    zero_shot: Float[np.ndarray, "item label"],
    steered: Float[np.ndarray, "item label"],
    truth: Bool[np.ndarray, "item label"],
    *,
    content_free: tuple[Float[np.ndarray, "item label"], Float[np.ndarray, "item label"]]
    | None = None,
    clusters: Shaped[np.ndarray, " item"] | Sequence[str] | None = None,
    seed: int = 0,
) -> PriorShift:
    """How much of a gain by steering is left against calibrated zero-shot.

    Calibrating takes each label's prior off its log-likelihood. The prior is the label's
    log-likelihood after a content-free prompt (Zhao et al. 2021, arXiv 2102.09690) where given;
    else its mean log-likelihood over all items (after batch calibration, Zhou et al. 2023, arXiv
    2309.17249, which averages probabilities and so takes off only part of a strong prior). That
    sees the test inputs, though no answer, and favours balanced labels.

    Args:
        zero_shot, steered: log-likelihoods of every label under either arm.
        truth: which labels are right.
        content_free: the same as the first two after content-free prompts, in that order.
        clusters: which items share a passage, for the comparison.
        seed: of the comparison's bootstrap.

    Raises:
        ValueError: when shapes differ, a value is not finite or an item has no right label.
    """
    _check(truth, zero_shot, steered, *(content_free or ()))
    bare, moved = content_free or (zero_shot.mean(axis=0), steered.mean(axis=0))
    calibrated = _hits(zero_shot - bare, truth)
    after = _hits(steered, truth)
    return PriorShift(
        method="batch" if content_free is None else "content-free",
        zero_shot=proportion(_hits(zero_shot, truth)),
        zero_shot_calibrated=proportion(calibrated),
        steered=proportion(after),
        steered_calibrated=proportion(_hits(steered - moved, truth)),
        beyond_prior=compare_paired(
            after.astype(float), calibrated.astype(float), clusters=clusters, seed=seed
        ),
    )


def _check(truth: np.ndarray, *logprobs: np.ndarray) -> None:
    shapes = [one.shape for one in (truth, *logprobs)]
    if truth.ndim != 2 or len(set(shapes)) > 1 or truth.size == 0:
        raise ValueError(f"scores and truth need one shape (item, label), got {shapes}")
    if not all(np.isfinite(one).all() for one in logprobs):
        raise ValueError("log-likelihoods that are not finite")
    if not truth.any(axis=1).all():
        raise ValueError("an item without a right label")


def _hits(
    logprobs: Float[np.ndarray, "item label"], truth: Bool[np.ndarray, "item label"]
) -> Bool[np.ndarray, " item"]:
    chosen: Int[np.ndarray, " item"] = logprobs.argmax(axis=1)
    return np.asarray(truth[np.arange(len(truth)), chosen], dtype=bool)
