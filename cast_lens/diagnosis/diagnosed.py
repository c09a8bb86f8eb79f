"""What a diagnosis found: one record a block, the whole, and three sentences."""

from __future__ import annotations

from typing import Any

from cast_lens.analysis.estimates import Estimate
from cast_lens.analysis.probing import Probe
from cast_lens.analysis.written import difference, percent
from cast_lens.experiment.record import Site
from cast_lens.records import Record, Rows, rows_of

READABLE, CLEAR = 0.95, 0.05  # share of the best probe's accuracy; adjusted p


class DiagnosedBlock(Record):
    """One block of the residual stream, from several sides.

    Attributes:
        layer, depth: 0-based, and relative.
        state_norm: median length of the target's zero-shot states at the prompt's last token.
        vector_norm: length of the source's mean difference v.
        dose: v's length over that of the target's states, median over prompts (strength 1).
        agreement: mean cosine between every two single differences (Braun et al. 2025).
        separation: d', distance of few-shot and zero-shot states along v, in standard deviations;
            each example is measured along the mean of the others (Braun et al. 2025).
        cosine: of the source's and the target's vector; `cosine_p` against random signs, one-sided;
            `random_band` what 95 % of random directions stay below; `text_cosine` of the same two
            tasks' vectors made by random words, `excess` of the cosine over it. All None where
            source and target are one task.
        shared: share of v's squared length along the mean direction of the other tasks read; None
            where there are none.
        text: share of v's squared length along the vector that random words of the same length
            make: what is left of v when the demonstrations mean nothing.
        probe: source or target? from few-shot states; few-shot or zero-shot? where they are one
            task.
        strength: the best on dev at this block.
        gain: accuracy on test minus zero-shot, paired; `p` exact McNemar, `adjusted_p`
            Benjamini-Hochberg over blocks.
        placebo_gain: of a random direction of v's length, searched as widely at this block.
        entropy, entropy_few: in nats, of the logit lens at the target's zero-shot and few-shot
            prompts; `right`, `right_few` probability there of the right answer's first token.
    """

    layer: int
    depth: float
    state_norm: float
    vector_norm: float
    dose: float
    agreement: float
    separation: float
    cosine: float | None
    cosine_p: float | None
    random_band: float | None
    text_cosine: float | None
    excess: Estimate | None
    shared: float | None
    text: float
    probe: Probe
    strength: float
    gain: Estimate
    p: float
    adjusted_p: float
    placebo_gain: Estimate
    entropy: Estimate
    entropy_few: Estimate
    right: Estimate
    right_few: Estimate


class Diagnosis(Record):
    """All blocks of one model for one source and one target.

    Attributes:
        model, source, target: names.
        beside: other tasks read for the shared direction.
        examples, dev_n, test_n, shots: how many.
        zero_shot: accuracy on test without steering.
        strengths: searched at every block, on dev; `site` is what dev chose among all of them.
        question: of the probe: `task` or `kind`.
        identity: fingerprints.
        blocks: ascending.
    """

    model: str
    source: str
    target: str
    beside: tuple[str, ...]
    examples: int
    dev_n: int
    test_n: int
    shots: int
    zero_shot: Estimate
    strengths: tuple[float, ...]
    site: Site
    question: str
    identity: dict[str, Any]
    blocks: tuple[DiagnosedBlock, ...]

    @property
    def best(self) -> DiagnosedBlock:
        """The block that dev chose."""
        return next(block for block in self.blocks if block.layer == self.site.layer)

    @property
    def in_words(self) -> tuple[str, str, str]:
        """Where the task is readable, where writing it works, whether it is more than format."""
        return self._readable(), self._writable(), self._more_than_format()

    def _readable(self) -> str:
        asked = {
            "task": f"Whether a few-shot prompt is of {self.source} or {self.target}",
            "kind": "Whether a prompt holds demonstrations",
        }[self.question]
        told = [b for b in self.blocks if b.probe.selectivity.low > 0]
        if not told:
            return f"{asked} cannot be read off any block beyond what a control task shows."
        best = max(b.probe.accuracy.value for b in told)
        first = next(b for b in told if b.probe.accuracy.value >= READABLE * best)
        return (
            f"{asked} can be read from block {first.layer} on (accuracy "
            f"{first.probe.accuracy.value:.2f}, chance {first.probe.chance:.2f}, selectivity "
            f"{first.probe.selectivity.value:+.2f}); that says nothing of use yet."
        )

    def _writable(self) -> str:
        best = self.best
        clear = [b for b in self.blocks if b.adjusted_p < CLEAR and b.gain.value > 0]
        beyond = [b.layer for b in clear if b.gain.low > b.placebo_gain.value]
        verdict = (
            f"blocks that help beyond zero-shot and their placebo: {_ranges(beyond)}"
            if beyond
            else "no block helps beyond zero-shot and its placebo"
        )
        return (
            f"Written where dev chose, block {best.layer} at strength {best.strength:g}, the "
            f"vector of {self.source} changes {self.target} by {difference(best.gain)} from "
            f"zero-shot {self.zero_shot.value:.2f} ({self.test_n} items), a random direction by "
            f"{best.placebo_gain.value:+.2f}; {verdict}."
        )

    def _more_than_format(self) -> str:
        best = self.best
        said = (
            f"At block {best.layer}, {percent(best.text)} of the vector lies along what random "
            "words of the same length do"
        )
        if best.cosine is None or best.excess is None:
            return f"{said}; the rest is more than text before the query."
        alike = (
            "more alike than"
            if best.excess.low > 0
            else "less alike than"
            if best.excess.high < 0
            else "not told from"
        )
        return (
            f"{said}; the two tasks' vectors (cosine {best.cosine:.2f}) are {alike} those made by "
            f"random words ({difference(best.excess)})."
        )

    def as_rows(self) -> Rows:
        """One row a block."""
        return rows_of(self.blocks)


def _ranges(layers: list[int]) -> str:
    """Block numbers, neighbours as a range."""
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
