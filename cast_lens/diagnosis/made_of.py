"""How much of a task's vector is length, format, label set and the task itself, block by block.

The chain of prompts, all before the same query, each with one thing more than the one before:

1. `length`: random words, as many tokens as the real demonstrations, without question or answer;
2. `format`: random words in the form of demonstrations (those of the arm `irrelevant_demos`);
3. `label set`: the same random inputs, answered with real answers of the task, permuted over its
   examples (those of the arm `shuffled_labels`);
4. `task`: the real demonstrations. New in it are real inputs and their own answers.

Stage 3 keeps its inputs random, where `shuffled_labels` shows real ones, so that it adds the
answers and nothing else. Answers alone can give a task away (past tenses do); what they give away
is then counted as label set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cast_lens.analysis.mixture import Mixture, mixture
from cast_lens.errors import VectorError
from cast_lens.experiment.choosing import choose_examples
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.sources import ALTERED, demonstrations_for, fixed_set
from cast_lens.model.lens import Lens
from cast_lens.model.random_words import random_words
from cast_lens.model.tokens import encode
from cast_lens.prompts.demonstrations import item_generator
from cast_lens.prompts.prompt import Prompt, few_shot, zero_shot
from cast_lens.records import Record, Rows, rows_of
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import ResidualStates, contrast
from cast_lens.tasks.task import Example, Task

Told = Mapping[str, Example]


class LayerMixture(Record):
    """What one task's vector is made of, after one block.

    Attributes:
        model, task, layer, depth: of what.
        mixture: the shares, stages as in the module's text.
    """

    model: str
    task: str
    layer: int
    depth: float
    mixture: Mixture

    def as_rows(self) -> Rows:
        """One row a stage."""
        return rows_of([self.mixture], task=self.task, layer=self.layer, depth=self.depth)


def made_of(lens: Lens, task: Task, config: CastConfig) -> tuple[LayerMixture, ...]:
    """Take the task's vector apart after every searched block.

    The vector is the one a run with these settings makes of this source.

    Args:
        lens: the model.
        task: the source.
        config: `examples`, `selector`, `shots`, `demonstrations`, `layers`, `template` and `seed`
            are read.

    Raises:
        VectorError: when there are too few examples, or the vector cannot be told from noise.
        PromptError: when the chosen examples are fewer than a prompt has to show.
        ModelError: when a layer does not exist, or the vocabulary has hardly any whole word.
    """
    fixed = fixed_set(config, task)
    chosen = choose_examples(lens, config, task, [e for e in task.train if e not in fixed])
    prompts = chain(lens, task, config, chosen, fixed or chosen)
    layers = config.layers_of(lens.n_layers)

    def read(what: str, some: Sequence[Prompt]) -> ResidualStates:
        return read_residual(lens, some, layers=layers, description=f"{task.name}: {what}")

    zero = read("zero-shot", [zero_shot(task, e, template=config.template) for e in chosen])
    differences = {stage: contrast(read(stage, some), zero) for stage, some in prompts.items()}
    return tuple(
        LayerMixture(
            model=lens.name,
            task=task.name,
            layer=layer,
            depth=lens.depth(layer),
            mixture=_mixture(task, layer, differences, config.seed),
        )
        for layer in layers
    )


def chain(
    lens: Lens,
    task: Task,
    config: CastConfig,
    queries: Sequence[Example],
    shown: Sequence[Example],
) -> dict[str, list[Prompt]]:
    """The prompts of each stage, one a query; see the module's text.

    Args:
        queries: what is asked.
        shown: where demonstrations are drawn from, without the query.

    Raises:
        PromptError: when `shown` holds too few.
    """
    plain = {e.id: e for e in shown}
    words = ALTERED["irrelevant_demos"](lens, config, task, shown)
    permuted = ALTERED["shuffled_labels"](lens, config, task, shown)
    labelled = {
        id_: Example(id=id_, input=words[id_].input, label=permuted[id_].label) for id_ in words
    }

    def few(query: Example, told: Told) -> Prompt:
        demonstrations = [told[d.id] for d in demonstrations_for(config, shown, query)]
        return few_shot(task, query, demonstrations, template=config.template)

    full = [few(query, plain) for query in queries]
    return {
        "length": [_formless(lens, config, task, prompt) for prompt in full],
        "format": [few(query, words) for query in queries],
        "label set": [few(query, labelled) for query in queries],
        "task": full,
    }


def _formless(lens: Lens, config: CastConfig, task: Task, prompt: Prompt) -> Prompt:
    """The prompt with one run of random words, of as many tokens, for all its demonstrations."""
    text = "".join(prompt.demonstrations)
    kept = text[len(text.rstrip()) :]  # what parts the last demonstration from the query

    def tokens(demonstrations: tuple[str, ...]) -> int:
        ids = tuple(map(str, range(len(demonstrations))))
        told = replace(prompt, demonstrations=demonstrations, demonstration_ids=ids)
        return len(encode(lens.tokenizer, told.text))

    wanted = tokens(prompt.demonstrations)
    generator = item_generator(config.seed, "formless", task.name, prompt.query_id)
    words = random_words(lens.tokenizer, wanted - tokens(()), generator)
    runs = [" ".join(words[:count]) + kept for count in range(1, len(words) + 1)]
    run = min(runs, key=lambda one: abs(tokens((one,)) - wanted))
    return replace(prompt, demonstrations=(run,), demonstration_ids=("random words",))


def _mixture(
    task: Task, layer: int, differences: Mapping[str, ResidualStates], seed: int
) -> Mixture:
    rows = {stage: states.at(layer).numpy() for stage, states in differences.items()}
    try:
        return mixture(rows, seed)
    except ValueError as error:
        raise VectorError(
            f"{task.name}, block {layer}: {error}.", "Raise examples, or take other blocks."
        ) from error
