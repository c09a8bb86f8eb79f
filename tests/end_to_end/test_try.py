"""Trying a vector on one prompt: kept pieces never change a number, and all can be reproduced."""

from __future__ import annotations

import json
import math
import shlex
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from pydantic import ValidationError

from cast_lens.cli.try_ import try_
from cast_lens.diagnosis.try_one import Trial
from cast_lens.diagnosis.try_same import CALLS, command_of, python_of
from cast_lens.diagnosis.try_setting import OWN, Setting
from cast_lens.diagnosis.try_source import Watch
from cast_lens.errors import CastLensError, ConfigError, ModelError, TaskError
from cast_lens.model.planted import Planted
from cast_lens.model.tiny import tiny_lens
from cast_lens.prompts.demonstrations import draw_demonstrations, sample_examples
from cast_lens.prompts.prompt import few_shot, zero_shot
from cast_lens.score.generation import generate
from cast_lens.score.labels import score_labels
from cast_lens.steer.injection import Injection, Policy
from cast_lens.steer.residual import read_residual
from cast_lens.steer.vectors import SteeringVector, mean_vector
from cast_lens.tasks.task import Task

CLOSE = 1e-5


@pytest.fixture(scope="module")
def trial(known: Planted) -> Trial:
    return Trial(known.lens, [known.source, known.target])


def setting_of(known: Planted, **more: Any) -> Setting:
    settled = {"layer": known.layer, "examples": 12, "selector": "random", **more}
    return Setting(source=known.source.name, target=known.target.name, **settled)


def vector_by_hand(known: Planted, layer: int) -> SteeringVector:
    """The method in the public verbs, nothing kept."""
    chosen = sample_examples(known.source.train, 12, 0)
    few = [few_shot(known.source, e, draw_demonstrations(chosen, e, 4, 0)) for e in chosen]
    zero = [zero_shot(known.source, e) for e in chosen]
    return mean_vector(read_residual(known.lens, few), read_residual(known.lens, zero), layer)


def shares(logprobs: np.ndarray) -> np.ndarray:
    grown = np.exp(logprobs - logprobs.max())
    return grown / grown.sum()


@pytest.mark.parametrize("policy", ["prompt_last", "each_step", "all"])
def test_label_probabilities_are_those_of_the_public_verbs(
    known: Planted, trial: Trial, policy: Policy
) -> None:
    for layer in (1, 3, 1):
        setting = setting_of(known, layer=layer, strength=0.7, policy=policy)
        item = known.target.test[0]
        injection = Injection(vector_by_hand(known, layer), 0.7, policy)
        right = score_labels(
            known.lens, [zero_shot(known.target, item)], known.target.labels, [None, injection]
        )
        found = trial.answers(setting)
        for arm, row in (("zero-shot", 0), ("steered", 1)):
            said = [option.probability for option in found.find(arm).options]
            assert said == pytest.approx(shares(right.logprobs[row, 0]), abs=CLOSE)
            assert found.find(arm).mass == pytest.approx(np.exp(right.logprobs[row, 0]).sum())


def test_the_planted_vector_answers_yes_and_its_placebo_does_not(
    known: Planted, trial: Trial
) -> None:
    found = trial.answers(setting_of(known))
    assert found.followed == ("yes",)
    assert found.find("steered").probability > 0.5
    assert found.find("few-shot").probability > 0.5
    assert found.find("zero-shot").probability < 0.5
    assert found.find("random direction").probability < 0.5
    assert found.find("steered").top[0].token == " yes"


def test_continuations_are_those_that_generate_writes(known: Planted, trial: Trial) -> None:
    setting = setting_of(known, strength=1.5)
    prompt = zero_shot(known.target, known.target.test[0])
    injection = Injection(vector_by_hand(known, known.layer), 1.5)
    plain, steered = generate(known.lens, [prompt], [None, injection])
    texts = trial.continuations(setting).texts
    assert (texts["zero-shot"], texts["steered"]) == (plain[0], steered[0])
    assert texts["zero-shot"] != texts["steered"]


def test_strength_zero_is_the_zero_shot_prompt(known: Planted, trial: Trial) -> None:
    found = trial.answers(setting_of(known, strength=0.0))
    assert found.find("steered").probability == found.find("random direction").probability
    before, after = found.find("zero-shot"), found.find("steered")
    assert after.probability == pytest.approx(before.probability, abs=CLOSE)


def test_curve_and_map_hold_the_answers_of_every_block(known: Planted, trial: Trial) -> None:
    curve = trial.block_curve(setting_of(known, strength=1.5))
    grid = trial.site_map(setting_of(known), strengths=(0.5, 1.5))
    assert grid.layers == curve.layers == (0, 1, 2, 3)
    for layer in curve.layers:
        found = trial.answers(setting_of(known, layer=layer, strength=1.5))
        steered, random = (found.find(arm).probability for arm in ("steered", "random direction"))
        assert curve.steered[layer] == pytest.approx(steered, abs=CLOSE)
        assert curve.random[layer] == pytest.approx(random, abs=CLOSE)
        assert grid.values[1][layer] == pytest.approx(steered, abs=CLOSE)
        assert grid.random[1][layer] == pytest.approx(random, abs=CLOSE)
    assert curve.zero_shot == grid.zero_shot == found.find("zero-shot").probability


