"""Runs that are killed, stopped by a real Ctrl-C, or begun twice; `kill_many.py` does it often."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hard_ends import fault_of_press
from trust_ground import Ground, cast_lens

from cast_lens.experiment.cells import PIECES, unfinished

PATIENCE = 300  # seconds
MANY = Path(__file__).with_name("kill_many.py")
signals = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")


@signals
def test_a_run_killed_or_stopped_at_any_moment_ends_as_one_left_alone() -> None:
    words = [sys.executable, str(MANY), "--kills", "2", "--presses", "2"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| equal") == 4


def _hears_ctrl_c() -> None:
    """What was started in the background would ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < end, "the run does not come forward"
        time.sleep(0.01)


@signals
def test_a_real_ctrl_c_while_libraries_load_is_one_line(ground: Ground) -> None:
    ground.task()
    words = [sys.executable, "-m", "cast_lens", *ground.run()]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hears_ctrl_c,  # noqa: PLW1509 - no threads between
    ) as process:
        try:
            _wait_for(ground.root / "out.unfinished" / "lock", process)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert fault_of_press(process.returncode, said, ground.root / "out") == ""
    left = ground.root / "out.unfinished"  # only where a piece was whole before the press came
    assert not left.exists() or any(path.suffix in PIECES for path in left.iterdir())
    assert {path.name for path in ground.root.iterdir()} - {left.name} == {"tasks"}


def test_what_a_run_killed_while_clearing_up_left_goes_with_the_same_command(
    ground: Ground,
) -> None:
    ground.finished()
    left = ground.root / "out.unfinished"
    left.mkdir()
    (left / "lock").touch()
    (left / "0123.json").write_text("[]")
    done = cast_lens(*ground.run())
    assert (done.code, done.lines[-1]) == (0, "out already holds this run; nothing was computed.")
    assert sorted(path.name for path in ground.root.iterdir()) == ["out", "tasks"]


def test_a_run_that_another_process_finished_meanwhile_is_not_computed_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ground.finished().rename(ground.root / "kept")

    @contextmanager
    def late(out: Path) -> Iterator[Path]:
        """The lock is free only when the other's run is there."""
        with unfinished(out) as pieces:
            kept.rename(out)
            yield pieces

    monkeypatch.setattr("cast_lens.experiment.grid.unfinished", late)
    monkeypatch.setattr("cast_lens.experiment.grid.run_cast", None)
    done = cast_lens(*ground.run())
    assert (done.code, done.lines[-1]) == (0, "out already holds this run; nothing was computed.")
    assert sorted(path.name for path in ground.root.iterdir()) == ["out", "tasks"]
