"""Everything that a run folder allows to draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cast_lens.experiment.claim_card import ClaimCard
from cast_lens.experiment.claims import claim_cards
from cast_lens.experiment.outcomes import Outcomes, outcomes_of
from cast_lens.experiment.record import CastResult
from cast_lens.figures.arms import accuracy, gains
from cast_lens.figures.budgets import budget
from cast_lens.figures.claims import claim_exhibits
from cast_lens.figures.costs import costs
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.labels import labels
from cast_lens.figures.parallel_course import parallel_course
from cast_lens.figures.parallelism import parallel_matrices
from cast_lens.figures.stems import stem_of
from cast_lens.figures.sweeps import site_map


def run_exhibits(folder: Path) -> tuple[Exhibit, ...]:
    """The figures of a run, the most important first.

    Raises:
        RunError: when the folder is no run, or cannot be read.
    """
    return exhibits_of(outcomes_of(folder), claim_cards(folder))


def exhibits_of(found: Outcomes, cards: Sequence[ClaimCard]) -> tuple[Exhibit, ...]:
    """The same of a run that has been read, and whose claims have been judged."""
    result = found.result
    targets = result.config.targets
    several = (
        gains(result),
        *(accuracy(result, target) for target in targets),
        *claim_exhibits(cards, found),
        budget(found.curves),
        *_site_maps(result),
        *(labels(result, target) for target in targets),
        *_cosines(found),
        costs(result),
    )
    return tuple(one for one in several if one is not None)


def _cosines(found: Outcomes) -> Iterator[Exhibit]:
    """How parallel the sources' vectors are over blocks, and task by task at one of them."""
    blocks, model = found.result.parallelism, found.result.config.model
    if len(blocks) > 1:
        yield parallel_course(blocks, model)
    one = found.middle_parallelism
    if one is not None and (len(one.tasks) > 2 or len(blocks) == 1):
        yield parallel_matrices(one, model)


def _site_maps(result: CastResult) -> Iterator[Exhibit]:
    """What was tried on dev for each pair, the placebo's search beside it where there is one."""
    placebos = {(r.target, r.source): r for r in result.results if r.arm == "random_direction"}
    for one in result.results:
        if one.arm == "cast" and one.source is not None:
            drawn = site_map(one, placebos.get((one.target, one.source)))
            at = result.config.sources.index(one.source) + 1
            yield replace(drawn, stem=f"search_{stem_of(result, one.target)}_from_{at}")