def test_dev_accuracy_counts_items_and_gives_wilsons_interval(known: Planted, trial: Trial) -> None:
    # a strength at which some items turn and some do not
    setting = setting_of(known, strength=0.5)
    found = trial.dev_accuracy(setting, items=8)
    items = sample_examples(known.target.dev, 8, 0)
    for arm in ("zero-shot", "few-shot", "steered", "random direction"):
        hits = [
            trial.answers(setting.model_copy(update={"item": e.id})).find(arm).probability > 0.5
            for e in items
        ]
        n, p, z = 8, sum(hits) / 8, 1.959964
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        one = found.arms[arm]
        assert (one.value, one.n) == (p, n)
        assert (one.low, one.high) == pytest.approx((middle - half, middle + half), abs=1e-6)
    on_dev = trial.site_map(setting, "accuracy", strengths=(0.5,), dev_items=8)
    assert on_dev.values[0][known.layer] == found.arms["steered"].value
    assert on_dev.zero_shot == found.arms["zero-shot"].value


def test_the_states_map_is_the_svd_of_the_source_and_moves_by_strength_times_vector(
    known: Planted, trial: Trial
) -> None:
    once, twice = (trial.states_map(setting_of(known, strength=s)) for s in (1.0, 2.0))
    source = trial.sources.source(setting_of(known), Watch())
    both = np.concatenate([source.few.at(known.layer), source.zero.at(known.layer)]).astype(float)
    sizes = np.linalg.svd(both - both.mean(axis=0), compute_uv=False)
    shares_of = (sizes**2 / (sizes**2).sum())[:2]
    assert once.explained == pytest.approx(shares_of, rel=1e-6)
    laid = np.array([(p.x, p.y) for p in once.points])
    assert np.linalg.norm(laid[:24], axis=0) == pytest.approx(sizes[:2], rel=1e-6)
    zero, _, steered = laid[-3:]
    far = twice.points[-1]
    assert np.array([far.x, far.y]) - zero == pytest.approx(2 * (steered - zero))


def test_an_own_prompt_that_repeats_an_item_gets_its_numbers(known: Planted, trial: Trial) -> None:
    text = zero_shot(known.target, known.target.test[0]).text
    item = trial.answers(setting_of(known))
    own = trial.answers(setting_of(known, prompt=text, answer="yes"))
    assert own.why == "given"
    for arm in ("zero-shot", "steered", "random direction"):
        assert own.find(arm).probability == pytest.approx(item.find(arm).probability, abs=CLOSE)
    found_out = trial.answers(setting_of(known, prompt=text))
    assert (found_out.why, found_out.followed) == ("few-shot", ("yes",))


def test_the_instruction_stands_once_before_an_own_prompts_demonstrations(
    known: Planted, trial: Trial
) -> None:
    text = zero_shot(known.target, known.target.test[0]).text
    case = trial.case(setting_of(known, prompt=text))
    assert case.few.text.count(known.target.instruction) == 1
    assert case.few.text.startswith(text.split("\n")[0])
    assert case.zero.text == text
    assert case.zero.query_id == OWN
    bare = trial.case(setting_of(known, prompt="Is it so?"))
    assert bare.few.text.endswith("\nIs it so?")


def test_tokens_are_marked_where_each_policy_writes(known: Planted, trial: Trial) -> None:
    for policy, share in (("prompt_last", 1), ("each_step", 1), ("all", None)):
        view = trial.prompt_view(setting_of(known, policy=policy))
        written = [token.written for token in view.tokens]
        assert written[-1]
        assert sum(written) == (share or len(written))
        assert [t.read for t in view.tokens] == [False] * (len(written) - 1) + [True]
        assert view.later == (policy != "prompt_last")
        decoded = "".join(token.text for token in view.tokens)
        assert decoded.replace("<s>", "").strip() == view.text


class Impatient(Watch):
    """Ends the first long work it is told of."""

    def __init__(self, when: str) -> None:
        self.when = when

    def reading(self, what: str, tokens: int) -> None:
        self._end(tokens > 0 and self.when == "reading")

    def between(self, what: str, done: int, of: int) -> None:
        self._end(done == 2 and self.when == "between")

    def _end(self, now: bool) -> None:
        if now:
            raise InterruptedError


@pytest.mark.parametrize("when", ["reading", "between"])
def test_long_work_can_be_ended_and_asked_again(known: Planted, when: str) -> None:
    trial = Trial(known.lens, [known.source, known.target])
    setting = setting_of(known)
    with pytest.raises(InterruptedError):
        trial.dev_accuracy(setting, items=4, watch=Impatient(when))
    assert not any(point.fwd_hooks for point in known.lens.model.hook_dict.values())
    assert trial.sources.known(setting) == (when == "between")
    again = Trial(known.lens, [known.source, known.target]).dev_accuracy(setting, items=4)
    assert trial.dev_accuracy(setting, items=4) == again


