"""Bad vectors, as Python meets them: what is given, what the line must say."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cases_models import Trap
from safetensors.torch import save, save_file

from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import zero_shot
from cast_lens.score.labels import score_labels
from cast_lens.steer.identity import Identity, identity_of
from cast_lens.steer.injection import Injection
from cast_lens.steer.vectors import FORMAT, SteeringVector, load_vectors, save_vectors
from cast_lens.tasks.reader import BUNDLED, read_task

Attempt = Callable[[Lens, Path], object]
NAN, INF = float("nan"), float("inf")


def vector(lens: Lens, layer: int = 0, width: int | None = None) -> SteeringVector:
    """A vector of ones at home in the lens."""
    identity = identity_of(lens, "plain")
    return SteeringVector(torch.ones(width or identity.d_model), layer, identity, {})


def valued(value: float) -> Attempt:
    """One bad number in a direction."""

    def attempt(lens: Lens, _: Path) -> object:
        direction = torch.ones(lens.d_model)
        direction[3] = value
        return SteeringVector(direction, 0, identity_of(lens, "plain"), {})

    return attempt


def injected(strength: float, **changed: Any) -> Attempt:
    """A vector written into one prompt."""

    def attempt(lens: Lens, _: Path) -> object:
        task = read_task(BUNDLED / "sentences" / "topic")
        made = vector(lens, changed.get("layer", 0))
        if "model" in changed:
            other = made.identity.model_copy(update={"model_fingerprint": "another"})
            made = SteeringVector(made.direction, 0, other, {})
        injection = Injection(made, strength, policy=changed.get("policy", "prompt_last"))
        return score_labels(lens, [zero_shot(task, task.test[0])], task.labels, [injection])

    return attempt


def wide(lens: Lens, _: Path) -> object:
    """A vector wider than its model, and one at home in a wider model."""
    return vector(lens, width=lens.d_model + 1)


def wide_home(lens: Lens, _: Path) -> object:
    """A vector of a wider model, insisted on."""
    identity = identity_of(lens, "plain").model_copy(update={"d_model": 64})
    made = SteeringVector(torch.ones(64), 0, identity, {})
    task = read_task(BUNDLED / "sentences" / "topic")
    injection = Injection(made, allow_mismatch=True)
    return score_labels(lens, [zero_shot(task, task.test[0])], task.labels, [injection])


def negative(lens: Lens, _: Path) -> object:
    """A layer below the first."""
    return vector(lens, layer=-1)


def read(content: bytes | None) -> Attempt:
    """A vector file with such bytes; a folder where None."""

    def attempt(_: Lens, place: Path) -> object:
        path = place / "v.safetensors"
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)
        return load_vectors(path)

    return attempt


def missing(_: Lens, place: Path) -> object:
    """A file that is not there."""
    return load_vectors(place / "nowhere.safetensors")


def foreign(tensor: torch.Tensor, **about: Any) -> Attempt:
    """A well-formed file with one tensor and such provenance."""

    def attempt(lens: Lens, place: Path) -> object:
        told = {"layer": 0, "identity": identity_of(lens, "plain").model_dump(), "recipe": {}}
        metadata = {FORMAT: json.dumps({"v": told | about})}
        save_file({"v": tensor}, place / "v.safetensors", metadata=metadata)
        return load_vectors(place / "v.safetensors")

    return attempt


def torch_file(_: Lens, place: Path) -> object:
    """What `torch.save` writes, under the right ending."""
    torch.save({"v": torch.ones(32)}, place / "v.safetensors")
    return load_vectors(place / "v.safetensors")


def into_a_folder(lens: Lens, place: Path) -> object:
    """A vector saved over a folder."""
    (place / "v").mkdir()
    return save_vectors(place / "v", {"v": vector(lens)})


def into_a_file(lens: Lens, place: Path) -> object:
    """A vector saved below a file."""
    (place / "v").write_text("mine")
    return save_vectors(place / "v" / "w", {"v": vector(lens)})


HOME = Identity(
    model="m",
    model_fingerprint="m",
    tokenizer_fingerprint="t",
    template="plain",
    dtype="float32",
    d_model=4,
)
SOUND = save(
    {"v": torch.ones(4)},
    metadata={FORMAT: json.dumps({"v": {"layer": 0, "identity": HOME.model_dump(), "recipe": {}}})},
)
HUGE_HEADER = (1 << 62).to_bytes(8, "little") + SOUND[8:]
ONES = torch.ones(32)
VECTORS: list[tuple[str, Attempt, str]] = [
    ("NaN in a direction", valued(NAN), "NaN or infinite"),
    ("infinity in a direction", valued(INF), "NaN or infinite"),
    ("wider than its model", wide, "width 33"),
    ("of a wider model", wide_home, "d_model: 64, 32"),
    ("negative layer", negative, "Layer -1 is negative"),
    ("layer beyond the model", injected(1.0, layer=3), "which has layers 0 to 2"),
    ("strength NaN", injected(NAN), "Strength must be a finite number"),
    ("strength infinite", injected(-INF), "Strength must be a finite number"),
    ("strength that overflows", injected(1e300), "strength 1e+300 at layer 0"),
    ("policy unknown", injected(1.0, policy="everywhere"), "'everywhere' is not one of"),
    ("of another model", injected(1.0, model="x"), "model_fingerprint: another"),
    ("file missing", missing, "no such file"),
    ("file a folder", read(None), "not a readable safetensors file"),
    ("file empty", read(b""), "not a readable safetensors file"),
    ("file of noise", read(bytes(range(256)) * 8), "not a readable safetensors file"),
    ("file cut in its header", read(SOUND[:40]), "not a readable safetensors file"),
    ("file cut in its numbers", read(SOUND[:-3]), "not a readable safetensors file"),
    ("file that is too long", read(SOUND + b"x"), "not a readable safetensors file"),
    ("header past all memory", read(HUGE_HEADER), "not a readable safetensors file"),
    ("file a pickle with a trap", read(pickle.dumps(Trap())), "pickles are never opened"),
    ("file of torch.save", torch_file, "pickles are never opened"),
    ("file without provenance", read(save({"v": ONES})), "holds no cast_lens provenance"),
    ("provenance no JSON", read(save({"v": ONES}, metadata={FORMAT: "{"})), "provenance cannot"),
    ("provenance a list", read(save({"v": ONES}, metadata={FORMAT: "[]"})), "provenance cannot"),
    ("layer text", foreign(ONES, layer="0"), "cannot be read"),
    ("layer a fraction", foreign(ONES, layer=0.5), "cannot be read"),
    ("layer negative in a file", foreign(ONES, layer=-1), "is negative"),
    ("recipe a number", foreign(ONES, recipe=3), "cannot be read"),
    ("identity lacking", foreign(ONES, identity={}), "cannot be read"),
    ("direction in rows", foreign(torch.ones(4, 8)), "cannot be read"),
    ("direction of whole numbers", foreign(torch.ones(32, dtype=torch.int32)), "cannot be read"),
    ("NaN in a file", foreign(torch.full((32,), NAN)), "NaN or infinite"),
    ("another width in a file", foreign(torch.ones(8)), "width 8"),
    ("saved over a folder", into_a_folder, "cannot be written"),
    ("saved below a file", into_a_file, "cannot be written"),
]
