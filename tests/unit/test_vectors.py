"""Laws of states and steering vectors: made, combined, saved, refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from safetensors.torch import save_file

from cast_lens.errors import VectorError
from cast_lens.steer.identity import Identity
from cast_lens.steer.states import ResidualStates, contrast
from cast_lens.steer.vectors import (
    FORMAT,
    SteeringVector,
    load_vectors,
    mean_state,
    mean_vector,
    placebo,
    save_vectors,
)

WIDTH = 8
HOME = Identity(
    model="here",
    model_fingerprint="m1",
    tokenizer_fingerprint="t1",
    template="plain",
    dtype="float32",
    d_model=WIDTH,
)
ELSEWHERE = {
    "model_fingerprint": "m2",
    "tokenizer_fingerprint": "t2",
    "template": "chat",
    "dtype": "bfloat16",
}


def states(seed: int = 0, prompts: int = 6, identity: Identity = HOME) -> ResidualStates:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, prompts, WIDTH, generator=generator)
    return ResidualStates(values, (3, 5), tuple(f"q{i}" for i in range(prompts)), identity)


def vector(
    seed: int = 0, layer: int = 3, identity: Identity = HOME, **recipe: Any
) -> SteeringVector:
    direction = torch.randn(WIDTH, generator=torch.Generator().manual_seed(seed))
    return SteeringVector(direction, layer, identity, {"method": "test", **recipe})


def bits(tensor: torch.Tensor) -> list[int]:
    return tensor.view(torch.int32).tolist()


def test_contrast_is_few_minus_zero_row_by_row() -> None:
    few, zero = states(0), states(1)
    got = contrast(few, zero)
    assert torch.equal(got.values, few.values - zero.values)
    assert torch.equal(contrast(zero, few).values, -got.values)
    assert (got.layers, got.query_ids, got.identity) == (few.layers, few.query_ids, HOME)


@pytest.mark.parametrize("field", ELSEWHERE)
def test_contrast_of_two_identities_is_refused_naming_the_field(field: str) -> None:
    other = HOME.model_copy(update={field: ELSEWHERE[field]})
    with pytest.raises(VectorError, match=rf"differ in {field}: .*, {ELSEWHERE[field]}\."):
        contrast(states(0), states(1, identity=other))
    renamed = HOME.model_copy(update={"model": "the same under another name"})
    assert contrast(states(0), states(1, identity=renamed)).identity == HOME


def test_contrast_of_other_examples_order_or_layers_is_refused() -> None:
    few = states(0)
    turned = ResidualStates(few.values.flip(1), few.layers, few.query_ids[::-1], HOME)
    with pytest.raises(VectorError, match="same examples in the same order"):
        contrast(few, turned)
    with pytest.raises(VectorError, match="same examples in the same order"):
        contrast(few, states(1, prompts=5))
    moved = ResidualStates(few.values, (3, 6), few.query_ids, HOME)
    with pytest.raises(VectorError, match=r"Layers differ: \[3, 5\] and \[3, 6\]"):
        contrast(few, moved)


def test_states_that_do_not_fit_their_labels_or_are_not_finite_are_refused() -> None:
    values = states().values
    with pytest.raises(VectorError, match="do not fit 1 layers and 6 prompts"):
        ResidualStates(values, (3,), states().query_ids, HOME)
    with pytest.raises(VectorError, match="do not fit 2 layers and 1 prompts"):
        ResidualStates(values, (3, 5), ("q0",), HOME)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(VectorError, match="NaN or infinite"):
            ResidualStates(torch.full_like(values, bad), (3, 5), states().query_ids, HOME)
    with pytest.raises(VectorError, match="Layer 4 was not read"):
        states().at(4)


def test_the_vector_is_the_mean_difference_at_its_layer() -> None:
    few, zero = states(0), states(1)
    made = mean_vector(few, zero, 5, {"source": "antonym"})
    by_hand = (few.values[1].double() - zero.values[1].double()).numpy().mean(axis=0)
    assert made.direction.numpy() == pytest.approx(by_hand, abs=1e-6)
    assert (made.layer, made.identity) == (5, HOME)
    assert made.recipe == {"method": "contrast", "n": 6, "source": "antonym"}


def test_shuffling_the_examples_changes_nothing_in_a_mean() -> None:
    few, zero = states(0), states(1)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    ids = tuple(few.query_ids[i] for i in order.tolist())
    shuffled = [ResidualStates(s.values[:, order], s.layers, ids, HOME) for s in (few, zero)]
    assert mean_vector(*shuffled, 3).direction.numpy() == pytest.approx(
        mean_vector(few, zero, 3).direction.numpy(), abs=1e-7
    )


def test_means_are_taken_in_float64() -> None:
    generator = torch.Generator().manual_seed(0)
    values = 1000 + torch.randn(1, 20_001, WIDTH, generator=generator)
    many = ResidualStates(values, (0,), tuple(map(str, range(20_001))), HOME)
    exact = np.mean(values[0].numpy().astype(np.float64), axis=0).astype(np.float32)
    running = np.zeros(WIDTH, dtype=np.float32)
    for row in values[0].numpy():
        running += row
    assert np.abs(running / 20_001 - exact).max() > 1e-4  # float32 would be seen
    assert bits(mean_state(many, 0).direction) == bits(torch.from_numpy(exact))


def test_a_mean_state_subtracts_nothing() -> None:
    few, zero = states(0), states(1)
    difference = mean_state(few, 3) - mean_state(zero, 3)
    assert mean_state(few, 3).recipe["method"] == "mean"
    assert difference.direction.numpy() == pytest.approx(
        mean_vector(few, zero, 3).direction.numpy(), abs=1e-6
    )


def test_arithmetic_is_that_of_vectors_and_is_written_down() -> None:
    one, other = vector(0), vector(1)
    assert torch.equal((one + other).direction, one.direction + other.direction)
    assert torch.equal((one - other).direction, one.direction - other.direction)
    assert torch.equal((2 * one).direction, (one * 2).direction)
    assert torch.equal((-one).direction, -one.direction)
    assert (one * -2.0).norm == pytest.approx(2 * one.norm)
    assert (one + other).recipe["of"] == [one.recipe, other.recipe]
    assert (0.5 * one).recipe == {"method": "scaled", "factor": 0.5, "of": one.recipe}


def test_vectors_of_other_layers_or_models_do_not_add() -> None:
    with pytest.raises(VectorError, match="do not add: layer: 3, 5"):
        vector(0) + vector(1, layer=5)
    other = HOME.model_copy(update={"tokenizer_fingerprint": "t2"})
    with pytest.raises(VectorError, match="tokenizer_fingerprint: t1, t2"):
        vector(0) - vector(1, identity=other)
    with pytest.raises(VectorError, match="NaN or infinite"):
        vector(0) * float("inf")


@given(seed=st.integers(0, 2**31), size=st.floats(1e-3, 1e3))
def test_a_placebo_has_the_norm_and_another_direction(seed: int, size: float) -> None:
    real = vector(0) * size
    fake = placebo(real, seed)
    assert fake.norm == pytest.approx(real.norm, rel=1e-5)
    assert torch.equal(placebo(real, seed).direction, fake.direction)
    assert not torch.equal(placebo(real, seed + 1).direction, fake.direction)
    assert (fake.layer, fake.identity, fake.recipe["seed"]) == (real.layer, HOME, seed)


def test_placebos_favour_no_direction_and_leave_the_callers_generator_alone() -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    drawn = torch.stack([placebo(vector(0), seed).direction for seed in range(800)])
    assert torch.equal(torch.get_rng_state(), before)
    unit = drawn / drawn.norm(dim=1, keepdim=True)
    # each coordinate of a uniform unit vector has mean 0 and mean square 1/8
    assert unit.mean(dim=0).abs().max() < 5 * (1 / WIDTH / 800) ** 0.5
    assert (unit**2).mean(dim=0).numpy() == pytest.approx(1 / WIDTH, abs=0.03)


@settings(max_examples=50)
@given(
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=WIDTH),
    note=st.text(max_size=8),
)
def test_saved_vectors_come_back_bit_for_bit_with_their_provenance(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], note: str
) -> None:
    path = tmp_path_factory.mktemp("vectors") / "v.safetensors"
    recipe = {"method": "contrast", "note": note, "seeds": [1, 2], "of": {"n": 3, "x": None}}
    kept = SteeringVector(torch.tensor(values[:WIDTH]), 3, HOME, recipe)
    save_vectors(path, {kept.tensor_name: kept, "other": vector(1, layer=7)})
    back = load_vectors(path)
    assert list(back) == ["direction.3", "other"]
    assert bits(back["direction.3"].direction) == bits(kept.direction)
    assert back["direction.3"].recipe == recipe
    assert (back["direction.3"].identity, back["other"].layer) == (HOME, 7)


def test_one_vector_may_be_saved_under_two_names(tmp_path: Path) -> None:
    kept = vector(0)
    rows = torch.randn(4, WIDTH)
    views = {f"row{i}": SteeringVector(rows[i], i, HOME, {}) for i in range(4)}
    save_vectors(tmp_path / "v.safetensors", {"a": kept, "b": kept, **views})
    back = load_vectors(tmp_path / "v.safetensors")
    assert torch.equal(back["a"].direction, back["b"].direction)
    assert all(torch.equal(back[f"row{i}"].direction, rows[i]) for i in range(4))


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    save_vectors(path, {"a": vector(0)})
    before = path.read_bytes()
    with pytest.raises(VectorError, match="no vector to save"):
        save_vectors(path, {})
    with pytest.raises((ValueError, VectorError)):
        save_vectors(path, {"a": vector(0, score=float("nan"))})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def good_about() -> dict[str, Any]:
    return {"layer": 3, "identity": HOME.model_dump(), "recipe": {}}


PROVENANCE = {
    "a list": "[]",
    "null": "null",
    "cut off": '{"a": ',
    "endlessly deep": "[" * 100_000,
    "an entry that is a list": '{"a": []}',
    "another tensor's": json.dumps({"b": good_about()}),
    "a layer in words": json.dumps({"a": good_about() | {"layer": "three"}}),
    "a negative layer": json.dumps({"a": good_about() | {"layer": -1}}),
    "half an identity": json.dumps({"a": good_about() | {"identity": {"model": "x"}}}),
    "another width": json.dumps(
        {"a": good_about() | {"identity": HOME.model_dump() | {"d_model": 9}}}
    ),
    "a recipe that is a list": json.dumps({"a": good_about() | {"recipe": []}}),
}


@pytest.mark.parametrize("kind", PROVENANCE)
def test_a_file_with_broken_provenance_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "v.safetensors"
    metadata = {FORMAT: PROVENANCE[kind]}
    save_file({"a": torch.zeros(WIDTH)}, path, metadata=metadata)
    with pytest.raises(VectorError) as caught:
        load_vectors(path)
    assert "\n" not in str(caught.value)


class Trap:
    """A pickle that leaves a mark when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def test_a_pickle_is_refused_and_never_opened(tmp_path: Path) -> None:
    mark = tmp_path / "opened"
    path = tmp_path / "v.safetensors"
    path.write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(VectorError, match="pickles are never opened"):
        load_vectors(path)
    torch.save({"a": Trap(mark)}, path)
    with pytest.raises(VectorError, match="pickles are never opened"):
        load_vectors(path)
    assert not mark.exists()


