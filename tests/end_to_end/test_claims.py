"""Claim cards of a run on the planted model, whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from statsmodels.stats.multitest import multipletests
from test_cli import cast_lens

from cast_lens.analysis.estimates import Estimate
from cast_lens.experiment.blocks import blocks_of
from cast_lens.experiment.claim_card import ClaimCard, corrected, judged
from cast_lens.experiment.claims import claim_cards
from cast_lens.experiment.config import make_config
from cast_lens.experiment.curves import REWORDED, mean_over
from cast_lens.experiment.outcomes import outcomes_of
from cast_lens.experiment.run import run_cast
from cast_lens.experiment.store import load_curves, load_run, save_run
from cast_lens.figures.claims import claim_exhibits
from cast_lens.model.planted import LAYER, Planted
from cast_lens.prompts.prompt import few_shot, zero_shot
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import contrast
from cast_lens.steer.vectors import mean_vector

OTHER = "another task's vector"


@pytest.fixture(scope="module")
def folder(planted_folder: Path, known: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [known.source.name, known.target.name]
    config = make_config(
        {
            "model": "planted",
            "tasks": str(planted_folder),
            "sources": names,
            "targets": names,
            "selector": "k_center",
            "embeddings": "model",
            "examples": 20,
            "layers": "all",
            "strengths": [0.5, 1.0],
            "random_directions": 1,
            "curves": ["layers", "examples", "shots", "instructions"],
            "curve_examples": [1, 4, 16],
            "curve_shots": [1, 2, 4],
            "curve_seeds": 2,
        }
    )
    out = tmp_path_factory.mktemp("runs") / "claims"
    save_run(run_cast(config, known.lens), out, 1.0)
    return out


@pytest.fixture(scope="module")
def cards(folder: Path) -> dict[tuple[str, str], ClaimCard]:
    return {(card.key, card.scope): card for card in claim_cards(folder)}


def test_what_was_planted_is_supported(cards: dict[tuple[str, str], ClaimCard]) -> None:
    for key in ("steering", "not any direction", "more than format"):
        card = cards[key, OTHER]
        assert card.verdict == "supported", card
        assert card.effect is not None
        assert card.effect.value > 0.5


def test_what_was_not_planted_is_not_supported(cards: dict[tuple[str, str], ClaimCard]) -> None:
    # all planted labels are "yes", so permuting them changes nothing; one example is enough
    for key in ("labels matter", "selection", "contrast"):
        assert cards[key, OTHER].verdict in {"refuted", "inconclusive"}, cards[key, OTHER]


def test_the_planted_vector_does_without_the_instruction(
    folder: Path, cards: dict[tuple[str, str], ClaimCard]
) -> None:
    card = cards["reworded", OTHER]
    assert card.verdict == "supported", card
    points = [p for p in load_curves(folder) if p.kind == "instructions"]
    assert {p.x for p in points} == set(range(len(REWORDED)))
    assert all(not any(p.hits) for p in points if p.source is None)


def test_what_hurts_needs_more_targets_than_this_run_has(
    cards: dict[tuple[str, str], ClaimCard],
) -> None:
    assert cards["when it hurts", OTHER].verdict == "not tested"


def test_a_site_tells_how_far_its_differences_agree(folder: Path, known: Planted) -> None:
    site = load_run(folder).find(known.target.name, "cast", known.source.name).sites[0]
    assert site.agreement is not None
    assert 0.5 < site.agreement <= 1
    assert (
        load_run(folder).find(known.target.name, "opposite", known.source.name).sites[0].agreement
        is None
    )


def test_curves_name_every_setting_and_hold_every_item(folder: Path, known: Planted) -> None:
    points = load_curves(folder)
    assert {p.x for p in points if p.kind == "layers"} == set(range(known.lens.n_layers))
    examples = {(p.selector, p.seed, p.x) for p in points if p.kind == "examples"}
    assert examples == {
        (selector, seed, n)
        for selector, seed in (("k_center", 0), ("random", 0), ("random", 1))
        for n in (1, 4, 16)
    }
    assert {p.x for p in points if p.kind == "shots"} == {1, 2, 4}
    assert {len(p.hits) for p in points} == {len(known.target.test)}


def test_a_curves_vector_is_the_mean_over_its_own_examples(known: Planted) -> None:
    pool = known.source.train[:4]
    few = [few_shot(known.source, e, known.source.train[10:14]) for e in pool]
    zero = [zero_shot(known.source, e) for e in pool]
    states = [read_residual(known.lens, prompts) for prompts in (few, zero)]
    at = Injection(mean_vector(*states, LAYER), 2.0)
    mine = mean_over(contrast(*states), pool[1:3], at)
    rows = states[0].at(LAYER) - states[1].at(LAYER)
    assert torch.allclose(mine.direction, rows[1:3].mean(dim=0), atol=1e-5)
    assert mine.recipe["examples"] == [e.id for e in pool[1:3]]


def test_below_the_planted_block_a_vector_does_nothing(folder: Path, known: Planted) -> None:
    by_layer = {
        point.x: np.mean(point.hits)
        for point in load_curves(folder)
        if (point.kind, point.target, point.source)
        == ("layers", known.target.name, known.source.name)
    }
    assert by_layer[LAYER] == 1
    assert by_layer[LAYER - 1] < 0.5


def test_the_comparison_pairs_items_and_counts_each_once(folder: Path) -> None:
    found = outcomes_of(folder)
    pairs = found.within(OTHER)
    compared = found.compared("cast", "zero_shot", pairs)
    assert compared is not None
    assert compared.n == sum(len(found.accuracy[t, "zero_shot", None]) for t, _ in pairs)


def test_blocks_are_corrected_for_their_number(folder: Path, known: Planted) -> None:
    found = [
        block
        for block in blocks_of(folder)
        if (block.target, block.source) == (known.target.name, known.source.name)
    ]
    assert [block.layer for block in found] == list(range(known.lens.n_layers))
    p = [block.comparison.p for block in found]
    right = multipletests(p, method="fdr_bh")[1]
    assert [block.adjusted_p for block in found] == pytest.approx(list(right))
    assert found[LAYER].adjusted_p < 0.001
    assert found[LAYER - 1].adjusted_p > 0.05


def test_show_prints_what_changed_and_the_blocks(folder: Path, known: Planted) -> None:
    blocks = cast_lens("show", str(folder), "--blocks")
    assert blocks.returncode == 0, blocks.stderr
    assert "Benjamini-Hochberg" in blocks.stdout
    told = json.loads(cast_lens("show", str(folder), "--changed", "cast", "--json").stdout)
    mine = [one for one in told if one["target"] == known.target.name]
    assert all(one["helped"] for one in mine)
    texts = {e.id: e.input for e in known.target.test}
    assert all(one["input"] == texts[one["doc_id"]] for one in mine)
    assert "holds no arm" in cast_lens("show", str(folder), "--changed", "casst").stderr
    assert "supported" in cast_lens("claims", str(folder)).stdout


def test_every_figure_of_the_cards_draws(folder: Path) -> None:
    exhibits = claim_exhibits(claim_cards(folder), outcomes_of(folder))
    assert {e.stem for e in exhibits} == {
        *("claims", "curve_layers", "curve_examples", "curve_shots")
    }
    assert all(e.figure.data for e in exhibits)


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (0.3, 0.2, 0.4, "supported"),
        (0.12, 0.01, 0.2, "supported"),
        (0.05, 0.01, 0.09, "refuted"),
        (-0.2, -0.3, -0.1, "refuted"),
        (0.2, -0.05, 0.4, "inconclusive"),
        (0.05, 0.01, 0.2, "inconclusive"),
    ],
)
def test_the_verdict_follows_interval_and_threshold(
    value: float, low: float, high: float, verdict: str
) -> None:
    effect = Estimate(value=value, low=low, high=high, n=10, method="by hand")
    assert judged(effect, 0.1) == verdict
    assert judged(effect, 0.1, 0.05) == verdict
    # what could hardly have been seen is not refuted
    assert judged(effect, 0.1, 0.3) == ("supported" if verdict == "supported" else "inconclusive")


@pytest.mark.parametrize(("adjusted", "verdict"), [(0.01, "supported"), (0.3, "inconclusive")])
def test_what_does_not_hold_among_all_cards_is_not_supported(adjusted: float, verdict: str) -> None:
    card = ClaimCard(key="k", claim="c", scope="s", verdict="supported", p=0.01, says="")
    assert corrected(card, adjusted).verdict == verdict
    assert corrected(card, adjusted).adjusted_p == adjusted
    assert corrected(card, None) == card
