"""One block of width 4, computed in numpy from its weights, with and without a vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cast_lens.model.forward import forward
from cast_lens.model.lens import Backend, Lens
from cast_lens.model.load import lens_of
from cast_lens.model.tokens import tokenise
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.labels import score_labels
from cast_lens.steer.identity import identity_of
from cast_lens.steer.injection import Injection, steering
from cast_lens.steer.residual import read_residual
from cast_lens.steer.vectors import SteeringVector

WORDS = ("pad", "a", "b", "c", "d", "e")
EPSILON = 1e-5
THETA = 50.0
SEQUENCES = ([1, 4, 2], [5], [3, 3, 1, 2, 5, 4])
VECTOR = np.array([0.5, -2.0, 1.0, 0.25])


def micro_model() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=4,
        intermediate_size=6,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=16,
        rms_norm_eps=EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = LlamaForCausalLM(config).float()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.8 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    named = micro_model().state_dict()
    return {name.removeprefix("model."): w.double().numpy() for name, w in named.items()}


@pytest.fixture
def lens(backend: Backend) -> Lens:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="pad"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="pad")
    return lens_of(micro_model(), tokenizer, name="micro", backend=backend)


def rms_norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return weight * x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPSILON)


def rotate(x: np.ndarray) -> np.ndarray:
    """Turn the pairs (0, 2) and (1, 3) of each token by its position times 1 and theta^-1/2."""
    turned = np.empty_like(x)
    for position, row in enumerate(x):
        for i, speed in enumerate((1.0, THETA**-0.5)):
            c, s = np.cos(position * speed), np.sin(position * speed)
            turned[position, i] = c * row[i] - s * row[i + 2]
            turned[position, i + 2] = s * row[i] + c * row[i + 2]
    return turned


def attention(x: np.ndarray, w: dict[str, np.ndarray]) -> np.ndarray:
    q, k, v = (x @ w[f"layers.0.self_attn.{name}_proj.weight"].T for name in "qkv")
    scores = rotate(q) @ rotate(k).T / np.sqrt(4)
    scores[np.triu_indices(len(x), 1)] = -np.inf
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares @ v @ w["layers.0.self_attn.o_proj.weight"].T


def mlp(x: np.ndarray, w: dict[str, np.ndarray]) -> np.ndarray:
    gate, up = (x @ w[f"layers.0.mlp.{name}_proj.weight"].T for name in ("gate", "up"))
    return (gate / (1 + np.exp(-gate)) * up) @ w["layers.0.mlp.down_proj.weight"].T


def resid_post(ids: list[int], w: dict[str, np.ndarray]) -> np.ndarray:
    x = w["embed_tokens.weight"][ids]
    x = x + attention(rms_norm(x, w["layers.0.input_layernorm.weight"]), w)
    return x + mlp(rms_norm(x, w["layers.0.post_attention_layernorm.weight"]), w)


def unembedded(x: np.ndarray, w: dict[str, np.ndarray]) -> np.ndarray:
    return rms_norm(x, w["norm.weight"]) @ w["lm_head.weight"].T


def prompts() -> list[Prompt]:
    texts = [" ".join(WORDS[i] for i in ids) for ids in SEQUENCES]
    return [Prompt(text, "", (), (), text, "a") for text in texts]


def vector_of(lens: Lens) -> SteeringVector:
    direction = torch.tensor(VECTOR, dtype=torch.float32)
    return SteeringVector(direction, 0, identity_of(lens, "plain"), {"method": "by hand"})


def test_states_are_those_computed_by_hand(lens: Lens, weights: dict[str, np.ndarray]) -> None:
    states = read_residual(lens, prompts()).at(0).numpy()
    expected = np.stack([resid_post(ids, weights)[-1] for ids in SEQUENCES])
    np.testing.assert_allclose(states, expected, atol=1e-5 * np.abs(expected).max())


def test_logits_are_those_computed_by_hand(lens: Lens, weights: dict[str, np.ndarray]) -> None:
    logits = forward(lens, tokenise(lens, prompts())).numpy()
    for row, ids in zip(logits, SEQUENCES, strict=True):
        expected = unembedded(resid_post(ids, weights), weights)
        np.testing.assert_allclose(row[: len(ids)], expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("strength", [1.0, -0.4])
def test_steered_logits_are_those_computed_by_hand(
    lens: Lens, weights: dict[str, np.ndarray], strength: float
) -> None:
    injection = Injection(vector_of(lens), strength)
    tokens = tokenise(lens, prompts())
    with steering(lens, injection, mask=tokens.mask):
        logits = forward(lens, tokens).numpy()
    for row, ids in zip(logits, SEQUENCES, strict=True):
        states = resid_post(ids, weights)
        states[-1] += strength * VECTOR
        expected = unembedded(states, weights)
        np.testing.assert_allclose(row[: len(ids)], expected, atol=1e-5 * np.abs(expected).max())


def test_label_scores_are_those_computed_by_hand(
    lens: Lens, weights: dict[str, np.ndarray]
) -> None:
    scores = score_labels(lens, prompts(), ("b", "e"), [None, Injection(vector_of(lens), 2.0)])
    for variant, strength in enumerate((0.0, 2.0)):
        for row, ids in enumerate(SEQUENCES):
            state = resid_post(ids, weights)[-1] + strength * VECTOR
            logits = unembedded(state, weights)
            expected = logits[[2, 5]] - np.log(np.exp(logits).sum())
            np.testing.assert_allclose(scores.logprobs[variant, row], expected, atol=1e-4)
