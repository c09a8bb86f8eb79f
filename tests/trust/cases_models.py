"""Models that cannot be used: what is broken, what the line must say."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

from cases_settings import setting, typed
from cases_tasks import Case, Prepare
from trust_ground import CARD, Ground, jsonl, row

INVISIBLE = "\N{ZERO WIDTH SPACE}"


class Trap:
    """What leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return Path.touch, (Path("sprung"),)  # type: ignore[return-value]


def broken(breaks: Callable[[Path], None]) -> Prepare:
    """A run with a copy of the tiny model that was broken."""

    def prepare(ground: Ground) -> list[str]:
        ground.task()
        return ground.run(model=str(ground.broken_model(breaks)))

    return prepare


def without(*names: str) -> Callable[[Path], None]:
    """Leave files out."""

    def breaks(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return breaks


def with_content(name: str, content: bytes) -> Callable[[Path], None]:
    """Put other bytes into a file."""
    return lambda folder: (folder / name).write_bytes(content) and None


def cut(name: str) -> Callable[[Path], None]:
    """Keep the first half of a file."""

    def breaks(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return breaks


def config(**changed: object) -> Callable[[Path], None]:
    """Change entries of config.json."""

    def breaks(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    return breaks


def _pickled_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))


def _torch_weights(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _nan_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"][5:] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _own_code(folder: Path) -> None:
    config(model_type="own", auto_map={"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"})(
        folder
    )
    (folder / "own.py").write_text("from pathlib import Path\nPath('sprung').touch()\n")


def _deaf_tokenizer(folder: Path) -> None:
    """A tokenizer that drops zero-width spaces and spaces at the end."""
    from tokenizers import Tokenizer, normalizers

    inner = Tokenizer.from_file(str(folder / "tokenizer.json"))
    inner.normalizer = normalizers.Sequence(
        [normalizers.Replace(INVISIBLE, ""), normalizers.Strip(left=False, right=True)]
    )
    inner.save(str(folder / "tokenizer.json"))


def _label_of_no_token(ground: Ground) -> list[str]:
    card = CARD.replace('"blue"', f'"{INVISIBLE}"').encode()
    labels = ("red", INVISIBLE)
    split = {
        f"{s}.jsonl": jsonl(*(row(f"{s}-{i}", labels[i % 2]) for i in range(6)))
        for s in ("train", "dev", "test")
    }
    ground.task({"task.toml": card, **split})
    return ground.run(model=str(ground.broken_model(_deaf_tokenizer)))


def gguf(content: bytes | None) -> Prepare:
    """A run with such a GGUF file."""

    def prepare(ground: Ground) -> list[str]:
        ground.task()
        if content is not None:
            (ground.root / "m.gguf").write_bytes(content)
        return ground.run(model="m.gguf")

    return prepare


def _unknown_architecture(ground: Ground) -> list[str]:
    import numpy as np
    from gguf import GGUFWriter

    ground.task()
    writer = GGUFWriter(ground.root / "m.gguf", "quantum")
    writer.add_block_count(1)
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return ground.run(model="m.gguf")


def _weights_file(ground: Ground) -> list[str]:
    ground.task()
    return ground.run(model=str(ground.model / "model.safetensors"))


def chat(ground: Ground) -> list[str]:
    """The chat template is asked of a tokenizer that has none."""
    ground.task()
    folder = ground.broken_model(without("chat_template.jinja"))
    return ground.run(model=str(folder), template="chat")


TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
WEIGHTS = "model.safetensors"
MODELS: list[Case] = [
    ("model folder missing", setting(model="./nowhere"), "not a Hugging Face model folder"),
    ("model folder empty", broken(without("config.json")), "holds no config.json"),
    ("model is a weights file", _weights_file, "not a Hugging Face model folder"),
    ("model of an impossible name", setting(model="a b/c?d"), "no such model on the hub"),
    ("model not in the cache", setting(model="nobody/nothing"), "HF_HUB_OFFLINE"),
    ("model name unknown", typed("models", "show", "gpt9"), "Known names"),
    ("fetch a name unknown", typed("models", "fetch", "../gpt9"), "Known names"),
    ("config.json no JSON", broken(with_content("config.json", b"{")), "cannot be loaded"),
    ("config.json binary", broken(with_content("config.json", b"\x00\xff")), "cannot be loaded"),
    ("architecture unknown", broken(config(model_type="quantum")), "cannot be loaded"),
    ("config of other widths", broken(config(hidden_size=64)), "of another shape"),
    ("more blocks than weights", broken(config(num_hidden_layers=4)), "weights are missing"),
    ("weights missing", broken(without(WEIGHTS)), "cannot be loaded"),
    ("weights cut off", broken(cut(WEIGHTS)), "cannot be loaded"),
    ("weights of NaN", broken(_nan_weights), "logits are NaN or infinite"),
    ("weights a pickle with a trap", broken(_pickled_weights), "safetensors"),
    ("weights saved by torch", broken(_torch_weights), "safetensors"),
    ("code beside the weights", broken(_own_code), "cannot be loaded"),
    ("no tokenizer", broken(without(*TOKENIZER)), "tokenizer"),
    ("tokenizer cut off", broken(cut("tokenizer.json")), "cannot be loaded"),
    ("no chat template", chat, "has no chat template"),
    ("label that tokenises to nothing", _label_of_no_token, "has no token"),
    ("GGUF missing", gguf(None), "m.gguf: no such file"),
    ("GGUF empty", gguf(b""), "cannot be read as a GGUF model"),
    ("GGUF cut off", gguf(b"GGUF\x03\x00\x00\x00"), "cannot be read as a GGUF model"),
    ("GGUF of an unknown architecture", _unknown_architecture, "cannot be read as a GGUF model"),
]
