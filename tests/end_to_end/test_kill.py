"""A run that is killed by the system, several times, ends as one that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 120  # seconds


def _words(tasks: Path, model: Path, out: Path) -> list[str]:
    words = [sys.executable, "-m", "cast_lens", "run", "--model", str(model), "--out", str(out)]
    words += ["--tasks", str(tasks), "--sources", "planted_fruit", "--targets", "planted_animals"]
    words += ["--examples", "12", "--selector", "random", "--layers", "0,2"]
    return [*words, "--dev-items", "6", "--test-items", "8"]


def _pieces(out: Path) -> int:
    folder = out.with_name(f"{out.name}.unfinished")
    if not folder.is_dir():
        return 0
    return sum(p.suffix in {".json", ".safetensors"} and p.name[0] != "." for p in folder.iterdir())


def _killed_at(words: list[str], out: Path, pieces: int) -> bool:
    """Start the run and kill it once so many pieces are there; whether it was still at work."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while _pieces(out) < pieces and process.poll() is None:
        assert time.monotonic() < end, "the run does not come forward"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL elsewhere")
def test_three_kills_change_no_byte(
    planted_folder: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    subprocess.run(_words(planted_folder, tiny_folder, alone), check=True, capture_output=True)
    words = _words(planted_folder, tiny_folder, killed)
    stopped = [_killed_at(words, killed, pieces) for pieces in (1, 3, 5)]
    assert stopped == [True, True, True]
    assert not killed.exists()
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert "going on with" in done.stderr
    for name in ("results.json", "items.parquet", "vectors.safetensors", "config.toml"):
        assert (killed / name).read_bytes() == (alone / name).read_bytes(), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alone", "killed"]
