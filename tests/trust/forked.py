"""Commands in processes of their own that start in no time: forks of one that has imported all.

Each tells when it comes to a stage, so that a signal can be sent at a chosen moment of it.
"""

from __future__ import annotations

import hashlib
import os
import pkgutil
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 300  # seconds
STAGES = {
    "model.fetch._download": "download",
    "model.fetch._unpack_folder": "unpacking",
    "model.fetch.export_gguf": "export",
    "model.load._from_pretrained": "loading",
    "model.encoder._load": "encoder",
    "model.encoder.embed_texts": "embedding",
    "experiment.sources.read_residual": "extraction",
    "experiment.search.score_on_dev": "sweep",
    "experiment.target.evaluate": "scoring",
    "experiment.grid.save_run": "writing",
    "figures.bundle._draw": "drawing",
}
AFTER = {"writing": "clearing up"}
# they hold times, and Chrome's a random number
CHANGING = {"manifest.json", "ledger.json", "settings.dat"}
_told: int | None = None  # where this process tells its stages


def tell(stage: str) -> None:
    """Say that a stage begins."""
    if _told is not None:
        os.write(_told, f"{stage}\n".encode())


def watch_stages() -> None:
    """Make every stage of this process and its forks tell that it begins."""
    for name, stage in STAGES.items():
        where, _, attribute = name.rpartition(".")
        module = pkgutil.resolve_name(f"cast_lens.{where}")
        setattr(module, attribute, _telling(getattr(module, attribute), stage))


def _telling(real: Callable[..., Any], stage: str) -> Callable[..., Any]:
    def work(*given: Any, **options: Any) -> Any:
        tell(stage)
        found = real(*given, **options)
        tell(AFTER.get(stage, "between"))
        return found

    return work


@dataclass
class Started:
    """A command at work.

    Attributes:
        pid: its process, which leads a group of its own.
        told: where it tells its stages.
        said: file of its standard error.
    """

    pid: int
    told: int
    said: Path

    def marks(self) -> list[tuple[str, float]]:
        """Every stage until the end and when it began, in seconds after now."""
        start, found, rest = time.monotonic(), [("start", 0.0)], b""
        while piece := os.read(self.told, 4096):
            *lines, rest = (rest + piece).split(b"\n")
            found += [(line.decode(), time.monotonic() - start) for line in lines]
        return [*found, ("end", time.monotonic() - start)]

    def wait_for(self, mark: int) -> bool:
        """Until so many stages have begun; False when it ended before."""
        seen = 0
        while seen < mark:
            assert select.select([self.told], [], [], PATIENCE)[0], self.said.read_text()
            one = os.read(self.told, 1)
            if not one:
                return False
            seen += one == b"\n"
        return True

    def send(self, kind: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the process, or to all that it started too."""
        (os.killpg if group else os.kill)(self.pid, kind)

    def end(self) -> int:
        """Wait; the exit status, negative for a signal."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.told)
        return code


def fork(words: list[str], place: Path, told: Mapping[str, str | None]) -> Started:
    """Run a command in a fork of this process, inside a place.

    Args:
        words: what a person types after `cast-lens`.
        place: working folder; `cache`, `tmp` and `home` in it are all that is seen of a disk.
        told: environment; None forgets a variable.
    """
    for name in ("tmp", "home"):
        (place / name).mkdir(parents=True, exist_ok=True)
    mine, its = os.pipe()
    said = Path(tempfile.mkstemp(suffix=".said", dir=place.parent)[1])
    pid = os.fork()
    if pid:
        os.close(its)
        return Started(pid, mine, said)
    code = 1
    try:
        code = _child(words, place, told, its, said)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _child(
    words: list[str], place: Path, told: Mapping[str, str | None], its: int, said: Path
) -> int:
    global _told  # noqa: PLW0603 - the fork's own
    _told = its
    os.setsid()
    os.chdir(place)
    with said.open("wb") as stream:
        os.dup2(stream.fileno(), 2)
        os.dup2(stream.fileno(), 1)
    own = {"CAST_LENS_CACHE": str(place / "cache"), "TMPDIR": str(place / "tmp")}
    own |= {"HOME": str(place / "home"), "XDG_CACHE_HOME": str(place / "home" / "cache")}
    for name, value in {**told, **own}.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    tempfile.tempdir = None
    sys.argv = ["cast-lens", *words]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from cast_lens.__main__ import main

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0


def contents(place: Path) -> dict[str, str]:
    """Every path below a place with the hash of its bytes, of what must be the same each time."""
    return {
        str(path.relative_to(place)): ""
        if path.is_dir() or path.name in CHANGING
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
    }
