"""Choose block and strength on dev; controls are searched exactly as widely as the method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import TypeAdapter

from cast_lens.analysis.agreement import agreement
from cast_lens.experiment.arms import VECTOR_ARMS, Made, draws, left_out, written
from cast_lens.experiment.cells import Cells
from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.experiment.evaluate import DevScore, Questions, score_on_dev
from cast_lens.experiment.record import Cell, Site
from cast_lens.experiment.sources import Source
from cast_lens.model.lens import Lens
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import ResidualStates, contrast

DEV_SCORES = TypeAdapter(list[DevScore])


@dataclass(frozen=True, eq=False)
class Trial:
    """One vector arm of one source, and which draw of it."""

    source: Source
    arm: Arm
    draw: int


def trials(config: CastConfig, sources: Sequence[Source]) -> list[Trial]:
    """Every vector that is to be searched for one target, sources first."""
    return [
        Trial(source, arm, draw)
        for source in sources
        for arm in config.arms
        if arm in VECTOR_ARMS and arm not in left_out(config, len(sources))
        for draw in range(draws(config, arm))
    ]


def _cells(
    lens: Lens, config: CastConfig, trial: Trial, sources: Sequence[Source]
) -> list[Injection]:
    make = VECTOR_ARMS[trial.arm]
    rule, strengths = written(config, trial.arm)
    vectors = [
        make(Made(config, trial.source, sources, layer, trial.draw))
        for layer in config.layers_of(lens.n_layers)
    ]
    return [
        Injection(vector, strength, policy=config.policy, rule=rule)
        for vector in vectors
        for strength in strengths
    ]


@dataclass(frozen=True, eq=False)
class Chosen:
    """What a search on dev found for one trial.

    Attributes:
        injection: the best, to be used on test.
        site: where it is.
        tried: the whole grid, in the order of `scores`.
    """

    injection: Injection
    site: Site
    tried: tuple[Injection, ...]
    scores: tuple[DevScore, ...]

    def cells(self, draw: int) -> tuple[Cell, ...]:
        """The grid as records."""
        return tuple(
            Cell(
                draw=draw,
                layer=one.vector.layer,
                strength=one.strength,
                acc=score.acc,
                loglikelihood=score.loglikelihood,
            )
            for one, score in zip(self.tried, self.scores, strict=True)
        )

    def best_by_layer(self) -> tuple[Injection, ...]:
        """The best strength of every block."""
        best: dict[int, int] = {}
        for i, (one, score) in enumerate(zip(self.tried, self.scores, strict=True)):
            layer = one.vector.layer
            at = best.setdefault(layer, i)
            if _rank(score, one) > _rank(self.scores[at], self.tried[at]):
                best[layer] = i
        return tuple(self.tried[best[layer]] for layer in sorted(best))


def choose_sites(
    lens: Lens, config: CastConfig, dev: Questions, asked: Sequence[Trial], cells: Cells
) -> list[Chosen]:
    """Search every block and strength on dev, for each trial alike, and take the best.

    The best has the highest accuracy, then the highest log-likelihood of the right answer, then
    the smaller strength, then the earlier block.

    Returns:
        One for each trial.
    """
    sources = list(dict.fromkeys(trial.source for trial in asked))
    grids = [_cells(lens, config, trial, sources) for trial in asked]
    name = dev.task.name
    every = [cell for grid in grids for cell in grid]
    search, reading = f"{name}: search on dev", f"{name}: dev states"
    scores = cells.values(
        search, DEV_SCORES, lambda: score_on_dev(lens, dev, every, description=search)
    )
    layers = config.layers_of(lens.n_layers)
    states = cells.states(
        reading,
        lambda: read_residual(lens, dev.prompts, layers=layers, description=reading),
    )
    found = []
    for trial, grid in zip(asked, grids, strict=True):
        own, scores = scores[: len(grid)], scores[len(grid) :]
        found.append(_best(lens, trial, grid, own, states))
    return found


def _best(
    lens: Lens,
    trial: Trial,
    grid: Sequence[Injection],
    scores: Sequence[DevScore],
    states: ResidualStates,
) -> Chosen:
    best = max(range(len(grid)), key=lambda i: _rank(scores[i], grid[i]))
    chosen = grid[best]
    site = Site(
        layer=chosen.vector.layer,
        depth=lens.depth(chosen.vector.layer),
        strength=chosen.strength,
        dose=relative_dose(chosen, states),
        dev_acc=scores[best].acc,
        cells=len(grid),
        dev_n=len(states.query_ids),
        agreement=_agreement(trial.source, chosen.vector.layer) if trial.arm == "cast" else None,
    )
    return Chosen(chosen, site, tuple(grid), tuple(scores))


def _agreement(source: Source, layer: int) -> float | None:
    rows = contrast(source.few, source.zero).at(layer).numpy()
    return agreement(rows) if len(rows) > 1 else None


def _rank(score: DevScore, cell: Injection) -> tuple[float, float, float, int]:
    return score.acc, score.loglikelihood, -abs(cell.strength), -cell.vector.layer


def relative_dose(injection: Injection, states: ResidualStates) -> float:
    """Median over prompts of norm(strength * v) / norm(h), h the state that is written to."""
    norms = states.at(injection.vector.layer).double().norm(dim=-1)
    written = abs(injection.strength) * injection.vector.norm
    return float(torch.median(written / norms))
