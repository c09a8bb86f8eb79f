"""Floating-point operations of reading tokens, counted from a model's size.

Kaplan et al. 2020 (arXiv 2001.08361, table 1 and section 2.1): a token costs 2 operations for each
parameter of the blocks, and attention to a context of c tokens costs 4 * d_model * c in each
block, 2 for the products of queries and keys and 2 for the weighted values. Over a prompt of T
tokens the context grows from 1 to T, which is T / 2 on average: 4 * d_model * T^2 / 2. The
unembedding costs 2 * d_model * d_vocab for each token whose logits are wanted. Norms, softmax,
and the addition of a vector are left out.
"""

from __future__ import annotations

import math

from cast_lens.model.size import ModelSize


def read_flops(size: ModelSize, tokens: float, *, unembedded: int = 1) -> float:
    """Operations of reading a prompt.

    Args:
        size: of the model.
        tokens: of the prompt.
        unembedded: how many of them get logits.
    """
    blocks = 2 * size.block_parameters * tokens
    attention = size.n_layers * 4 * size.d_model * tokens**2 / 2
    return blocks + attention + unembedded * 2 * size.d_model * size.d_vocab


def added_flops(size: ModelSize, tokens: float, context: float, share: float = 1.0) -> float:
    """Operations of reading more tokens after a context that has been read, each with logits.

    Args:
        size: of the model.
        tokens: how many.
        context: tokens before them.
        share: of the blocks that they pass.
    """
    blocks = 2 * size.block_parameters + size.n_layers * 4 * size.d_model * context
    return tokens * (share * blocks + 2 * size.d_model * size.d_vocab)


def breaks_even(once: float, each: float, other: float) -> int | None:
    """From how many queries on `once` and `each` a query are cheaper than `other` a query.

    Returns:
        None when they never are.
    """
    if each >= other:
        return None
    return math.floor(once / (other - each)) + 1