def test_missing_foreign_and_cut_off_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    with pytest.raises(VectorError, match=r"v\.safetensors: no such file"):
        load_vectors(path)
    save_file({"a": torch.zeros(WIDTH)}, path)
    with pytest.raises(VectorError, match="holds no cast_lens provenance"):
        load_vectors(path)
    save_vectors(path, {"a": vector(0)})
    whole = path.read_bytes()
    for size in (0, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(VectorError, match=r"v\.safetensors: not a readable"):
            load_vectors(path)


def test_a_vector_that_is_not_one_is_refused_when_made() -> None:
    sound = vector(0).direction
    with pytest.raises(VectorError, match="Layer -1 is negative"):
        SteeringVector(sound, -1, HOME, {})
    with pytest.raises(VectorError, match="has width 7, its model has 8"):
        SteeringVector(sound[:7], 3, HOME, {})
    for bad in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(VectorError, match="NaN or infinite"):
            SteeringVector(torch.where(sound == sound[0], bad, sound), 3, HOME, {})
    with pytest.raises(TypeCheckError):
        SteeringVector(sound[None], 3, HOME, {})


def test_some_states_are_those_of_the_examples_named_in_their_order() -> None:
    every = states()
    wanted = (every.query_ids[4], every.query_ids[1])
    some = every.only(wanted)
    assert some.query_ids == wanted
    assert torch.equal(some.values, every.values[:, [4, 1]])
    with pytest.raises(VectorError, match="nobody"):
        every.only(["nobody"])
