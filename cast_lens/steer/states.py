"""Records of residual states: tensors in, no model needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from cast_lens.errors import VectorError
from cast_lens.records import Rows, Tabular
from cast_lens.shapes import as_array, shaped
from cast_lens.steer.identity import Identity


@shaped
class ResidualStates(Tabular):
    """States of the residual stream after some blocks, one row a prompt.

    Attributes:
        values: float32 on the CPU.
        layers: which block each first index is, ascending.
        query_ids: which example each row asks about.
        identity: model, tokenizer, template and dtype they were read with.
    """

    values: Float[Tensor, "layer prompt d_model"]
    layers: tuple[int, ...]
    query_ids: tuple[str, ...]
    identity: Identity

    def __post_init__(self) -> None:
        shape = tuple(self.values.shape[:2])
        if shape != (len(self.layers), len(self.query_ids)):
            raise VectorError(
                f"States of shape {tuple(self.values.shape)} do not fit {len(self.layers)} layers "
                f"and {len(self.query_ids)} prompts."
            )
        if not self.values.isfinite().all():
            raise VectorError("States hold NaN or infinite values.", "Read them in float32.")

    def at(self, layer: int) -> Float[Tensor, "prompt d_model"]:
        """States after one block.

        Raises:
            VectorError: when that block was not read.
        """
        if layer not in self.layers:
            raise VectorError(f"Layer {layer} was not read; read were {list(self.layers)}.")
        return self.values[self.layers.index(layer)]

    def only(self, query_ids: Sequence[str]) -> ResidualStates:
        """States of some of the prompts, in the order given.

        Raises:
            VectorError: when one of them was not read.
        """
        rows = {id_: row for row, id_ in enumerate(self.query_ids)}
        if missing := [id_ for id_ in query_ids if id_ not in rows]:
            raise VectorError(f"No state of {missing[0]!r} was read.")
        values = self.values[:, [rows[id_] for id_ in query_ids]]
        return ResidualStates(values, self.layers, tuple(query_ids), self.identity)

    def __repr__(self) -> str:
        layers, prompts, width = self.values.shape
        return (
            f"ResidualStates({layers} layers x {prompts} prompts x {width}, {self.identity.model})"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The values, for `numpy.asarray`."""
        return as_array(self.values.numpy(), dtype, copy)

    def as_rows(self) -> Rows:
        """One row a block: how many states, and the median of their lengths."""
        norms = self.values.double().norm(dim=-1).median(dim=1).values
        known = {"model": self.identity.model, "prompts": len(self.query_ids)}
        return [
            known | {"layer": layer, "median_norm": float(norm)}
            for layer, norm in zip(self.layers, norms, strict=True)
        ]


@shaped
class ResidualMoments:
    """Running sums of states: what is left when single states are not kept.

    Attributes:
        mean: mean over prompts.
        mean_square: mean of the squares, per coordinate.
        n: number of prompts.
    """

    mean: Float[Tensor, "layer d_model"]
    mean_square: Float[Tensor, "layer d_model"]
    n: int
    layers: tuple[int, ...]
    identity: Identity


def contrast(few: ResidualStates, zero: ResidualStates) -> ResidualStates:
    """Differences d_i = h_few(i) - h_zero(i), row by row.

    Raises:
        VectorError: when the two do not ask about the same examples in the same order, were read
            at other layers, or from another model, tokenizer, template or dtype.
    """
    differing = few.identity.differences(zero.identity)
    if differing:
        raise VectorError(f"The two sets of states differ in {'; '.join(differing)}.")
    if few.layers != zero.layers:
        raise VectorError(f"Layers differ: {list(few.layers)} and {list(zero.layers)}.")
    if few.query_ids != zero.query_ids:
        raise VectorError(
            "Few-shot and zero-shot states must ask about the same examples in the same order."
        )
    return ResidualStates(few.values - zero.values, few.layers, few.query_ids, few.identity)
