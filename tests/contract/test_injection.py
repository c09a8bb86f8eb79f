"""Writing: what one injection changes is what a torch hook on plain Hugging Face changes."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from oracle import (
    TEXTS,
    Case,
    Edit,
    at_columns,
    hf_logprob,
    hf_pass,
    ids_of,
    prompts,
    random_vector,
    relative,
)
from torch import Tensor

from cast_lens.model.forward import forward
from cast_lens.model.tokens import PaddingSide, Tokens, tokenise
from cast_lens.score.likelihood import score_continuations
from cast_lens.steer.injection import Injection, Variant, injected, places, steering

RULES = ("add", "norm_preserving", "replace")
ANSWERS = ("yes", "good dog")


def written(injection: Injection, states: Tensor) -> Tensor:
    """The three rules once more, by their definitions."""
    moved = injection.strength * injection.vector.direction
    if injection.rule == "replace":
        return states + injection.strength * (injection.vector.direction - states)
    if injection.rule == "norm_preserving":
        unit = torch.nn.functional.normalize(states + moved, dim=-1)
        return unit * torch.linalg.vector_norm(states, dim=-1, keepdim=True)
    return states + moved


def edits_of(injection: Injection, columns: slice | int) -> dict[int, Edit]:
    return {injection.vector.layer: at_columns(columns, partial(written, injection))}


def run(case: Case, tokens: Tokens, variant: Variant) -> tuple[list[Tensor], Tensor]:
    """States after every block, and logits, under a variant written at each last token."""
    seen: dict[int, Tensor] = {}

    def capture(states: Tensor, hook: Any) -> None:
        seen[int(hook.name.split(".")[1])] = states

    # the library's own names and hooks: `Lens.hook_name` is not to judge itself
    names = [f"blocks.{i}.hook_resid_post" for i in range(case.lens.n_layers)]
    where = injected(case.lens, variant, lambda policy, _: places(policy, tokens, tokens.last))
    with where, case.lens.model.hooks(fwd_hooks=[(name, capture) for name in names]):
        logits = forward(case.lens, tokens)
    return [seen[i] for i in sorted(seen)], logits


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("rule", RULES)
def test_an_injection_is_a_hugging_face_hook(case: Case, rule: str, side: PaddingSide) -> None:
    injection = Injection(random_vector(case.lens, case.middle), 0.6, rule=rule)
    tokens = tokenise(case.lens, prompts(), side=side)
    states, logits = run(case, tokens, (injection,))
    for row, text in enumerate(TEXTS):
        blocks, expected = hf_pass(case.plain, ids_of(case, text), edits_of(injection, -1))
        real = tokens.mask[row]
        assert relative(logits[row, real], expected) < case.tolerance
        for layer, block in enumerate(blocks):
            assert relative(states[layer][row, real], block) < case.tolerance


def test_below_nothing_moves_at_the_block_exactly_the_vector_before_it_nothing(case: Case) -> None:
    vector = random_vector(case.lens, case.middle)
    tokens = tokenise(case.lens, prompts())
    rows, last = torch.arange(len(TEXTS)), tokens.last
    plain, _ = run(case, tokens, ())
    steered, _ = run(case, tokens, (Injection(vector, 1.5),))
    for layer in range(case.middle):
        assert torch.equal(steered[layer], plain[layer])
    at, was = steered[case.middle], plain[case.middle]
    assert torch.equal(at[rows, last], was[rows, last] + 1.5 * vector.direction)
    earlier = torch.arange(at.shape[1])[None, :] < last[:, None]
    for layer in range(case.middle, case.lens.n_layers):
        assert torch.equal(steered[layer][earlier], plain[layer][earlier])
    assert relative(steered[-1][rows, last], plain[-1][rows, last]) > 0.01


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("policy", ["prompt_last", "each_step", "all"])
def test_strength_zero_is_bitwise_identity(case: Case, rule: str, policy: str) -> None:
    nothing = Injection(random_vector(case.lens, case.middle), 0.0, policy, rule)
    tokens = tokenise(case.lens, prompts())
    plain, logits = run(case, tokens, ())
    steered, same = run(case, tokens, (nothing,))
    assert torch.equal(logits, same)
    assert all(map(torch.equal, plain, steered))


def test_an_injection_of_strength_one_is_undone_by_minus_one(case: Case) -> None:
    vector = random_vector(case.lens, case.middle)
    tokens = tokenise(case.lens, prompts())
    _, plain = run(case, tokens, ())
    _, both = run(case, tokens, (Injection(vector, 1.0), Injection(vector, -1.0)))
    assert relative(both[tokens.mask], plain[tokens.mask]) < case.tolerance


def test_several_injections_of_one_block_are_their_sum(case: Case) -> None:
    one, other = (random_vector(case.lens, case.middle, seed) for seed in (1, 2))
    tokens = tokenise(case.lens, prompts())
    _, apart = run(case, tokens, (Injection(one, 0.5), Injection(other, 1.0)))
    _, summed = run(case, tokens, (Injection(one * 0.5 + other),))
    _, single = run(case, tokens, (Injection(other),))
    assert relative(apart[tokens.mask], summed[tokens.mask]) < case.tolerance
    assert relative(single[tokens.mask], summed[tokens.mask]) > 1e-3


def test_injections_of_two_blocks_are_two_hugging_face_hooks(case: Case) -> None:
    low = Injection(random_vector(case.lens, 0, 1), 1.0)
    high = Injection(random_vector(case.lens, case.middle, 2), 0.5)
    tokens = tokenise(case.lens, prompts())
    _, logits = run(case, tokens, (low, high))
    for row, text in enumerate(TEXTS):
        edits = edits_of(low, -1) | edits_of(high, -1)
        _, expected = hf_pass(case.plain, ids_of(case, text), edits)
        assert relative(logits[row, tokens.mask[row]], expected) < case.tolerance


def columns_of(policy: str, context: Tensor) -> slice:
    last = context.shape[1] - 1
    starts = {"prompt_last": slice(last, last + 1), "each_step": slice(last, None)}
    return starts.get(policy, slice(None))


@pytest.mark.parametrize("rule", ["add", "norm_preserving"])
def test_every_policy_scores_as_a_hugging_face_loop(case: Case, rule: str) -> None:
    vector = random_vector(case.lens, case.middle)
    policies = ("prompt_last", "each_step", "all")
    variants = [(Injection(vector, 0.8, policy, rule),) for policy in policies]
    found = score_continuations(case.lens, prompts(), [ANSWERS] * len(TEXTS), variants)
    for (injection,), rows in zip(variants, found, strict=True):
        for text, row in zip(TEXTS, rows, strict=True):
            context = ids_of(case, text)
            edits = edits_of(injection, columns_of(injection.policy, context))
            for answer, likelihood in zip(ANSWERS, row, strict=True):
                tail = ids_of(case, f"{text} {answer}")[:, context.shape[1] :]
                expected = hf_logprob(case.plain, context, tail, edits)
                assert likelihood.logprob == pytest.approx(expected, abs=2e-4)


def test_steering_reaches_the_callers_own_call(case: Case) -> None:
    injection = Injection(random_vector(case.lens, case.middle), 0.9)
    ids = ids_of(case, TEXTS[0])
    _, expected = hf_pass(case.plain, ids, edits_of(injection, -1))
    with torch.no_grad(), steering(case.lens, injection):
        logits = case.lens.model(ids)
    assert relative(logits[0], expected) < case.tolerance


def test_steering_of_right_padded_rows_follows_the_mask(case: Case) -> None:
    injection = Injection(random_vector(case.lens, case.middle), 0.9)
    tokens = tokenise(case.lens, prompts())
    with steering(case.lens, injection, mask=tokens.mask):
        logits = forward(case.lens, tokens)
    _, expected = run(case, tokens, (injection,))
    assert torch.equal(logits, expected)


def test_steering_takes_a_pass_over_one_token_for_a_generated_step(case: Case) -> None:
    vector = random_vector(case.lens, case.middle)
    one = torch.tensor([[5]])
    with torch.no_grad():
        plain = case.lens.model(one)
        with steering(case.lens, Injection(vector)):
            prompt_last = case.lens.model(one)
        with steering(case.lens, Injection(vector, policy="each_step")):
            each_step = case.lens.model(one)
    _, expected = hf_pass(case.plain, one, edits_of(Injection(vector), -1))
    assert torch.equal(prompt_last, plain)
    assert relative(each_step[0], expected) < case.tolerance
