"""Choice among labels and likelihood of free answers, from log-likelihoods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from cast_lens.errors import PromptError
from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import Prompt
from cast_lens.records import Rows, Tabular
from cast_lens.score.likelihood import score_continuations
from cast_lens.score.plan import Likelihood
from cast_lens.shapes import shaped
from cast_lens.steer.injection import Injection, as_variant

Given = Injection | Sequence[Injection] | None


@shaped
class LabelScores(Tabular):
    """Log-likelihood of every label.

    Attributes:
        logprobs: natural logarithm, summed over all tokens of the label.
        content_free: the same after the content-free prompt, for calibration.
        normalised: when False, every label's number is off by one that all labels of the same
            variant and prompt share.
        labels: what the last index names.
        query_ids: what the middle index names.
    """

    logprobs: Float[np.ndarray, "variant prompt label"]
    content_free: Float[np.ndarray, "variant prompt label"] | None
    labels: tuple[str, ...]
    query_ids: tuple[str, ...]
    normalised: bool = True

    @property
    def raw(self) -> Int[np.ndarray, "variant prompt"]:
        """Index of the likeliest label."""
        return np.asarray(self.logprobs.argmax(axis=-1))

    @property
    def per_byte(self) -> Int[np.ndarray, "variant prompt"]:
        """Index of the label with the highest log-likelihood per UTF-8 byte.

        Raises:
            PromptError: when the scores are not normalised.
        """
        if not self.normalised:
            raise PromptError("These scores are not normalised.", "Pass normalised=True.")
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

    def as_rows(self) -> Rows:
        """One row a variant, prompt and label."""
        return [
            {"variant": variant, "query_id": id_, "label": label, "logprob": float(logprob)}
            for variant, prompts in enumerate(self.logprobs)
            for id_, labels in zip(self.query_ids, prompts, strict=True)
            for label, logprob in zip(self.labels, labels, strict=True)
        ]


def score_labels(
    lens: Lens,
    prompts: Sequence[Prompt],
    labels: Sequence[str],
    injections: Sequence[Given] = (None,),
    *,
    calibrate: bool = False,
    normalised: bool = True,
    description: str = "scoring labels",
) -> LabelScores:
    """Score a closed set of labels after every prompt under every variant.

    Args:
        lens: the model.
        prompts: all of one template.
        labels: at least two.
        injections: the variants: each None, one injection, or several written at once.
        calibrate: also score the content-free form of each prompt, under the same variant.
        normalised: False is enough to choose among labels, and cheaper where each is one token.
        description: what the progress bar says.

    Raises:
        PromptError: when there are fewer than two labels; see also `score_continuations`.
        VectorError: when a vector belongs to another model.
    """
    check_choice(labels)
    every = [*prompts, *(p.content_free() for p in prompts)] if calibrate else list(prompts)
    variants = [as_variant(given) for given in injections]
    found = score_continuations(
        lens,
        every,
        [labels] * len(every),
        variants,
        normalised=normalised,
        description=description,
    )
    return label_scores(found, prompts, labels, normalised=normalised)


def check_choice(labels: Sequence[str]) -> None:
    """Refuse a choice among fewer than two labels.

    Raises:
        PromptError: when there are fewer.
    """
    if len(set(labels)) < 2:
        raise PromptError(f"A choice needs two different labels, got {list(labels)}.")


def label_scores(
    found: Sequence[Sequence[Sequence[Likelihood]]],
    prompts: Sequence[Prompt],
    labels: Sequence[str],
    *,
    normalised: bool = True,
) -> LabelScores:
    """Likelihoods [variant][prompt][label], content-free prompts last if any, as one record."""
    logprobs = np.array([[[one.logprob for one in row] for row in rows] for rows in found])
    n = len(prompts)
    return LabelScores(
        logprobs=logprobs[:, :n],
        content_free=logprobs[:, n:] if logprobs.shape[1] > n else None,
        labels=tuple(labels),
        query_ids=tuple(p.query_id for p in prompts),
        normalised=normalised,
    )


@shaped
class AnswerScores(Tabular):
    """Likelihood of free answers.

    Attributes:
        logprob: of the likeliest accepted answer, summed over its tokens.
        greedy: whether some accepted answer is the model's first choice at every token.
    """

    logprob: Float[np.ndarray, "variant prompt"]
    greedy: Bool[np.ndarray, "variant prompt"]
    query_ids: tuple[str, ...]

    def as_rows(self) -> Rows:
        """One row a variant and prompt."""
        return [
            {"variant": variant, "query_id": id_, "logprob": float(logprob), "greedy": bool(greedy)}
            for variant, both in enumerate(zip(self.logprob, self.greedy, strict=True))
            for id_, logprob, greedy in zip(self.query_ids, *both, strict=True)
        ]


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
    return answer_scores(found, prompts)


def answer_scores(
    found: Sequence[Sequence[Sequence[Likelihood]]], prompts: Sequence[Prompt]
) -> AnswerScores:
    """Likelihoods [variant][prompt][accepted answer] as one record."""
    return AnswerScores(
        logprob=np.array([[max(one.logprob for one in row) for row in rows] for rows in found]),
        greedy=np.array([[any(one.greedy for one in row) for row in rows] for rows in found]),
        query_ids=tuple(p.query_id for p in prompts),
    )
