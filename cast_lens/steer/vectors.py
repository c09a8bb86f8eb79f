"""Steering vectors: made from states, combined, saved with their provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.errors import VectorError
from cast_lens.files import whole_file
from cast_lens.records import Rows, Tabular, as_row
from cast_lens.shapes import as_array, shaped
from cast_lens.steer.identity import Identity
from cast_lens.steer.states import ResidualStates, contrast

FORMAT = "cast_lens.vectors.2"


@shaped
class SteeringVector(Tabular):
    """One direction for one block.

    Attributes:
        direction: float32 on the CPU, finite.
        layer: block after which it was read and is to be written, counted from 0.
        identity: model, tokenizer, template and dtype it belongs to.
        recipe: how it was made; JSON values only.
    """

    direction: Float[Tensor, " d_model"]
    layer: int
    identity: Identity
    recipe: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.layer < 0:
            raise VectorError(f"Layer {self.layer} is negative; layers count from 0.")
        if self.direction.shape[0] != self.identity.d_model:
            raise VectorError(
                f"The direction has width {self.direction.shape[0]}, "
                f"its model has {self.identity.d_model}."
            )
        if not self.direction.isfinite().all():
            raise VectorError("The direction holds NaN or infinite values.")

    @property
    def norm(self) -> float:
        """Euclidean length."""
        return float(self.direction.double().norm())

    @property
    def tensor_name(self) -> str:
        """The field's usual name for it in a file: ``direction.{layer}``."""
        return f"direction.{self.layer}"

    def __add__(self, other: SteeringVector) -> SteeringVector:
        """Sum of two vectors of the same layer and identity."""
        differing = self.identity.differences(other.identity)
        if self.layer != other.layer:
            differing.append(f"layer: {self.layer}, {other.layer}")
        if differing:
            raise VectorError(f"These vectors do not add: {'; '.join(differing)}.")
        recipe = {"method": "sum", "of": [dict(self.recipe), dict(other.recipe)]}
        return replace(self, direction=self.direction + other.direction, recipe=recipe)

    def __mul__(self, factor: float) -> SteeringVector:
        """The vector scaled by a number."""
        recipe = {"method": "scaled", "factor": float(factor), "of": dict(self.recipe)}
        return replace(self, direction=self.direction * factor, recipe=recipe)

    __rmul__ = __mul__

    def __neg__(self) -> SteeringVector:
        """The opposite vector."""
        return self * -1.0

    def __sub__(self, other: SteeringVector) -> SteeringVector:
        """Difference of two vectors of the same layer and identity."""
        return self + -other

    def __repr__(self) -> str:
        method = self.recipe.get("method", "?")
        return f"SteeringVector({method}, layer {self.layer}, norm {self.norm:.3g})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The values, for `numpy.asarray`."""
        return as_array(self.direction.numpy(), dtype, copy)

    def as_rows(self) -> Rows:
        """One row: where it belongs and how it was made."""
        about = {"layer": self.layer, "norm": self.norm, "model": self.identity.model}
        return [as_row({**about, "recipe": self.recipe})]


def _mean(states: ResidualStates, layer: int) -> Tensor:
    mean: Tensor = states.at(layer).double().mean(dim=0).float()
    return mean


def mean_vector(
    few: ResidualStates,
    zero: ResidualStates,
    layer: int,
    recipe: Mapping[str, Any] | None = None,
) -> SteeringVector:
    """The CAST vector v = mean of h_few(i) - h_zero(i) at one layer, averaged in float64.

    Source: CAST, arXiv 2507.13236, section 4.3.

    Args:
        recipe: facts to keep with the vector, such as the source task.

    Raises:
        VectorError: see `contrast`; also when `layer` was not read.
    """
    differences = contrast(few, zero)
    made = {"method": "contrast", "n": len(few.query_ids), **(recipe or {})}
    return SteeringVector(_mean(differences, layer), layer, few.identity, made)


def mean_state(
    states: ResidualStates, layer: int, recipe: Mapping[str, Any] | None = None
) -> SteeringVector:
    """Mean state at one layer, nothing subtracted (the `few_only` arm)."""
    made = {"method": "mean", "n": len(states.query_ids), **(recipe or {})}
    return SteeringVector(_mean(states, layer), layer, states.identity, made)


def placebo(vector: SteeringVector, seed: int) -> SteeringVector:
    """A random direction of the same norm, uniform on the sphere, drawn by its own generator."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(vector.direction.shape, generator=generator, dtype=torch.float64)
    direction = (noise * (vector.norm / noise.norm())).float()
    recipe = {"method": "placebo", "seed": seed, "of": dict(vector.recipe)}
    return replace(vector, direction=direction, recipe=recipe)


def save_vectors(path: Path, vectors: Mapping[str, SteeringVector]) -> None:
    """Write vectors to one safetensors file, whole or not at all.

    Args:
        path: the file.
        vectors: by tensor name; `SteeringVector.tensor_name` is the usual one.

    Raises:
        VectorError: when there is none to write, or the file cannot be written.
    """
    import json

    from safetensors import SafetensorError
    from safetensors.torch import save_file

    if not vectors:
        raise VectorError("There is no vector to save.")
    about = {
        name: {
            "layer": vector.layer,
            "identity": vector.identity.model_dump(),
            "recipe": dict(vector.recipe),
        }
        for name, vector in vectors.items()
    }
    tensors = {name: vector.direction.clone() for name, vector in vectors.items()}
    # one key: the library writes several in an order that changes from process to process
    metadata = {FORMAT: json.dumps(about, sort_keys=True, allow_nan=False)}
    try:
        with whole_file(Path(path)) as temporary:
            save_file(tensors, temporary, metadata=metadata)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VectorError(f"{path}: cannot be written ({reason}).") from error


def load_vectors(path: Path) -> dict[str, SteeringVector]:
    """Read vectors written by `save_vectors`, bit for bit.

    Raises:
        VectorError: when the file is missing, not safetensors (a pickle is never opened), cut off,
            or carries no provenance.
    """
    import json

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise VectorError(f"{path}: no such file.") from None
    except (SafetensorError, OSError) as error:
        raise VectorError(
            f"{path}: not a readable safetensors file ({error}).",
            "Only safetensors files are read; pickles are never opened.",
        ) from error
    if FORMAT not in metadata:
        raise VectorError(f"{path}: holds no cast_lens provenance (expected format {FORMAT}).")
    try:
        about = json.loads(metadata[FORMAT])
        return {
            name: SteeringVector(
                tensors[name], entry["layer"], Identity(**entry["identity"]), entry["recipe"]
            )
            for name, entry in about.items()
        }
    except VectorError as error:
        raise VectorError(f"{path}: {error.problem}") from error
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise VectorError(f"{path}: its provenance cannot be read ({error}).") from error
