"""The chain of prompts adds one thing at a time, and the planted model's vector is its answers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cast_lens.diagnosis.made_of import LayerMixture, chain, made_of
from cast_lens.errors import VectorError
from cast_lens.experiment.config import CastConfig, make_config
from cast_lens.figures.mixture import mixture_bars
from cast_lens.model.planted import LAYER, Planted
from cast_lens.model.tokens import encode
from cast_lens.prompts.prompt import Prompt

STAGES = ["length", "format", "label set", "task"]


def settings(known: Planted, **more: object) -> CastConfig:
    names = [known.source.name]
    base = {"sources": names, "targets": names, "selector": "random", "layers": [LAYER, LAYER + 1]}
    return make_config({**base, "examples": 24, **more})


@pytest.fixture(scope="module")
def prompts(known: Planted) -> dict[str, list[Prompt]]:
    shown = known.source.train[:20]
    return chain(known.lens, known.source, settings(known), shown, shown)


@pytest.fixture(scope="module")
def found(known: Planted) -> tuple[LayerMixture, ...]:
    return made_of(known.lens, known.source, settings(known))


def test_every_stage_asks_the_same_at_the_same_length(
    prompts: dict[str, list[Prompt]], known: Planted
) -> None:
    assert list(prompts) == STAGES
    for same in zip(*prompts.values(), strict=True):
        assert len({prompt.query_id for prompt in same}) == 1
        assert len({(prompt.head, prompt.query) for prompt in same}) == 1
        lengths = [len(encode(known.lens.tokenizer, prompt.text)) for prompt in same]
        assert max(lengths) - min(lengths) <= 4


def test_each_stage_adds_one_thing(prompts: dict[str, list[Prompt]], known: Planted) -> None:
    inputs = {e.input for e in known.source.train}
    for length, form, answers, full in zip(*prompts.values(), strict=True):
        (run,) = length.demonstrations
        # words on one line, neither an input nor an answer of the task
        assert run.endswith("\n")
        assert "\n" not in run[:-1]
        assert len(form.demonstrations) == len(answers.demonstrations) == len(full.demonstrations)
        for words, labelled, real in zip(
            form.demonstrations, answers.demonstrations, full.demonstrations, strict=True
        ):
            assert labelled.split()[:-1] == words.split()[:-1]
            assert labelled.split()[-1] == "yes"
            assert not any(one in labelled for one in inputs)
            assert any(real.startswith(one) for one in inputs)


def test_the_planted_vector_is_its_answers(found: tuple[LayerMixture, ...]) -> None:
    """The model writes its direction where it has seen " yes", whatever stands before it."""
    for one in found:
        shares = {s: e.value for s, e in zip(STAGES, one.mixture.shares, strict=True)}
        assert 0.8 < shares["label set"] < 1.2
        assert sum(shares.values()) == pytest.approx(1)
        assert one.mixture.norm > 1


def test_the_same_settings_give_the_same_record(
    found: tuple[LayerMixture, ...], known: Planted
) -> None:
    assert made_of(known.lens, known.source, settings(known)) == found


def test_too_few_examples_are_refused_with_a_remedy(known: Planted) -> None:
    few = settings(known, examples=3, shots=2)
    with pytest.raises(VectorError, match="Raise examples"):
        made_of(known.lens, known.source, few)


def test_the_bars_draw_what_the_rows_say(found: tuple[LayerMixture, ...]) -> None:
    exhibit = mixture_bars(found)
    bars = [trace for trace in exhibit.figure.data if trace.type == "bar"]
    drawn = [(y, x) for bar in bars for y, x in zip(bar.y, bar.x, strict=True)]
    told = [(str(row["block"]), row["share"]) for row in exhibit.rows]
    assert sorted(drawn) == sorted(told)
    greys = [_grey(bar.marker.color) for bar in bars]
    assert len(greys) == len(STAGES)
    assert all(lighter - darker > 0.15 for lighter, darker in pairwise(greys))
    assert "n = 24" in exhibit.caption


def _grey(colour: str) -> float:
    """Luma of a colour, 0 to 1, as a printer without colours shows it (Rec. 601)."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue
