"""Fingerprints of weights and tokenizers, stable across processes, dtypes and library classes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch

SAMPLED_VALUES = 64
BRIDGED = "_original_component."  # what a TransformerBridge puts into its model's names


def model_fingerprint(hf: Any) -> str:
    """Digest of every parameter's name, shape and a few of its values.

    Values are rounded to bfloat16 first, so that a model loaded in float32 and in bfloat16 has one
    fingerprint. `SAMPLED_VALUES` evenly spaced values a parameter suffice to tell models apart:
    training moves all of them.
    """
    digest = hashlib.sha256(type(hf).__name__.encode())
    for name, parameter in sorted(_own_parameters(hf).items()):
        flat = parameter.detach().flatten()
        step = max(1, flat.numel() // SAMPLED_VALUES)
        sample = flat[::step][:SAMPLED_VALUES].float().bfloat16().float().cpu()
        digest.update(f"{name}{tuple(parameter.shape)}".encode())
        digest.update(sample.numpy().tobytes())
    return digest.hexdigest()[:16]


def _own_parameters(hf: Any) -> dict[str, Any]:
    """Parameters by the names the architecture gives them, also when a bridge has rebuilt it.

    A bridge splits some matrices and renames all, but its state still holds the original names; a
    weightless twin says which those are.
    """
    named = dict(hf.named_parameters())
    if not any(BRIDGED in name for name in named):
        return named
    held = {name.replace(BRIDGED, ""): value for name, value in hf.state_dict().items()}
    with torch.device("meta"):
        twin = type(hf)(hf.config)
    return {name: held[name] for name, _ in twin.named_parameters()}


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """Digest of what decides a text's ids: the fast tokenizer's own JSON, or the vocabulary."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        text = json.dumps(tokenizer.get_vocab(), sort_keys=True)
    else:
        # what comes before, truncation and padding, are settings of the last call
        text = backend.to_str()
        text = text[text.index('"added_tokens"') :]
    return hashlib.sha256(text.encode()).hexdigest()[:16]
