"""The only file that imports the model library: Hugging Face models become hookable ones.

Works with transformer-lens 3.9 (`HookedTransformer` and `TransformerBridge`) and 4.x (bridge
only). Weights are never processed, so the residual stream is the model's own.
"""

from __future__ import annotations

import copy
import gc
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from cast_lens.errors import ModelError
from cast_lens.model.hooked_config import hooked_fields
from cast_lens.model.lens import Backend, Lens

PARITY = 1e-3  # of the largest logit, float32; half precision is allowed HALF_PARITY
HALF_PARITY = 0.1
BUFFERS = {"mask", "IGNORE", "rotary_sin", "rotary_cos", "b_U"}


def hooked_available() -> bool:
    """Whether the installed library still has `HookedTransformer` (it ends with 4.0)."""
    return importlib.util.find_spec("transformer_lens.HookedTransformer") is not None


def backend_of(model: Any) -> Backend | None:
    """Which library class a model is, by the names of its bases; None when it is neither."""
    for base in type(model).__mro__:
        if base.__module__.partition(".")[0] == "transformer_lens":
            if base.__name__ == "HookedTransformer":
                return "hooked"
            if base.__name__ == "TransformerBridge":
                return "bridge"
    return None


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hundreds of thousands of small objects are made here and kept: searching them is waste."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the library's deprecation notice and its log lines about configs it guesses."""
    root = logging.getLogger()
    level = root.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        root.setLevel(max(level, logging.ERROR))
        try:
            yield
        finally:
            root.setLevel(level)


def boot(hf: Any, tokenizer: Any, backend: Backend) -> Any:
    """Make a Hugging Face causal language model hookable and check that its logits are unchanged.

    The Hugging Face model is taken over: the bridge works on its modules in place.

    Raises:
        ModelError: when the architecture is unknown to the library, or the logits differ or are
            not finite.
    """
    if any(type(m).__module__.startswith("transformer_lens.") for m in hf.modules()):
        raise ModelError(
            "This Hugging Face model already belongs to a bridge.", "Pass the bridge itself."
        )
    probe = _probe(hf)
    with torch.no_grad():
        expected = hf(probe).logits.float()
    if not expected.isfinite().all():
        raise ModelError(
            f"{type(hf).__name__}: its logits are NaN or infinite.",
            "Its weights are damaged, or too large for this dtype: try float32.",
        )
    try:
        # the library makes, and at once overwrites, random layers
        with _quiet(), _no_collection(), torch.random.fork_rng(devices=[]):
            model = _bridge(hf, tokenizer) if backend == "bridge" else _hooked(hf, tokenizer)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"TransformerLens cannot load a {type(hf).__name__} as {backend} ({error}).",
            "Try the other backend, or a newer transformer-lens.",
        ) from error
    with torch.no_grad():
        got = model(probe, attention_mask=torch.ones_like(probe)).float()
    error_size = float((got - expected).abs().max() / expected.abs().max().clamp_min(1e-6))
    limit = PARITY if expected.dtype == hf.dtype else HALF_PARITY
    if not error_size <= limit:
        raise ModelError(
            f"{type(hf).__name__} as {backend}: logits differ from Hugging Face's by "
            f"{error_size:.2g} of the largest one.",
            "Results would be wrong, so it is refused; try the other backend.",
        )
    return model


def _probe(hf: Any) -> torch.Tensor:
    vocabulary = hf.get_input_embeddings().weight.shape[0]
    ids = (torch.arange(12).reshape(2, 6) * 7 + 3) % vocabulary
    probe: torch.Tensor = ids.to(hf.get_input_embeddings().weight.device)
    return probe


def _bridge(hf: Any, tokenizer: Any) -> Any:
    from transformer_lens.model_bridge import TransformerBridge

    stand_in = _stand_in(tokenizer)
    placed = {} if getattr(hf, "hf_device_map", None) else {"device": hf.device}
    bridge = TransformerBridge.boot_transformers(
        str(getattr(hf.config, "_name_or_path", "") or "local"),
        hf_model=hf,
        tokenizer=stand_in,
        dtype=hf.dtype,
        **placed,
    )
    # the public setter would re-load it once more
    bridge._tokenizer = tokenizer
    bridge.cfg.default_prepend_bos = False
    return bridge.eval()


