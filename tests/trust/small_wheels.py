"""A tiny model and a tiny sentence encoder as wheels of a package index on this machine."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cast_lens.model.catalog import CATALOG, ENCODERS, WheelEncoder, WheelModel
from cast_lens.model.tiny import tiny_model, tiny_tokenizer

MODEL, ENCODER = "small", "small-encoder"
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS)]
PATIENCE = 60  # seconds


def _gguf_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem in NAMES:
        return f"{NAMES[stem]}.weight"
    _, _, block, part = stem.split(".", 3)
    return f"blk.{block}.{NAMES[part]}.weight"


def _tokens() -> tuple[list[str], list[str]]:
    """Tokens and merges: the bytes, and the tiny tokenizer's words letter by letter."""
    known = tiny_tokenizer().get_vocab()
    words = sorted(known, key=lambda token: known[token])
    steps = [(word[: n - 1], word[n - 1]) for word in words[3:] for n in range(2, len(word) + 1)]
    tokens = dict.fromkeys([*words, *(first + last for first, last in steps)])
    return list(tokens), [f"{first} {last}" for first, last in dict.fromkeys(steps)]


def write_gguf(path: Path) -> None:
    """The tiny Llama as a GGUF file."""
    from gguf import GGUFWriter, TokenType

    tokens, merges = _tokens()
    hf = tiny_model("llama", 0, vocabulary=len(tokens))
    config, writer = hf.config, GGUFWriter(path, "llama")
    writer.add_name("small")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    special = TokenType.CONTROL, TokenType.NORMAL
    writer.add_token_types([special[i > 2] for i in range(len(tokens))])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    for name, tensor in hf.state_dict().items():
        writer.add_tensor(_gguf_name(name), tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_encoder(folder: Path) -> None:
    """A sentence encoder of one block with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(vocab_size=len(VOCABULARY), num_hidden_layers=1, **sizes)
        BertModel(config).save_pretrained(folder / "plain")
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    BertTokenizerFast(vocab=ids).save_pretrained(folder / "plain")
    modules = [Transformer(str(folder / "plain")), Pooling(16)]
    SentenceTransformer(modules=modules).save(str(folder / "model"))


def _wheel(project: str, root: Path, members: dict[str, bytes]) -> tuple[str, str]:
    """Put a wheel into the index; returns version and hash."""
    path = root / "simple" / project / f"{project}-1.0-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    about = f"{project}-1.0.dist-info"
    told = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | told).items():
            archive.writestr(f"{name}", content)
    return "1.0", hashlib.sha256(path.read_bytes()).hexdigest()


def publish(root: Path) -> None:
    """Write both wheels below `root` and enter them in this process's catalogue."""
    made = root / "made"
    made.mkdir(parents=True)
    write_gguf(made / "m.gguf")
    write_encoder(made)
    gguf = (made / "m.gguf").read_bytes()
    told = {"licence": "MIT", "about": "for tests"}
    version, digest = _wheel("smallmodel", root, {"smallmodel/m.gguf": gguf})
    CATALOG[MODEL] = WheelModel(
        name=MODEL,
        project="smallmodel",
        version=version,
        wheel_sha256=digest,
        member="smallmodel/m.gguf",
        member_bytes=len(gguf),
        architecture="LlamaForCausalLM",
        split_digits=False,
        **told,
    )
    parts = {
        f"smallencoder/model/{path.relative_to(made / 'model')}": path.read_bytes()
        for path in (made / "model").rglob("*")
        if path.is_file()
    }
    version, digest = _wheel("smallencoder", root, parts)
    ENCODERS[ENCODER] = WheelEncoder(
        name=ENCODER,
        project="smallencoder",
        version=version,
        wheel_sha256=digest,
        members="smallencoder/model/",
        **told,
    )


@contextmanager
def served(root: Path, log: Path) -> Iterator[dict[str, str | None]]:
    """Serve a folder of `simple/PROJECT/WHEEL`; yields what pip must be told, None to forget.

    Every request is a line of `log`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with log.open("wb") as stream:
        server = subprocess.Popen([*words, "-d", str(root)], stderr=stream, stdout=stream)
    try:
        _wait_for(port)
        yield {
            "PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_FIND_LINKS": None,
            "PIP_EXTRA_INDEX_URL": None,
            "PIP_CONSTRAINT": None,
        }
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the index does not answer"
            time.sleep(0.05)
        else:
            return
