"""What is found of the cosines between tasks after one block."""

from __future__ import annotations

from cast_lens.analysis.estimates import Estimate
from cast_lens.records import Record, Rows, rows_of

PLAIN = "plain"
RAW, CENTRED, WHITENED = "raw", "centred", "whitened"


def without(count: int) -> str:
    """Kind of the cosines that leave out the `count` coordinates that carry most."""
    return f"without {count}"


def beyond(null: str) -> str:
    """Whose vectors: the plain mean differences minus those of a null, example by example."""
    return f"{PLAIN} - {null}"


class Cosines(Record):
    """Cosines of the mean vectors of every two tasks, in one geometry.

    Attributes:
        whose: `plain`, the name of a null, or `plain - NULL`.
        kind: `raw`; `centred`, the mean over tasks of their mean vectors subtracted; `whitened`, by
            the covariance of single plain differences about their task's mean; `without K`, the K
            coordinates left out that carry most of the raw cosine of the plain vectors.
        matrix: task by task, in the order of the tasks.
        mean: over all pairs; its interval is over examples, for these tasks and this covariance.
            That of centred vectors is near `chance` whatever they are: read their matrix.
        reliability: of each task, the cosine that its vector would have with one from as many
            other examples: halves, stepped up by the Spearman-Brown formula. None where the halves
            do not agree at all.
        ceiling: mean over pairs of the highest cosine that such vectors could show, the root of the
            product of their reliabilities, a missing one counted as 0.
        chance: what unrelated directions have: 0, or -1 / (tasks - 1) once they are centred.
    """

    whose: str
    kind: str
    matrix: tuple[tuple[float, ...], ...]
    mean: Estimate
    reliability: tuple[float | None, ...]
    ceiling: float
    chance: float


class Against(Record):
    """Raw cosine of plain vectors minus that of a null's.

    Attributes:
        excess: with a bootstrap interval; plain and null draw the same examples.
        p: two-sided, from exchanging an example's plain and null differences at random. Exact where
            the two have the same distribution. Where they point elsewhere but are as parallel, it
            finds too little: 0 of 200 planted data sets at 0.05; the interval covers 0 in 95 %.
        holm: p over all pairs of the block; p itself for the mean over pairs.
    """

    excess: Estimate
    p: float
    holm: float


class PairCosine(Record):
    """Raw cosine of two tasks' mean differences.

    Attributes:
        tasks: the two.
        cosine: with a bootstrap interval over their examples. It is that of the cosine which
            vectors of as many examples have on the mean: noise bends it towards 0, see
            `disattenuated`.
        disattenuated: divided by the root of the product of their reliabilities: what vectors from
            endlessly many examples would have. Noise can put it above 1, and it stays there. None
            where a task has no reliability.
        flips_p, flips_holm: one-sided; how often random signs of single differences give as high a
            cosine, that is, whether the tasks have a mean difference in common at all.
        random_p, random_holm: how often two random directions have as large a cosine, of any sign.
        against: by name of a null.
    """

    tasks: tuple[str, str]
    cosine: Estimate
    disattenuated: float | None
    flips_p: float
    flips_holm: float
    random_p: float
    random_holm: float
    against: dict[str, Against]


class CosineMatrices(Record):
    """All of it after one block.

    Attributes:
        layer: the block.
        tasks: in the order of every matrix.
        examples: of each task.
        width: of the vectors.
        cosines: for the plain vectors, each null, and the plain less each null, every kind.
        pairs: every two tasks.
        flips_p: as for pairs, of the mean raw cosine over pairs.
        against: by name of a null, of the mean raw cosine over pairs.
        random_band: 95 % of pairs of random directions stay below this cosine, whatever its sign.
        rogue: coordinates that carry most of the mean raw cosine, the first carries most.
        rogue_parts: how much of the mean raw cosine each carries; all coordinates add up to it.
        shrinkage: of the whitening covariance towards a sphere (Ledoit and Wolf): 1 is none of it.
        draws: of each test; the smallest p is 1 / (draws + 1).
    """

    layer: int
    tasks: tuple[str, ...]
    examples: tuple[int, ...]
    width: int
    cosines: tuple[Cosines, ...]
    pairs: tuple[PairCosine, ...]
    flips_p: float
    against: dict[str, Against]
    random_band: float
    rogue: tuple[int, ...]
    rogue_parts: tuple[float, ...]
    shrinkage: float
    draws: int

    def find(self, whose: str = PLAIN, kind: str = RAW) -> Cosines | None:
        """The cosines of one set of vectors in one geometry; None where it was not measured."""
        return next((c for c in self.cosines if (c.whose, c.kind) == (whose, kind)), None)

    def found(self, whose: str = PLAIN, kind: str = RAW) -> Cosines:
        """Cosines that every record has.

        Raises:
            KeyError: when this one has not.
        """
        cosines = self.find(whose, kind)
        if cosines is None:
            raise KeyError(f"{whose}, {kind}")
        return cosines

    def between(self, one: str, other: str) -> float:
        """The raw cosine of two tasks' plain vectors."""
        return self.found().matrix[self.tasks.index(one)][self.tasks.index(other)]

    @property
    def nulls(self) -> tuple[str, ...]:
        """Names of the nulls."""
        return tuple(self.against)

    def as_rows(self) -> Rows:
        """One row a pair of tasks."""
        return rows_of(self.pairs, layer=self.layer)
