"""Laws of calibration and label priors: against scikit-learn, by hand, and on planted priors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from cast_lens.analysis.calibration import calibration_error, label_histogram, prior_shift
from cast_lens.analysis.comparisons import compare_paired

ITEMS, LABELS = 300, 3
BIAS = np.array([4.0, 0.0, -1.0])


def planted(signal: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihoods that favour the right label by so much, and which that is."""
    generator = np.random.default_rng(seed)
    truth = np.eye(LABELS, dtype=bool)[np.arange(ITEMS) % LABELS]
    return generator.normal(size=(ITEMS, LABELS)) + signal * truth - 7, truth


def logs(rows: list[list[float]]) -> np.ndarray:
    return np.log(np.array(rows))


def test_a_histogram_counts_what_is_chosen_and_what_is_right() -> None:
    logprobs = logs([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7]])
    truth = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0]], dtype=bool)
    found = label_histogram(logprobs, truth, ["x", "y", "z"])
    assert [(c.label, c.predicted, c.true) for c in found] == [
        ("x", 2, 1),
        ("y", 0, 2),
        ("z", 1, 1),
    ]


def test_calibration_error_worked_by_hand() -> None:
    # (0.4, 0.5]: an edge is in the lower bin; (0.5, 0.6]: one, wrong; (0.8, 0.9]: two, one right
    logprobs = logs([[0.85, 0.15], [0.15, 0.85], [0.5, 0.5], [0.45, 0.55]])
    truth = np.array([[True, False]] * 4)
    got = calibration_error(logprobs, truth)
    assert got.ece == pytest.approx((2 * 0.35 + 0.5 + 0.55) / 4)
    assert [(one.n, round(one.confidence, 9), one.accuracy) for one in got.bins] == [
        (1, 0.5, 1.0),
        (1, 0.55, 0.0),
        (2, 0.85, 0.5),
    ]
    assert got.n == 4


def test_bins_are_those_of_scikit_learn() -> None:
    logprobs, truth = planted(1.0)
    got = calibration_error(logprobs, truth)
    likelihoods = np.exp(logprobs)
    confidence = likelihoods.max(axis=1) / likelihoods.sum(axis=1)
    right = truth[np.arange(ITEMS), logprobs.argmax(axis=1)]
    accuracy, mean = calibration_curve(right, confidence, n_bins=10, strategy="uniform")
    assert [one.accuracy for one in got.bins] == pytest.approx(accuracy)
    assert [one.confidence for one in got.bins] == pytest.approx(mean)
    assert len(got.bins) > 4
    sizes = np.array([one.n for one in got.bins])
    assert sizes.sum() == ITEMS
    assert got.ece == pytest.approx(float(sizes @ np.abs(accuracy - mean)) / ITEMS)


def test_probabilities_that_hold_have_a_small_error_and_boasts_a_large_one() -> None:
    generator = np.random.default_rng(1)
    logprobs = generator.normal(size=(20_000, 3))
    probability = np.exp(logprobs) / np.exp(logprobs).sum(axis=1, keepdims=True)
    drawn = (generator.random((20_000, 1)) > probability.cumsum(axis=1)[:, :2]).sum(axis=1)
    truth = np.eye(3, dtype=bool)[drawn]
    assert calibration_error(logprobs, truth).ece < 0.02
    assert calibration_error(5 * logprobs, truth).ece > 0.2


def test_what_all_labels_of_an_item_share_changes_nothing() -> None:
    logprobs, truth = planted(1.0)
    shifted = logprobs + np.random.default_rng(2).normal(size=(ITEMS, 1))
    assert calibration_error(shifted, truth).ece == pytest.approx(
        calibration_error(logprobs, truth).ece
    )
    assert prior_shift(shifted + BIAS, shifted, truth) == prior_shift(
        logprobs + BIAS, logprobs, truth
    )


