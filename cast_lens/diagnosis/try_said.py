"""From log-likelihoods of answers to what an arm says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cast_lens.diagnosis.try_case import Case
from cast_lens.diagnosis.try_held import Held
from cast_lens.diagnosis.try_records import ArmAnswer, Option
from cast_lens.diagnosis.try_setting import ArmName
from cast_lens.score.plan import Likelihood
from cast_lens.steer.injection import Variant

TOP = 5  # likeliest tokens shown


def said(held: Held, case: Case, arms: Mapping[ArmName, Variant]) -> tuple[ArmAnswer, ...]:
    """What some arms that read the same prompt say."""
    replies = held.replies(list(arms.values()), TOP)
    return tuple(
        ArmAnswer(
            arm=arm,
            probability=followed_probability(case, reply.likelihoods),
            mass=sum(math.exp(one.logprob) for one in reply.likelihoods),
            options=_options(case, reply.likelihoods),
            top=reply.top,
        )
        for arm, reply in zip(arms, replies, strict=True)
    )


def followed_probability(case: Case, likelihoods: Sequence[Likelihood]) -> float:
    """Probability of the likeliest followed answer, among the labels where there are any."""
    options = _options(case, likelihoods)
    return max(one.probability for one in options if one.text in case.followed)


def _options(case: Case, likelihoods: Sequence[Likelihood]) -> tuple[Option, ...]:
    logprobs = [one.logprob for one in likelihoods]
    most = max(logprobs)
    all_ = most + math.log(sum(math.exp(value - most) for value in logprobs))
    base = all_ if case.kind == "labels" else 0.0
    return tuple(
        Option(text=text, logprob=value, probability=math.exp(value - base))
        for text, value in zip(case.options, logprobs, strict=True)
    )
