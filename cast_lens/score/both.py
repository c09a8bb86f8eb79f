"""Score and generate after the same prompts, each read once for both."""

from __future__ import annotations

from collections.abc import Sequence

from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.contexts import read_contexts
from cast_lens.score.generation import Generations
from cast_lens.score.labels import (
    AnswerScores,
    Given,
    LabelScores,
    answer_scores,
    check_choice,
    label_scores,
)
from cast_lens.score.likelihood import Likelihoods, in_order
from cast_lens.score.plan import Likelihood, make_sheet
from cast_lens.steer.identity import template_of
from cast_lens.steer.injection import as_variant, check_at_home


def choose_and_generate(
    lens: Lens,
    prompts: Sequence[Prompt],
    labels: Sequence[str],
    injections: Sequence[Given],
    *,
    max_new_tokens: int,
    description: str,
) -> tuple[LabelScores, list[list[str]]]:
    """`score_labels`, calibrated, and `generate`, for the price of reading the prompts once.

    A prompt and its content-free form share everything before the query.
    """
    check_choice(labels)
    every = [*prompts, *(prompt.content_free() for prompt in prompts)]
    asked = _Asked(lens, every, [labels] * len(every), injections, max_new_tokens, len(prompts))
    found, texts = asked.read(description)
    return label_scores(found, prompts, labels), texts


def answer_and_generate(
    lens: Lens,
    prompts: Sequence[Prompt],
    accepted: Sequence[Sequence[str]],
    injections: Sequence[Given],
    *,
    max_new_tokens: int,
    description: str,
) -> tuple[AnswerScores, list[list[str]]]:
    """`score_answers` and `generate`, for the price of reading the prompts once."""
    asked = _Asked(lens, prompts, accepted, injections, max_new_tokens, len(prompts))
    found, texts = asked.read(description)
    return answer_scores(found, prompts), texts


class _Asked:
    """Both questions about some prompts; texts only of the first `written` of them."""

    def __init__(
        self,
        lens: Lens,
        prompts: Sequence[Prompt],
        answers: Sequence[Sequence[str]],
        injections: Sequence[Given],
        max_new_tokens: int,
        written: int,
    ) -> None:
        self.lens = lens
        variants = [as_variant(given) for given in injections]
        for variant in variants:
            check_at_home(lens, variant, template_of(prompts))
        self.sheets = [
            make_sheet(lens, prompt, some, room=max_new_tokens)
            for prompt, some in zip(prompts, answers, strict=True)
        ]
        self.written = self.sheets[:written]
        # the sheets to write after come first, so their places are the same in both
        contexts = [sheet.context for sheet in dict.fromkeys(self.written)]
        self.likelihoods = Likelihoods(lens, list(dict.fromkeys(self.sheets)), variants)
        self.generations = Generations(lens, contexts, variants, max_new_tokens)

    def read(self, description: str) -> tuple[list[list[list[Likelihood]]], list[list[str]]]:
        sheets = self.likelihoods.sheets
        questions = (self.likelihoods, self.generations)
        read_contexts(self.lens, [sheet.context for sheet in sheets], questions, description)
        at = {sheet: i for i, sheet in enumerate(sheets)}
        texts = [[texts[at[s]] for s in self.written] for texts in self.generations.texts]
        return in_order(self.likelihoods, self.sheets), texts
