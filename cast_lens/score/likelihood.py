"""Log-likelihood of answers after prompts, under several variants of the model at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from cast_lens.errors import VectorError
from cast_lens.model.branches import can_branch
from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.by_row import score_by_row
from cast_lens.score.contexts import read_contexts, read_ends
from cast_lens.score.packed import score_packed, score_states
from cast_lens.score.plain import Found, score_plain
from cast_lens.score.plan import Likelihood, Sheet, make_sheet
from cast_lens.steer.identity import template_of
from cast_lens.steer.injection import Variant, check_at_home


class Likelihoods:
    """The question how likely answers are, put to `read_contexts`.

    Attributes:
        found: indexed [variant][sheet], by answer.
    """

    def __init__(
        self,
        lens: Lens,
        sheets: Sequence[Sheet],
        variants: Sequence[Variant],
        *,
        normalised: bool = True,
    ) -> None:
        self.lens = lens
        self.sheets = sheets
        self.variants = variants
        self.normalised = normalised
        self.found: list[Found] = [[{} for _ in sheets] for _ in variants]
        longest = max(len(s.context) + max(map(len, s.leaves)) for s in sheets)
        self._packed = can_branch(lens, longest)
        self._shared = [v for v, variant in enumerate(variants) if leaves_prompt_alone(variant)]

    @property
    def only_ends(self) -> bool:
        """Whether the states at the contexts' ends, of the plain model, are all that is needed."""
        short = all(len(answer) == 1 for sheet in self.sheets for answer in sheet.answers)
        return self._packed and short and not any(self.variants)

    def take(self, indices: Sequence[int], states: Float[Tensor, "context d_model"]) -> None:
        """Score the answers of some sheets from the states at their ends."""
        for i, state in zip(indices, states, strict=True):
            sheet = self.sheets[i]
            one = state[None, None]
            (found,) = score_states(self.lens, one, sheet, normalised=self.normalised)
            for variant in self.found:
                variant[i] |= found

    def tokens_of(self, index: int) -> int:
        """Tokens read for one context beyond what all questions share."""
        sheet = self.sheets[index]
        whole = sum(len(sheet.context) + len(leaf) for leaf in sheet.leaves)
        packed = len(self._shared) * (1 + len(sheet.tree.ids))
        return packed + whole * (len(self.variants) - len(self._shared))

    def ask(self, indices: Sequence[int], read: KeyValues | None) -> None:
        """Score the answers of some sheets."""
        sheets = [self.sheets[i] for i in indices]
        shared = self._shared if read is not None else []
        if read is not None and shared:
            variants = [self.variants[v] for v in shared]
            if self._packed:
                pieces = score_packed(self.lens, read, sheets, variants, normalised=self.normalised)
            else:
                pieces = score_by_row(self.lens, read, sheets, variants)
            for row, v, likelihoods in pieces:
                self.found[shared[v]][indices[row]] |= likelihoods
        for v in sorted(set(range(len(self.variants))) - set(shared)):
            plain = score_plain(self.lens, sheets, self.variants[v])
            for i, likelihoods in zip(indices, plain, strict=True):
                self.found[v][i] |= likelihoods


def leaves_prompt_alone(variant: Variant) -> bool:
    """Whether a variant writes nothing before the prompt's last token."""
    return all(injection.policy != "all" for injection in variant)


def score_continuations(
    lens: Lens,
    prompts: Sequence[Prompt],
    answers: Sequence[Sequence[str]],
    variants: Sequence[Variant] = ((),),
    *,
    normalised: bool = True,
    description: str = "scoring",
) -> list[list[list[Likelihood]]]:
    """Log-likelihood of every answer of every prompt under every variant.

    Context and answer are tokenised jointly and all tokens of an answer count. A prompt that
    stands twice with the same answers is read once.

    Args:
        lens: the model.
        prompts: all of one template.
        answers: for each prompt the answers to score after it.
        variants: each a tuple of injections, empty for the plain model.
        normalised: see `score_packed`.
        description: what the progress bar says.

    Returns:
        Indexed [variant][prompt][answer].

    Raises:
        PromptError: see `make_sheet`.
        VectorError: when a vector belongs to another model, or is written so strongly that a
            likelihood is not a finite number.
    """
    template = template_of(prompts)
    for variant in variants:
        check_at_home(lens, variant, template)
    wanted = [make_sheet(lens, p, a) for p, a in zip(prompts, answers, strict=True)]
    sheets = list(dict.fromkeys(wanted))
    asked = Likelihoods(lens, sheets, variants, normalised=normalised)
    contexts = [sheet.context for sheet in sheets]
    if asked.only_ends:
        read_ends(lens, contexts, asked.take, description)
    else:
        read_contexts(lens, contexts, [asked], description)
    return in_order(asked, wanted)


def in_order(asked: Likelihoods, wanted: Sequence[Sheet]) -> list[list[list[Likelihood]]]:
    """What was found, indexed [variant][sheet as wanted][answer].

    Raises:
        VectorError: when a likelihood is not a finite number.
    """
    for variant, rows in zip(asked.variants, asked.found, strict=True):
        if not all(math.isfinite(one.logprob) for found in rows for one in found.values()):
            raise _overflow(variant)
    at = {sheet: i for i, sheet in enumerate(asked.sheets)}
    return [
        [[rows[at[sheet]][answer] for answer in sheet.answers] for sheet in wanted]
        for rows in asked.found
    ]


def _overflow(variant: Variant) -> VectorError:
    written = ", ".join(f"strength {i.strength:g} at layer {i.vector.layer}" for i in variant)
    return VectorError(
        f"Likelihoods are NaN or infinite under {written or 'the model alone'}.",
        "Lower the strength, or run in float32.",
    )
