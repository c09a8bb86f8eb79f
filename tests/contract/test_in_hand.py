"""Models in hand, folders, and what a lens says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from oracle import TEXTS, Case, hf_pass, ids_of, prompt, prompts, relative

from cast_lens.errors import ModelError
from cast_lens.model.fingerprints import tokenizer_fingerprint
from cast_lens.model.forward import forward
from cast_lens.model.lens import Backend
from cast_lens.model.load import load_lens
from cast_lens.model.tiny import WORDS, Shape, tiny_lens, tiny_model, tiny_tokenizer
from cast_lens.model.tokens import encode, rendered, tokenise
from cast_lens.steer.residual import read_residual

SHAPES: tuple[Shape, ...] = ("llama", "gpt2", "neox", "gemma2")


def test_a_held_model_gives_the_lens_it_came_from(case: Case) -> None:
    held = load_lens(case.lens.model)
    assert held.model is case.lens.model
    assert (held.backend, held.n_layers, held.d_model, held.n_ctx, held.dtype) == (
        case.lens.backend,
        case.lens.n_layers,
        case.lens.d_model,
        case.lens.n_ctx,
        torch.float32,
    )
    assert torch.equal(
        read_residual(held, prompts()).values, read_residual(case.lens, prompts()).values
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bridge_in_hand_has_the_fingerprint_of_its_weights(shape: Shape) -> None:
    lens = tiny_lens(shape)
    held = load_lens(lens.model)
    assert held.fingerprint == lens.fingerprint == tiny_lens(shape).fingerprint
    assert held.fingerprint != tiny_lens(shape, seed=1).fingerprint
    assert held.eos_ids == lens.eos_ids


@pytest.mark.parametrize("shape", SHAPES)
def test_a_folder_has_the_fingerprint_of_the_model_in_hand(shape: Shape, tmp_path: Path) -> None:
    tiny_model(shape, 3).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    found, half = load_lens(tmp_path), load_lens(tmp_path, dtype="bfloat16")
    in_hand = load_lens(tiny_model(shape, 3), tokenizer=tiny_tokenizer())
    assert found.fingerprint == half.fingerprint == in_hand.fingerprint
    assert found.tokenizer_fingerprint == in_hand.tokenizer_fingerprint
    assert (found.dtype, half.dtype) == (torch.float32, torch.bfloat16)
    tokens = tokenise(found, prompts())
    assert torch.equal(forward(found, tokens), forward(in_hand, tokens))


def test_a_hugging_face_model_in_hand_reads_as_it_did(backend: Backend) -> None:
    hf = tiny_model("llama", 0)
    lens = load_lens(hf, tokenizer=tiny_tokenizer(), backend=backend)
    assert (lens.backend, lens.name) == (backend, "LlamaForCausalLM")
    case = Case(tiny_model("llama", 0), lens, 1e-5)
    blocks, _ = hf_pass(case.plain, ids_of(case, TEXTS[0]))
    states = read_residual(lens, [prompt(TEXTS[0])])
    assert relative(states.values[:, 0], blocks[:, -1]) < case.tolerance


def test_a_bfloat16_lens_says_so_and_reads_in_float32(backend: Backend) -> None:
    hf = tiny_model("llama", 0).bfloat16()
    lens = load_lens(hf, tokenizer=tiny_tokenizer(), backend=backend)
    states = read_residual(lens, prompts())
    full = read_residual(tiny_lens("llama"), prompts())
    assert lens.dtype == torch.bfloat16
    assert "bfloat16" in repr(lens)
    assert states.identity.dtype == "bfloat16"
    assert states.values.dtype == torch.float32
    assert 1e-4 < relative(states.values, full.values) < 0.1


def test_a_model_in_hand_needs_a_tokenizer_once() -> None:
    with pytest.raises(ModelError, match="no tokenizer"):
        load_lens(tiny_model("llama", 0))
    lens = tiny_lens("llama")
    with pytest.raises(ModelError, match="already belongs to a bridge"):
        load_lens(lens.model.original_model, tokenizer=lens.tokenizer)


@pytest.mark.parametrize("given", [3, object(), torch.nn.Linear(2, 2)])
def test_what_is_no_model_is_refused_by_its_type(given: object) -> None:
    with pytest.raises(ModelError, match=f"Cannot make a lens of a {type(given).__name__}"):
        load_lens(given)


def test_folders_and_dtypes_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_lens(tmp_path)
    with pytest.raises(ModelError, match="dtype 'int8' is not one of"):
        load_lens(tmp_path, dtype="int8")
    with pytest.raises(ModelError, match="Shape 'bert' is not one of"):
        tiny_model("bert", 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_making_a_lens_leaves_the_callers_random_state(shape: Shape) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = tiny_lens(shape)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    assert tiny_lens(shape).fingerprint == first.fingerprint


@pytest.mark.parametrize("text", [*TEXTS, "", "  two  spaces\n\n", "tab\tönd 9", "a"])
def test_the_tiny_tokenizer_gives_every_text_back(text: str) -> None:
    tokenizer = tiny_tokenizer()
    ids = encode(tokenizer, text)
    assert ids == tuple(tokenizer(text)["input_ids"])
    assert tokenizer.decode(ids[1:]) == text
    answered = encode(tokenizer, f"{text or 'A'} {WORDS[0]}")
    assert answered[: len(ids)] == ids


def test_a_chat_prompt_has_one_beginning() -> None:
    tokenizer = tiny_tokenizer()
    chat = replace(prompt(TEXTS[0]), template="chat")
    ids = encode(tokenizer, rendered(tokenizer, chat))
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.decode(ids).endswith("red dog\nassistant:")


def test_the_fingerprint_of_a_tokenizer_is_that_of_its_vocabulary() -> None:
    same, other = tiny_tokenizer(), tiny_tokenizer(["yes"])
    same("padded to the longest", padding="max_length", max_length=20)
    assert tokenizer_fingerprint(same) == tokenizer_fingerprint(tiny_tokenizer())
    assert tokenizer_fingerprint(other) != tokenizer_fingerprint(same)
