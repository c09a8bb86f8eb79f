"""Log-likelihood of answers after prompts, under several variants of the model at once."""

from __future__ import annotations

from collections.abc import Sequence

from cast_lens.model.lens import Lens
from cast_lens.progress import progress_bar
from cast_lens.prompts.prompt import Prompt
from cast_lens.score.plain import Found, score_plain
from cast_lens.score.plan import Likelihood, Sheet, make_sheet
from cast_lens.score.shared import can_share, score_shared
from cast_lens.steer.identity import template_of
from cast_lens.steer.injection import Variant, check_at_home


def score_continuations(
    lens: Lens,
    prompts: Sequence[Prompt],
    answers: Sequence[Sequence[str]],
    variants: Sequence[Variant] = ((),),
    *,
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
        description: what the progress bar says.

    Returns:
        Indexed [variant][prompt][answer].

    Raises:
        PromptError: see `make_sheet`.
        VectorError: when a vector belongs to another model.
    """
    template = template_of(prompts)
    for variant in variants:
        check_at_home(lens, variant, template)
    wanted = [make_sheet(lens, p, a) for p, a in zip(prompts, answers, strict=True)]
    sheets = list(dict.fromkeys(wanted))
    found = _score(lens, sheets, variants, description)
    at = {sheet: i for i, sheet in enumerate(sheets)}
    return [
        [[rows[at[sheet]][answer] for answer in sheet.answers] for sheet in wanted]
        for rows in found
    ]


def _score(
    lens: Lens, sheets: Sequence[Sheet], variants: Sequence[Variant], description: str
) -> list[Found]:
    shared = [v for v, variant in enumerate(variants) if can_share(variant, sheets)]
    plain = sorted(set(range(len(variants))) - set(shared))
    tails = sum(1 + len(leaf) for sheet in sheets for leaf in sheet.leaves)
    whole = sum(len(sheet.context) + len(leaf) for sheet in sheets for leaf in sheet.leaves)
    once = sum(len(sheet.context) - 1 for sheet in sheets) if shared else 0
    found: list[Found] = [[] for _ in variants]
    with progress_bar(once + tails * len(shared) + whole * len(plain), description) as bar:
        if shared:
            scored = score_shared(lens, sheets, [variants[v] for v in shared], bar.update)
            for v, rows in zip(shared, scored, strict=True):
                found[v] = rows
        for v in plain:
            found[v] = score_plain(lens, sheets, variants[v], bar.update)
    return found
