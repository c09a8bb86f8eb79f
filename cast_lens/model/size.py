"""How large a model is: its parameters and widths, without its weights where it is not here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch

from cast_lens.errors import ModelError
from cast_lens.model.catalog import CATALOG
from cast_lens.model.fetch import fetch
from cast_lens.model.lens import Lens

IN_NAME = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([BM])(?![a-z])", re.IGNORECASE)
UNITS = {"B": 1e9, "M": 1e6}
# of a model that is known by its name only: Kaplan et al. 2020 (arXiv 2001.08361), section 2.1
PER_BLOCK = 12  # parameters of a block are this many times d_model squared
ASPECT = 128  # d_model for each block, about that of published models
VOCABULARY = 128_000


@dataclass(frozen=True)
class ModelSize:
    """What decides the work and the memory that a token costs.

    Attributes:
        n_layers, n_heads, n_key_value_heads: how many there are.
        d_model, d_head, d_mlp, d_vocab: widths.
        block_parameters: those of the blocks' matrices, which every token is multiplied with.
        parameters: all of them.
    """

    n_layers: int
    n_heads: int
    n_key_value_heads: int
    d_model: int
    d_head: int
    d_mlp: int
    d_vocab: int
    block_parameters: int
    parameters: int


def size_of(lens: Lens) -> ModelSize:
    """The size of a loaded model.

    A bridge holds some matrices twice, whole and split, so a weightless twin is measured for it.
    """
    if lens.backend == "bridge":
        original = lens.model.original_model
        with torch.device("meta"):
            return _size_of_model(type(original)(original.config))
    config = lens.model.cfg
    return ModelSize(
        n_layers=lens.n_layers,
        n_heads=config.n_heads,
        n_key_value_heads=config.n_key_value_heads or config.n_heads,
        d_model=lens.d_model,
        d_head=config.d_head,
        d_mlp=config.d_mlp or 4 * lens.d_model,
        d_vocab=config.d_vocab,
        block_parameters=_matrices(lens.model.blocks),
        parameters=sum(p.numel() for p in lens.model.parameters()),
    )


def size_by_name(source: str) -> tuple[ModelSize, str]:
    """The size of a model that need not be here, and where it was found out.

    Args:
        source: short name, hub id or folder.

    Raises:
        ModelError: when its config cannot be had and its name tells no size.
    """
    from transformers import AutoConfig

    try:
        where = str(fetch(CATALOG[source])) if source in CATALOG else source
        return size_of_config(AutoConfig.from_pretrained(where)), "from its config"
    except Exception as error:  # what a hub, a cache or a foreign config may raise is not listed
        size = _size_in_name(source)
        if size is None:
            raise ModelError(
                f"{source}: its config cannot be had, and its name tells no size such as 8B.",
                "Check the name and the network, or log in to the hub.",
            ) from error
        return size, "from its name, since its config cannot be had here"


def size_of_config(config: Any) -> ModelSize:
    """The size of a Hugging Face config's model, which is made without memory for its weights."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return _size_of_model(AutoModelForCausalLM.from_config(config))


def _size_of_model(hf: Any) -> ModelSize:
    text = hf.config.get_text_config()
    heads, width = text.num_attention_heads, text.hidden_size
    lists = (m for m in hf.modules() if isinstance(m, torch.nn.ModuleList))
    blocks = next(m for m in lists if len(m) == text.num_hidden_layers)
    return ModelSize(
        n_layers=text.num_hidden_layers,
        n_heads=heads,
        n_key_value_heads=getattr(text, "num_key_value_heads", None) or heads,
        d_model=width,
        d_head=getattr(text, "head_dim", None) or width // heads,
        d_mlp=getattr(text, "intermediate_size", None) or 4 * width,
        d_vocab=text.vocab_size,
        block_parameters=_matrices(blocks),
        parameters=sum(p.numel() for p in hf.parameters()),
    )


def _matrices(blocks: Any) -> int:
    """Parameters of matrices; a `HookedTransformer` has biases, ``b_Q``, with two indices too."""
    named = ((name.rpartition(".")[2], p) for name, p in blocks.named_parameters())
    return sum(p.numel() for leaf, p in named if p.ndim > 1 and "b_" not in leaf)


def _size_in_name(source: str) -> ModelSize | None:
    found = IN_NAME.search(source.rstrip("/").rpartition("/")[2])
    if found is None:
        return None
    parameters = int(float(found[1]) * UNITS[found[2].upper()])
    n_layers = max(1, round((parameters / PER_BLOCK / ASPECT**2) ** (1 / 3)))
    return ModelSize(
        n_layers=n_layers,
        n_heads=n_layers,
        n_key_value_heads=n_layers,
        d_model=ASPECT * n_layers,
        d_head=ASPECT,
        d_mlp=4 * ASPECT * n_layers,
        d_vocab=VOCABULARY,
        block_parameters=parameters,
        parameters=parameters,
    )
