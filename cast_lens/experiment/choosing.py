"""Which examples of a source the vector is a mean over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cast_lens.analysis.selection.choice import Selection, select_examples
from cast_lens.experiment.config import CastConfig
from cast_lens.model.encoder import embed_texts, kept_embeddings
from cast_lens.model.lens import Lens
from cast_lens.prompts.demonstrations import sample_examples
from cast_lens.prompts.prompt import zero_shot
from cast_lens.steer.identity import identity_of
from cast_lens.steer.residual import read_residual
from cast_lens.tasks.task import Example, Task


def choose_examples(
    lens: Lens, config: CastConfig, task: Task, pool: Sequence[Example]
) -> tuple[Example, ...]:
    """Up to `config.examples` of a pool, in the order the selector chose them.

    Raises:
        ModelError: when the sentence encoder cannot be had.
        SelectionError: when all examples are alike to it.
    """
    budget = min(config.examples, len(pool))
    if config.selector == "random" or budget == len(pool):
        return tuple(sample_examples(pool, budget, config.seed))
    embeddings = embeddings_of(lens, config, task, pool)
    by_id = {e.id: e for e in pool}
    return tuple(by_id[id_] for id_ in select(config, embeddings, pool, budget).ids)


def select(
    config: CastConfig,
    embeddings: Float[np.ndarray, "example width"],
    pool: Sequence[Example],
    budget: int,
) -> Selection:
    """Choose from a pool by the settings' selector, and say why each was chosen.

    Raises:
        SelectionError: see `select_examples`.
    """
    return select_examples(
        embeddings,
        [e.id for e in pool],
        budget,
        config.selector,
        alpha=config.alpha,
        gamma=config.gamma,
        steps=config.diffusion_steps,
        seed=config.seed,
    )


def embeddings_of(
    lens: Lens | None, config: CastConfig, task: Task, pool: Sequence[Example]
) -> Float[np.ndarray, "example width"]:
    """One row an example: of its input text, or the model's state over its zero-shot prompt.

    Args:
        lens: needed where `config.embeddings` is `model`.
        config: the settings.
        task: what the pool belongs to.
        pool: at least one example.

    Raises:
        ModelError: when the sentence encoder cannot be had.
    """
    if config.embeddings != "model":
        return embed_texts([e.input for e in pool], config.embeddings, config.device)
    assert lens is not None
    middle = lens.n_layers // 2
    prompts = [zero_shot(task, e, template=config.template) for e in pool]
    about = {
        "identity": identity_of(lens, config.template).model_dump(exclude={"model"}),
        "layer": middle,
        "prompts": [prompt.text for prompt in prompts],
    }

    def read() -> Float[np.ndarray, "example width"]:
        what = f"{task.name}: embedding"
        states = read_residual(lens, prompts, layers=[middle], position="mean", description=what)
        return states.at(middle).numpy()

    return kept_embeddings(about, read)
