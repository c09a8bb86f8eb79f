"""Files that appear whole or not at all, and fingerprints of what is in them."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cast_lens.interrupts import heed

if sys.platform != "win32":
    import fcntl

CHUNK_BYTES = 1 << 20
HALF = ".half"  # how names of temporary files end
TRIES, PAUSE = 20, 0.1  # seconds between two tries


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(value: Any) -> str:
    """Short SHA-256 (16 hexadecimal digits) of a JSON value, the same in every process."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place only if the block succeeds.

    What a killed process left of writing the same path goes first.
    """
    heed()
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{HALF}"):
        _remove_unless_held(left)
    handle, name = tempfile.mkstemp(suffix=HALF, prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with _held(temporary):
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Keep others from removing a file or folder until the block, or its process, ends.

    Yields whether nobody held it before; False where that cannot be told.
    """
    if sys.platform == "win32":
        yield False
        return
    # no link is followed, no pipe waited for
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        yield _lock(handle)
    finally:
        os.close(handle)


if sys.platform != "win32":

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held, or on a disk without locks
            return False
        return True


def _remove_unless_held(path: Path) -> None:
    with suppress(OSError), _held(path) as alone:
        if alone and path.is_dir():
            _remove_folder(path)
        elif alone:
            path.unlink()


def _remove_folder(path: Path) -> None:
    """Remove a folder into which a process that is ending may still write."""
    for _ in range(TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(PAUSE)


@contextmanager
def scratch_folder(name: str, within: Path) -> Iterator[Path]:
    """Yield a temporary folder that is gone after the block.

    What killed processes left of the same name goes first.
    """
    for left in within.glob(f".{glob.escape(name)}.*{HALF}"):
        _remove_unless_held(left)
    made = Path(tempfile.mkdtemp(suffix=HALF, prefix=f".{name}.", dir=within))
    try:
        with _held(made):
            yield made
    finally:
        _remove_folder(made)


@contextmanager
def whole_folder(path: Path, within: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder; rename it into place only if the block succeeds.

    Args:
        path: the place.
        within: where the temporary folder is made, on the same disk; beside `path` when None.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=within or path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write an indented JSON file, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
