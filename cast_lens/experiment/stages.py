"""The work of each stage of a run, from the lengths of its tasks' prompts; see `estimate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cast_lens.experiment.arms import VECTOR_ARMS, draws, left_out, written
from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.experiment.curves import REWORDED
from cast_lens.experiment.flops import added_flops, read_flops
from cast_lens.experiment.lengths import Lengths
from cast_lens.experiment.sources import ALTERED
from cast_lens.model.size import ModelSize


@dataclass(frozen=True)
class Work:
    """Tokens that pass the model, each by the share of blocks it passes, and operations."""

    tokens: float = 0.0
    flops: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.tokens + other.tokens, self.flops + other.flops)

    def times(self, count: float) -> Work:
        """The same work so many times."""
        return Work(count * self.tokens, count * self.flops)


def _read(size: ModelSize, tokens: float) -> Work:
    return Work(tokens, read_flops(size, tokens, unembedded=0))


def _added(size: ModelSize, tokens: float, context: float, share: float = 1.0) -> Work:
    return Work(tokens * share, added_flops(size, tokens, context, share))


def _few(config: CastConfig, task: Lengths) -> float:
    return task.zero + config.shots * task.shown


def _vector_arms(config: CastConfig, sources: int) -> list[Arm]:
    missing = left_out(config, sources)
    return [arm for arm in config.arms if arm in VECTOR_ARMS and arm not in missing]


def extraction(size: ModelSize, config: CastConfig, sources: Sequence[Lengths]) -> Work:
    """States of the sources' few-shot and zero-shot prompts, and of the altered ones."""
    if not any(arm in VECTOR_ARMS or arm == "icl_cross_task" for arm in config.arms):
        return Work()
    kinds = 1 + sum(arm in config.arms for arm in ALTERED)
    total = Work()
    for source in sources:
        few, zero = _read(size, _few(config, source)), _read(size, source.zero)
        number = min(config.examples, source.train)
        total += (few.times(kinds) + zero).times(number)
        if "task_vector" in config.arms:
            total += few
        if config.embeddings == "model" and config.selector != "random" and number < source.train:
            total += zero.times(source.train)
    return total


def _layer_shares(size: ModelSize, config: CastConfig) -> list[float]:
    """For each searched block the share of blocks above it."""
    layers = config.layers_of(size.n_layers)
    return [(size.n_layers - 1 - layer) / size.n_layers for layer in layers]


def _variants(size: ModelSize, config: CastConfig, shares: Sequence[float], task: Lengths) -> Work:
    """Answers of one item under vectors that join after so many of the blocks each.

    A vector written at every token leaves nothing of the prompt to share.
    """
    if config.policy == "all":
        whole = _read(size, task.zero - 1) + _added(size, task.places, task.zero)
        return whole.times(len(shares))
    return sum((_added(size, task.places, task.zero, share) for share in shares), Work())


def search(
    size: ModelSize, config: CastConfig, sources: Sequence[Lengths], targets: Sequence[Lengths]
) -> Work:
    """Every block and strength of every vector on dev, and the states that give the dose."""
    arms = _vector_arms(config, len(sources))
    if not arms:
        return Work()
    tries = len(sources) * sum(draws(config, a) * len(written(config, a)[1]) for a in arms)
    shares = _layer_shares(size, config)
    total = Work()
    for target in targets:
        each = _read(size, target.zero).times(2)
        each += _variants(size, config, shares, target).times(tries)
        total += each.times(target.dev)
    return total


def _answered(size: ModelSize, config: CastConfig, task: Lengths, prompt: float) -> Work:
    """One prompt with its answers, its content-free twin's, and what is generated."""
    twice = 2 if task.empty else 1
    answers = _added(size, task.places, prompt).times(twice)
    written_out = _added(size, config.max_new_tokens, prompt)
    return _read(size, prompt) + _added(size, task.empty, prompt) + answers + written_out


def scoring(
    size: ModelSize, config: CastConfig, sources: Sequence[Lengths], targets: Sequence[Lengths]
) -> Work:
    """All arms on test, each with its answers and a generated one as long as allowed."""
    vectors = len(sources) * sum(draws(config, arm) for arm in _vector_arms(config, len(sources)))
    total = Work()
    for target in targets:
        each = _answered(size, config, target, target.zero)
        steered = each if config.policy == "all" else _beside(size, config, target)
        each += steered.times(vectors)
        if "icl_in_task" in config.arms:
            each += _answered(size, config, target, _few(config, target))
        if "icl_cross_task" in config.arms:
            for source in sources:
                if source.name != target.name:
                    prompt = target.zero + source.head + config.shots * source.shown
                    each += _answered(size, config, target, prompt)
        total += each.times(target.test)
    return total


def _beside(size: ModelSize, config: CastConfig, task: Lengths) -> Work:
    """What one more variant adds to a prompt that has been read; counted from block 0 on."""
    whole = _answered(size, config, task, task.zero)
    read = _read(size, task.zero) + _added(size, task.empty, task.zero)
    return whole + read.times(-1)


def curves(
    size: ModelSize, config: CastConfig, sources: Sequence[Lengths], targets: Sequence[Lengths]
) -> Work:
    """Other blocks, numbers of examples and shots, and wordings, on test, by likelihood."""
    shares, total = _layer_shares(size, config), Work()
    steered = sources if "cast" in config.arms else ()
    if "examples" in config.curves:
        for source in steered:
            total += (_read(size, _few(config, source)) + _read(size, source.zero)).times(
                source.train
            )
    for target in targets:
        each = Work()
        for source in steered:
            some = list(shares) if "layers" in config.curves else []
            if "examples" in config.curves:
                # where they are written is chosen on dev: half of the blocks
                some += [0.5] * _choices(config, source)
            each += _read(size, target.zero) + _variants(size, config, some, target)
        if "shots" in config.curves:
            for shots in (k for k in config.curve_shots if k < target.train):
                prompt = target.zero + shots * target.shown
                each += _read(size, prompt) + _added(size, target.places, prompt)
        if "instructions" in config.curves:
            asked = _read(size, target.zero) + _variants(size, config, [0.5] * len(steered), target)
            each += asked.times(len(REWORDED))
        total += each.times(target.test)
    return total


def _choices(config: CastConfig, source: Lengths) -> int:
    sizes = sum(n <= source.train for n in config.curve_examples)
    return sizes * (config.curve_seeds + (config.selector != "random"))
