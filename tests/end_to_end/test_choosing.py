"""Choosing a source's examples, in runs and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli import cast_lens

from cast_lens.experiment.choosing import choose_examples, embeddings_of
from cast_lens.experiment.config import CastConfig, make_config
from cast_lens.model.encoder import embed_texts
from cast_lens.model.planted import Planted
from cast_lens.steer.residual import read_residual


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAST_LENS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def config(known: Planted, **more: object) -> CastConfig:
    return make_config(
        {
            "sources": [known.source.name],
            "targets": [known.target.name],
            "examples": 8,
            "selector": "k_center",
            "embeddings": "model",
            **more,
        }
    )


def test_the_models_own_embeddings_are_its_mean_middle_states(known: Planted, cache: Path) -> None:
    pool = known.source.train[:9]
    rows = embeddings_of(known.lens, config(known), known.source, pool)
    from cast_lens.prompts.prompt import zero_shot

    prompts = [zero_shot(known.source, e) for e in pool]
    middle = known.lens.n_layers // 2
    own = read_residual(known.lens, prompts, layers=[middle], position="mean").at(middle)
    assert np.allclose(rows, own.numpy())


def test_embeddings_are_computed_once_and_again_when_the_content_changes(
    known: Planted, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, settings = known.source.train[:9], config(known)
    first = embeddings_of(known.lens, settings, known.source, pool)
    assert len(list((cache / "embeddings").iterdir())) == 1

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("cast_lens.experiment.choosing.read_residual", never)
    assert np.array_equal(embeddings_of(known.lens, settings, known.source, pool), first)
    with pytest.raises(AssertionError, match="computed again"):
        embeddings_of(known.lens, settings, known.source, known.source.train[1:9])


def test_a_damaged_embedding_file_is_computed_again(known: Planted, cache: Path) -> None:
    pool, settings = known.source.train[:9], config(known)
    first = embeddings_of(known.lens, settings, known.source, pool)
    (kept,) = (cache / "embeddings").iterdir()
    kept.write_bytes(kept.read_bytes()[:40])
    assert np.array_equal(embeddings_of(known.lens, settings, known.source, pool), first)


def test_the_chosen_do_not_depend_on_the_order_of_the_pool(known: Planted, cache: Path) -> None:
    pool, settings = known.source.train, config(known)
    there = choose_examples(known.lens, settings, known.source, pool)
    back = choose_examples(known.lens, settings, known.source, pool[::-1])
    assert there == back
    assert len({e.id for e in there}) == 8


def test_where_all_are_taken_nothing_is_embedded(
    known: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("embedded")

    monkeypatch.setattr("cast_lens.experiment.choosing.embeddings_of", never)
    pool = known.source.train[:8]
    chosen = choose_examples(known.lens, config(known), known.source, pool)
    assert sorted(e.id for e in chosen) == sorted(e.id for e in pool)


@pytest.mark.real
def test_the_sentence_encoder_puts_like_sentences_together() -> None:
    texts = ["A dog barks.", "A puppy is barking loudly.", "Interest rates rose by one percent."]
    rows = embed_texts(texts)
    assert rows.shape == (3, 384)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > 0.5 > unit[0] @ unit[2]


@pytest.mark.real
def test_select_shows_the_chosen_with_their_numbers_and_a_map(tmp_path: Path) -> None:
    done = cast_lens("select", "present_past", "--examples", "5", "--figures", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "diversity" in done.stdout
    assert (tmp_path / "selection.html").read_text().startswith("<!doctype html>")
    told = json.loads(cast_lens("select", "present_past", "--examples", "5", "--json").stdout)
    assert len(told["chosen"]) == 5
    assert told["recipe"]["budget"] == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--examples", "100000"], "the pool holds"),
        (["--selector", "casst"], "cast"),
        (["--embeddings", "nowhere/at-all"], "cannot be read as a sentence encoder"),
        (["--alpha", "2"], "alpha"),
    ],
)
def test_bad_words_to_select_give_one_line(words: list[str], said: str) -> None:
    done = cast_lens("select", "present_past", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
