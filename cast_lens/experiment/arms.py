"""The arms, by the names METHOD fixes: prompts that differ, or vectors that are injected.

To add an arm, write a function of one of the two kinds and enter it in its table here and in
`config.Arm`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cast_lens.experiment.config import ARMS, Arm, CastConfig
from cast_lens.experiment.sources import Source, demonstrations_for, fixed_set
from cast_lens.prompts.demonstrations import item_generator
from cast_lens.prompts.prompt import Prompt, cross_task, few_shot, zero_shot
from cast_lens.steer.injection import Rule
from cast_lens.steer.vectors import SteeringVector, mean_state, mean_vector, placebo
from cast_lens.tasks.task import Example, Task

PromptArm = Callable[[CastConfig, Source | None, Task, Example], Prompt]
VectorArm = Callable[["Made"], SteeringVector]


@dataclass(frozen=True, eq=False)
class Made:
    """What one vector is made from.

    Attributes:
        config: the settings.
        source: its source.
        sources: all sources of the run.
        layer: its block.
        draw: which of several draws.
    """

    config: CastConfig
    source: Source
    sources: Sequence[Source]
    layer: int
    draw: int

    @property
    def recipe(self) -> dict[str, str | int]:
        """Facts to keep with the vector."""
        return {
            "source": self.source.task.name,
            "source_fingerprint": self.source.task.fingerprint(),
            "shots": self.config.shots,
            "selector": self.config.selector,
            "seed": self.config.seed,
        }


def _zero_shot(config: CastConfig, _source: Source | None, target: Task, query: Example) -> Prompt:
    return zero_shot(target, query, template=config.template)


def _icl_in_task(
    config: CastConfig, _source: Source | None, target: Task, query: Example
) -> Prompt:
    shown = demonstrations_for(config, fixed_set(config, target) or target.train, query)
    return few_shot(target, query, shown, template=config.template)


def _icl_cross_task(
    config: CastConfig, source: Source | None, target: Task, query: Example
) -> Prompt:
    assert source is not None
    shown = demonstrations_for(config, source.shown, query)
    return cross_task(source.task, target, query, shown, template=config.template)


def _cast(made: Made) -> SteeringVector:
    return mean_vector(made.source.few, made.source.zero, made.layer, made.recipe)


def _few_only(made: Made) -> SteeringVector:
    return mean_state(made.source.few, made.layer, made.recipe)


def _mean_centred(made: Made) -> SteeringVector:
    means = [mean_state(source.few, made.layer) for source in made.sources]
    middle = sum(means[1:], means[0]) * (1 / len(means))
    return mean_state(made.source.few, made.layer, made.recipe) - middle


def _task_vector(made: Made) -> SteeringVector:
    return mean_state(made.source.altered["task_vector"], made.layer, made.recipe)


def _altered(arm: Arm) -> VectorArm:
    def make(made: Made) -> SteeringVector:
        recipe = {**made.recipe, "demonstrations": arm}
        return mean_vector(made.source.altered[arm], made.source.zero, made.layer, recipe)

    return make


def _random_direction(made: Made) -> SteeringVector:
    keys = ("placebo", made.source.task.name, str(made.layer), str(made.draw))
    generator = item_generator(made.config.seed, *keys)
    return placebo(_cast(made), int(generator.integers(2**31)))


def _opposite(made: Made) -> SteeringVector:
    return -_cast(made)


TARGET_ARMS: dict[Arm, PromptArm] = {"zero_shot": _zero_shot, "icl_in_task": _icl_in_task}
PAIR_ARMS: dict[Arm, PromptArm] = {"icl_cross_task": _icl_cross_task}
VECTOR_ARMS: dict[Arm, VectorArm] = {
    "cast": _cast,
    "few_only": _few_only,
    "mean_centred": _mean_centred,
    "task_vector": _task_vector,
    "shuffled_labels": _altered("shuffled_labels"),
    "irrelevant_demos": _altered("irrelevant_demos"),
    "random_direction": _random_direction,
    "opposite": _opposite,
}
assert {*TARGET_ARMS, *PAIR_ARMS, *VECTOR_ARMS} == set(ARMS)


def draws(config: CastConfig, arm: Arm) -> int:
    """How many vectors an arm draws: several placebos, one of everything else."""
    return config.random_directions if arm == "random_direction" else 1


def written(config: CastConfig, arm: Arm) -> tuple[Rule, tuple[float, ...]]:
    """By which rule and at which strengths an arm's vector is tried.

    A task vector is a state that takes the place of another, so it has one strength.
    """
    return ("replace", (1.0,)) if arm == "task_vector" else (config.rule, config.strengths)


def left_out(config: CastConfig, sources: int) -> dict[Arm, str]:
    """Arms that the settings name but that cannot be run, each with the reason."""
    if "mean_centred" in config.arms and sources < 2:
        return {"mean_centred": "it needs two sources to have a mean to subtract"}
    return {}
