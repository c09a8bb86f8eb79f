"""A diagnosis of the planted model, whose truth is known block by block."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from test_cli import cast_lens
from torch.nn.functional import cosine_similarity

from cast_lens.diagnosis.diagnose import diagnose
from cast_lens.diagnosis.diagnosed import Diagnosis
from cast_lens.experiment.cells import Cells
from cast_lens.experiment.config import CastConfig, make_config
from cast_lens.experiment.sources import read_source
from cast_lens.figures.diagnosis import diagnosis_page
from cast_lens.model.planted import LAYER, Planted


@pytest.fixture(scope="module")
def config(planted_folder: Path, known: Planted) -> CastConfig:
    return make_config(
        {
            "model": "planted",
            "tasks": str(planted_folder),
            "sources": [known.source.name],
            "targets": [known.target.name],
            "selector": "random",
            "examples": 16,
            "layers": "all",
            "strengths": [0.5, 1.0],
        }
    )


@pytest.fixture(scope="module")
def found(config: CastConfig, known: Planted) -> Diagnosis:
    return diagnose(known.lens, config)


def test_steering_works_from_the_planted_block_on_and_its_placebo_does_not(
    found: Diagnosis,
) -> None:
    gains = [block.gain.value for block in found.blocks]
    assert gains[LAYER - 1] < 0.5
    assert min(gains[LAYER:]) > 0.9
    assert max(block.placebo_gain.value for block in found.blocks) < 0.5
    assert [block.adjusted_p < 0.001 for block in found.blocks][LAYER:] == [True] * 3
    assert found.site.layer >= LAYER


def test_both_tasks_share_the_planted_direction_where_it_is_written(found: Diagnosis) -> None:
    cosines = [block.cosine for block in found.blocks]
    assert cosines[LAYER] is not None
    assert cosines[LAYER - 1] is not None
    assert cosines[LAYER] > 0.9 > cosines[LAYER - 1]
    assert found.blocks[LAYER].separation > found.blocks[LAYER - 1].separation


def test_lengths_and_shares_are_those_of_the_states(
    found: Diagnosis, config: CastConfig, known: Planted
) -> None:
    config = config.model_copy(update={"arms": ("zero_shot", "cast", "irrelevant_demos")})
    cells = Cells(None, known.lens, config, {})
    source, target = (
        read_source(known.lens, config, t, cells) for t in (known.source, known.target)
    )
    for block in found.blocks:
        v, other, words = (
            (few.at(block.layer) - of.zero.at(block.layer)).double().mean(dim=0)
            for few, of in (
                (source.few, source),
                (target.few, target),
                (source.altered["irrelevant_demos"], source),
            )
        )
        assert block.vector_norm == pytest.approx(float(v.norm()), rel=1e-5)
        assert block.shared == pytest.approx(float(cosine_similarity(v, other, dim=0)) ** 2)
        assert block.text == pytest.approx(float(cosine_similarity(v, words, dim=0)) ** 2)


def test_the_readout_of_the_last_block_is_what_the_model_says(
    found: Diagnosis, known: Planted
) -> None:
    last = found.blocks[-1]
    assert last.right_few.value > 0.5 > last.right.value
    assert 0 <= last.entropy.value <= np.log(known.lens.model.cfg.d_vocab)


def test_three_sentences_say_where_and_how_much(found: Diagnosis) -> None:
    readable, writable, more = found.in_words
    assert f"block {found.site.layer}" in writable
    assert "can be read from block" in readable
    assert "random words" in more


def test_one_task_as_source_and_target_has_no_cosine_and_no_random_state_is_touched(
    config: CastConfig, known: Planted
) -> None:
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    own = diagnose(
        known.lens, config.model_copy(update={"targets": config.sources, "layers": (LAYER,)})
    )
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert own.question == "kind"
    assert all(block.cosine is None and block.shared is None for block in own.blocks)
    assert all("nan" not in sentence.lower() for sentence in own.in_words)
    titles = [one.text for one in diagnosis_page(own).figure.layout.annotations]
    assert not any("both tasks" in title for title in titles)
    assert any("no second vector" in title for title in titles)


def test_the_page_draws_every_number(found: Diagnosis) -> None:
    page = diagnosis_page(found)
    assert len(page.rows) == len(found.blocks)
    assert page.rows[LAYER]["gain"] == found.blocks[LAYER].gain.value
    assert all(sentence in page.caption for sentence in found.in_words)


def test_the_command_prints_a_table_and_the_sentences(tiny_folder: Path, tmp_path: Path) -> None:
    settings = [
        *("--source", "present_past", "--target", "third_person", "--model", str(tiny_folder)),
        *("--examples", "8", "--dev-items", "4", "--test-items", "6", "--strengths", "1"),
    ]
    table = cast_lens("diagnose", *settings, "--layers", "0,1", "--figures", str(tmp_path / "page"))
    assert table.returncode == 0, table.stderr
    assert "random words" in table.stdout
    assert (tmp_path / "page" / "diagnosis.csv").is_file()
    told = json.loads(cast_lens("diagnose", *settings, "--layers", "1", "--json").stdout)
    assert [block["layer"] for block in told["blocks"]] == [1]
    assert len(told["in_words"]) == 3
    wrong = cast_lens("diagnose", *settings, "--layers", "one")
    assert wrong.returncode == 2
    assert "expected numbers" in wrong.stderr
