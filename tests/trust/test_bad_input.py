"""Bad input: one clear line, exit status 2, nothing written. The tables are the `cases_` files."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases_commands import COMMANDS
from cases_models import MODELS
from cases_places import PLACES
from cases_settings import SETTINGS
from cases_tasks import TASKS, Prepare
from cases_vectors import VECTORS, Attempt
from trust_ground import Ground, cast_lens

from cast_lens.errors import CastLensError
from cast_lens.model.lens import Lens
from cast_lens.model.tiny import tiny_lens

TYPED = [*TASKS, *SETTINGS, *PLACES, *MODELS, *COMMANDS]


@pytest.mark.parametrize(
    ("prepare", "said"), [pytest.param(*case[1:], id=case[0]) for case in TYPED]
)
def test_bad_input_gets_one_line_and_status_2_and_nothing_is_written(
    ground: Ground, prepare: Prepare, said: str
) -> None:
    words = prepare(ground)
    before = ground.held()
    done = cast_lens(*words)
    assert done.code == 2, done
    assert len(done.lines) == 1, done.stderr
    assert done.lines[0].startswith("cast-lens: ")
    assert said in done.lines[0]
    assert done.stdout == ""
    assert ground.held() == before


@pytest.fixture(scope="module")
def lens() -> Lens:
    return tiny_lens()


@pytest.mark.parametrize(
    ("attempt", "said"), [pytest.param(*case[1:], id=case[0]) for case in VECTORS]
)
def test_a_bad_vector_is_refused_in_one_line(
    lens: Lens,
    attempt: Attempt,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CastLensError) as caught:
        attempt(lens, tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("sprung"))  # what an opened pickle would leave
    assert not list(tmp_path.rglob(".*"))  # what a write that failed would leave


def test_every_case_is_named_once_and_there_are_more_than_eighty() -> None:
    for table in (TYPED, VECTORS):
        names = [case[0] for case in table]
        assert len(set(names)) == len(names)
    assert len(TYPED) > 80
