"""Which examples a prompt shows: seeded, balanced over labels, never the query itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from cast_lens.errors import PromptError
from cast_lens.tasks.task import Example


def item_generator(seed: int, *keys: str) -> np.random.Generator:
    """A generator that depends on the seed and the keys only, never on the order of calls."""
    digest = hashlib.sha256("\x1f".join([str(seed), *keys]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def sample_examples(pool: Sequence[Example], n: int, seed: int) -> list[Example]:
    """`n` examples in random order, the same ones whatever the order of `pool`.

    Raises:
        PromptError: when `n` is below 1 or the pool is empty.
    """
    if n < 1 or not pool:
        raise PromptError(f"Cannot draw {n} examples from a pool of {len(pool)}.")
    ordered = sorted(pool, key=lambda example: example.id)
    order = item_generator(seed, "sample").permutation(len(ordered))
    return [ordered[i] for i in order[:n]]


def draw_demonstrations(
    pool: Sequence[Example], query: Example, k: int, seed: int
) -> tuple[Example, ...]:
    """Draw `k` demonstrations for one query, as balanced over labels as the pool allows.

    The draw depends on `seed` and the query's id, not on the other queries. An example with the
    query's id or its input text is never drawn.

    Raises:
        PromptError: when fewer than `k` other examples are in the pool.
    """
    others = [e for e in pool if e.id != query.id and e.input != query.input]
    if len(others) < k:
        raise PromptError(
            f"{query.id}: {k} demonstrations asked, {len(others)} other examples in the pool.",
            "Lower shots or enlarge the pool.",
        )
    return _balanced(others, k, item_generator(seed, "demonstrations", query.id))


def fixed_demonstrations(pool: Sequence[Example], k: int, seed: int) -> tuple[Example, ...]:
    """Draw one set of `k` demonstrations for a whole task, balanced over labels.

    Prompts that share it can share the reading of it.

    Raises:
        PromptError: when the pool holds fewer than `k` examples.
    """
    if len(pool) < k:
        raise PromptError(f"{k} demonstrations asked, {len(pool)} examples in the pool.")
    return _balanced(pool, k, item_generator(seed, "fixed demonstrations"))


def _balanced(
    pool: Sequence[Example], k: int, generator: np.random.Generator
) -> tuple[Example, ...]:
    by_label: dict[str, list[Example]] = {}
    for example in sample_examples(pool, len(pool), int(generator.integers(2**31))):
        by_label.setdefault(example.label, []).append(example)
    labels = sorted(by_label)
    labels = [labels[i] for i in generator.permutation(len(labels))]
    drawn: list[Example] = []
    while len(drawn) < k:
        for label in labels:
            if by_label[label] and len(drawn) < k:
                drawn.append(by_label[label].pop())
    return tuple(drawn[i] for i in generator.permutation(k))
