"""The doctor passes sound models, names every planted fault, and each of its checks can fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

import pytest
import torch
import typer

from cast_lens.cli import main
from cast_lens.cli.doctor import doctor
from cast_lens.doctor import examine as examining
from cast_lens.doctor import machine
from cast_lens.doctor.examine import QUESTIONS, examine
from cast_lens.doctor.faults import NAMED_BY, Fault, planted
from cast_lens.doctor.plain import in_dtype, plain_model, read
from cast_lens.doctor.record import Check, answered
from cast_lens.doctor.subject import Subject
from cast_lens.errors import ConfigError, ModelError
from cast_lens.model.forward import KeyValues
from cast_lens.model.lens import Lens
from cast_lens.model.load import load_lens
from cast_lens.model.tiny import Shape, tiny_lens, tiny_model, tiny_tokenizer

SHAPES = get_args(Shape)
ROW = (1, 20, 45, 300, 301, 7)


@pytest.fixture(scope="module")
def lens() -> Lens:
    return tiny_lens("llama")


@pytest.fixture
def numerics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the questions up to what is written, for the sake of time."""
    names = [question.name for question in QUESTIONS]
    few = QUESTIONS[: names.index("injection, logits") + 1]
    monkeypatch.setattr(examining, "QUESTIONS", few)


def ask(name: str, examined: Lens, sound: Lens) -> Check:
    """One check alone."""
    (question,) = (question for question in QUESTIONS if question.name == name)
    return answered(question, Subject(examined, sound, plain_model(sound)))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sound_model_passes_and_what_is_not_run_says_why(shape: Shape) -> None:
    found = examine(tiny_lens(shape))
    assert (found.failed, found.named) == ((), None)
    assert [check.name for check in found.checks] == [question.name for question in QUESTIONS]
    not_run = {check.name: check.says for check in found.checks if check.passed is None}
    assert set(not_run) == ({"fast path"} if shape == "gemma2" else set())
    assert all("sliding window of 6" in says for says in not_run.values())
    for check in found.checks:
        assert check.says
        assert check.remedy
        if check.passed and check.tolerance is not None:
            assert 0 <= check.number <= check.tolerance


@pytest.mark.usefixtures("numerics")
@pytest.mark.parametrize("fault", get_args(Fault))
def test_a_planted_fault_is_named(lens: Lens, fault: Fault) -> None:
    found = examine(lens, fault=fault)
    assert found.named == NAMED_BY[fault]
    assert found.fault == fault


@pytest.mark.parametrize("shape", ["gpt2", "gemma2"])
@pytest.mark.parametrize("fault", ["pad", "mask"])
def test_padding_faults_are_told_apart_on_other_architectures(shape: Shape, fault: Fault) -> None:
    sound = tiny_lens(shape)
    with planted(sound, fault) as faulty:
        passed = [ask(name, faulty, sound).passed for name in ("padding side", "padding is hidden")]
    assert passed == [fault != "pad", False]


def test_a_fault_is_gone_with_its_block_and_no_random_state_is_touched(lens: Lens) -> None:
    select = KeyValues.select
    before = torch.get_rng_state()
    for fault in get_args(Fault):
        with planted(lens, fault):
            assert (KeyValues.select is not select) == (fault == "cache")
        assert ask(NAMED_BY[fault], lens, lens).passed
    assert KeyValues.select is select
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fault_that_cannot_be_is_refused(lens: Lens) -> None:
    with pytest.raises(ConfigError, match="'flood' is not one of pad, bos"):
        examine(lens, fault="flood")
    tokenizer = tiny_tokenizer()
    tokenizer.bos_token = None
    with (
        pytest.raises(ModelError, match="no BOS"),
        planted(replace(lens, tokenizer=tokenizer), "bos"),
    ):
        pass


