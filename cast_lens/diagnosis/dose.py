"""How much of a vector helps, and from when on it harms: accuracy and side effects by strength.

The block is fixed and nothing is chosen here; a strength read off this curve is chosen on the
items it was measured on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cast_lens.analysis.estimates import LEVEL, Estimate, mean, paired_difference
from cast_lens.diagnosis.last_token import last_states, next_token_logits
from cast_lens.diagnosis.neutral import NEUTRAL
from cast_lens.errors import VectorError
from cast_lens.experiment.evaluate import Questions, likelihoods_of
from cast_lens.experiment.search import relative_dose
from cast_lens.experiment.summary import clusters_of
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import fit_prompt
from cast_lens.prompts.prompt import Prompt, Template, zero_shot
from cast_lens.records import Record, Rows, rows_of
from cast_lens.steer.injection import Injection, Policy, Rule, as_variant, check_at_home
from cast_lens.steer.residual import read_residual
from cast_lens.steer.vectors import SteeringVector, placebo
from cast_lens.tasks.task import Example, Task


class DosePoint(Record):
    """One strength; of several placebos, what they do on average.

    Attributes:
        dose: median over items of norm(strength * v) / norm(h).
        accuracy: on the task's items, by likelihood.
        helped: share of items that are wrong at zero-shot and right now; `harmed` the reverse.
        kl: KL(plain || steered) of the next token on neutral texts, in nats, mean over texts.
    """

    strength: float
    dose: float
    accuracy: Estimate
    helped: Estimate
    harmed: Estimate
    kl: Estimate


class DoseCurve(Record):
    """A vector and its placebos at several strengths.

    Attributes:
        task: whose items; `layer` the block written to.
        zero_shot: accuracy of the plain model.
        vector, placebo: by rising strength.
        placebos: random directions of the same norm, over which `placebo` is a mean.
        items, texts: how many.
    """

    task: str
    layer: int
    zero_shot: Estimate
    vector: tuple[DosePoint, ...]
    placebo: tuple[DosePoint, ...]
    placebos: int
    items: int
    texts: int

    def as_rows(self) -> Rows:
        """One row a direction and strength."""
        return rows_of(self.vector, direction="vector") + rows_of(self.placebo, direction="placebo")


def dose_curve(
    lens: Lens,
    task: Task,
    vector: SteeringVector,
    strengths: Sequence[float],
    *,
    items: Sequence[Example] | None = None,
    placebos: int = 3,
    texts: Sequence[str] = NEUTRAL,
    policy: Policy = "prompt_last",
    rule: Rule = "add",
    seed: int = 0,
) -> DoseCurve:
    """Score a task and neutral texts at several strengths, all in one call each.

    Args:
        lens: the model.
        task: the target, asked zero-shot.
        vector: written after its own block.
        strengths: not negative; for those, pass ``-vector``.
        items: of the task; its test items when None.
        placebos: how many random directions of the vector's norm to take.
        texts: neutral ones, steered at their last token.
        policy, rule: see `Injection`.
        seed: of the placebos.

    Raises:
        VectorError: when a strength is negative or comes twice, there is no placebo, or the
            vector belongs to another model.
        PromptError: when an item or a text does not fit the context.
    """
    ascending = sorted(strengths)
    if not ascending or ascending[0] < 0 or len(set(ascending)) < len(ascending):
        raise VectorError(f"Strengths must be distinct and not negative, got {list(strengths)}.")
    if placebos < 1:
        raise VectorError("A dose curve needs at least one placebo.")
    chosen = tuple(task.test if items is None else items)
    template = vector.identity.template
    prompts = tuple(zero_shot(task, e, template=template) for e in chosen)
    vectors = [vector, *(placebo(vector, seed + draw) for draw in range(placebos))]
    injections = [
        Injection(one, strength, policy=policy, rule=rule)
        for one in vectors
        for strength in ascending
    ]
    hits, _ = likelihoods_of(
        lens, Questions(task, chosen, prompts), [None, *injections], description="dose curve"
    )
    kl = next_token_kl(lens, texts, injections, template)
    states = read_residual(lens, prompts, layers=[vector.layer])
    grid = (len(vectors), len(ascending), -1)
    found = _Measured(
        strengths=ascending,
        doses=[relative_dose(one, states) for one in injections[: len(ascending)]],
        plain=hits[0].astype(float),
        hits=hits[1:].astype(float).reshape(grid),
        kl=kl.reshape(grid),
        clusters=clusters_of([e.passage or e.id for e in chosen]),
    )
    return DoseCurve(
        task=task.name,
        layer=vector.layer,
        zero_shot=_share(found.plain, found.clusters),
        vector=_points(found, slice(0, 1)),
        placebo=_points(found, slice(1, None)),
        placebos=placebos,
        items=len(chosen),
        texts=len(texts),
    )


def next_token_kl(
    lens: Lens, texts: Sequence[str], injections: Sequence[Injection], template: Template = "plain"
) -> Float[np.ndarray, "variant text"]:
    """KL(plain || steered) of the token after each text, in nats.

    Raises:
        VectorError: when a vector belongs to another model.
        PromptError: when a text does not fit the context.
    """
    variants = [as_variant(one) for one in injections]
    for variant in variants:
        check_at_home(lens, variant, template)
    contexts = [fit_prompt(lens, _asking_nothing(text, template))[1] for text in texts]
    last = lens.n_layers - 1
    states = last_states(lens, contexts, [(), *variants], [last], "neutral texts")[:, 0]
    plain = _logprobs(lens, states[0])
    steered = (_logprobs(lens, one) for one in states[1:])
    return np.array([(plain.exp() * (plain - one)).sum(dim=-1).numpy() for one in steered])


def largest_safe(
    points: Sequence[DosePoint], *, kl: float, harmed: float | None = None
) -> float | None:
    """The largest strength that, with all smaller ones, is shown to stay within a bound.

    Shown: the upper ends of the 95 % intervals lie within it, so few items allow little. Strength
    0 changes nothing and always does.

    Args:
        points: by rising strength.
        kl: bound on the KL on neutral texts, in nats.
        harmed: bound on the share of items harmed, if there is to be one.

    Returns:
        None when not even the smallest strength is within the bounds.
    """
    safe = None
    for point in points:
        within = point.kl.high <= kl and (harmed is None or point.harmed.high <= harmed)
        if point.strength != 0 and not within:
            break
        safe = point.strength
    return safe


@dataclass(frozen=True, eq=False)
class _Measured:
    """What a curve is made of; the first index of `hits` and `kl` is the vector, then placebos."""

    strengths: Sequence[float]
    doses: Sequence[float]
    plain: Float[np.ndarray, " item"]
    hits: Float[np.ndarray, "direction strength item"]
    kl: Float[np.ndarray, "direction strength text"]
    clusters: list[str] | None


def _points(found: _Measured, directions: slice) -> tuple[DosePoint, ...]:
    hits, plain = found.hits[directions], found.plain
    helped = (hits * (1 - plain)).mean(axis=0)
    harmed = ((1 - hits) * plain).mean(axis=0)
    return tuple(
        DosePoint(
            strength=strength,
            dose=found.doses[i],
            accuracy=_share(hits.mean(axis=0)[i], found.clusters),
            helped=_share(helped[i], found.clusters),
            harmed=_share(harmed[i], found.clusters),
            kl=mean(found.kl[directions].mean(axis=0)[i]),
        )
        for i, strength in enumerate(found.strengths)
    )


def _share(values: Float[np.ndarray, " item"], clusters: list[str] | None) -> Estimate:
    """Wilson interval, wide enough also where a value is a mean over placebos.

    Values between 0 and 1 vary at most as much as a yes or a no of the same mean. Items that share
    a passage are drawn together instead.
    """
    from statsmodels.stats.proportion import proportion_confint

    if clusters is not None:
        return paired_difference(values, np.zeros_like(values), clusters=clusters)
    low, high = proportion_confint(values.sum(), values.size, alpha=1 - LEVEL, method="wilson")
    return Estimate(
        value=float(values.mean()),
        low=float(low),
        high=float(high),
        n=values.size,
        method="Wilson",
    )


def _asking_nothing(text: str, template: Template) -> Prompt:
    return Prompt(text, "", (), (), text, "", template)


def _logprobs(lens: Lens, states: Float[Tensor, "text d_model"]) -> Float[Tensor, "text d_vocab"]:
    size = lens.budget.logit_rows
    pieces = [next_token_logits(lens, some) for some in torch.split(states, size)]
    return torch.cat(pieces).double().log_softmax(dim=-1)
