"""Settings under a name, and what a run of them would take."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from test_cli import cast_lens

from cast_lens.experiment.config import make_config
from cast_lens.experiment.presets import preset_file, preset_names
from cast_lens.tasks.find import find_tasks


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without one, and without the gated model in its cache."""

    def unreachable(*_args: object, **_options: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", unreachable)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", unreachable)


def test_the_presets_are_there_and_say_what_they_are_for() -> None:
    assert preset_names() == ["claims", "paper-cross-domain", "paper-cross-lingual", "tour"]
    for name in preset_names():
        assert preset_file(name).read_text().startswith("# ")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_resolves(name: str) -> None:
    config = make_config(tomllib.loads(preset_file(name).read_text()), name)
    if config.tasks == "bundled":
        assert len(find_tasks(config.tasks, config.targets)) == len(config.targets)
        assert len(find_tasks(config.tasks, config.sources)) == len(config.sources)
    else:
        from cast_lens.tasks.hub import HUB_SETS

        assert {*config.sources, *config.targets} <= HUB_SETS.keys()
        assert config.model == "meta-llama/Llama-3.1-8B-Instruct"
        assert {round(layer / 32, 2) for layer in config.layers_of(32)} <= {
            0.5,
            0.53,
            0.56,
            0.59,
            0.62,
        }


@pytest.mark.parametrize("name", ["paper-cross-domain", "paper-cross-lingual"])
def test_a_dry_run_needs_neither_model_nor_tasks_and_says_what_it_took_for_them(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cast_lens("run", "--preset", name, "--dry-run")
    assert done.returncode == 0, done.stderr
    for said in (
        'model = "meta-llama/Llama-3.1-8B-Instruct"',
        "8 billion parameters, from its name",
        "4 characters each",
        f"hub:{name.removeprefix('paper-').replace('-', '_')} cannot be had here",
        "weights 16.0 GB",
        "search on dev",
        "FLOPs",
    ):
        assert said in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_as_json_is_the_same_and_the_command_line_wins(tiny_folder: Path) -> None:
    words = ["run", "--preset", "tour", "--dry-run", "--json", "--model", "some/model-2B"]
    done = cast_lens(*words, "--strengths", "3")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["settings"]["strengths"] == [3.0]
    assert found["settings"]["sources"] == ["present_past", "country_capital"]
    assert found["estimate"]["parameters"] == 2_000_000_000
    assert found["estimate"]["tokens"] > 10_000
    assert found["estimate"]["flops"] > 2 * 2e9 * 10_000


def test_more_work_is_foreseen_for_more_settings() -> None:
    def flops(*more: str) -> dict[str, float]:
        words = ["run", "--preset", "tour", "--dry-run", "--json", "--model", "some/model-1B"]
        stages = json.loads(cast_lens(*words, *more).stdout)["estimate"]["stages"]
        return {stage["name"]: stage["flops"] for stage in stages}

    before = flops()
    searched, read = flops("--strengths", "1,2,3,4"), flops("--examples", "32")
    every = flops("--policy", "all")
    assert searched["search on dev"] > before["search on dev"]
    assert searched["reading sources"] == before["reading sources"]
    assert read["reading sources"] == pytest.approx(before["reading sources"] / 2)
    assert every["search on dev"] > 2 * before["search on dev"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--preset", "tuor"], "Did you mean 'tour'"),
        (["--preset", "tour", "--config", "my.toml"], "cannot both be given"),
        (["--preset", "tour"], "--out is not set"),
        (["--preset", "tour", "--dry-run", "--model", "org/nameless"], "tells no size"),
        (["--preset", "tour", "--dry-run", "--sources", "present_pats"], "present_past"),
        (["--preset", "paper-cross-domain", "--dry-run", "--sources", "sst3"], "sst2"),
        (["--preset", "tour", "--dry-run", "--model", "a/b-1B", "--memory", "lots"], "no size"),
        (["--preset", "tour", "--dry-run", "--model", "a/b-1B", "--device", "cud"], "none that"),
    ],
)
def test_what_cannot_be_resolved_gets_one_line(words: list[str], said: str) -> None:
    done = cast_lens("run", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