def _stand_in(tokenizer: Any) -> Any:
    """A copy for the library to set up as it likes; the caller's own object stays as it was.

    The library re-loads a tokenizer by name to make it add a BOS, unless it says it does already,
    and adds special tokens that are missing; only then the whole vocabulary has to be copied.
    """
    specials = (tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token)
    copied = copy.deepcopy(tokenizer) if None in specials else copy.copy(tokenizer)
    copied.init_kwargs = {"name_or_path": "", **tokenizer.init_kwargs, "add_bos_token": True}
    return copied


def _hooked(hf: Any, tokenizer: Any) -> Any:
    if not hooked_available():
        raise ModelError(
            "This transformer-lens has no HookedTransformer (it ended with version 4).",
            "Use the bridge backend, or install transformer-lens 3.9.",
        )
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens import loading_from_pretrained as loading

    fields, converter = hooked_fields(hf)
    config = HookedTransformerConfig.from_dict(
        fields
        | {
            "d_vocab": hf.get_input_embeddings().weight.shape[0],
            "original_architecture": type(hf).__name__,
            "model_name": type(hf).__name__,
            "tokenizer_name": None,
            "init_weights": False,
            "dtype": hf.dtype,
            "device": str(hf.device),
            "default_prepend_bos": False,
        }
    )
    weights = getattr(loading, converter)(hf, config)
    model = HookedTransformer(config, tokenizer=None)
    # assigned, not copied: the converter's views keep the layout that matmul is fast on
    weights = {name: value.detach().to(hf.device, hf.dtype) for name, value in weights.items()}
    missing, unknown = model.load_state_dict(weights, strict=False, assign=True)
    missing = [name for name in missing if name.rsplit(".", 1)[-1] not in BUFFERS]
    if missing or unknown:
        raise ModelError(
            f"{type(hf).__name__}: weights not converted: missing {missing}, unknown {unknown}."
        )
    bias = getattr(hf.get_output_embeddings(), "bias", None)
    with torch.no_grad():
        model.unembed.b_U.zero_()
        if bias is not None:
            model.unembed.b_U.copy_(bias)
    # set_tokenizer would re-load it by name with other settings
    model.tokenizer = tokenizer
    return model.requires_grad_(False).eval()


def empty_cache(lens: Lens, rows: int) -> Any:
    """An empty key-value cache for a batch of `rows` sequences."""
    if lens.backend == "bridge":
        from transformers import DynamicCache

        return DynamicCache(config=lens.model.original_model.config)
    from transformer_lens import TransformerLensKeyValueCache

    return TransformerLensKeyValueCache.init_cache(lens.model.cfg, lens.device, rows)


def twin_of(cache: Any) -> Any:
    """A bridge's key-value cache that can grow without changing this one; nothing is copied."""
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin


def select_rows(lens: Lens, cache: Any, rows: torch.Tensor) -> Any:
    """A copy of a key-value cache with the given rows, each as often as it is named."""
    if lens.backend == "bridge":
        twin = twin_of(cache)
        read = [layer for layer in twin.layers if layer.is_initialized]
        if read and all(len(layer.keys) == 1 for layer in read):
            for layer in read:  # one row several times is a view; growing it copies it once
                layer.keys = layer.keys.expand(len(rows), -1, -1, -1)
                layer.values = layer.values.expand(len(rows), -1, -1, -1)
        else:
            twin.batch_select_indices(rows)
        return twin
    twin = copy.copy(cache)
    twin.previous_attention_mask = cache.previous_attention_mask[rows]
    twin.entries = [copy.copy(entry) for entry in cache.entries]
    for entry in twin.entries:
        entry.past_keys = entry.past_keys[rows]
        entry.past_values = entry.past_values[rows]
    return twin