def test_a_strong_prior_is_taken_off_whole() -> None:
    logprobs = logs([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    truth = np.array([[True, False], [True, False], [False, True], [False, True]])
    got = prior_shift(logprobs + np.array([9.0, 0.0]), logprobs, truth)
    # mean log-odds of the first label is 1.21: items of odds 9 and 4 are above, 7/3 and 1.5 below
    assert got.zero_shot.value == got.steered.value == 0.5
    assert got.zero_shot_calibrated.value == got.steered_calibrated.value == 1


def test_a_gain_that_is_only_a_shift_of_the_prior_is_gone_against_calibrated_zero_shot() -> None:
    fair, truth = planted(2.0)
    empty = np.zeros_like(fair)
    got = prior_shift(fair + BIAS, fair, truth, content_free=(empty + BIAS, empty))
    assert got.method == "content-free"
    assert got.steered.value > got.zero_shot.value + 0.2
    assert got.zero_shot_calibrated == got.steered == got.steered_calibrated
    assert got.beyond_prior.difference.value == 0
    assert (got.beyond_prior.helped, got.beyond_prior.harmed, got.beyond_prior.p) == (0, 0, 1)


def test_without_a_content_free_prompt_the_prior_is_taken_from_the_items() -> None:
    fair, truth = planted(2.0)
    got = prior_shift(fair + BIAS, fair, truth)
    assert got.method == "batch"
    assert got.steered.value > got.zero_shot.value + 0.2
    assert abs(got.beyond_prior.difference.value) < 0.03
    assert got.beyond_prior.p > 0.05
    assert got.zero_shot_calibrated == got.steered_calibrated


def test_a_gain_beyond_the_prior_stays() -> None:
    weak, truth = planted(0.5)
    strong, _ = planted(3.0, seed=3)
    for content_free in (None, (np.zeros_like(weak) + BIAS, np.zeros_like(weak))):
        got = prior_shift(weak + BIAS, strong, truth, content_free=content_free)
        assert got.zero_shot.value < got.zero_shot_calibrated.value < got.steered.value
        assert got.beyond_prior.p < 0.001
        assert got.beyond_prior.difference.low > 0.1


def test_the_comparison_is_of_steered_against_calibrated_zero_shot() -> None:
    weak, truth = planted(0.5)
    strong, _ = planted(1.5, seed=4)
    clusters = np.arange(ITEMS) // 5
    bias = np.zeros_like(weak) + BIAS
    got = prior_shift(
        weak + BIAS, strong, truth, content_free=(bias, bias), clusters=clusters, seed=5
    )
    after, before = (
        truth[np.arange(ITEMS), scores.argmax(axis=1)].astype(float) for scores in (strong, weak)
    )
    assert got.beyond_prior == compare_paired(after, before, clusters=clusters, seed=5)
    assert got.steered_calibrated.value < got.steered.value  # its own prior had nothing to mend


def test_any_right_label_counts() -> None:
    logprobs = logs([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    both = np.array([[True, True, False], [False, True, True]])
    one = np.array([[False, True, False], [False, False, True]])
    assert prior_shift(logprobs, logprobs, both).steered.value == 1
    assert prior_shift(logprobs, logprobs, one).steered.value == 0


def test_what_does_not_fit_is_refused() -> None:
    logprobs, truth = planted(1.0)
    for bad in (logprobs[:5], logprobs[:, :2], logprobs[0]):
        with pytest.raises(ValueError, match="one shape"):
            calibration_error(bad, truth)
        with pytest.raises(ValueError, match="one shape"):
            prior_shift(logprobs, bad, truth)
        with pytest.raises(ValueError, match="one shape"):
            prior_shift(logprobs, logprobs, truth, content_free=(logprobs, bad))
    with pytest.raises(ValueError, match="not finite"):
        calibration_error(np.where(truth, -math.inf, logprobs), truth)
    with pytest.raises(ValueError, match="without a right label"):
        calibration_error(logprobs, truth & (np.arange(ITEMS) > 0)[:, None])
    with pytest.raises(ValueError, match="a name each"):
        label_histogram(logprobs, truth, ["one", "two"])
