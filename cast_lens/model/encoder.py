"""Embeddings of texts for choosing examples, kept by content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from cast_lens.errors import ModelError
from cast_lens.files import fingerprint, whole_file
from cast_lens.model.catalog import ENCODERS, cache_root
from cast_lens.model.fetch import fetch
from cast_lens.model.load import without_bars
from cast_lens.progress import progress_bar
from cast_lens.reach import on_disk

BATCH = 64  # texts


def embed_texts(
    texts: Sequence[str], encoder: str = "minilm", device: str | None = None
) -> Float[np.ndarray, "text width"]:
    """Sentence embeddings; those of an encoder known by a short name are computed once.

    Args:
        texts: at least one.
        encoder: a short name, or a folder or hub id that sentence-transformers reads.
        device: for example ``cuda``; the CPU when None.

    Raises:
        ModelError: when the encoder cannot be found, fetched or read.
    """
    known = ENCODERS.get(encoder)
    if known is None:
        return _encode(texts, encoder, device)
    about = {"encoder": known.name, "version": known.version, "texts": list(texts)}
    return kept_embeddings(about, lambda: _encode(texts, encoder, device))


def kept_embeddings(
    about: dict[str, Any], compute: Callable[[], Float[np.ndarray, "text width"]]
) -> Float[np.ndarray, "text width"]:
    """Embeddings out of the user's cache, or computed and put there.

    Args:
        about: everything that decides them; JSON values only.
        compute: makes them when they are not there.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    path = cache_root() / "embeddings" / f"{fingerprint(about)}.safetensors"
    try:
        return np.asarray(load_file(path)["embeddings"])
    except (FileNotFoundError, SafetensorError, KeyError):
        found = np.ascontiguousarray(compute(), dtype=np.float32)
    try:
        with whole_file(path) as temporary:
            save_file({"embeddings": found}, temporary)
    except OSError as error:
        raise ModelError(
            f"{path.parent}: cannot be written ({error.strerror or error}).",
            "Free some space or set CAST_LENS_CACHE to another folder.",
        ) from error
    return found


def _encode(
    texts: Sequence[str], encoder: str, device: str | None
) -> Float[np.ndarray, "text width"]:
    model = _load(encoder, device)
    rows = []
    with progress_bar(len(texts), "embedding", unit="text") as bar:
        for start in range(0, len(texts), BATCH):
            some = list(texts[start : start + BATCH])
            rows.append(model.encode(some, convert_to_numpy=True, show_progress_bar=False))
            bar.update(len(some))
    return np.concatenate(rows)


def _load(encoder: str, device: str | None) -> Any:
    from sentence_transformers import SentenceTransformer

    known = ENCODERS.get(encoder)
    where = str(fetch(known)) if known else encoder
    try:
        with without_bars():
            return SentenceTransformer(
                where,
                device=device or "cpu",
                local_files_only=on_disk(where),
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},  # other formats are pickles
            )
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise ModelError(
            f"{encoder}: cannot be read as a sentence encoder ({reason}).",
            f"Give a folder, a hub id or one of: {', '.join(ENCODERS)}.",
        ) from error
