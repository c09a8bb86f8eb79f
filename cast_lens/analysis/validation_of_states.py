"""Tests of states, of difference vectors and of gains, tried on planted data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.cosines.measure import cosine_matrices
from cast_lens.analysis.estimates import proportion
from cast_lens.analysis.forecast import forecast_gain
from cast_lens.analysis.paired_tests import ALPHA
from cast_lens.analysis.shares import share_between
from cast_lens.analysis.similarity import debiased_cka, principal_angles
from cast_lens.analysis.validation_record import Validation, judged

FEWER, FEWEST = 4, 20  # these tests take 0.01 to 0.2 s each
DRAWS = 199
TASKS, EXAMPLES, WIDTH, NOISE = 4, 16, 24, 0.5
ROWS, NARROW, RANK = 20, 8, 3
TARGETS, PAIRS, ITEMS, FACTS = 4, 6, 40, 3

ANY = "Gains have nothing to do with the facts."
UNPAIRED = "Independent states: the pairing of their rows means nothing."
SAME = "Both sets come from one distribution, their rows independent."
PARTNERS = "Partners share what their query adds; their subspaces are the same."
ALIKE = "Groups have the same mean."
STRATA = "Strata have other means and other proportions of the groups, groups the same mean."
NO_MEAN = "Differences have mean 0 in every task."
EXCHANGEABLE = "An example's two differences have the same distribution."
ELSEWHERE = "The null's vectors are as parallel, about another direction. Claim 1 rests on it."

States = Float[np.ndarray, "row width"]


@dataclass(frozen=True)
class _Try:
    """A test on one kind of data.

    Attributes:
        found: whether the test finds something in a data set drawn with an effect of this size.
        effect: the size that is planted to measure power.
    """

    test: str
    setting: str
    note: str
    effect: float
    found: Callable[[np.random.Generator, float], bool]


def on_states(repeats: int, generator: np.random.Generator) -> Iterator[Validation]:
    """Try each of these tests.

    Args:
        repeats: of quick tests; a quarter of it without an effect, a twentieth with one.
        generator: of the data.
    """
    null, planted = max(1, repeats // FEWER), max(1, repeats // FEWEST)
    for one, stream in zip(_TRIES, generator.spawn(len(_TRIES)), strict=True):
        false = [one.found(stream, 0.0) for _ in range(null)]
        seen = [one.found(stream, one.effect) for _ in range(planted)]
        yield judged(one.test, one.setting, proportion(false), proportion(seen), one.note)


def _forecast(generator: np.random.Generator, effect: float) -> bool:
    facts = generator.normal(size=(TARGETS * PAIRS, FACTS))
    chance = np.clip(0.5 + effect * facts[:, 0] + 0.1 * facts[:, 1] * (effect > 0), 0, 1)
    gains = [generator.binomial(1, p, size=ITEMS) - 0.5 for p in chance]
    targets = [f"target {i // PAIRS}" for i in range(TARGETS * PAIRS)]
    return forecast_gain(facts, gains, targets).p <= ALPHA


def _cka(generator: np.random.Generator, effect: float) -> bool:
    x, noise = generator.normal(size=(2, ROWS, NARROW))
    return debiased_cka(x, noise + effect * x[:, ::-1], permutations=DRAWS).p <= ALPHA


def _along(generator: np.random.Generator, first: int) -> States:
    """States whose main subspace is that of `RANK` coordinates."""
    states = generator.normal(size=(ROWS, WIDTH))
    states[:, first : first + RANK] *= 5
    return np.asarray(states)


def _angles(generator: np.random.Generator, effect: float) -> bool:
    x, y = _along(generator, 0), _along(generator, round(effect))
    return principal_angles(x, y, RANK, permutations=DRAWS).p <= ALPHA


def _partners(generator: np.random.Generator, effect: float) -> bool:
    query, shift = _along(generator, 0), round(effect)
    x, y = (query + generator.normal(size=query.shape) for _ in range(2))
    y = np.roll(y, shift, axis=1)
    return principal_angles(x, y, RANK, paired=True, permutations=DRAWS).p <= ALPHA


def _share(generator: np.random.Generator, effect: float) -> bool:
    group = np.arange(ROWS) % 3
    states = generator.normal(size=(ROWS, NARROW)) + effect * np.eye(NARROW)[group]
    return share_between(states, group.astype(str), permutations=DRAWS).p <= ALPHA


def _share_within(generator: np.random.Generator, effect: float) -> bool:
    """Strata lie apart, and hold the groups in other proportions."""
    stratum = np.arange(ROWS) % 2
    group = generator.random(ROWS) < np.where(stratum, 0.3, 0.7)
    states = generator.normal(size=(ROWS, NARROW)) + 3 * stratum[:, None]
    states[:, 0] += effect * group
    names = group.astype(str)
    found = share_between(states, names, permutations=DRAWS, within=stratum.astype(str).tolist())
    return found.p <= ALPHA


def _differences(
    generator: np.random.Generator, shared: float, own: float, first: int = 0
) -> dict[str, States]:
    """By task: a shared direction, one of its own, all at right angles, and noise."""
    axes = np.eye(WIDTH)
    return {
        f"task {t}": shared * axes[first]
        + own * axes[first + 1 + t]
        + generator.normal(scale=NOISE, size=(EXAMPLES, WIDTH))
        for t in range(TASKS)
    }


def _flips(generator: np.random.Generator, effect: float) -> bool:
    plain = _differences(generator, effect, 0.0)
    return cosine_matrices(plain, {}, np.eye(WIDTH), 0).flips_p <= ALPHA


def _exchanged(generator: np.random.Generator, effect: float) -> bool:
    plain, null = (_differences(generator, size, 1.0) for size in (1.0 + effect, 1.0))
    found = cosine_matrices(plain, {"text": null}, np.eye(WIDTH), 0)
    return found.against["text"].p <= ALPHA


def _excess(generator: np.random.Generator, effect: float) -> bool:
    plain = _differences(generator, 1.0 + effect, 1.0)
    null = _differences(generator, 1.0, 1.0, first=TASKS + 1)
    excess = cosine_matrices(plain, {"text": null}, np.eye(WIDTH), 0).against["text"].excess
    return excess.low > 0 or excess.high < 0


_GAINS = f"{TARGETS} targets of {PAIRS} sources, {ITEMS} items"
_STATES = f"{ROWS} states, width {NARROW}"
_SPANS = f"{ROWS} states each, width {WIDTH}, rank {RANK}"
_VECTORS = f"{TASKS} tasks, {EXAMPLES} examples, width {WIDTH}"
_TRIES = (
    _Try("gains forecast, permuted", _GAINS, ANY, 0.1, _forecast),
    _Try("debiased CKA, rows permuted", _STATES, UNPAIRED, 0.8, _cka),
    _Try("principal angles, sets split", _SPANS, SAME, RANK, _angles),
    _Try("principal angles, partners swapped", _SPANS, PARTNERS, RANK, _partners),
    _Try("share between groups, permuted", _STATES, ALIKE, 1.2, _share),
    _Try("share within strata, permuted", _STATES, STRATA, 3, _share_within),
    _Try("mean cosine, signs flipped", _VECTORS, NO_MEAN, 0.3, _flips),
    _Try("cosine above a null's, exchanged", _VECTORS, EXCHANGEABLE, 0.4, _exchanged),
    _Try("cosine above a null's, bootstrap", _VECTORS, ELSEWHERE, 0.4, _excess),
)
