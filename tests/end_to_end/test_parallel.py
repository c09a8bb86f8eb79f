"""`cast-lens parallel` on the planted model: demonstrations labelled "yes" write one direction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from sklearn.metrics.pairwise import cosine_similarity
from typer.testing import CliRunner, Result

from cast_lens.analysis.cosines.measure import cosine_matrices
from cast_lens.analysis.cosines.records import PLAIN, RAW, CosineMatrices
from cast_lens.cli.parallel import parallel
from cast_lens.diagnosis.parallel import ParallelTasks, parallel_tasks
from cast_lens.diagnosis.parallel_words import in_words, middle_of, more_than
from cast_lens.errors import ConfigError, ModelError
from cast_lens.experiment.config import CastConfig, make_config
from cast_lens.experiment.parallel import IRRELEVANT, SHUFFLED
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.parallelism import parallel_exhibits
from cast_lens.figures.style import headings
from cast_lens.model.planted import LAYER, Planted
from cast_lens.prompts.demonstrations import draw_demonstrations, sample_examples
from cast_lens.prompts.prompt import few_shot, zero_shot
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import contrast


def settings(folder: Path, known: Planted, **more: object) -> CastConfig:
    names = [known.source.name, known.target.name]
    return make_config(
        {
            "tasks": str(folder),
            "sources": names,
            "targets": names,
            "selector": "random",
            "examples": 16,
            "layers": [0, LAYER, LAYER + 1],
            **more,
        }
    )


@pytest.fixture(scope="module")
def measured(planted_folder: Path, known: Planted) -> ParallelTasks:
    return parallel_tasks(known.lens, settings(planted_folder, known))


def test_the_planted_direction_is_parallel_from_its_block_on(measured: ParallelTasks) -> None:
    before, *after = measured.blocks
    assert [block.layer for block in measured.blocks] == [0, LAYER, LAYER + 1]
    assert measured.blocks[1].pairs[0].cosine.low > before.pairs[0].cosine.high
    for block in after:
        (pair,) = block.pairs
        assert pair.cosine.low > 0.8
        assert max(pair.flips_holm, pair.random_holm) < 0.01


def test_random_words_hold_no_yes_and_permuted_labels_hold_as_many(
    measured: ParallelTasks,
) -> None:
    block = measured.blocks[1]
    (pair,) = block.pairs
    assert more_than(block, IRRELEVANT) == block.pairs
    assert pair.against[IRRELEVANT].excess.low > 0.3
    # every label is "yes", so permuting them changes nothing
    assert more_than(block, SHUFFLED) == ()
    assert pair.against[SHUFFLED].excess.value == pytest.approx(0, abs=0.05)


def test_cosines_are_those_of_the_vectors_of_each_task(
    measured: ParallelTasks, known: Planted
) -> None:
    vectors = []
    for task in (known.source, known.target):
        chosen = sample_examples(task.train, 16, 0)
        shown = [few_shot(task, e, draw_demonstrations(chosen, e, 4, 0)) for e in chosen]
        few, zero = (
            read_residual(known.lens, prompts, layers=[LAYER])
            for prompts in (shown, [zero_shot(task, e) for e in chosen])
        )
        vectors.append(contrast(few, zero).at(LAYER).double().mean(dim=0))
    expected = cosine_similarity(torch.stack(vectors).numpy())[0, 1]
    assert measured.blocks[1].pairs[0].cosine.value == pytest.approx(expected, abs=1e-5)


def test_words_tell_the_numbers_of_the_middle_block(measured: ParallelTasks) -> None:
    assert middle_of(measured.blocks) is measured.blocks[1]
    text = " ".join(in_words(measured.blocks))
    block = measured.blocks[1]
    (raw, null) = (block.find(PLAIN, RAW), block.find(IRRELEVANT, RAW))
    assert raw is not None
    assert null is not None
    assert f"After block {LAYER} the difference vectors of 2 tasks" in text
    assert f"mean raw cosine of {raw.mean.value:.2f}" in text
    assert f"random words of the same length the mean cosine is {null.mean.value:.2f}" in text
    assert "significantly more parallel are 1 of 1 pairs" in text
    assert "significantly more parallel are 0 of 1 pairs" in text


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        ({"sources": ["planted_fruit"]}, ConfigError, "at least two tasks"),
        ({"examples": 4}, ConfigError, "planted_fruit: 4 examples, but 4 shots need at least 5"),
        ({"layers": [9]}, ModelError, "9"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_reading(
    more: dict[str, object],
    error: type[Exception],
    says: str,
    planted_folder: Path,
    known: Planted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cast_lens.diagnosis.parallel.read_source", lambda *_: pytest.fail("read"))
    with pytest.raises(error, match=says):
        parallel_tasks(known.lens, settings(planted_folder, known, **more))


def several(tasks: int) -> list[CosineMatrices]:
    """Two blocks of tasks with awkward names; a third of the tasks are alike."""
    generator = np.random.default_rng(tasks)
    common = generator.standard_normal((3, 24))

    def differences(noise: float) -> dict[str, np.ndarray]:
        return {
            f"<b>{i}</b> a rather long name of task {i}": common[i % 3] * 2
            + noise * generator.standard_normal((6, 24))
            for i in range(tasks)
        }

    return [
        cosine_matrices(
            differences(1),
            {IRRELEVANT: differences(8), SHUFFLED: differences(2)},
            generator.standard_normal((50, 24)),
            layer,
        )
        for layer in (3, 8)
    ]


@pytest.fixture(scope="module")
def nine() -> tuple[Exhibit, Exhibit]:
    course, matrices, _ = parallel_exhibits(several(9), "a <model>")
    return matrices, course


def test_the_heat_maps_share_an_order_that_puts_like_tasks_together(
    nine: tuple[Exhibit, Exhibit],
) -> None:
    maps = [trace for trace in nine[0].figure.data if trace.type == "heatmap"]
    assert len(maps) == 4
    axes = [nine[0].figure.layout[f"xaxis{i}"] for i in ("", 2, 3, 4)]
    (names,) = {axis.ticktext for axis in axes}
    assert len(set(names)) == len(names) == len(maps[0].z)
    groups = [int(name.split()[-1]) % 3 for name in _ends(maps[0])]
    assert sum(a != b for a, b in pairwise(groups)) == 2
    assert nine[0].figure.layout.coloraxis.cmin == -nine[0].figure.layout.coloraxis.cmax == -1
    assert all(one.coloraxis == "coloraxis" for one in maps)


def _ends(trace: Any) -> list[str]:
    return [line[0].split(", ")[0] for line in trace.customdata]


def test_rows_hold_what_is_drawn(nine: tuple[Exhibit, Exhibit]) -> None:
    matrices, course = nine
    (raw, *_) = [trace for trace in matrices.figure.data if trace.type == "heatmap"]
    drawn = np.array(raw.z, dtype=float)
    kept = [r["cosine"] for r in matrices.rows if (r["whose"], r["kind"]) == (PLAIN, RAW)]
    np.testing.assert_allclose(np.sort(drawn[np.triu_indices(9)]), np.sort(kept))
    (line,) = [t for t in course.figure.data if t.name == "random words as demonstrations"]
    rows = [r for r in course.rows if (r["whose"], r["kind"]) == (IRRELEVANT, RAW)]
    assert list(line.x) == [r["block"] for r in rows] == [3, 8]
    assert list(line.y) == [r["mean_cosine"] for r in rows]
    assert "without ten coordinates" in [t.name for t in course.figure.data]


def test_titles_tell_the_finding_and_names_are_not_obeyed(nine: tuple[Exhibit, Exhibit]) -> None:
    assert "random words before the query give" in headings(nine[0].figure)[0]
    assert "above those of random words at 2 of 2 blocks" in headings(nine[1].figure)[0]
    for exhibit in nine:
        assert "<model>" not in exhibit.figure.to_json()
        assert "<b>1</b>" not in exhibit.figure.to_json()


def test_two_tasks_and_one_block_make_one_figure(measured: ParallelTasks) -> None:
    (only,) = parallel_exhibits(measured.blocks[:1], "planted")
    assert len([trace for trace in only.figure.data if trace.type == "heatmap"]) == 3


def command(*words: str) -> Result:
    app = typer.Typer()
    app.command()(parallel)
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def words(planted_folder: Path, tiny_folder: Path) -> list[str]:
    names = "planted_fruit,planted_animals"
    asked = ["--model", str(tiny_folder), "--tasks", str(planted_folder), "--sources", names]
    return [*asked, "--layers", "0,2", "--examples", "6", "--shots", "2"]


def test_the_command_prints_a_row_a_block_and_the_finding(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def write(exhibits: Sequence[Exhibit], folder: Path) -> tuple[str, ...]:
        written.extend(f"{folder.name}/{exhibit.stem}" for exhibit in exhibits)
        return ("no Chrome: images left out",)

    monkeypatch.setattr("cast_lens.figures.bundle.write_bundles", write)
    done = command(*words, "--figures", str(tmp_path / "figures"))
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines if line.strip()[:2] in {"0 ", "2 "}] == ["0", "2"]
    assert any(line.startswith("After block 0 the difference vectors") for line in lines)
    assert "note: no Chrome: images left out" in lines
    stems = ["parallel_course", "parallel_matrices_block_0", "parallel_matrices_block_2"]
    assert written == [f"figures/{stem}" for stem in stems]


def test_as_json_the_record_and_its_words_come_back(words: list[str]) -> None:
    done = command(*words, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    sentences = told.pop("in_words")
    record = ParallelTasks.model_validate(told)
    assert list(in_words(record.blocks)) == sentences
    assert [block.examples for block in record.blocks] == [(6, 6), (6, 6)]
    assert (record.shots, record.selector) == (2, "random")


def test_layers_that_are_no_numbers_are_named(words: list[str]) -> None:
    done = command(*words, "--layers", "0,x")
    assert isinstance(done.exception, ConfigError)
    assert "--layers 0,x" in str(done.exception)
