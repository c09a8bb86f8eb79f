"""Choice among labels and likelihood of free answers, from log-likelihoods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from cast_lens.errors import PromptError
from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.likelihood import score_continuations
from cast_lens.shapes import shaped
from cast_lens.steer.injection import Injection, as_variant

Given = Injection | Sequence[Injection] | None


@shaped
class LabelScores:
    """Log-likelihood of every label.

    Attributes:
        logprobs: natural logarithm, summed over all tokens of the label.
        content_free: the same after the content-free prompt, for calibration.
        labels: what the last index names.
        query_ids: what the middle index names.
    """

    logprobs: Float[np.ndarray, "variant prompt label"]
    content_free: Float[np.ndarray, "variant prompt label"] | None
    labels: tuple[str, ...]
    query_ids: tuple[str, ...]

    @property
    def raw(self) -> Int[np.ndarray, "variant prompt"]:
        """Index of the likeliest label."""
        return np.asarray(self.logprobs.argmax(axis=-1))

    @property
    def per_byte(self) -> Int[np.ndarray, "variant prompt"]:
        """Index of the label with the highest log-likelihood per UTF-8 byte."""
        sizes = np.array([len(label.encode()) for label in self.labels])
        return np.asarray((self.logprobs / sizes).argmax(axis=-1))

    @property
    def calibrated(self) -> Int[np.ndarray, "variant prompt"]:
        """Index of the label that gains most over the content-free prompt.

        Source: contextual calibration, Zhao et al. 2021 (arXiv 2102.09690), with one
        content-free input and the log-ratio form.

        Raises:
            PromptError: when the scores were made without calibration.
        """
        if self.content_free is None:
            raise PromptError("These scores hold no content-free prompt.", "Pass calibrate=True.")
        return np.asarray((self.logprobs - self.content_free).argmax(axis=-1))


def score_labels(
    lens: Lens,
    prompts: Sequence[Prompt],
    labels: Sequence[str],
    injections: Sequence[Given] = (None,),
    *,
    calibrate: bool = False,
    description: str = "scoring labels",
) -> LabelScores:
    """Score a closed set of labels after every prompt under every variant.

    Args:
        lens: the model.
        prompts: all of one template.
        labels: at least two.
        injections: the variants: each None, one injection, or several written at once.
        calibrate: also score the content-free form of each prompt, under the same variant.
        description: what the progress bar says.

    Raises:
        PromptError: when there are fewer than two labels; see also `score_continuations`.
        VectorError: when a vector belongs to another model.
    """
    if len(set(labels)) < 2:
        raise PromptError(f"A choice needs two different labels, got {list(labels)}.")
    every = [*prompts, *(p.content_free() for p in prompts)] if calibrate else list(prompts)
    variants = [as_variant(given) for given in injections]
    found = score_continuations(
        lens, every, [labels] * len(every), variants, description=description
    )
    logprobs = np.array([[[one.logprob for one in row] for row in rows] for rows in found])
    n = len(prompts)
    return LabelScores(
        logprobs=logprobs[:, :n],
        content_free=logprobs[:, n:] if calibrate else None,
        labels=tuple(labels),
        query_ids=tuple(p.query_id for p in prompts),
    )


@shaped
class AnswerScores:
    """Likelihood of free answers.

    Attributes:
        logprob: of the likeliest accepted answer, summed over its tokens.
        greedy: whether some accepted answer is the model's first choice at every token.
    """

    logprob: Float[np.ndarray, "variant prompt"]
    greedy: Bool[np.ndarray, "variant prompt"]
    query_ids: tuple[str, ...]


def score_answers(
    lens: Lens,
    prompts: Sequence[Prompt],
    accepted: Sequence[Sequence[str]],
    injections: Sequence[Given] = (None,),
    *,
    description: str = "scoring answers",
) -> AnswerScores:
    """Score each prompt's own accepted answers under every variant.

    Arguments and errors are those of `score_labels`; `accepted` holds, for each prompt, every
    right answer.
    """
    variants = [as_variant(given) for given in injections]
    found = score_continuations(lens, prompts, accepted, variants, description=description)
    return AnswerScores(
        logprob=np.array([[max(one.logprob for one in row) for row in rows] for rows in found]),
        greedy=np.array([[any(one.greedy for one in row) for row in rows] for rows in found]),
        query_ids=tuple(p.query_id for p in prompts),
    )
