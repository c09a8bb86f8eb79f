"""Files that appear whole or not at all, and fingerprints of what is in them."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cast_lens.interrupts import heed

if sys.platform != "win32":
    import fcntl

CHUNK_BYTES = 1 << 20
HALF = ".half"  # how names of temporary files end


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
    temporary = Path(name)
    try:
        with _held(handle):
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _held(handle: int) -> Iterator[None]:
    """Keep others from removing an open file until the block, or its process, ends."""
    if sys.platform == "win32":  # no open file can be renamed there
        os.close(handle)
        yield
        return
    try:
        with suppress(OSError):  # a disk without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _remove_unless_held(path: Path) -> None:
    if sys.platform != "win32":
        with suppress(OSError), path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


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
