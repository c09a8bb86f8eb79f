"""A planted direction is found, carries over and flips the answer; its placebos do not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from cast_lens.model.boot import hooked_available
from cast_lens.model.planted import Planted, planted, planted_tasks
from cast_lens.prompts.demonstrations import draw_demonstrations
from cast_lens.prompts.prompt import Prompt, few_shot, zero_shot
from cast_lens.score.generation import generate, parse_answer
from cast_lens.score.labels import score_labels
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import ResidualStates
from cast_lens.steer.vectors import SteeringVector, mean_vector, placebo
from cast_lens.tasks.task import SPLITS, Task

SHOTS = 4
YES, NO = 0, 1
BACKENDS = ["bridge", "hooked"] if hooked_available() else ["bridge"]
States = tuple[ResidualStates, ResidualStates]


@pytest.fixture(scope="module", params=BACKENDS)
def known(request: pytest.FixtureRequest) -> Planted:
    return planted(backend=request.param)


def few_shots(task: Task, shots: int = SHOTS) -> list[Prompt]:
    queries = task.train[:32]
    return [few_shot(task, q, draw_demonstrations(task.train, q, shots, 0)) for q in queries]


def zero_shots(task: Task) -> list[Prompt]:
    return [zero_shot(task, query) for query in task.train[:32]]


@pytest.fixture(scope="module")
def states(known: Planted) -> States:
    few = read_residual(known.lens, few_shots(known.source))
    return few, read_residual(known.lens, zero_shots(known.source))


@pytest.fixture(scope="module")
def vector(known: Planted, states: States) -> SteeringVector:
    return mean_vector(*states, layer=known.layer)


def answers(known: Planted, injections: list[Injection | None]) -> np.ndarray:
    """Chosen label, (variant, item), of the target's zero-shot test prompts."""
    prompts = [zero_shot(known.target, query) for query in known.target.test]
    return score_labels(known.lens, prompts, known.target.labels, injections).raw


def words(task: Task) -> Iterator[str]:
    for example in task.items():
        yield from example.input.split()


def test_the_two_tasks_share_labels_and_no_word() -> None:
    source, target = planted_tasks()
    assert [len(source.split(split)) for split in SPLITS] == [60, 20, 20]
    assert source.labels == target.labels == ("yes", "no")
    assert not set(words(source)) & set(words(target))
    assert len({example.input for example in source.items()}) == 100


@pytest.mark.parametrize("shots", [1, 2, 4, 8, 16])
def test_demonstrations_turn_no_into_yes(known: Planted, shots: int) -> None:
    for task in (known.source, known.target):
        without = score_labels(known.lens, zero_shots(task), task.labels).raw
        shown = score_labels(known.lens, few_shots(task, shots), task.labels).raw
        assert (without == NO).all()
        assert (shown == YES).all()


def test_the_mean_difference_is_the_planted_direction(
    known: Planted, vector: SteeringVector
) -> None:
    cosine = torch.nn.functional.cosine_similarity(vector.direction, known.direction, dim=0)
    assert cosine > 0.99
    assert known.direction.norm() == pytest.approx(1.0)


def test_below_its_block_the_direction_is_not_there(known: Planted, states: States) -> None:
    below = mean_vector(*states, layer=known.layer - 1)
    assert below.norm > 0.1
    assert abs(float(below.direction @ known.direction)) < 1e-4
    assert (answers(known, [Injection(below)]) == NO).all()


def test_the_vector_flips_every_answer_of_the_other_task(
    known: Planted, vector: SteeringVector
) -> None:
    plain, steered = answers(known, [None, Injection(vector)])
    assert (plain == NO).all()
    assert (steered == YES).all()


def test_the_generated_answers_flip_too(known: Planted, vector: SteeringVector) -> None:
    prompts = [zero_shot(known.target, query) for query in known.target.test]
    texts = generate(known.lens, prompts, [None, Injection(vector)], max_new_tokens=3)
    plain, steered = ([parse_answer(text) for text in variant] for variant in texts)
    assert set(plain) == {"no"}
    assert set(steered) == {"yes"}


def test_placebos_of_the_same_length_flip_nothing(known: Planted, vector: SteeringVector) -> None:
    placebos = [placebo(vector, seed) for seed in range(10)]
    assert all(p.norm == pytest.approx(vector.norm, rel=1e-5) for p in placebos)
    assert (answers(known, [Injection(p) for p in placebos]) == NO).all()


def test_few_and_zero_swapped_give_the_opposite_and_flip_nothing(
    known: Planted, states: States, vector: SteeringVector
) -> None:
    few, zero = states
    swapped = mean_vector(zero, few, layer=known.layer)
    assert torch.equal(swapped.direction, -vector.direction)
    assert float(swapped.direction @ known.direction) < 0
    assert (answers(known, [Injection(swapped)]) == NO).all()


def test_planting_leaves_the_callers_random_state() -> None:
    before = torch.get_rng_state()
    first, second = planted(), planted()
    assert torch.equal(torch.get_rng_state(), before)
    assert first.lens.fingerprint == second.lens.fingerprint
