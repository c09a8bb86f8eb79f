"""The logit lens against plain Hugging Face, and on the planted model, whose truth is known."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from cast_lens.diagnosis.last_token import last_states, next_token_logits
from cast_lens.diagnosis.readout import (
    BlockReadout,
    Readout,
    Said,
    logit_lens,
    mean_readout,
    readout,
)
from cast_lens.errors import ModelError, PromptError, VectorError
from cast_lens.figures.readout import (
    ILLUSTRATION,
    direction_tokens,
    mean_readout_curves,
    readout_map,
    visible,
)
from cast_lens.model.boot import hooked_available
from cast_lens.model.lens import Lens
from cast_lens.model.planted import LAYER, STRENGTH, Planted
from cast_lens.model.tiny import tiny_lens, tiny_model
from cast_lens.prompts.prompt import Prompt, zero_shot
from cast_lens.steer.identity import identity_of
from cast_lens.steer.injection import Injection
from cast_lens.steer.vectors import SteeringVector, placebo

SHAPES = [(shape, "bridge") for shape in ("llama", "gpt2", "gemma2")]
SHAPES += [(shape, "hooked") for shape in ("llama", "gpt2") if hooked_available()]
TEXTS = ("the red house is", "Q: one two\nA:", "Definition: good or bad?\nthe dog")
ANSWER = "blue"
BLOCKS = {"llama": "model.layers", "gpt2": "transformer.h", "gemma2": "model.layers"}
NORMS = {"llama": "model.norm", "gpt2": "transformer.ln_f", "gemma2": "model.norm"}


def _prompt(text: str) -> Prompt:
    return Prompt(text, "", (), (), text, "N/A")


def _vector(lens: Lens, layer: int) -> SteeringVector:
    noise = torch.randn(lens.d_model, generator=torch.Generator().manual_seed(1))
    return SteeringVector(3 * noise / noise.norm(), layer, identity_of(lens, "plain"), {})


@pytest.fixture(scope="module", params=SHAPES, ids="-".join)
def both(request: pytest.FixtureRequest) -> tuple[Lens, Any, str]:
    """A lens, plain Hugging Face with the same weights, and the shape's name."""
    shape, backend = request.param
    return tiny_lens(shape, seed=0, backend=backend), tiny_model(shape, 0), shape


