"""Chrome, which draws the images: it asks no network, and a killed one costs images alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from choreographer.browsers.chromium import Chromium

from cast_lens.figures.bundle import ENDED, SCRIPT, write_bundles
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import go, styled

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell and signals")
LOGGING = '#!/bin/sh\nexec "{chrome}" "$@" --log-net-log="{log}"\n'
# a UDP connect alone sends nothing: Chrome looks so whether there is IPv6
ASKING = {"HOST_RESOLVER_MANAGER_JOB", "DNS_TRANSACTION", "UDP_BYTES_SENT"}
PATIENCE = 60  # seconds
WHOLE = {".png": b"IEND", ".svg": b"</svg>"}  # what stands at the end of an image
KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from test_chrome import drawn_in, exhibits
from cast_lens.figures.bundle import write_bundles
def kill():
    while not drawn_in(Path(sys.argv[1])):
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
write_bundles(exhibits(), Path(sys.argv[2]))
"""


def exhibits() -> list[Exhibit]:
    figure = styled(go.Figure(go.Scatter(y=[1, 2])), "Two points")
    stems = [f"points{i}" for i in range(8)]
    return [Exhibit(stem, figure, "Caption.", "Alt text.", [{"y": 1}]) for stem in stems]


def drawn_in(room: Path) -> bool:
    """Whether Chrome has drawn an image, which is not yet put in its place."""
    return any(room.glob(".cast-lens-drawing.*/*.png"))


@pytest.fixture
def chrome() -> str:
    found = Chromium.find_browser(skip_local=False)
    if found is None:
        pytest.skip("no Chrome or Chromium is installed")
    return found


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of one's own; its name is short, since Chrome puts a socket there."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(name)


def _asked(log: Path) -> tuple[set[str], set[str]]:
    """Of Chrome's log of the network: what left the machine, and where it connected to."""
    first, *lines = log.read_text(encoding="utf-8").splitlines()
    numbers = json.loads(first.removeprefix('{"constants":').rstrip(","))["logEventTypes"]
    assert numbers.keys() >= ASKING, "this Chrome names its events otherwise"
    kinds = {number: kind for kind, number in numbers.items()}
    left, reached = set(), set()
    for line in lines:
        if not line.startswith('{"params"'):
            continue
        event = json.loads(line.rstrip(","))
        kind = kinds[event["type"]]
        if kind in ASKING:
            left.add(f"{kind} {event['params']}")
        elif kind == "TCP_CONNECT_ATTEMPT" and "address" in event["params"]:
            reached.add(event["params"]["address"].rpartition(":")[0])
    return left, reached


def test_chrome_asks_the_network_for_nothing_while_it_draws(
    tmp_path: Path, chrome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, log = tmp_path / "chrome", tmp_path / "log"
    script.write_text(LOGGING.format(chrome=chrome, log=log))
    script.chmod(0o755)
    monkeypatch.setattr(Chromium, "find_browser", lambda **_: str(script))
    assert write_bundles(exhibits()[:1], tmp_path / "drawn") == ()
    left, reached = _asked(log)
    assert left == set()
    assert reached <= {"127.0.0.1"}


def _said_of(stems: list[str]) -> tuple[str, ...]:
    return tuple(
        f"{s}.{kind} could not be drawn ({ENDED})." for s in stems for kind in ("png", "svg")
    )


def test_a_chrome_that_ends_at_once_costs_the_images_alone(
    tmp_path: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "chrome"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(Chromium, "find_browser", lambda **_: str(script))
    shown = exhibits()[:2]
    assert write_bundles(shown, tmp_path / "drawn") == _said_of([one.stem for one in shown])
    written = {f"{one.stem}.{end}" for one in shown for end in ("html", "csv", "txt")}
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {SCRIPT, *written}
    assert list(room.iterdir()) == []


def _kill_chrome(room: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not drawn_in(room) and time.monotonic() < end:
        time.sleep(0.01)
    for process in psutil.Process().children(recursive=True):
        process.send_signal(signal.SIGKILL)


def test_a_chrome_killed_while_it_draws_costs_the_rest_of_the_images_alone(
    tmp_path: Path, room: Path, chrome: str
) -> None:
    killer = threading.Thread(target=_kill_chrome, args=(room,))
    killer.start()
    notes = write_bundles(exhibits(), tmp_path / "drawn")
    killer.join()
    assert notes
    assert set(notes) <= set(_said_of([one.stem for one in exhibits()]))
    images = [path for path in (tmp_path / "drawn").iterdir() if path.suffix in WHOLE]
    assert len(images) == 2 * len(exhibits()) - len(notes)
    assert all(WHOLE[path.suffix] in path.read_bytes() for path in images)
    assert not list(room.glob(".cast-lens-drawing.*"))


def while_it_dies(room: Path) -> None:
    """Wait for the Chrome that nobody commands any more: it writes to its profile to its end."""
    for _ in range(10 * PATIENCE):
        running = (p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"]))
        if not any(str(room) in word for words in running for word in words):
            return
        time.sleep(0.1)


def test_what_a_command_killed_while_chrome_draws_left_goes_with_the_next_drawing(
    tmp_path: Path, room: Path, chrome: str
) -> None:
    words = [sys.executable, "-c", KILLED, str(room), str(tmp_path / "drawn")]
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(words, env=os.environ | {"PYTHONPATH": paths}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(room.iterdir())) >= 1
    while_it_dies(room)
    assert write_bundles(exhibits()[:1], tmp_path / "drawn") == ()
    assert list(room.iterdir()) == []
