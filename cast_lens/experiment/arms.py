"""The arms, by the names METHOD fixes: prompts that differ, or vectors that are injected.

To add an arm, write a function of one of the two kinds and enter it in its table here and in
`config.Arm`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.model.lens import Lens
from cast_lens.prompts.demonstrations import (
    draw_demonstrations,
    fixed_demonstrations,
    item_generator,
    sample_examples,
)
from cast_lens.prompts.prompt import Prompt, cross_task, few_shot, zero_shot
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import ResidualStates
from cast_lens.steer.vectors import SteeringVector, mean_state, mean_vector, placebo
from cast_lens.tasks.task import Example, Task


@dataclass(frozen=True, eq=False)
class Source:
    """A source task, its chosen examples and their states.

    Attributes:
        task: the source.
        chosen: the examples the vector is a mean over.
        shown: where its demonstrations come from: the chosen, or a fixed set apart from them.
        few, zero: states at the last token of their few-shot and zero-shot prompts.
    """

    task: Task
    chosen: tuple[Example, ...]
    shown: tuple[Example, ...]
    few: ResidualStates
    zero: ResidualStates


def read_source(lens: Lens, config: CastConfig, task: Task) -> Source:
    """Choose examples of a source at random and read their few-shot and zero-shot states."""
    fixed = _fixed(config, task)
    left = [e for e in task.train if e not in fixed]
    chosen = tuple(sample_examples(left, min(config.examples, len(left)), config.seed))
    shown = fixed or chosen
    style = config.template
    layers = config.layers_of(lens.n_layers)
    few = [few_shot(task, e, _demonstrations(config, shown, e), template=style) for e in chosen]
    zero = [zero_shot(task, e, template=style) for e in chosen]
    return Source(
        task=task,
        chosen=chosen,
        shown=shown,
        few=read_residual(lens, few, layers=layers, description=f"{task.name}: few-shot states"),
        zero=read_residual(lens, zero, layers=layers, description=f"{task.name}: zero-shot states"),
    )


def _fixed(config: CastConfig, task: Task) -> tuple[Example, ...]:
    """The one set of demonstrations of a task, where the settings ask for one."""
    if config.demonstrations == "drawn":
        return ()
    return fixed_demonstrations(task.train, config.shots, config.seed)


def _demonstrations(
    config: CastConfig, shown: Sequence[Example], query: Example
) -> tuple[Example, ...]:
    if config.demonstrations == "fixed":
        return tuple(shown)
    return draw_demonstrations(shown, query, config.shots, config.seed)


PromptArm = Callable[[CastConfig, Source | None, Task, Example], Prompt]
VectorArm = Callable[[CastConfig, Source, int, int], SteeringVector]


def _zero_shot(config: CastConfig, _source: Source | None, target: Task, query: Example) -> Prompt:
    return zero_shot(target, query, template=config.template)


def _icl_in_task(
    config: CastConfig, _source: Source | None, target: Task, query: Example
) -> Prompt:
    shown = _demonstrations(config, _fixed(config, target) or target.train, query)
    return few_shot(target, query, shown, template=config.template)


def _icl_cross_task(
    config: CastConfig, source: Source | None, target: Task, query: Example
) -> Prompt:
    assert source is not None
    shown = _demonstrations(config, source.shown, query)
    return cross_task(source.task, target, query, shown, template=config.template)


def _recipe(config: CastConfig, source: Source) -> dict[str, str | int]:
    return {
        "source": source.task.name,
        "source_fingerprint": source.task.fingerprint(),
        "shots": config.shots,
        "seed": config.seed,
    }


def _cast(config: CastConfig, source: Source, layer: int, _draw: int) -> SteeringVector:
    return mean_vector(source.few, source.zero, layer, _recipe(config, source))


def _few_only(config: CastConfig, source: Source, layer: int, _draw: int) -> SteeringVector:
    return mean_state(source.few, layer, _recipe(config, source))


def _random_direction(config: CastConfig, source: Source, layer: int, draw: int) -> SteeringVector:
    generator = item_generator(config.seed, "placebo", source.task.name, str(layer), str(draw))
    return placebo(_cast(config, source, layer, 0), int(generator.integers(2**31)))


TARGET_ARMS: dict[Arm, PromptArm] = {"zero_shot": _zero_shot, "icl_in_task": _icl_in_task}
PAIR_ARMS: dict[Arm, PromptArm] = {"icl_cross_task": _icl_cross_task}
VECTOR_ARMS: dict[Arm, VectorArm] = {
    "cast": _cast,
    "few_only": _few_only,
    "random_direction": _random_direction,
}


def draws(config: CastConfig, arm: str) -> int:
    """How many vectors an arm draws: several placebos, one of everything else."""
    return config.random_directions if arm == "random_direction" else 1