@pytest.mark.parametrize("shape", SHAPES)
def test_the_oracle_is_hugging_face_on_the_same_weights(shape: Shape) -> None:
    lens = tiny_lens(shape)
    plain, independent = plain_model(lens), tiny_model(shape, 0)
    assert not any("transformer_lens" in type(module).__module__ for module in plain.modules())
    logits = independent(torch.tensor([ROW])).logits[0]
    torch.testing.assert_close(read(plain, ROW).logits, logits, atol=1e-5, rtol=1e-5)
    half = independent.bfloat16().requires_grad_(False)(torch.tensor([ROW])).logits[0]
    close = read(in_dtype(plain, torch.bfloat16), ROW).logits
    torch.testing.assert_close(close, half, atol=0.1 * float(half.abs().max()), rtol=0)
    held = {value.data_ptr() for value in lens.model.original_model.state_dict().values()}
    assert {p.data_ptr() for p in plain.parameters()} <= held


class Altered:
    """A model that hands everything on, its output changed."""

    def __init__(self, model: Any, change: Callable[[Any, dict[str, Any]], Any]) -> None:
        self.inner, self.change = model, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.change(self.inner(*args, **options), options)


def test_wrong_logits_are_named(lens: Lens) -> None:
    wrong = replace(lens, model=Altered(lens.model, lambda logits, _: 1.01 * logits))
    check = ask("logits", wrong, lens)
    assert check.passed is False
    assert check.number == pytest.approx(0.01, rel=1e-3)
    assert "4 of 4 prompts" in check.says


def test_a_cache_that_is_wrong_by_itself_is_named(lens: Lens) -> None:
    def fade(logits: Any, options: dict[str, Any]) -> Any:
        return 0.9 * logits if "past_key_values" in options else logits

    wrong = replace(lens, model=Altered(lens.model, fade))
    assert ask("logits", wrong, lens).passed
    assert ask("cache, in pieces", wrong, lens).number == pytest.approx(0.1, rel=0.01)


def test_logits_that_are_no_numbers_fail(lens: Lens) -> None:
    wrong = replace(lens, model=Altered(lens.model, lambda logits, _: logits * torch.nan))
    check = ask("logits", wrong, lens)
    assert (check.passed, check.number) == (False, None)
    assert check.says.startswith("no finite number")


@pytest.mark.usefixtures("numerics")
def test_weights_that_the_library_changed_are_named() -> None:
    lens = tiny_lens("llama")
    assert ask("weights", lens, lens).passed
    with torch.no_grad():
        lens.model.original_model.get_parameter("model.norm._original_component.weight").mul_(1.5)
    assert examine(lens).named == "weights"