@pytest.mark.parametrize(
    ("more", "error", "told"),
    [
        ({"item": "nobody"}, TaskError, "nobody"),
        ({"layer": 99}, ModelError, "99"),
        ({"prompt": "So?", "answer": "perhaps"}, TaskError, "perhaps"),
        ({"shots": 60}, CastLensError, "60 demonstrations"),
    ],
)
def test_what_is_not_there_is_refused_by_name(
    known: Planted, trial: Trial, more: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        trial.answers(setting_of(known, **more))


def test_a_blank_prompt_is_refused(known: Planted) -> None:
    with pytest.raises(ValidationError):
        setting_of(known, prompt=" \n")


def free_task(task: Task, name: str) -> Task:
    """The same items with answers that are free."""
    return task.model_copy(update={"name": name, "labels": ()})


def test_free_answers_are_scored_whole(known: Planted) -> None:
    target = free_task(known.target, "free")
    trial = Trial(known.lens, [known.source, target])
    found = trial.answers(setting_of(known).model_copy(update={"target": "free"}))
    labels = Trial(known.lens, [known.source, known.target]).answers(setting_of(known))
    assert found.kind == "free"
    for arm in ("zero-shot", "steered"):
        whole = math.exp(labels.find(arm).options[0].logprob)
        assert labels.find(arm).options[0].text == "yes"
        assert found.find(arm).probability == pytest.approx(whole, abs=CLOSE)
        assert found.find(arm).mass == pytest.approx(whole, abs=CLOSE)


def test_answers_of_several_tokens_equal_the_public_verbs(known: Planted) -> None:
    lens = tiny_lens("llama", seed=0)
    labels = ("a long answer", "another")
    update = {"labels": labels}
    relabelled = [
        e.model_copy(update={"label": labels[i % 2], "accept": (labels[i % 2],)})
        for i, e in enumerate(known.target.train)
    ]
    update |= {"train": tuple(relabelled), "test": tuple(relabelled[:2])}
    task = known.target.model_copy(update=update)
    trial = Trial(lens, [known.source, task])
    found = trial.answers(setting_of(known, layer=0, strength=2.0))
    right = score_labels(lens, [zero_shot(task, task.test[0])], labels)
    said = [option.logprob for option in found.find("zero-shot").options]
    assert said == pytest.approx(list(right.logprobs[0, 0]), abs=1e-4)


def run(words: list[str]) -> str:
    """The command alone, as the lead command would call it."""
    app = typer.Typer()
    app.command("try")(try_)
    out = StringIO()
    with redirect_stdout(out):
        typer.main.get_command(app).main(words, standalone_mode=False)
    return out.getvalue()


@pytest.mark.parametrize("show", list(CALLS))
def test_the_command_and_the_python_of_a_panel_give_its_numbers(
    planted_folder: Path, tiny_folder: Path, known: Planted, show: str
) -> None:
    setting = setting_of(known, layer=2, strength=-1.5, policy="each_step", examples=6)
    model, tasks = str(tiny_folder), str(planted_folder)
    source = python_of(setting, show, model, tasks)
    *before, last = source.splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(before), names)
    assert names["setting"] == setting
    record = eval(last, names)
    words = shlex.split(command_of(setting, show, model, tasks))
    assert words[:2] == ["cast-lens", "try"]
    told = json.loads(run([*words[2:], "--json"]))
    assert told["setting"] == setting.model_dump()
    (numbers,) = [value for key, value in told.items() if key != "setting"]
    assert numbers == record.model_dump(mode="json")
    assert len(record.to_frame()) == len(record.as_rows()) > 0


def test_an_own_prompt_survives_the_shell(known: Planted) -> None:
    setting = setting_of(known, prompt='-What\'s "it"?\nA:', answer="-yes")
    words = shlex.split(command_of(setting, "answers", "m", "t"))
    assert '--prompt=-What\'s "it"?\nA:' in words
    assert "--answer=-yes" in words


def test_what_does_not_go_together_is_refused_in_one_line(known: Planted) -> None:
    base = shlex.split(command_of(setting_of(known), "answers", "m", "t"))[2:]
    for more in (["--item=a", "--prompt=b"], ["--answer=b"], ["--on-dev"]):
        with pytest.raises(ConfigError):
            run([*base, *more])
    with pytest.raises(ConfigError, match="--selector"):
        run([*(w for w in base if not w.startswith("--selector")), "--selector=best"])
    with pytest.raises(ConfigError, match="--strength"):
        run([*base, "--strength=nan"])


def test_a_table_is_printed_with_its_notes(
    planted_folder: Path, tiny_folder: Path, known: Planted
) -> None:
    words = command_of(setting_of(known), "answers", str(tiny_folder), str(planted_folder))
    told = run(shlex.split(words)[2:])
    assert "random direction" in told
    assert "Followed: yes (right)" in told
