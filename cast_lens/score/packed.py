"""Score answers with all variants of a prompt in one pass, each joining at its own block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cast_lens.model.branches import Edits, Nodes, read_branches, unembed
from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Row
from cast_lens.score.plan import Likelihood, Sheet, Tree
from cast_lens.steer.injection import Injection, Variant, write

PACKED = 128  # nodes of one prompt in one pass; they all stand in one attention matrix


def score_packed(
    lens: Lens,
    read: KeyValues,
    sheets: Sequence[Sheet],
    variants: Sequence[Variant],
    *,
    normalised: bool = True,
) -> Iterator[tuple[int, int, dict[Row, Likelihood]]]:
    """Likelihood of answers, as (sheet, variant, by answer), in pieces.

    Args:
        lens: a bridge that `can_branch`.
        read: for each sheet, its context without the last token.
        sheets: contexts and the ids that may follow them.
        variants: none of which writes before the context's last token.
        normalised: when False, answers of one token get their logit, which differs from the
            log-likelihood by a number that all of them share, and `greedy` is not found out: the
            vocabulary is not unembedded.
    """
    trees = [sheet.tree for sheet in sheets]
    nodes = _nodes(lens, sheets, trees)
    order = sorted(range(len(variants)), key=lambda v: min(_layers(variants[v]), default=-1))
    size = max(1, PACKED // nodes.ids.shape[1])
    for start in range(0, len(order), size):
        chunk = order[start : start + size]
        states = read_branches(lens, read, nodes, [_edits(variants[v], nodes) for v in chunk])
        for row, sheet in enumerate(sheets):
            found = score_states(lens, states[row], sheet, normalised=normalised)
            for v, likelihoods in zip(chunk, found, strict=True):
                yield row, v, likelihoods


def score_states(
    lens: Lens, states: Float[Tensor, "branch node d_model"], sheet: Sheet, *, normalised: bool
) -> Iterator[dict[Row, Likelihood]]:
    """Likelihood of one sheet's answers in every branch, from states just before unembedding."""
    if normalised or any(len(answer) > 1 for answer in sheet.answers):
        return _logprobs(lens, states, sheet, sheet.tree)
    return _only_logits(lens, states, sheet)


def _layers(variant: Variant) -> set[int]:
    return {injection.vector.layer for injection in variant}


def _nodes(lens: Lens, sheets: Sequence[Sheet], trees: Sequence[Tree]) -> Nodes:
    """Each sheet's last context token and its answers' tokens, padded to one number of nodes."""
    width = 1 + max(len(tree.parents) for tree in trees)
    ids = torch.full((len(sheets), width), lens.pad_id)
    mask = torch.zeros(len(sheets), width, dtype=torch.bool)
    sees = torch.eye(width, dtype=torch.bool).repeat(len(sheets), 1, 1)
    depth = torch.zeros(len(sheets), width, dtype=torch.long)
    for row, (sheet, tree) in enumerate(zip(sheets, trees, strict=True)):
        real = 1 + len(tree.parents)
        ids[row, :real] = torch.tensor([sheet.context[-1], *tree.ids])
        mask[row, :real] = True
        for node, parent in enumerate(tree.parents, start=1):
            sees[row, node] |= sees[row, parent]
            depth[row, node] = depth[row, parent] + 1
    return Nodes(ids, mask, sees, depth)


def _edits(variant: Variant, nodes: Nodes) -> Edits:
    root = torch.zeros_like(nodes.mask)
    root[:, 0] = True

    def edit_for(layer: int) -> Callable[[Tensor], Tensor]:
        mine = [injection for injection in variant if injection.vector.layer == layer]

        def edit(states: Tensor) -> Tensor:
            for injection in mine:
                states = write(states, _where(injection, nodes, root), injection)
            return states

        return edit

    return {layer: edit_for(layer) for layer in _layers(variant)}


def _where(injection: Injection, nodes: Nodes, root: Tensor) -> Bool[Tensor, "row node"]:
    return nodes.mask if injection.policy == "each_step" else root


def _only_logits(lens: Lens, states: Tensor, sheet: Sheet) -> Iterator[dict[Row, Likelihood]]:
    logits = unembed(lens, states[:, 0], [answer[0] for answer in sheet.answers]).float()
    for row in logits.tolist():
        found = zip(sheet.answers, row, strict=True)
        yield {answer: Likelihood(value, 1, greedy=False) for answer, value in found}


def _logprobs(
    lens: Lens, states: Tensor, sheet: Sheet, tree: Tree
) -> Iterator[dict[Row, Likelihood]]:
    """Likelihoods of one sheet's answers; states are (branch, node, d_model)."""
    real = 1 + len(tree.parents)
    size = max(1, lens.budget.logit_rows // real)
    at, token = torch.tensor([step for steps in tree.steps for step in steps]).T
    lengths = [len(steps) for steps in tree.steps]
    for some in torch.split(states[:, :real], size):
        logits = unembed(lens, some).float()
        chosen = logits[:, at, token] - logits.logsumexp(dim=-1)[:, at]
        first = logits.argmax(dim=-1)[:, at] == token.to(logits.device)
        for values, hits in zip(chosen.double().cpu(), first.cpu(), strict=True):
            yield {
                answer: Likelihood(float(v.sum()), len(v), bool(h.all()))
                for answer, v, h in zip(
                    sheet.answers, values.split(lengths), hits.split(lengths), strict=True
                )
            }