def test_a_write_at_strength_zero_is_counted(lens: Lens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cast_lens.steer.injection.write", lambda states, *_: states + 1e-3)
    check = ask("strength 0 is identity", lens, lens)
    assert check.passed is False
    assert check.number > 100
    assert ask("injection, elsewhere", lens, lens).passed is False


def test_a_fast_path_of_its_own_mind_is_named(lens: Lens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cast_lens.score.packed.write", lambda states, *_: states)
    assert ask("policies, no cache", lens, lens).passed
    assert ask("policies, cache", lens, lens).passed is False
    assert ask("fast path", lens, lens).passed is False


def test_a_hook_left_behind_is_counted(lens: Lens, monkeypatch: pytest.MonkeyPatch) -> None:
    handles = []

    def leaky(some: Lens, _prompts: Any) -> None:
        handles.append(some.model.blocks[1].register_forward_hook(lambda *_: None))

    monkeypatch.setattr("cast_lens.doctor.hygiene.read_residual", leaky)
    check = ask("hook leaks", lens, lens)
    handles[0].remove()
    assert (check.number, check.passed) == (1, False)


def test_an_error_inside_a_check_is_an_answer(lens: Lens) -> None:
    taller = replace(lens, n_layers=9)
    check = ask("every block", taller, lens)
    assert check.passed is False
    assert "HookError: The model has no hook blocks.3" in check.says


def test_half_precision_is_examined_against_half_precision() -> None:
    lens = load_lens(tiny_model("llama", 0).bfloat16(), tokenizer=tiny_tokenizer())
    assert ask("every block", lens, lens).passed
    assert ask("policies, cache", lens, lens).passed
    assert ask("policies, texts", lens, lens).passed is None
    drift = ask("dtype drift", lens, lens)
    # hand-made: the two models' logits after the doctor's own prompts
    rows = Subject(lens, lens, None).rows
    half = tiny_model("llama", 0).bfloat16().requires_grad_(False)
    full = tiny_model("llama", 0).bfloat16().float().requires_grad_(False)
    for model in (half, full):
        model.set_attn_implementation("eager")  # as a bridge has it
    pairs = [[m(torch.tensor([row])).logits[0].float() for m in (full, half)] for row in rows]
    expected = max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)
    assert drift.number == pytest.approx(expected, rel=1e-3)
    assert drift.says.startswith("float32 on these rounded weights: logits move by")


def test_versions_outside_their_range_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["numpy<1", "torch>=2", "no-such-package", "plotly>=99; extra == 'dev'"]
    monkeypatch.setattr(machine, "requires", lambda _: asked)
    wrong = machine.out_of_range()
    assert [line.split()[0] for line in wrong] == ["numpy", "no-such-package"]
    assert "missing" in wrong[1]


def test_a_model_beyond_the_memory_is_not_loaded(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_free", lambda _: 1000)
    monkeypatch.setattr(examining, "load_lens", lambda *_, **__: pytest.fail("it was loaded"))
    found = examine(tiny_folder)
    parameters = sum(p.numel() for p in tiny_model("llama", 0).parameters())
    assert (found.named, len(found.checks)) == ("memory", 1)
    assert found.checks[0].number == pytest.approx(parameters * 4 / 1000)


def command(*words: str) -> tuple[int, str, str]:
    """The command as `cast-lens` runs it: status, output, notices."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(doctor)
    out, err, status = StringIO(), StringIO(), 0
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(main, "app", app),
        patch.object(sys, "argv", ["cast-lens", *words]),
    ):
        try:
            main.main()
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def test_the_command_passes_a_sound_folder_on_one_screen(tiny_folder: Path) -> None:
    status, out, _ = command("--model", str(tiny_folder))
    lines = out.splitlines()
    assert status == 0
    assert lines[-1] == f"All {len(QUESTIONS)} checks passed."
    assert len(lines) <= 40
    assert max(map(len, lines[1:])) <= 160


@pytest.mark.usefixtures("numerics")
def test_a_fault_is_named_on_the_screen_and_in_json(
    lens: Lens, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined = examine(lens, fault="sign")
    monkeypatch.setattr(examining, "examine", lambda *_, fault, **__: examined)
    status, out, _ = command("--fault", "sign")
    assert status == 1
    assert "planted fault: sign" in out
    assert "first: injection, its place." in out.splitlines()[-1]
    status, out, _ = command("--fault", "sign", "--json")
    found = json.loads(out)
    assert (status, found["fault"], found["named"]) == (1, "sign", "injection, its place")
    named = next(check for check in found["checks"] if check["name"] == found["named"])
    assert (named["passed"], named["number"]) == (False, pytest.approx(2.0, rel=1e-5))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "no/such/folder/"], "cast-lens: no/such/folder/: "),
        (["--fault", "flood"], "cast-lens: fault 'flood' is not one of"),
        (["--dtype", "int3"], "cast-lens: dtype 'int3' is not one of"),
    ],
)
def test_bad_input_is_one_line_and_status_two(
    tiny_folder: Path, words: list[str], said: str
) -> None:
    words = words if "--model" in words else ["--model", str(tiny_folder), *words]
    status, out, err = command(*words)
    assert (status, out) == (2, "")
    assert err.startswith(said)
