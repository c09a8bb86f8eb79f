"""Reading: every block and the logits are those of plain Hugging Face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracle import TEXTS, Case, hf_pass, ids_of, prompt, prompts, relative

from cast_lens.errors import ModelError, PromptError
from cast_lens.model.forward import forward
from cast_lens.model.tokens import tokenise
from cast_lens.steer.residual import read_residual, residual_moments


def test_states_of_every_block_are_hugging_faces(case: Case) -> None:
    states = read_residual(case.lens, prompts())
    passes = [hf_pass(case.plain, ids_of(case, text))[0] for text in TEXTS]
    assert states.layers == tuple(range(case.lens.n_layers))
    for layer in states.layers:
        expected = torch.stack([blocks[layer, -1] for blocks in passes])
        assert relative(states.at(layer), expected) < case.tolerance


def test_logits_of_a_padded_batch_are_hugging_faces(case: Case) -> None:
    logits = forward(case.lens, tokenise(case.lens, prompts()))
    for row, text in zip(logits, TEXTS, strict=True):
        _, expected = hf_pass(case.plain, ids_of(case, text))
        assert relative(row[: len(expected)], expected) < case.tolerance


def test_a_batch_reads_the_same_as_its_prompts_alone(case: Case) -> None:
    together = read_residual(case.lens, prompts()).values
    alone = [read_residual(case.lens, [prompt(text)]).values for text in TEXTS]
    assert relative(together, torch.cat(alone, dim=1)) < case.tolerance


def test_shuffled_prompts_permute_the_rows(case: Case) -> None:
    order = [3, 0, 5, 1, 4, 2]
    straight = read_residual(case.lens, prompts())
    shuffled = read_residual(case.lens, [prompts()[i] for i in order])
    assert shuffled.query_ids == tuple(TEXTS[i] for i in order)
    assert relative(shuffled.values, straight.values[:, order]) < 1e-6


def test_the_last_block_is_read_before_the_final_norm(case: Case) -> None:
    ids = ids_of(case, TEXTS[0])
    with torch.no_grad():
        normed = case.plain(ids, output_hidden_states=True).hidden_states[-1][0, -1]
    last = case.lens.n_layers - 1
    state = read_residual(case.lens, [prompt(TEXTS[0])], layers=[last]).at(last)[0]
    logits = forward(case.lens, tokenise(case.lens, [prompt(TEXTS[0])]))[0, -1]
    assert relative(state, normed) > 0.1
    head = case.plain.get_output_embeddings()(normed)
    cap = getattr(case.plain.config, "final_logit_softcapping", None)
    expected = cap * torch.tanh(head / cap) if cap else head
    assert relative(logits, expected) < case.tolerance


def test_one_block_asked_alone_is_the_same_block(case: Case) -> None:
    every = read_residual(case.lens, prompts())
    alone = read_residual(case.lens, prompts(), layers=[case.middle])
    assert alone.layers == (case.middle,)
    assert torch.equal(alone.at(case.middle), every.at(case.middle))


@pytest.mark.parametrize("position", ["mean", -2])
def test_other_positions_are_those_of_the_real_tokens(case: Case, position: str | int) -> None:
    states = read_residual(case.lens, prompts(), position=position)
    for row, text in enumerate(TEXTS):
        blocks, _ = hf_pass(case.plain, ids_of(case, text))
        expected = blocks.mean(dim=1) if position == "mean" else blocks[:, position]
        assert relative(states.values[:, row], expected) < case.tolerance


def test_moments_are_numpys_over_single_states(case: Case) -> None:
    moments = residual_moments(case.lens, prompts())
    passes = [hf_pass(case.plain, ids_of(case, text))[0][:, -1].numpy() for text in TEXTS]
    single = np.stack(passes).astype(np.float64)
    assert moments.n == len(TEXTS)
    np.testing.assert_allclose(moments.mean.numpy(), single.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(moments.mean_square.numpy(), (single**2).mean(axis=0), rtol=1e-4)


@pytest.mark.parametrize("layer", [-1, 3])
def test_a_layer_that_does_not_exist_is_refused_by_number(case: Case, layer: int) -> None:
    with pytest.raises(ModelError, match=f"Layer {layer} is not in .* layers 0 to 2"):
        read_residual(case.lens, prompts(), layers=[layer])


def test_a_position_before_the_prompt_is_refused(case: Case) -> None:
    with pytest.raises(PromptError, match="before the start"):
        read_residual(case.lens, prompts(), position=-3)
