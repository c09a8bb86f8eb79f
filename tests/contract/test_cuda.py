"""A GPU gives the CPU's numbers; skipped, with the reason, where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from oracle import prompts, random_vector, relative

from cast_lens.model.branches import can_branch
from cast_lens.model.load import load_lens
from cast_lens.model.tiny import tiny_lens, tiny_model, tiny_tokenizer
from cast_lens.score.generation import generate
from cast_lens.score.labels import score_labels
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
LABELS = ["yes", "no", "good dog"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model("llama", 0).save_pretrained(place)
    tiny_tokenizer().save_pretrained(place)
    return place


def test_float32_states_and_scores_are_the_cpus(folder: Path) -> None:
    here, there = tiny_lens("llama"), load_lens(folder, device="cuda")
    assert can_branch(there, 100)
    states = [read_residual(lens, prompts()).values for lens in (here, there)]
    assert relative(states[1], states[0]) < 1e-4
    variants = [None, Injection(random_vector(here, 1), 1.5)]
    scores = [score_labels(lens, prompts(), LABELS, variants).logprobs for lens in (here, there)]
    assert scores[1] == pytest.approx(scores[0], abs=1e-3)
    assert generate(here, prompts(), variants) == generate(there, prompts(), variants)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_near_float32(folder: Path, dtype: str) -> None:
    full, half = (load_lens(folder, device="cuda", dtype=kind) for kind in ("float32", dtype))
    states = [read_residual(lens, prompts()).values for lens in (full, half)]
    assert states[1].dtype == torch.float32
    assert relative(states[1], states[0]) < 0.1
    assert score_labels(half, prompts(), LABELS).logprobs.shape == (1, len(prompts()), 3)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU or none here")
def test_a_model_over_several_gpus_gives_the_same_states(folder: Path) -> None:
    spread = load_lens(folder, device_map="balanced")
    one = load_lens(folder, device="cuda")
    assert relative(
        read_residual(spread, prompts()).values, read_residual(one, prompts()).values
    ) < (1e-4)
