"""What the cosines between tasks say, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from cast_lens.analysis.cosines.records import (
    CENTRED,
    PLAIN,
    WHITENED,
    CosineMatrices,
    Cosines,
    PairCosine,
    beyond,
)
from cast_lens.experiment.parallel import IRRELEVANT, SHUFFLED

MEANINGS: dict[str, str] = {
    IRRELEVANT: "demonstrations of random words of the same length",
    SHUFFLED: "the same demonstrations with their labels permuted",
}
ALPHA = 0.05


def middle_of(blocks: Sequence[CosineMatrices]) -> CosineMatrices:
    """The block in the middle of those measured, the earlier of two."""
    return blocks[(len(blocks) - 1) // 2]


def more_than(block: CosineMatrices, null: str) -> tuple[PairCosine, ...]:
    """The pairs whose plain vectors are more parallel than the null's, by Holm over all pairs."""
    return tuple(
        pair
        for pair in block.pairs
        if pair.against[null].holm < ALPHA and pair.against[null].excess.value > 0
    )


def in_words(blocks: Sequence[CosineMatrices]) -> tuple[str, ...]:
    """What was found, in plain sentences: the middle block in full, then how the blocks differ."""
    block = middle_of(blocks)
    sentences = [_raw(block), _signs(block)]
    sentences += [_null(block, null) for null in block.nulls]
    sentences += [_rest(block), _rogue(block), *_beyond(block), _ceiling(block)]
    if len(blocks) > 1:
        sentences.append(_course(blocks))
    sentences.append(
        f"All of this is for these {len(block.tasks)} tasks and {sum(block.examples)} examples; "
        "differences of one task share demonstrations, so p values and intervals may be "
        "somewhat too sharp."
    )
    return tuple(sentences)


def examples_of(block: CosineMatrices) -> str:
    """How many examples a task has: one number where all have as many."""
    fewest, most = min(block.examples), max(block.examples)
    return str(most) if fewest == most else f"{fewest} to {most}"


def pairs_of(block: CosineMatrices) -> str:
    """How many pairs of tasks there are."""
    return "1 pair" if len(block.pairs) == 1 else f"{len(block.pairs)} pairs"


def interval(cosines: Cosines) -> str:
    """A mean cosine with its interval, as text."""
    mean = cosines.mean
    return f"{mean.value:.2f} [{mean.low:.2f}, {mean.high:.2f}]"


def _raw(block: CosineMatrices) -> str:
    return (
        f"After block {block.layer} the difference vectors of {len(block.tasks)} tasks have a mean "
        f"raw cosine of {interval(block.found())}; random directions with the covariance of the "
        f"states stay below {block.random_band:.2f} (95 %)."
    )


def _signs(block: CosineMatrices) -> str:
    pairs = len(block.pairs)
    flips = sum(pair.flips_holm < ALPHA for pair in block.pairs)
    random = sum(pair.random_holm < ALPHA for pair in block.pairs)
    return (
        f"More than random signs of single differences give: {flips} of {pairs} pairs; more than "
        f"random directions: {random} (Holm, {ALPHA:g})."
    )


def _null(block: CosineMatrices, null: str) -> str:
    excess, more = block.against[null], len(more_than(block, null))
    tests = [pair.against[null] for pair in block.pairs]
    less = sum(test.holm < ALPHA and test.excess.value < 0 for test in tests)
    what = MEANINGS.get(null, null)
    return (
        f"With {what} the mean cosine is {interval(block.found(null))}, so the task's own "
        f"demonstrations add {excess.excess.value:+.2f} [{excess.excess.low:+.2f}, "
        f"{excess.excess.high:+.2f}] (p {excess.p:.2g}); significantly more parallel are {more} of "
        f"{len(block.pairs)} pairs, significantly less {less} (Holm, {ALPHA:g})."
    )


def _rest(block: CosineMatrices) -> str:
    white, freedom = block.found(PLAIN, WHITENED), sum(n - 1 for n in block.examples)
    few = (
        f" (few: {freedom} deviations for a covariance of {block.width} dimensions)"
        if freedom < block.width
        else ""
    )
    said = f"Whitened by the covariance of single differences, {interval(white)} stays{few}."
    centred = block.find(PLAIN, CENTRED)
    if centred is None:
        return said
    values = [value for _, value in pair_values(block, centred)]
    (one, other), high = max(pair_values(block, centred), key=lambda item: item[1])
    return (
        f"Once the mean vector of all tasks is taken away, pairs lie between {min(values):.2f} and "
        f"{high:.2f} ({one} and {other}); their mean is near {centred.chance:.2f} whatever the "
        f"vectors are. {said}"
    )


def pair_values(
    block: CosineMatrices, cosines: Cosines
) -> tuple[tuple[tuple[str, str], float], ...]:
    """The cosine of every two tasks, by their names."""
    return tuple(
        ((a, b), cosines.matrix[i][j]) for (i, a), (j, b) in combinations(enumerate(block.tasks), 2)
    )


def _rogue(block: CosineMatrices) -> str:
    return (
        f"Coordinate {block.rogue[0]} alone carries {block.rogue_parts[0]:.2f} of the raw cosine, "
        f"the first {len(block.rogue)} together {sum(block.rogue_parts):.2f}."
    )


def _beyond(block: CosineMatrices) -> tuple[str, ...]:
    if IRRELEVANT not in block.nulls:
        return ()
    left = block.found(beyond(IRRELEVANT))
    return (
        "What the tasks' demonstrations do beyond random words of the same length (few-shot minus "
        f"random-word states) has a mean cosine of {interval(left)}.",
    )


def _ceiling(block: CosineMatrices) -> str:
    known = [p.disattenuated for p in block.pairs if p.disattenuated is not None]
    above = sum(value > 1 for value in known)
    mean = f"{np.mean(known):.2f}" if known else "unknown"
    noted = f", of which {above} above 1 by noise" if above else ""
    return (
        f"Noise allows at most {block.found().ceiling:.2f}; cosines corrected for it have a mean "
        f"of {mean} ({len(known)} of {len(block.pairs)} pairs{noted})."
    )


def _course(blocks: Sequence[CosineMatrices]) -> str:
    def part(block: CosineMatrices) -> str:
        texts = [f"{block.found(null).mean.value:.2f}" for null in block.nulls[:1]]
        return f"{block.layer}: {block.found().mean.value:.2f} ({', '.join(texts)})"

    what = MEANINGS.get(blocks[0].nulls[0], blocks[0].nulls[0])
    return f"By block, raw (and {what}): {'; '.join(map(part, blocks))}."
