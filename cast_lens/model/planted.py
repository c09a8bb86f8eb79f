"""A small model that is known to transfer: its weights are set by hand.

It is Llama-shaped, four blocks of width 128, and does one thing: having seen answers, it answers.
The embeddings lie along orthonormal directions, ``one`` (every token), ``seen`` (only ``" yes"``),
``label`` (only ``" yes"`` and ``" no"``) and ``u`` (no token), beside a random part of their own:

1. Queries and keys are zero in every block, so attention is the plain mean over what came before.
2. In block 1 the values read ``seen`` and the output writes ``u``: after it, the state at a token
   holds ``STRENGTH * share * u``, where ``share`` is the share of ``" yes"`` among the tokens up to
   there (times a constant of the norm). Blocks 0 and 2 mix the tokens' own parts; block 3 and all
   MLPs add nothing.
3. The unembedding gives ``" yes"`` the logit ``u . h`` and ``" no"`` the logit
   ``THRESHOLD / LEVEL * one . h``, each times the same positive number: ``" yes"`` wins where the
   state holds more than ``THRESHOLD`` of ``u``. After a label comes a line break.

So a zero-shot prompt answers "no" (no ``u``), a prompt with demonstrations labelled "yes" answers
"yes", and the mean difference of the two is ``u`` up to noise from block 1 on and nothing but
noise at block 0. Added to zero-shot prompts of another task it answers "yes" there; a random
direction of its length has about a tenth of it along ``u``, less than the threshold.

It does not prove that a method finds subtle directions: this one is as plain as can be. All items
are labelled "yes", so permuting labels changes nothing, and the direction is a label bias, so
calibration by a content-free prompt cancels it.
"""

from __future__ import annotations

from itertools import chain, product
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.model.lens import Backend, Lens
from cast_lens.model.load import lens_of
from cast_lens.model.tiny import BOS, EOS, PAD, tiny_tokenizer
from cast_lens.shapes import shaped
from cast_lens.tasks.task import Example, Task

WIDTH = 128
LAYERS = 4
LAYER = 1
STRENGTH = 20.0
THRESHOLD = 6.0
LEVEL = 16.0  # length of what `one`, `seen` and `label` mark
NOISE = 8.0  # length of a word's own part
MIXED = 2.0  # how strongly blocks 0 and 2 mix it
SPLIT_SIZES = {"train": 60, "dev": 20, "test": 20}
FRUIT = (
    ["red", "green", "ripe", "sour", "sweet", "fresh", "dried", "frozen", "peeled", "sliced"],
    ["apple", "pear", "plum", "cherry", "lemon", "melon", "grape", "peach", "mango", "fig"],
)
ANIMALS = (
    ["old", "young", "lazy", "quick", "brave", "timid", "hungry", "sleepy", "wild", "tame"],
    ["horse", "goat", "wolf", "rabbit", "otter", "badger", "heron", "falcon", "turtle", "lizard"],
)
OTHER_WORDS = ("Definition", ":", "N", "/", "A", "yes", "no")
INSTRUCTIONS = ("Is this a thing to eat?", "Does this creature breathe?")


@shaped
class Planted:
    """A model with a known direction and two tasks that share it.

    Attributes:
        lens: the model.
        source, target: tasks with labels "yes" and "no", of different words.
        direction: `u`, of length 1.
        layer: the block that writes it; it is there from this block on.
    """

    lens: Lens
    source: Task
    target: Task
    direction: Float[Tensor, " d_model"]
    layer: int


def planted(*, backend: Backend = "bridge") -> Planted:
    """The planted model, its two tasks and what is known of it; see the module's text."""
    source, target = planted_tasks()
    return Planted(planted_lens(backend=backend), source, target, _directions()["u"], LAYER)


def planted_tasks() -> tuple[Task, Task]:
    """Source and target: 60 train, 20 dev and 20 test items each, all labelled "yes"."""
    source = _task("planted_fruit", INSTRUCTIONS[0], FRUIT)
    return source, _task("planted_animals", INSTRUCTIONS[1], ANIMALS)


def _task(name: str, instruction: str, words: tuple[list[str], list[str]]) -> Task:
    inputs = [" ".join(pair) for pair in product(*words)]
    # 37 and 100 have no common factor: every split gets every word
    shuffled = [inputs[i * 37 % len(inputs)] for i in range(len(inputs))]
    splits: dict[str, tuple[Example, ...]] = {}
    start = 0
    for split, size in SPLIT_SIZES.items():
        chosen = shuffled[start : start + size]
        splits[split] = tuple(
            Example(id=f"{name}-{split}-{i}", input=text, label="yes")
            for i, text in enumerate(chosen)
        )
        start += size
    return Task(
        name=name,
        instruction=instruction,
        labels=("yes", "no"),
        format="definition",
        licence="MIT",
        provenance="made by cast_lens.model.planted",
        **splits,
    )


def planted_lens(*, backend: Backend = "bridge") -> Lens:
    """The planted model; the module's text says what it computes.

    Raises:
        ModelError: when the installed library does not offer the backend.
    """
    spoken = " ".join(INSTRUCTIONS).replace("?", " ?").split()
    tokenizer = tiny_tokenizer([*spoken, *OTHER_WORDS, *chain(*FRUIT, *ANIMALS)])
    return lens_of(_model(tokenizer), tokenizer, name="planted", backend=backend)


def _directions() -> dict[str, Tensor]:
    """Orthonormal directions; `u` is spread over four coordinates."""
    axes = torch.eye(WIDTH)
    u = (axes[3] - axes[4] + axes[5] - axes[6]) / 2
    return {"one": axes[0], "seen": axes[1], "label": axes[2], "u": u}


@torch.no_grad()
def _model(tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=8,
        num_hidden_layers=LAYERS,
        num_attention_heads=1,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(config).float().eval()
    for block in model.model.layers:
        for part in (*block.self_attn.parameters(), *block.mlp.parameters()):
            part.zero_()
    _set_embeddings(model, tokenizer)
    _set_values(model)
    return model


def _set_embeddings(model: Any, tokenizer: Any) -> None:
    at = _directions()
    yes, no, line = (
        tokenizer(t, add_special_tokens=False)["input_ids"] for t in (" yes", " no", "\n")
    )
    embed, unembed = model.model.embed_tokens.weight, model.lm_head.weight
    embed.zero_()
    noise = torch.randn(len(embed), WIDTH - 7, generator=torch.Generator().manual_seed(0))
    embed[:, 7:] = NOISE * noise / noise.norm(dim=1, keepdim=True)
    embed += LEVEL * at["one"]
    embed[yes] += LEVEL * at["seen"]
    embed[[*yes, *no]] += LEVEL * at["label"]
    unembed.zero_()
    unembed[yes] = at["u"]
    unembed[no] = THRESHOLD / LEVEL * at["one"]
    unembed[line] = 10 * at["label"]


def _set_values(model: Any) -> None:
    at = _directions()
    blocks = [block.self_attn for block in model.model.layers]
    blocks[LAYER].v_proj.weight[0] = at["seen"]
    blocks[LAYER].o_proj.weight[:, 0] = STRENGTH * at["u"]
    noise = torch.eye(WIDTH)
    noise[:7] = 0
    for layer in (0, 2):
        blocks[layer].v_proj.weight.copy_(noise)
        blocks[layer].o_proj.weight.copy_(MIXED * noise.roll(layer + 1, dims=0) @ noise)
