"""What must hold for any input at all, and where inputs come from.

Each law returns `valid` or `refused`; anything else that happens is a failure.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from hypothesis import strategies as st
from safetensors.torch import save
from trust_ground import CARD, SPLITS, rows

from cast_lens.errors import CastLensError, ConfigError, TaskError, VectorError
from cast_lens.experiment.config import CastConfig, make_config, read_config
from cast_lens.model.tiny import tiny_tokenizer
from cast_lens.model.tokens import encode
from cast_lens.prompts.prompt import few_shot, zero_shot
from cast_lens.steer.identity import Identity
from cast_lens.steer.vectors import FORMAT, load_vectors
from cast_lens.tasks.reader import read_task, scan_task
from cast_lens.tasks.task import Example, Task

Outcome = Literal["valid", "refused"]
HOME = Identity(
    model="m",
    model_fingerprint="m",
    tokenizer_fingerprint="t",
    template="plain",
    dtype="float32",
    d_model=4,
)
ENTRY = {"layer": 0, "identity": HOME.model_dump(), "recipe": {"method": "test"}}
SOUND_VECTOR = save({"v": torch.ones(4)}, metadata={FORMAT: json.dumps({"v": ENTRY})})
SOUND_FILES = {"task.toml": CARD.encode(), **{f"{s}.jsonl": rows(s) for s in SPLITS}}
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES | st.sampled_from(["red", "blue", "definition", "train-1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def one_line(error: CastLensError, start: str) -> Outcome:
    """A refusal as a person must see it."""
    assert str(error).startswith(start), error
    assert "\n" not in str(error)
    return "refused"


@st.composite
def spoiled(draw: st.DrawFn, sound: bytes) -> bytes:
    """Sound bytes with a few of them changed, left out or put in."""
    content = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        gone = draw(st.sampled_from([0, 0, 1, 2, 8, len(content)]))
        content[at : at + gone] = draw(st.binary(max_size=8))
    return bytes(content)


NEAR_ROWS = st.fixed_dictionaries(
    {"id": VALUES, "input": VALUES, "label": st.sampled_from(["red", "blue"]) | VALUES},
    optional={"accept": VALUES, "passage": VALUES, "note": VALUES},
).map(lambda value: json.dumps(value).encode() + b"\n")
PIECES = ["name", "labels", "format", '"red"', "=", "[", "]", "{", "}", ",", "\n", "1", '"""', "#"]
NEAR_CARDS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map(
    lambda parts: "".join(parts).encode("utf-8", "surrogatepass")
)
FILE_NAMES = st.sampled_from(sorted(SOUND_FILES))


@st.composite
def task_files(draw: st.DrawFn) -> dict[str, bytes]:
    """The files of a task of which one or two are anything."""
    files = dict(SOUND_FILES)
    for name in draw(st.lists(FILE_NAMES, min_size=1, max_size=2, unique=True)):
        anything = st.binary(max_size=200) | NEAR_ROWS | NEAR_CARDS | spoiled(files[name])
        content = draw(anything)
        files[name] = files[name] + content if draw(st.booleans()) else content
    return files


def task_reader_survives(files: dict[str, bytes], folder: Path) -> Outcome:
    """Any bytes in any file give a task that is itself again, or one line naming the folder."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    try:
        task = read_task(folder)
    except TaskError as error:
        return one_line(error, f"{folder}/")
    assert not any(one.fatal for one in scan_task(folder).findings)
    assert Task.model_validate(task.model_dump()) == task
    assert len(task.fingerprint()) == 16
    return "valid"


def _with_header(value: Any) -> bytes:
    header = json.dumps(value).encode()
    return len(header).to_bytes(8, "little") + header + bytes(16)


TENSORS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "I64", "BOOL", "F8_E4M3"]) | VALUES,
        "shape": st.lists(st.integers(-1, 8), max_size=3) | VALUES,
        "data_offsets": st.just([0, 16]) | VALUES,
    }
)
PROVENANCE = st.fixed_dictionaries(
    {"layer": st.integers(-2, 9) | VALUES, "identity": st.just(ENTRY["identity"]) | VALUES},
    optional={"recipe": st.just({}) | VALUES},
)
TOLD = st.dictionaries(st.sampled_from(["v", "w"]), PROVENANCE | VALUES, max_size=2) | VALUES
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "v": st.just({"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}) | TENSORS,
        "__metadata__": TOLD.map(lambda told: {FORMAT: json.dumps(told)}) | VALUES,
    },
).map(_with_header)
VECTOR_BYTES = st.binary(max_size=300) | spoiled(SOUND_VECTOR) | HEADERS


def vector_reader_survives(content: bytes, folder: Path) -> Outcome:
    """Any bytes give finite directions of their model's width, or one line naming the file."""
    path = folder / "v.safetensors"
    path.write_bytes(content)
    try:
        vectors = load_vectors(path)
    except VectorError as error:
        return one_line(error, f"{path}: ")
    for vector in vectors.values():
        assert vector.direction.isfinite().all()
        assert vector.direction.shape == (vector.identity.d_model,)
        assert vector.layer >= 0
    return "valid"


SETTINGS = st.dictionaries(
    st.sampled_from(sorted(CastConfig.model_fields)) | st.text(max_size=6),
    VALUES | st.integers(0, 9) | st.lists(st.integers(-1, 5), max_size=3),
    max_size=4,
).map(lambda some: {"sources": ["a"], "targets": ["b"], **some})


def settings_survive(settings: dict[str, Any]) -> Outcome:
    """Any settings give a config that is itself again, or one line."""
    try:
        config = make_config(settings)
    except ConfigError as error:
        return one_line(error, "settings: ")
    assert make_config(config.model_dump()) == config
    return "valid"


SETTING_FILES = st.binary(max_size=100) | spoiled(b'sources = ["a"]\ntargets = ["b"]\nshots = 4\n')


def settings_file_survives(content: bytes, folder: Path) -> Outcome:
    """Any bytes in a settings file give a config, or one line naming the file."""
    path = folder / "c.toml"
    path.write_bytes(content)
    try:
        read_config(path, {})
    except ConfigError as error:
        return one_line(error, f"{path}: ")
    return "valid"


FILLED = st.text(min_size=1, max_size=30).filter(lambda text: bool(text.strip()))
TOKENIZER = tiny_tokenizer()


def prompts_survive(instruction: str, texts: list[str], labels: list[str]) -> Outcome:
    """Any text is in its prompt word for word, and the prompt in its tokens."""
    try:
        examples = tuple(
            Example(id=f"e{i}", input=text, label=labels[i % 2]) for i, text in enumerate(texts)
        )
        task = Task(
            name="any",
            instruction=instruction,
            labels=tuple(labels),
            format="definition",
            train=examples,
            dev=(),
            test=(),
        )
    except ValueError:
        return "refused"
    for prompt in (zero_shot(task, examples[0]), few_shot(task, examples[0], examples[1:])):
        assert instruction in prompt.text
        assert all(one in prompt.text for one in (texts[0], *prompt.demonstrations))
        ids = encode(TOKENIZER, prompt.text)
        assert TOKENIZER.decode(ids, skip_special_tokens=False) == f"<s>{prompt.text}"
    return "valid"
