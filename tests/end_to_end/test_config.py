"""Settings: checked before a run, faults named, the command line over the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cast_lens.errors import ConfigError
from cast_lens.experiment.config import ARMS, make_config, read_config

SOUND = {"sources": ["a"], "targets": ["b"]}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"stregths": [1.0]}, "Did you mean 'strengths'"),
        ({"strengths": [float("nan")]}, "finite"),
        ({"strengths": []}, "strengths"),
        ({"strengths": [1, 1]}, "twice"),
        ({"layers": [-1]}, "layers"),
        ({"layers": "middle"}, "layers"),
        ({"shots": 0}, "shots = 0"),
        ({"arms": ["zero_shot", "magic"]}, "arms"),
        ({"dtype": "int8"}, "dtype"),
        ({"sources": []}, "sources"),
        ({"template": "fancy"}, "template"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_config(SOUND | setting)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_setting_says_how_to_set_it() -> None:
    with pytest.raises(ConfigError, match=r"targets is not set.*--targets"):
        make_config({"sources": ["a"]})


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('sources = ["a"]\ntargets = ["b"]\nshots = 2\nseed = 7\n')
    config = read_config(path, {"shots": 8, "seed": None})
    assert (config.shots, config.seed) == (8, 7)
    assert config.arms == ARMS


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xff\xfe=")
    with pytest.raises(ConfigError, match=r"c\.toml"):
        read_config(path, {})


def test_the_coarse_grid_spans_the_middle_of_the_model() -> None:
    layers = make_config(SOUND).layers_of(30)
    assert len(layers) == 8
    assert layers[0] == round(0.3 * 29)
    assert layers[-1] == round(0.95 * 29)
    assert make_config(SOUND | {"layers": "all"}).layers_of(3) == (0, 1, 2)
