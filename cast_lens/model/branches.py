"""Many variants of a prompt's last tokens in one pass, each joining at the block where it differs.

An injection after block l changes nothing up to block l. So the plain tokens run alone up to
there; then `hook_resid_post` returns them with edited copies appended, and the blocks above see
more tokens. Each copy stands at the same positions and sees the same prefix, itself and its own
ancestors. Works on every architecture whose blocks take a four-dimensional attention mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cast_lens.errors import HookError
from cast_lens.model.forward import KeyValues, forward
from cast_lens.model.hooks import hooked
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row, pad_rows
from cast_lens.shapes import shaped

TOLERANCE = 1e-4  # of the largest logit, float32
HALF_TOLERANCE = 0.1

Edits = Mapping[int, Callable[[Tensor], Tensor]]


@shaped
class Nodes:
    """Tokens to read after a prefix, as a tree a row.

    Attributes:
        ids: token ids; node 0 is the root, the prompt's last token.
        mask: True where a node is real.
        sees: whether the first node sees the second: itself and its ancestors.
        depth: how many tokens the node stands after the root.
    """

    ids: Int[Tensor, "row node"]
    mask: Bool[Tensor, "row node"]
    sees: Bool[Tensor, "row node node"]
    depth: Int[Tensor, "row node"]


@torch.no_grad()
def read_branches(
    lens: Lens, prefix: KeyValues, nodes: Nodes, branches: Sequence[Edits]
) -> Float[Tensor, "row branch node d_model"]:
    """States just before unembedding, of every branch's copy of the nodes.

    Args:
        lens: a bridge.
        prefix: what each row has read before its root; left as it was.
        nodes: the same number of rows.
        branches: for each branch, by layer, an edit of the nodes' states (row, node, d_model)
            after that block; an empty one is the plain model.
    """
    order = sorted(range(len(branches)), key=lambda b: min(branches[b], default=-1))
    plain = sum(not edits for edits in branches)
    growth = _Growth(nodes, [branches[b] for b in order[plain:]])
    with ExitStack() as stack:
        stack.enter_context(
            hooked(lens, {layer: growth.edit_for(layer) for layer in growth.layers})
        )
        stack.enter_context(_wider_masks(lens, growth))
        stack.enter_context(before_unembedding(lens, growth.take))
        prefix.read_nodes(nodes.ids, nodes.sees, nodes.depth)
    rows, width = nodes.ids.shape
    copies = growth.final.view(rows, -1, width, lens.d_model)
    index = torch.zeros(len(branches), dtype=torch.long)
    index[order[plain:]] = torch.arange(1, len(branches) - plain + 1)
    return copies[:, index.to(copies.device)]


class _Growth:
    """The state of one pass: which branches have joined so far."""

    def __init__(self, nodes: Nodes, branches: Sequence[Edits]) -> None:
        self.width = nodes.ids.shape[1]
        self.layers = sorted({layer for edits in branches for layer in edits})
        self._branches = branches
        self._joined = 0
        self.final = torch.empty(0)

    @property
    def copies(self) -> int:
        return 1 + self._joined

    def edit_for(self, layer: int) -> Callable[[Tensor], Tensor]:
        def edit(states: Tensor) -> Tensor:
            parts = list(torch.split(states, self.width, dim=1))
            for branch, edits in enumerate(self._branches):
                if layer in edits:
                    if branch < self._joined:
                        parts[1 + branch] = edits[layer](parts[1 + branch])
                    else:
                        parts.append(edits[layer](parts[0]))
            self._joined = len(parts) - 1
            return torch.cat(parts, dim=1)

        return edit

    def take(self, states: Tensor) -> Tensor:
        """Keep the final states; hand on one token, so that little is unembedded."""
        self.final = states
        return states[:, :1]


@contextmanager
def before_unembedding(lens: Lens, take: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Hand the final states to `take` and unembed what it returns."""

    def pre(_module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return take(args[0]), *args[1:]

    handle = lens.model.unembed.register_forward_pre_hook(pre)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _wider_masks(lens: Lens, growth: _Growth) -> Iterator[None]:
    """Give each block masks and positions for as many tokens as reach it."""
    made: dict[tuple[int, int], Any] = {}

    def widen(value: Any) -> Any:
        copies, width = growth.copies, growth.width
        if isinstance(value, tuple):
            return tuple(widen(part) for part in value)
        if not isinstance(value, Tensor) or value.ndim < 2:
            return value
        if value.ndim == 4 and value.shape[2] == width:
            key = (id(value), copies)
            if key not in made:
                made.clear()
                made[key] = (_tiled_mask(value, width, copies), value)
            return made[key][0]
        if value.ndim < 4 and value.shape[1] == width:
            return value.repeat(1, copies, *[1] * (value.ndim - 2))
        return value

    def pre(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if growth.copies == 1:
            return None
        states, *rest = args
        return (states, *map(widen, rest)), {name: widen(v) for name, v in kwargs.items()}

    handles = [
        block.register_forward_pre_hook(pre, with_kwargs=True) for block in lens.model.blocks
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tiled_mask(mask: Tensor, width: int, copies: int) -> Tensor:
    """An additive mask (row, 1, width, key) for several copies that do not see each other."""
    rows, heads, _, keys = mask.shape
    past = keys - width
    hidden = torch.finfo(mask.dtype).min
    own = mask.new_full((rows, heads, copies, width, copies, width), hidden)
    own.diagonal(dim1=2, dim2=4).copy_(mask[..., past:, None])
    seen = mask[..., :past].repeat(1, 1, copies, 1)
    return torch.cat([seen, own.view(rows, heads, copies * width, copies * width)], dim=-1)


@torch.no_grad()
def unembed(
    lens: Lens, states: Float[Tensor, "*place d_model"], ids: Sequence[int] | None = None
) -> Float[Tensor, "*place token"]:
    """Logits, of all tokens or of some, from states just before unembedding."""
    weight, bias = lens.model.unembed.W_U, getattr(lens.model.unembed, "b_U", None)
    if ids is not None:
        chosen = torch.tensor(ids, device=weight.device)
        weight = weight[:, chosen]
        bias = None if bias is None else bias[chosen]
    logits: Tensor = states @ weight
    if bias is not None:
        logits = logits + bias
    cap = getattr(lens.model.original_model.config, "final_logit_softcapping", None)
    return cap * torch.tanh(logits / cap) if cap else logits


_CHECKED: WeakKeyDictionary[Lens, bool] = WeakKeyDictionary()


def can_branch(lens: Lens, longest: int) -> bool:
    """Whether branches of sequences up to `longest` tokens equal plain runs; tried once a lens.

    Two prompts of different length, read with one plain and two edited branches, must give the
    logits of running each sequence whole. A sliding window is in no mask of ours, so sequences
    longer than it do not branch.
    """
    if lens.backend != "bridge" or (lens.window is not None and longest > lens.window):
        return False
    if lens not in _CHECKED:
        _CHECKED[lens] = _agrees(lens)
    return _CHECKED[lens]


def _agrees(lens: Lens) -> bool:
    rows, leaf = [(0, 1, 2), (2, 1)], (1,)
    noise = torch.randn(lens.d_model, generator=torch.Generator().manual_seed(0))

    def edit(states: Tensor) -> Tensor:
        root = states[:, :1]
        moved = root + root.norm(dim=-1, keepdim=True) * (noise / noise.norm()).to(root)
        return torch.cat([moved, states[:, 1:]], dim=1)

    branches: list[Edits] = [{}, {0: edit}, {lens.n_layers // 2: edit, lens.n_layers - 1: edit}]
    prefix = KeyValues(lens, len(rows))
    prefix.prefill(pad_rows([row[:-1] for row in rows], lens.pad_id, side="left"))
    ids = torch.tensor([[row[-1], *leaf] for row in rows])
    sees = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril().repeat(len(rows), 1, 1)
    depth = torch.arange(ids.shape[1]).repeat(len(rows), 1)
    nodes = Nodes(ids, torch.ones_like(ids, dtype=torch.bool), sees, depth)
    try:
        found = unembed(lens, read_branches(lens, prefix, nodes, branches)).float()
    except (TypeError, ValueError, RuntimeError, AttributeError, HookError):
        return False  # the library's model takes no mask or positions of ours
    for row, read in enumerate(rows):
        for branch, edits in enumerate(branches):
            right = _whole(lens, read + leaf, len(read) - 1, edits)
            off = (found[row, branch] - right).abs().max() / right.abs().max()
            if not off <= (TOLERANCE if lens.dtype == torch.float32 else HALF_TOLERANCE):
                return False
    return True


def _whole(lens: Lens, row: Row, root: int, edits: Edits) -> Tensor:
    def from_root(edit: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda states: torch.cat([states[:, :root], edit(states[:, root:])], dim=1)

    with hooked(lens, {layer: from_root(edit) for layer, edit in edits.items()}):
        return forward(lens, pad_rows([row], lens.pad_id))[0, root:].float()
