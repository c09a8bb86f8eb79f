"""Text that means nothing but has a given number of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from cast_lens.errors import ModelError

TRIES = 20_000
SHORTEST = 3


def random_words(tokenizer: Any, count: int, generator: np.random.Generator) -> list[str]:
    """Words that are one token each when a space stands before them, drawn from the vocabulary.

    Args:
        tokenizer: the model's.
        count: how many words.
        generator: decides which.

    Raises:
        ModelError: when the vocabulary has hardly any such word.
    """
    size = len(tokenizer)
    words: list[str] = []
    for _ in range(TRIES):
        if len(words) == count:
            return words
        token = int(generator.integers(size))
        text = tokenizer.decode([token])
        word = text.strip()
        plain = word.isascii() and word.isalpha() and len(word) >= SHORTEST
        if plain and tokenizer(f" {word}", add_special_tokens=False)["input_ids"] == [token]:
            words.append(word)
    if len(words) < count:
        raise ModelError("This tokenizer has hardly any word that is a single token.")
    return words
