"""Dose curves on the planted model, held against scoring each strength alone and Hugging Face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from cast_lens.analysis.estimates import Estimate
from cast_lens.diagnosis.dose import DoseCurve, DosePoint, dose_curve, largest_safe, next_token_kl
from cast_lens.diagnosis.neutral import NEUTRAL
from cast_lens.errors import VectorError
from cast_lens.model.planted import LAYER, STRENGTH, Planted
from cast_lens.model.tiny import tiny_lens, tiny_model
from cast_lens.prompts.prompt import zero_shot
from cast_lens.score.labels import score_labels
from cast_lens.steer.identity import identity_of
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual
from cast_lens.steer.vectors import SteeringVector, placebo
from cast_lens.tasks.task import Task

STRENGTHS = (0.0, 0.1, 0.5, 1.0)


@pytest.fixture(scope="module")
def vector(known: Planted) -> SteeringVector:
    home = identity_of(known.lens, "plain")
    return SteeringVector(STRENGTH * known.direction, LAYER, home, {})


@pytest.fixture(scope="module")
def turned(known: Planted) -> Task:
    """The target with every other test item labelled "no", which zero-shot gets right."""
    test = tuple(
        e.model_copy(update={"label": "no", "accept": ("no",)}) if i % 2 else e
        for i, e in enumerate(known.target.test)
    )
    return known.target.model_copy(update={"test": test})


@pytest.fixture(scope="module")
def curve(known: Planted, vector: SteeringVector, turned: Task) -> DoseCurve:
    return dose_curve(known.lens, turned, vector, [1.0, 0.0, 0.5, 0.1], placebos=2)


def _right(known: Planted, task: Task, injection: Injection | None) -> np.ndarray:
    prompts = [zero_shot(task, e) for e in task.test]
    scores = score_labels(known.lens, prompts, task.labels, [injection])
    said = [task.labels[i] for i in scores.raw[0]]
    return np.array([one == e.label for one, e in zip(said, task.test, strict=True)])


def test_each_point_is_what_scoring_that_strength_alone_gives(
    curve: DoseCurve, known: Planted, vector: SteeringVector, turned: Task
) -> None:
    before = _right(known, turned, None)
    assert curve.zero_shot.value == before.mean() == 0.5
    assert [p.strength for p in curve.vector] == list(STRENGTHS)
    for point in curve.vector:
        after = _right(known, turned, Injection(vector, point.strength))
        assert point.accuracy.value == after.mean()
        assert point.helped.value == (after & ~before).mean()
        assert point.harmed.value == (before & ~after).mean()
    # the planted vector says yes: it helps one half and harms the other
    assert (curve.vector[-1].helped.value, curve.vector[-1].harmed.value) == (0.5, 0.5)


def test_placebos_are_averaged_over_draws_of_the_same_norm(
    curve: DoseCurve, known: Planted, vector: SteeringVector, turned: Task
) -> None:
    for point in curve.placebo:
        drawn = [
            _right(known, turned, Injection(placebo(vector, seed), point.strength))
            for seed in range(2)
        ]
        assert point.accuracy.value == pytest.approx(np.mean(drawn))
        assert point.accuracy.n == len(turned.test)
    assert curve.placebos == 2
    assert curve.placebo[-1].harmed.value < curve.vector[-1].harmed.value


def test_strength_zero_changes_nothing(curve: DoseCurve) -> None:
    for point in (curve.vector[0], curve.placebo[0]):
        assert point.accuracy == curve.zero_shot
        assert (point.dose, point.helped.value, point.harmed.value) == (0, 0, 0)
        assert (point.kl.value, point.kl.high) == (0, 0)


def test_dose_is_the_written_norm_over_the_states(
    curve: DoseCurve, known: Planted, turned: Task
) -> None:
    prompts = [zero_shot(turned, e) for e in turned.test]
    norms = np.linalg.norm(read_residual(known.lens, prompts).at(LAYER).numpy(), axis=1)
    doses = [p.dose for p in curve.vector]
    expected = [np.median(s * STRENGTH / norms) for s in STRENGTHS]
    assert doses == pytest.approx(expected, rel=1e-2)
    assert doses == [p.dose for p in curve.placebo]


def test_kl_is_that_of_plain_hugging_faces_distributions() -> None:
    lens, hf = tiny_lens("llama"), tiny_model("llama", 0)
    noise = torch.randn(lens.d_model, generator=torch.Generator().manual_seed(0))
    vector = SteeringVector(noise, 1, identity_of(lens, "plain"), {})
    texts = NEUTRAL[:3]
    found = next_token_kl(lens, texts, [Injection(vector, 2.0), Injection(vector, 0.5)])

    def said(text: str, strength: float) -> np.ndarray:
        def hook(_module: object, _given: object, output: object) -> object:
            states = output[0] if isinstance(output, tuple) else output
            moved = states.clone()
            moved[:, -1] += strength * noise
            return (moved, *output[1:]) if isinstance(output, tuple) else moved

        handle = hf.model.layers[1].register_forward_hook(hook)
        ids = torch.tensor([lens.tokenizer(text)["input_ids"]])
        with torch.no_grad():
            logits = hf(ids).logits[0, -1].double()
        handle.remove()
        return logits.softmax(dim=-1).numpy()

    for row, strength in zip(found, (2.0, 0.5), strict=True):
        expected = [entropy(said(text, 0.0), said(text, strength)) for text in texts]
        assert row == pytest.approx(expected, rel=1e-3)
    assert (found[0] > found[1]).all()


def _point(strength: float, kl: float, harmed: float) -> DosePoint:
    def one(value: float) -> Estimate:
        return Estimate(value=value - 0.01, low=value - 0.02, high=value, n=9, method="made up")

    return DosePoint(
        strength=strength,
        dose=strength,
        accuracy=one(0.5),
        helped=one(0.5),
        harmed=one(harmed),
        kl=one(kl),
    )


def test_the_largest_safe_strength_has_only_safe_ones_below_it() -> None:
    points = [_point(0, 0, 0.3), _point(1, 0.05, 0.1), _point(2, 0.2, 0.1), _point(3, 0.05, 0.1)]
    assert largest_safe(points, kl=0.05) == 1
    assert largest_safe(points, kl=0.2) == 3
    # the upper end counts, not the value
    assert largest_safe(points, kl=0.195) == 1
    assert largest_safe(points, kl=0.2, harmed=0.05) == 0
    assert largest_safe(points[1:], kl=0.2, harmed=0.05) is None


def test_what_is_no_dose_is_refused(known: Planted, vector: SteeringVector) -> None:
    for strengths in ((), (-1.0, 1.0), (1.0, 1.0)):
        with pytest.raises(VectorError, match="Strengths"):
            dose_curve(known.lens, known.target, vector, strengths)
    with pytest.raises(VectorError, match="placebo"):
        dose_curve(known.lens, known.target, vector, [1.0], placebos=0)
    with pytest.raises(VectorError, match="made elsewhere"):
        next_token_kl(tiny_lens("llama"), NEUTRAL[:1], [Injection(vector)])


def test_the_callers_random_state_is_untouched(known: Planted, vector: SteeringVector) -> None:
    items = known.target.test[:2]
    torch.manual_seed(3)
    first = (torch.get_rng_state(), np.random.get_state()[1].tolist())
    runs = [
        dose_curve(known.lens, known.target, vector, [1.0], items=items, texts=NEUTRAL[:2])
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert torch.equal(torch.get_rng_state(), first[0])
    assert np.random.get_state()[1].tolist() == first[1]


def test_neutral_texts_differ_and_break_off_without_a_question() -> None:
    assert len(set(NEUTRAL)) == len(NEUTRAL) == 24
    assert all(text[-1].isalpha() and "?" not in text for text in NEUTRAL)
