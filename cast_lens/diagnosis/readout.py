"""What each block's state would say if it were the last: the logit lens (nostalgebraist 2020).

An illustration, not evidence: early blocks do not write in the unembedding's coordinates, and a
readable token says neither that the model uses it nor that the vector works (arXiv 2604.02608).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cast_lens.analysis.estimates import Estimate, mean
from cast_lens.diagnosis.last_token import last_states, next_token_logits
from cast_lens.errors import PromptError
from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import Prompt
from cast_lens.records import Record, Rows, as_row, rows_of
from cast_lens.score.labels import Given
from cast_lens.score.plan import make_sheet
from cast_lens.steer.identity import template_of
from cast_lens.steer.injection import Injection, Variant, as_variant, check_at_home
from cast_lens.steer.vectors import SteeringVector


class Said(Record):
    """One token as text, and its probability or, for a bare vector, its logit."""

    token: str
    value: float


class Promoted(Record):
    """The tokens a direction speaks for and against.

    Attributes:
        layer: the vector's block.
        promoted: highest logits first; `demoted` lowest first.
    """

    layer: int
    promoted: tuple[Said, ...]
    demoted: tuple[Said, ...]

    def as_rows(self) -> Rows:
        """One row a token, those spoken for first."""
        return rows_of(self.promoted, promoted=True) + rows_of(self.demoted, promoted=False)


class BlockReadout(Record):
    """One block's state at the prompt's last token, after final norm and unembedding.

    Attributes:
        top: likeliest tokens with their probabilities.
        entropy: of the whole distribution, in nats.
        logprob: natural logarithm of the right answer's first token; `rank` 1 is the likeliest.
    """

    layer: int
    top: tuple[Said, ...]
    entropy: float
    logprob: float
    rank: int


class Readout(Record):
    """One prompt read out after several blocks, under several variants.

    Attributes:
        query_id: of the prompt.
        answer: the right answer's first token, as text.
        written: by variant, the blocks it writes to; none for the plain model.
        blocks: by variant, one record a block.
    """

    query_id: str
    answer: str
    written: dict[str, tuple[int, ...]]
    blocks: dict[str, tuple[BlockReadout, ...]]

    def as_rows(self) -> Rows:
        """One row a variant and block."""
        return [
            {"arm": name, "block": block.layer, "likeliest": block.top[0].token}
            | {"its_probability": block.top[0].value, "answer_logprob": block.logprob}
            | {"answer_rank": block.rank}
            for name, blocks in self.blocks.items()
            for block in blocks
        ]


class MeanReadout(Record):
    """Many prompts read out: means over them, with bootstrap intervals.

    Attributes:
        layers: what the others are indexed by.
        entropy: in nats.
        logprob: of each prompt's right answer's first token.
        probability: of the same.
    """

    layers: tuple[int, ...]
    entropy: tuple[Estimate, ...]
    logprob: tuple[Estimate, ...]
    probability: tuple[Estimate, ...]

    def as_rows(self) -> Rows:
        """One row a block."""
        every = zip(self.layers, self.entropy, self.logprob, self.probability, strict=True)
        names = ("layer", "entropy", "logprob", "probability")
        return [as_row(dict(zip(names, one, strict=True))) for one in every]


def logit_lens(lens: Lens, vector: SteeringVector, top: int = 10) -> Promoted:
    """Tokens that a vector promotes and demotes, seen as a state by itself.

    The vector goes through the model's own final norm and unembedding, and what these make of a
    zero state (their biases) is subtracted. The norm divides by the vector's own length, so logits
    compare tokens within one vector and do not grow with strength. In a prompt the norm divides by
    the whole state's length instead, and the blocks between come in: see `readout`.

    Raises:
        VectorError: when the vector belongs to another model.
    """
    check_at_home(lens, (Injection(vector),), vector.identity.template)
    both = torch.stack([vector.direction, torch.zeros_like(vector.direction)])
    logits = next_token_logits(lens, both)
    gained = logits[0] - logits[1]
    high, low = gained.topk(top), gained.topk(top, largest=False)
    return Promoted(
        layer=vector.layer,
        promoted=_said(lens, high.indices, high.values),
        demoted=_said(lens, low.indices, low.values),
    )


def readout(
    lens: Lens,
    prompt: Prompt,
    answer: str,
    variants: Mapping[str, Given],
    *,
    layers: Sequence[int] | None = None,
    top: int = 5,
) -> Readout:
    """Read out one prompt's last token after every block.

    Args:
        lens: the model.
        prompt: usually zero-shot.
        answer: the right one; its first token is followed.
        variants: by name, each None (the plain model), one injection or several.
        layers: blocks, 0-based; all when None.
        top: how many of the likeliest tokens to keep.

    Raises:
        PromptError: see `make_sheet`; also when there is no variant or no layer.
        VectorError: when a vector belongs to another model.
        ModelError: when a layer does not exist.
    """
    chosen = _layers(lens, layers)
    given = {name: as_variant(one) for name, one in variants.items()}
    first, states = _read(lens, [prompt], [answer], list(given.values()), chosen)
    said = _distributions(lens, states.flatten(0, 2), first.expand(len(given) * len(chosen)), top)
    rows = [
        BlockReadout(
            layer=chosen[i % len(chosen)],
            top=_said(lens, said.top[i], said.probability[i]),
            entropy=float(said.entropy[i]),
            logprob=float(said.logprob[i]),
            rank=int(said.rank[i]),
        )
        for i in range(len(said.rank))
    ]
    return Readout(
        query_id=prompt.query_id,
        answer=lens.tokenizer.decode([int(first[0])]),
        written={name: tuple(sorted({i.vector.layer for i in one})) for name, one in given.items()},
        blocks={
            name: tuple(rows[v * len(chosen) : (v + 1) * len(chosen)])
            for v, name in enumerate(given)
        },
    )


def mean_readout(
    lens: Lens,
    prompts: Sequence[Prompt],
    answers: Sequence[str],
    injection: Given = None,
    *,
    layers: Sequence[int] | None = None,
) -> MeanReadout:
    """Read out many prompts after every block, under one variant; `answers` holds one a prompt.

    Arguments and errors are otherwise those of `readout`.
    """
    chosen = _layers(lens, layers)
    first, states = _read(lens, prompts, answers, [as_variant(injection)], chosen)
    each = [_distributions(lens, block, first, 1) for block in states[0]]
    return MeanReadout(
        layers=chosen,
        entropy=tuple(mean(one.entropy.double().numpy()) for one in each),
        logprob=tuple(mean(one.logprob.double().numpy()) for one in each),
        probability=tuple(mean(one.logprob.double().exp().numpy()) for one in each),
    )


def _layers(lens: Lens, layers: Sequence[int] | None) -> tuple[int, ...]:
    chosen = tuple(range(lens.n_layers)) if layers is None else tuple(sorted(set(layers)))
    for layer in chosen:
        lens.hook_name(layer)
    if not chosen:
        raise PromptError("No layer was asked for.")
    return chosen


def _read(
    lens: Lens,
    prompts: Sequence[Prompt],
    answers: Sequence[str],
    variants: Sequence[Variant],
    layers: Sequence[int],
) -> tuple[Int[Tensor, " prompt"], Float[Tensor, "variant layer prompt d_model"]]:
    """First token of each right answer, and the states."""
    if not variants:
        raise PromptError("No variant was asked for.")
    for variant in variants:
        check_at_home(lens, variant, template_of(prompts))
    sheets = [make_sheet(lens, p, [answer]) for p, answer in zip(prompts, answers, strict=True)]
    contexts = [sheet.context for sheet in sheets]
    states = last_states(lens, contexts, variants, layers, "reading out blocks")
    return torch.tensor([sheet.answers[0][0] for sheet in sheets]), states


@dataclass(frozen=True, eq=False)
class _Distributions:
    """Facts of next-token distributions; `right` is the token that is followed."""

    top: Int[Tensor, "state top"]
    probability: Float[Tensor, "state top"]
    entropy: Float[Tensor, " state"]
    logprob: Float[Tensor, " state"]
    rank: Int[Tensor, " state"]


def _distributions(
    lens: Lens, states: Float[Tensor, "state d_model"], right: Int[Tensor, " state"], top: int
) -> _Distributions:
    size = lens.budget.logit_rows
    pieces = [
        _facts(next_token_logits(lens, some), at[:, None], top)
        for some, at in zip(torch.split(states, size), torch.split(right, size), strict=True)
    ]
    return _Distributions(*map(torch.cat, zip(*pieces, strict=True)))


def _facts(
    logits: Float[Tensor, "state d_vocab"], right: Int[Tensor, "state 1"], top: int
) -> tuple[Tensor, ...]:
    """In the order of `_Distributions`."""
    logprobs = logits.log_softmax(dim=-1)
    found = logprobs.exp().topk(top)
    entropy = torch.special.entr(logprobs.exp()).sum(dim=-1)
    rank = 1 + (logits > logits.gather(1, right)).sum(dim=-1)
    return found.indices, found.values, entropy, logprobs.gather(1, right)[:, 0], rank


def _said(
    lens: Lens, tokens: Int[Tensor, " top"], values: Float[Tensor, " top"]
) -> tuple[Said, ...]:
    return tuple(
        Said(token=lens.tokenizer.decode([token]), value=value)
        for token, value in zip(tokens.tolist(), values.tolist(), strict=True)
    )
