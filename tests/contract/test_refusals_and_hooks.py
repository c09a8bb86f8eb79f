"""No hook outlives its block of code, none is silent, and a vector stays at home."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from oracle import TEXTS, Case, hooks_in, ids_of, prompts, random_vector

from cast_lens.errors import HookError, ModelError, VectorError
from cast_lens.model.forward import KeyValues, forward
from cast_lens.model.lens import Lens
from cast_lens.model.tiny import tiny_lens
from cast_lens.model.tokens import tokenise
from cast_lens.score.generation import generate
from cast_lens.score.labels import score_labels
from cast_lens.steer.injection import Injection, injected, steering
from cast_lens.steer.residual import read_residual
from cast_lens.steer.vectors import SteeringVector

LABELS = ("yes", "no")


def test_no_hook_is_left_after_reading_scoring_and_generating(case: Case) -> None:
    before = hooks_in(case.lens)
    injection = Injection(random_vector(case.lens, case.middle), policy="each_step")
    read_residual(case.lens, prompts())
    score_labels(case.lens, prompts(), LABELS, [None, injection])
    generate(case.lens, prompts(), [injection], max_new_tokens=2)
    assert hooks_in(case.lens) == before


def test_no_hook_is_left_after_an_exception(case: Case) -> None:
    before = hooks_in(case.lens)
    during = []

    def fail() -> None:
        with steering(case.lens, Injection(random_vector(case.lens, case.middle))):
            during.append(hooks_in(case.lens))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert during == [before + 1]
    assert hooks_in(case.lens) == before


def test_an_exception_inside_a_hook_leaves_no_hook(case: Case) -> None:
    before = hooks_in(case.lens)
    mask = torch.ones(7, 7, dtype=torch.bool)
    injection = Injection(random_vector(case.lens, case.middle))
    with pytest.raises(HookError, match="The mask is"), steering(case.lens, injection, mask=mask):
        case.lens.model(ids_of(case, TEXTS[0]))
    assert hooks_in(case.lens) == before


def test_a_hook_that_does_not_fire_raises(case: Case) -> None:
    before = hooks_in(case.lens)
    injection = Injection(random_vector(case.lens, case.middle))
    with (
        pytest.raises(HookError, match=r"layers \[1\] did not fire"),
        steering(case.lens, injection),
    ):
        pass
    assert hooks_in(case.lens) == before


def test_a_hook_above_the_blocks_that_run_raises(case: Case) -> None:
    tokens = tokenise(case.lens, prompts())
    vector = random_vector(case.lens, case.middle)
    everywhere = injected(case.lens, (Injection(vector),), lambda _policy, _states: tokens.mask)
    with pytest.raises(HookError, match=r"layers \[1\] did not fire"), everywhere:
        KeyValues(case.lens, len(tokens.ids)).prefill(tokens, 0)


def test_a_hook_the_model_does_not_have_raises(case: Case) -> None:
    wrong = replace(case.lens, n_layers=9)
    with pytest.raises(HookError, match=r"no hook blocks\.8"):
        read_residual(wrong, prompts(), layers=[8])


def test_the_model_is_itself_again_afterwards(case: Case) -> None:
    tokens = tokenise(case.lens, prompts())
    before = forward(case.lens, tokens)
    with steering(
        case.lens, Injection(random_vector(case.lens, 0), policy="all"), mask=tokens.mask
    ):
        during = forward(case.lens, tokens)
    assert not torch.equal(during, before)
    assert torch.equal(forward(case.lens, tokens), before)


@pytest.fixture(scope="module")
def lens() -> Lens:
    return tiny_lens("llama")


def of_another_model(lens: Lens) -> SteeringVector:
    other = tiny_lens("llama", seed=1)
    assert other.fingerprint != lens.fingerprint
    return random_vector(other, 1)


def test_a_vector_of_another_model_is_refused_by_the_fields_that_differ(lens: Lens) -> None:
    with pytest.raises(VectorError, match="model_fingerprint: ") as refusal:
        score_labels(lens, prompts(), LABELS, [Injection(of_another_model(lens))])
    assert "tokenizer_fingerprint" not in str(refusal.value)
    assert "dtype" not in str(refusal.value)
    assert "allow_mismatch=True" in refusal.value.remedy


@pytest.mark.parametrize(
    ("field", "value"),
    [("tokenizer_fingerprint", "0123"), ("dtype", "bfloat16"), ("template", "chat")],
)
def test_every_field_of_the_identity_is_checked(lens: Lens, field: str, value: str) -> None:
    vector = random_vector(lens, 1)
    moved = replace(vector, identity=vector.identity.model_copy(update={field: value}))
    with pytest.raises(VectorError, match=f"{field}: {value}"):
        generate(lens, prompts(), [Injection(moved)])
    with pytest.raises(VectorError, match=f"{field}: {value}"), steering(lens, Injection(moved)):
        pass


def test_a_plain_vector_is_refused_in_a_chat_prompt(lens: Lens) -> None:
    chat = [replace(p, template="chat") for p in prompts()]
    with pytest.raises(VectorError, match="template: plain, chat"):
        score_labels(lens, chat, LABELS, [Injection(random_vector(lens, 1))])


def test_allow_mismatch_writes_the_vector_of_another_model(lens: Lens) -> None:
    vector = of_another_model(lens)
    at_home = replace(vector, identity=random_vector(lens, 1).identity)
    variants = [None, Injection(vector, allow_mismatch=True), Injection(at_home)]
    plain, foreign, own = score_labels(lens, prompts(), LABELS, variants).logprobs
    assert foreign == pytest.approx(own, abs=1e-5)
    assert (foreign != plain).any()


def test_a_wrong_width_is_never_written(lens: Lens) -> None:
    vector = random_vector(lens, 1)
    narrow = vector.identity.model_copy(update={"d_model": 16})
    small = replace(vector, direction=vector.direction[:16].clone(), identity=narrow)
    with pytest.raises(VectorError, match="d_model: 16, 32") as refusal:
        score_labels(lens, prompts(), LABELS, [Injection(small, allow_mismatch=True)])
    assert refusal.value.remedy == ""


def test_a_vector_of_a_block_the_model_lacks_is_refused(lens: Lens) -> None:
    high = replace(random_vector(lens, 1), layer=3)
    with pytest.raises(ModelError, match="Layer 3 is not in tiny-llama"):
        score_labels(lens, prompts(), LABELS, [Injection(high, allow_mismatch=True)])
