"""The same architecture with weights that learnt nothing, as a control."""

from __future__ import annotations

import copy

import torch

from cast_lens.errors import ModelError
from cast_lens.model.lens import Lens
from cast_lens.model.load import lens_of


def random_weights(lens: Lens, seed: int = 0) -> Lens:
    """A model of the same architecture, freshly initialised as its library starts training.

    It keeps the tokenizer, device and floating type, takes as much memory again, and leaves the
    caller's random state untouched.

    Args:
        lens: the trained model.
        seed: the same seed gives the same weights.

    Raises:
        ModelError: when the lens holds a `HookedTransformer`, which does not keep its Hugging
            Face config.
    """
    from transformers import AutoModelForCausalLM

    if lens.backend != "bridge":
        raise ModelError(
            f"{lens.name}: random weights need the bridge backend.", "Load it with backend=bridge."
        )
    # the bridge may have written into its model's config
    config = copy.deepcopy(lens.model.original_model.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hf = AutoModelForCausalLM.from_config(config, dtype=lens.dtype)
    name = f"{lens.name}, random weights"
    return lens_of(hf.to(lens.device), lens.tokenizer, name=name, backend="bridge")
