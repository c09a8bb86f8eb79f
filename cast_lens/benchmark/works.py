"""The works that are measured, each with the tokens it cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from cast_lens.model.lens import Lens
from cast_lens.model.stems import Stems
from cast_lens.model.tokens import fit_prompt
from cast_lens.prompts.demonstrations import draw_demonstrations, fixed_demonstrations
from cast_lens.prompts.prompt import Prompt, few_shot, zero_shot
from cast_lens.score.generation import generate
from cast_lens.score.labels import score_labels
from cast_lens.score.plan import make_sheet
from cast_lens.steer.identity import identity_of
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual
from cast_lens.steer.vectors import SteeringVector
from cast_lens.tasks.task import Example, Task

SHOTS = 4
STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
SHORT_LABELS = ("yes", "no", "good", "bad")
LONG_LABELS = ("in the city", "in the sea", "on the road", "at the house")
NEW_TOKENS = 15
WRITTEN = 32


@dataclass(frozen=True)
class Material:
    """Prompts of one task, for all works."""

    task: Task
    demonstrations: tuple[Example, ...]
    queries: tuple[Example, ...]

    @property
    def zero(self) -> list[Prompt]:
        """Zero-shot prompts."""
        return [zero_shot(self.task, query) for query in self.queries]

    @property
    def few(self) -> list[Prompt]:
        """Few-shot prompts that share one set of demonstrations."""
        return [few_shot(self.task, query, self.demonstrations) for query in self.queries]

    @property
    def few_drawn(self) -> list[Prompt]:
        """Few-shot prompts with demonstrations of their own."""
        pool = [*self.task.train]
        return [
            few_shot(self.task, query, draw_demonstrations(pool, query, SHOTS, 0))
            for query in self.queries
        ]


def material(task: Task, queries: int) -> Material:
    """Up to so many queries of a task, none of them among its fixed demonstrations."""
    shown = fixed_demonstrations(task.train, SHOTS, 0)
    asked = [e for e in task.items() if e not in shown][:queries]
    return Material(task, shown, tuple(asked))


@dataclass(frozen=True)
class Work:
    """Something to be timed.

    Attributes:
        name: what it is.
        run: does it.
        tokens: how many tokens it must run through all blocks at least.
        target: the ratio to the floor that it is held to.
        logits: how many single logits it must compute.
        unit: what the ratio is to: ``floor``, or the name of another work or peer.
        share: of that other one's prompts that this work has.
    """

    name: str
    run: Callable[[], object] = field(repr=False)
    tokens: float
    target: float | None
    logits: float = 0.0
    unit: str = "floor"
    share: float = 1.0


def unique_tokens(lens: Lens, prompts: Sequence[Prompt]) -> int:
    """Tokens of some prompts, common beginnings counted once."""
    return Stems(lens, [fit_prompt(lens, prompt)[1] for prompt in prompts]).unique_tokens


def all_tokens(lens: Lens, prompts: Sequence[Prompt]) -> int:
    """Tokens of some prompts."""
    return sum(len(fit_prompt(lens, prompt)[1]) for prompt in prompts)


def grid(lens: Lens, layers: Sequence[int], strengths: Sequence[float]) -> list[Injection]:
    """Injections of one random direction a layer, as a search makes them."""
    generator = torch.Generator().manual_seed(0)
    home = identity_of(lens, "plain")
    vectors = [
        SteeringVector(torch.randn(lens.d_model, generator=generator), layer, home, {})
        for layer in layers
    ]
    return [Injection(vector, strength) for vector in vectors for strength in strengths]


def _swept(lens: Lens, prompts: Sequence[Prompt], labels: Sequence[str]) -> float:
    """Tokens of a sweep: prompts once, each variant's own tokens from its own block up."""
    own = 1 + len(make_sheet(lens, prompts[0], labels).tree.ids)
    above = sum(lens.n_layers - 1 - layer for layer in range(lens.n_layers)) / lens.n_layers
    return unique_tokens(lens, prompts) + len(prompts) * own * above * len(STRENGTHS)


def works(lens: Lens, given: Material, many: Material) -> list[Work]:
    """Every work of the benchmark.

    Args:
        lens: the model.
        given: what most works are about.
        many: the same task with more queries, for in-context scoring.
    """
    zero, few, drawn = given.zero, given.few, given.few_drawn
    sweep = grid(lens, range(lens.n_layers), STRENGTHS)
    short, long = list(SHORT_LABELS), list(LONG_LABELS)
    label_logits = len(zero) * len(short)
    written, some = zero[:WRITTEN], zero[: max(1, len(zero) // 4)]
    return [
        Work(
            "plain scoring pass",
            lambda: score_labels(lens, zero, short, normalised=False),
            unique_tokens(lens, zero),
            1.3,
            label_logits,
        ),
        Work(
            f"sweep of {len(sweep)} cells, labels of one token",
            lambda: score_labels(lens, zero, short, sweep, normalised=False),
            _swept(lens, zero, short),
            1.6,
            label_logits * len(sweep),
        ),
        Work(
            f"sweep of {len(sweep)} cells, 4 labels of several tokens",
            lambda: score_labels(lens, some, long, sweep),
            _swept(lens, some, long),
            5.0,
            unit="plain scoring pass",
            share=len(some) / len(zero),
        ),
        Work(
            "extraction, one demonstration set",
            lambda: (read_residual(lens, few), read_residual(lens, zero)),
            unique_tokens(lens, few) + unique_tokens(lens, zero),
            1.5,
        ),
        Work(
            "extraction, demonstrations drawn",
            lambda: (read_residual(lens, drawn), read_residual(lens, zero)),
            all_tokens(lens, drawn) + all_tokens(lens, zero),
            1.3,
        ),
        Work(
            f"in-context scoring, one demonstration set, {len(many.queries)} queries",
            lambda: score_labels(lens, many.few, short, normalised=False),
            unique_tokens(lens, many.few),
            1.5,
            len(many.queries) * len(short),
        ),
        Work(
            f"generation, {NEW_TOKENS} tokens, {len(written)} prompts, steered",
            lambda: generate(lens, written, [sweep[len(sweep) // 2]], max_new_tokens=NEW_TOKENS),
            unique_tokens(lens, written),
            1.3,
            unit="Hugging Face generate",
        ),
    ]
