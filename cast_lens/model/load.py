"""From a name, a hub id, a folder, a GGUF file or a model in hand to a lens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from cast_lens.errors import ModelError
from cast_lens.model.allocator import keep_freed_memory
from cast_lens.model.boot import backend_of, boot
from cast_lens.model.catalog import CATALOG
from cast_lens.model.fetch import fetch, read_gguf
from cast_lens.model.fingerprints import model_fingerprint, tokenizer_fingerprint
from cast_lens.model.lens import Backend, Lens
from cast_lens.model.load_errors import load_error
from cast_lens.model.memory import budget_of, free_memory, parse_memory
from cast_lens.reach import on_disk

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SAFE = {"trust_remote_code": False}  # when left out, the library asks at the terminal
CONTEXT_FIELDS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length")


def load_lens(
    source: Any,
    *,
    tokenizer: Any = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype = "float32",
    device_map: Any = None,
    revision: str | None = None,
    backend: Backend = "bridge",
    memory: str | int | None = None,
) -> Lens:
    """Load a model ready to be read and steered.

    Args:
        source: a short name (``cast-lens models list``), a hub id, a Hugging Face folder, a
            ``.gguf`` file, or a model in hand: a Hugging Face causal language model (which is
            taken over), a `TransformerBridge` or a `HookedTransformer`.
        tokenizer: needed with a Hugging Face model in hand; else found beside the model.
        device: for example ``cuda``; the CPU when None.
        dtype: ``float32``, ``bfloat16`` or ``float16``; ignored for a model in hand.
        device_map: passed on to Hugging Face, for models over several devices.
        revision: of a hub id.
        backend: `bridge`, or `hooked` for a `HookedTransformer` where the library has it.
        memory: what a batch may take beside the model, in bytes or as ``4GB``; half of what is
            free when None.

    Raises:
        ModelError: when the model cannot be found, reached, read or hooked, with the remedy.
        ConfigError: when `memory` is no size.
    """
    memory = parse_memory(memory) if isinstance(memory, str) else memory
    keep_freed_memory()
    if not isinstance(source, (str, Path)):
        return _from_hand(source, tokenizer, device, backend, memory)
    kind = _dtype(dtype)
    hf, found = _read_source(source, kind, device_map, revision)
    if device is not None and device_map is None:
        hf = _to_device(hf, device)
    name = _short_name(source)
    return lens_of(hf, tokenizer or found, name=name, backend=backend, memory=memory)


def load_tokenizer(source: str) -> Any:
    """The tokenizer of a short name, hub id, folder or GGUF file, without its weights.

    Raises:
        ModelError: when it cannot be found or read.
    """
    from transformers import AutoTokenizer

    path = Path(source)
    if path.suffix == ".gguf":
        return read_gguf(path)[1]
    where = str(fetch(CATALOG[source])) if source in CATALOG else source
    try:
        return AutoTokenizer.from_pretrained(where, local_files_only=on_disk(where), **SAFE)
    except Exception as error:
        raise load_error(where, Path(where).is_dir(), error, "its tokenizer ") from error


def _short_name(source: str | Path) -> str:
    return Path(source).name if Path(source).exists() else str(source)


def _dtype(given: str | torch.dtype) -> torch.dtype:
    kind = DTYPES.get(str(given).removeprefix("torch."))
    if kind is None:
        raise ModelError(f"dtype {given!r} is not one of {', '.join(DTYPES)}.")
    return kind


def _to_device(hf: Any, device: str | torch.device) -> Any:
    try:
        return hf.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"Device {device!r} cannot be used ({reason}).") from error


def _read_source(
    source: str | Path, dtype: torch.dtype, device_map: Any, revision: str | None
) -> tuple[Any, Any]:
    path = Path(source)
    if path.suffix == ".gguf":
        hf, tokenizer = read_gguf(path)
        return hf.to(dtype), tokenizer
    if str(source) in CATALOG:
        return _from_pretrained(str(fetch(CATALOG[str(source)])), dtype, device_map, None)
    if isinstance(source, Path) or path.exists() or str(source).startswith((".", "/", "~")):
        folder = path.expanduser()
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"{folder}: not a Hugging Face model folder (it holds no config.json).",
                f"Give a folder, a hub id or a short name: {', '.join(CATALOG)}.",
            )
        return _from_pretrained(str(folder), dtype, device_map, None)
    return _from_pretrained(str(source), dtype, device_map, revision)


def _from_pretrained(
    where: str, dtype: torch.dtype, device_map: Any, revision: str | None
) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local = Path(where).is_dir()
    options = {"revision": revision, "local_files_only": on_disk(where, revision), **SAFE}
    try:
        with without_bars():
            tokenizer = AutoTokenizer.from_pretrained(where, **options)
    except Exception as error:
        raise load_error(where, local, error, "its tokenizer ") from error
    try:
        with without_bars():
            hf, report = AutoModelForCausalLM.from_pretrained(
                where,
                dtype=dtype,
                device_map=device_map,
                output_loading_info=True,
                use_safetensors=True,  # other formats are pickles
                ignore_mismatched_sizes=True,  # they are in the report
                **options,
            )
    except Exception as error:
        raise load_error(where, local, error) from error
    misshapen = [name for name, *_ in report["mismatched_keys"]]
    lost = sorted({*report["missing_keys"], *misshapen})
    if lost:  # transformers would fill them with random numbers
        raise ModelError(
            f"{where}: {len(lost)} weights are missing or of another shape, such as {lost[0]}.",
            "Copy or fetch the folder again.",
        )
    return hf, tokenizer


@contextmanager
def without_bars() -> Iterator[None]:
    """A load under a second needs no bar, and its warnings are raised here in one line.

    The hub's download bars stay.
    """
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def _from_hand(
    source: Any, tokenizer: Any, device: Any, backend: Backend, memory: int | None
) -> Lens:
    held = backend_of(source)
    if held is not None:
        facts = _held_facts(source, held)
        return _lens(source, tokenizer or source.tokenizer, held, facts, memory)
    if not hasattr(source, "get_input_embeddings") or not hasattr(source, "config"):
        raise ModelError(
            f"Cannot make a lens of a {type(source).__name__}.",
            "Give a name, a path, a Hugging Face model, a TransformerBridge or HookedTransformer.",
        )
    if device is not None:
        source = _to_device(source, device)
    name = type(source).__name__
    return lens_of(source, tokenizer, name=name, backend=backend, memory=memory)


def lens_of(
    hf: Any, tokenizer: Any, *, name: str, backend: Backend, memory: int | None = None
) -> Lens:
    """Make a lens of a Hugging Face model; see `load_lens`."""
    hf.eval().requires_grad_(False)
    facts = {"name": name, "fingerprint": model_fingerprint(hf), **_config_facts(hf)}
    if tokenizer is None:
        raise ModelError(f"{name}: no tokenizer.", "Pass tokenizer=... with a model in hand.")
    return _lens(boot(hf, tokenizer, backend), tokenizer, backend, facts, memory)


def _config_facts(hf: Any) -> dict[str, Any]:
    config = hf.config.get_text_config()
    lengths = [getattr(config, field, None) for field in CONTEXT_FIELDS]
    listed = getattr(hf.generation_config, "eos_token_id", None)
    return {
        "n_ctx": next((int(n) for n in lengths if n), 2048),
        "window": getattr(config, "sliding_window", None),
        "eos_ids": tuple(listed) if isinstance(listed, list) else (listed,),
        "dtype": hf.dtype,
        "device": hf.get_input_embeddings().weight.device,
    }


def _held_facts(model: Any, backend: Backend) -> dict[str, Any]:
    name = str(getattr(model.cfg, "model_name", "") or type(model).__name__)
    if backend == "bridge":
        hf = model.original_model
        return {"name": name, "fingerprint": model_fingerprint(hf), **_config_facts(hf)}
    weight = model.embed.W_E
    return {
        "name": name,
        "fingerprint": model_fingerprint(model),
        "n_ctx": model.cfg.n_ctx,
        "window": getattr(model.cfg, "window_size", None),
        "eos_ids": (),
        "dtype": weight.dtype,
        "device": weight.device,
    }


def _lens(
    model: Any, tokenizer: Any, backend: Backend, facts: dict[str, Any], memory: int | None
) -> Lens:
    if tokenizer is None:
        raise ModelError(f"{facts['name']}: no tokenizer.", "Pass tokenizer=...")
    eos = {i for i in (*facts.pop("eos_ids"), tokenizer.eos_token_id) if i is not None}
    pad = tokenizer.pad_token_id
    device = facts["device"]
    memory = free_memory(device) if memory is None else memory
    return Lens(
        model=model,
        tokenizer=tokenizer,
        backend=backend,
        n_layers=model.cfg.n_layers,
        d_model=model.cfg.d_model,
        pad_id=pad if pad is not None else min(eos, default=0),
        eos_ids=tuple(sorted(eos)),
        tokenizer_fingerprint=tokenizer_fingerprint(tokenizer),
        budget=budget_of(model.cfg, memory, device.type, facts["dtype"].itemsize),
        **facts,
    )