@contextmanager
def _edited(hf: Any, shape: str, layer: int, edit: Callable[[Tensor], Tensor]) -> Iterator[None]:
    def hook(_module: Any, _given: Any, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        return (edit(states), *output[1:]) if isinstance(output, tuple) else edit(states)

    handle = hf.get_submodule(BLOCKS[shape])[layer].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _plain_logits(
    lens: Lens, hf: Any, shape: str, text: str, write: Tensor | None, columns: slice, layer: int
) -> Tensor:
    def edit(states: Tensor) -> Tensor:
        states = states.clone()
        states[:, columns] += 0 if write is None else write
        return states

    ids = torch.tensor([lens.tokenizer(text)["input_ids"]])
    with torch.no_grad(), _edited(hf, shape, layer, edit):
        return hf(ids).logits[0, -1].double()


def _first(lens: Lens, text: str) -> int:
    context = lens.tokenizer(text)["input_ids"]
    return lens.tokenizer(f"{text} {ANSWER}")["input_ids"][len(context)]


def _same(lens: Lens, got: BlockReadout, logits: Tensor, right: int) -> None:
    logprobs = logits.log_softmax(dim=-1)
    order = logits.argsort(descending=True)
    assert got.logprob == pytest.approx(float(logprobs[right]), abs=1e-4)
    assert got.entropy == pytest.approx(float(-(logprobs.exp() * logprobs).sum()), abs=1e-4)
    assert got.rank == 1 + order.tolist().index(right)
    assert [one.token for one in got.top] == [lens.tokenizer.decode([t]) for t in order[:5]]
    values = [one.value for one in got.top]
    assert values == pytest.approx(logprobs[order[:5]].exp().tolist(), abs=1e-4)


@pytest.mark.parametrize("policy", ["prompt_last", "all"])
def test_last_block_says_what_the_model_really_says_next(
    both: tuple[Lens, Any, str], policy: Any
) -> None:
    lens, hf, shape = both
    vector = _vector(lens, 1)
    variants = {"plain": None, "steered": Injection(vector, 2.0, policy=policy)}
    columns = slice(-1, None) if policy == "prompt_last" else slice(None)
    for text in TEXTS:
        found = readout(lens, _prompt(text), ANSWER, variants)
        for name, write in (("plain", None), ("steered", 2.0 * vector.direction)):
            logits = _plain_logits(lens, hf, shape, text, write, columns, 1)
            _same(lens, found.blocks[name][-1], logits, _first(lens, text))


def test_a_block_is_its_state_through_final_norm_and_unembedding(
    both: tuple[Lens, Any, str],
) -> None:
    lens, hf, shape = both
    vector, text = _vector(lens, 1), TEXTS[0]
    variants = {"plain": None, "steered": Injection(vector, 2.0)}
    found = readout(lens, _prompt(text), ANSWER, variants)
    ids = torch.tensor([lens.tokenizer(text)["input_ids"]])
    with torch.no_grad():
        states = hf(ids, output_hidden_states=True).hidden_states
        for layer, added in ((0, 0.0), (1, 2.0)):
            moved = states[layer + 1][0, -1] + added * vector.direction
            normed = hf.get_submodule(NORMS[shape])(moved[None, None])
            logits = hf.lm_head(normed)[0, 0].double()
            cap = getattr(hf.config, "final_logit_softcapping", None)
            logits = cap * torch.tanh(logits / cap) if cap else logits
            _same(lens, found.blocks["steered"][layer], logits, _first(lens, text))
    assert found.blocks["plain"][0] == found.blocks["steered"][0]
    assert found.blocks["plain"][1] != found.blocks["steered"][1]
    assert found.written == {"plain": (), "steered": (1,)}


def test_the_mean_is_over_the_single_prompts(both: tuple[Lens, Any, str]) -> None:
    lens, _, _ = both
    steered = Injection(_vector(lens, 0), 2.0)
    alone = [
        readout(lens, _prompt(text), ANSWER, {"v": steered}, layers=[0, 2]).blocks["v"]
        for text in TEXTS
    ]
    found = mean_readout(lens, [*map(_prompt, TEXTS)], [ANSWER] * 3, steered, layers=[2, 0])
    assert found.layers == (0, 2)
    for i in range(2):
        entropy = sum(blocks[i].entropy for blocks in alone) / 3
        logprob = sum(blocks[i].logprob for blocks in alone) / 3
        assert found.entropy[i].value == pytest.approx(entropy, abs=1e-4)
        assert found.logprob[i].value == pytest.approx(logprob, abs=1e-4)
        assert found.entropy[i].n == 3


def test_contexts_of_one_token_are_read_too(both: tuple[Lens, Any, str]) -> None:
    lens, hf, _ = both
    contexts = [(7,), (7, 9, 11)]
    states = last_states(lens, contexts, [()], [lens.n_layers - 1], "")[0, 0]
    found = next_token_logits(lens, states)
    for row, context in zip(found, contexts, strict=True):
        with torch.no_grad():
            right = hf(torch.tensor([context])).logits[0, -1]
        assert torch.allclose(row, right, atol=1e-4)


def test_a_model_with_hidden_parts_is_run_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    lens, hidden = tiny_lens("llama"), tiny_lens("llama")
    states = torch.randn(4, lens.d_model, generator=torch.Generator().manual_seed(0))
    right = next_token_logits(lens, states)

    def unknown(*_: Any) -> Any:
        raise AttributeError("ln_final")

    monkeypatch.setattr("cast_lens.diagnosis.last_token._by_modules", unknown)
    assert torch.allclose(next_token_logits(hidden, states), right, atol=1e-5)


def test_a_bare_vector_is_normed_by_itself_and_biases_are_taken_away(
    both: tuple[Lens, Any, str],
) -> None:
    lens, hf, shape = both
    vector = _vector(lens, 1)
    found = logit_lens(lens, vector, top=4)
    norm = hf.get_submodule(NORMS[shape])
    with torch.no_grad():
        both_logits = [
            hf.lm_head(norm(state[None, None]))[0, 0]
            for state in (vector.direction, torch.zeros(lens.d_model))
        ]
    cap = getattr(hf.config, "final_logit_softcapping", None)
    said = [cap * torch.tanh(one / cap) if cap else one for one in both_logits]
    gained = said[0] - said[1]
    order = gained.argsort(descending=True).tolist()
    for got, tokens in ((found.promoted, order[:4]), (found.demoted, order[::-1][:4])):
        assert [one.token for one in got] == [lens.tokenizer.decode([t]) for t in tokens]
        assert [one.value for one in got] == pytest.approx(gained[tokens].tolist(), abs=1e-4)
    longer = logit_lens(lens, 5.0 * vector, top=4)
    assert [s.token for s in longer.promoted] == [s.token for s in found.promoted]


def _planted_vector(known: Planted, layer: int = LAYER) -> SteeringVector:
    home = identity_of(known.lens, "plain")
    return SteeringVector(STRENGTH * known.direction, layer, home, {})


def test_the_planted_vector_says_yes_from_its_block_on_and_its_placebo_does_not(
    known: Planted,
) -> None:
    vector = _planted_vector(known)
    other = placebo(vector, 0)
    assert logit_lens(known.lens, vector, 1).promoted[0].token == " yes"
    variants = {"plain": None, "steered": Injection(vector), "placebo": Injection(other)}
    prompt = zero_shot(known.target, known.target.test[0])
    found = readout(known.lens, prompt, "yes", variants)
    assert found.answer == " yes"
    ranks = {name: [b.rank for b in blocks] for name, blocks in found.blocks.items()}
    assert ranks["steered"][LAYER:] == [1] * (known.lens.n_layers - LAYER)
    assert ranks["plain"][:LAYER] == ranks["steered"][:LAYER]
    assert all(rank > 1 for name in ("plain", "placebo") for rank in ranks[name][LAYER:])


def test_what_cannot_be_read_out_is_refused(known: Planted) -> None:
    lens, prompt = known.lens, zero_shot(known.target, known.target.test[0])
    with pytest.raises(ModelError, match="Layer 9"):
        readout(lens, prompt, "yes", {"plain": None}, layers=[9])
    with pytest.raises(PromptError, match="variant"):
        readout(lens, prompt, "yes", {})
    with pytest.raises(PromptError, match="layer"):
        mean_readout(lens, [prompt], ["yes"], layers=[])
    stranger = _vector(tiny_lens("llama"), 0)
    with pytest.raises(VectorError, match="made elsewhere"):
        readout(lens, prompt, "yes", {"steered": Injection(stranger)})
    with pytest.raises(VectorError, match="made elsewhere"):
        logit_lens(lens, stranger)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (" the", "␣the"),
        ("\n\n", "↵↵"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202egnp", "\\u202egnp"),
        ("", "(empty)"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("x" * 40, "x" * 13 + "…"),
    ],
)
def test_tokens_are_shown_so_that_they_can_be_seen(token: str, shown: str) -> None:
    assert visible(token) == shown


def _made_up(token: str) -> Readout:
    blocks = tuple(
        BlockReadout(
            layer=layer, top=(Said(token=token, value=0.5),), entropy=1.0, logprob=-0.5, rank=2
        )
        for layer in range(3)
    )
    return Readout(
        query_id="<script>1",
        answer=token,
        written={"plain": (), "<i>": (1,)},
        blocks={"plain": blocks, "<i>": blocks},
    )


def test_figures_escape_what_the_user_wrote_and_say_that_they_are_no_evidence(
    known: Planted,
) -> None:
    drawn = readout_map(_made_up(" <script>"))
    written = drawn.figure.to_json()
    assert "<script>" not in written
    assert "<i>" not in [*drawn.figure.data[0].x, *(t.name for t in drawn.figure.data)]
    assert drawn.figure.data[0].text[0][0] == html.escape("␣<script>")
    assert ILLUSTRATION in drawn.caption
    assert len(drawn.rows) == 6
    vector = _planted_vector(known)
    said = [logit_lens(known.lens, one, 3) for one in (vector, placebo(vector, 0))]
    bars = direction_tokens(*said)
    assert "␣yes" in bars.alt
    assert len(bars.rows) == 12
    prompts = [zero_shot(known.target, e) for e in known.target.test[:3]]
    means = {
        name: mean_readout(known.lens, prompts, ["yes"] * 3, given)
        for name, given in (("plain", None), ("steered", Injection(vector)))
    }
    curves = mean_readout_curves(means)
    assert "n = 3" in curves.caption
    assert ILLUSTRATION in curves.caption
    assert len(curves.rows) == 2 * known.lens.n_layers
