"""Laws of files: whole or not at all, and fingerprints of content."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cast_lens.files import (
    CHUNK_BYTES,
    fingerprint,
    scratch_folder,
    sha256_of_file,
    whole_file,
    whole_folder,
    write_json,
    write_text,
)


class HalfWayError(Exception):
    """Stands for anything that goes wrong half-way."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_file_appears_at_the_end_of_the_block_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with whole_file(path) as temporary:
        temporary.write_text("all of it")
        assert not path.exists()
        assert temporary.parent == path.parent  # one file system, so the rename is atomic
    assert path.read_text() == "all of it"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="who is dead cannot be told there")
def test_what_a_killed_process_left_of_a_file_goes_when_it_is_written_again(tmp_path: Path) -> None:
    write = "from cast_lens.files import whole_file; from pathlib import Path; import os, signal"
    write += f"\nwith whole_file(Path({str(tmp_path / 'file.txt')!r})) as temporary:\n"
    write += "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", write], check=False)
    assert [name[:10] for name in names(tmp_path)] == [".file.txt."]
    write_text(tmp_path / "other.txt", "all of it")
    assert len(names(tmp_path)) == 2  # only whoever writes the same file knows what it was
    write_text(tmp_path / "file.txt", "all of it")
    assert names(tmp_path) == ["file.txt", "other.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="who is dead cannot be told there")
def test_what_a_killed_process_left_of_a_scratch_folder_goes_and_a_living_ones_stays(
    tmp_path: Path,
) -> None:
    write = (
        "from cast_lens.files import scratch_folder; from pathlib import Path; import os, signal"
    )
    write += f"\nwith scratch_folder('work', Path({str(tmp_path)!r})) as folder:\n"
    write += "    (folder / 'half').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    with scratch_folder("work", tmp_path) as living:
        subprocess.run([sys.executable, "-c", write], check=False)
        (dead,) = set(tmp_path.iterdir()) - {living}
        with scratch_folder("other", tmp_path):
            assert dead.exists()
        with scratch_folder("work", tmp_path):
            assert not dead.exists()
            assert living.exists()
    assert names(tmp_path) == []


def test_what_somebody_else_writes_or_keeps_beside_a_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    (tmp_path / ".file.txt.swp").write_text("an editor's")
    with whole_file(path) as slow:
        slow.write_text("of the slow")
        write_text(path, "of the quick")
        assert slow.read_text() == "of the slow"
        assert path.read_text() == "of the quick"
    assert path.read_text() == "of the slow"
    assert names(tmp_path) == [".file.txt.swp", "file.txt"]


@pytest.mark.parametrize("kind", [HalfWayError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_file_leaves_nothing_and_the_old_one_stays(
    tmp_path: Path, kind: type[BaseException]
) -> None:
    def write_half(path: Path) -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise kind

    (tmp_path / "old.txt").write_text("old")
    for name in ("old.txt", "new.txt"):
        with pytest.raises(kind):
            write_half(tmp_path / name)
    assert names(tmp_path) == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


def test_a_whole_folder_appears_at_the_end_of_the_block_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder"
    with whole_folder(path) as temporary:
        (temporary / "inside").mkdir()
        (temporary / "inside" / "a.txt").write_text("a")
        assert not path.exists()
    assert (path / "inside" / "a.txt").read_text() == "a"
    assert names(path.parent) == ["folder"]


def test_an_interrupted_folder_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with whole_folder(tmp_path / "folder") as temporary:
            (temporary / "a.txt").write_text("half")
            raise HalfWayError

    with pytest.raises(HalfWayError):
        write_half()
    assert names(tmp_path) == []


def test_a_folder_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    def write_over() -> None:
        with whole_folder(tmp_path / "folder") as temporary:
            (temporary / "b.txt").write_text("new")

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("old")
    with pytest.raises(OSError, match="folder"):
        write_over()
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["a.txt"]


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "größer\n")
    with whole_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "a.txt").read_bytes() == "größer\n".encode()
    assert (tmp_path / "a.txt").stat().st_mode & 0o444 == 0o444
    assert (tmp_path / "folder").stat().st_mode & 0o555 == 0o555


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), {"a": [float("nan")]}])
def test_json_without_meaning_is_refused_and_the_old_file_stays(tmp_path: Path, bad: Any) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"ö": [1, 2.5, None]})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, bad)
    assert json.loads(path.read_text(encoding="utf-8")) == {"ö": [1, 2.5, None]}
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_files_digest_is_that_of_its_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(i % 251 for i in range(1000)) * (size // 1000 + 1)
    (tmp_path / "a").write_bytes(content[:size])
    assert sha256_of_file(tmp_path / "a") == hashlib.sha256(content[:size]).hexdigest()


@given(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=6))
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert fingerprint(backwards) == fingerprint(value)
    assert len(fingerprint(value)) == 16
    assert fingerprint([value, 1]) != fingerprint([1, value])


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    value = {"b": ["é", 1.5, None], "a": {"x": True}}
    script = "import json, sys; from cast_lens.files import fingerprint as f; "
    script += "sys.stdout.write(f(json.loads(sys.argv[1])))"
    command = [sys.executable, "-c", script, json.dumps(value)]
    other = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    written = '{"a":{"x":true},"b":["é",1.5,null]}'
    assert fingerprint(value) == other
    assert fingerprint(value) == hashlib.sha256(written.encode()).hexdigest()[:16]


def test_a_scratch_folder_goes_though_somebody_still_writes_into_it_for_a_moment(
    tmp_path: Path,
) -> None:
    def write(place: Path) -> None:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            with suppress(OSError):
                (place / str(time.monotonic_ns())).write_text("")

    with scratch_folder("drawing", tmp_path) as place:
        writer = threading.Thread(target=write, args=(place,))
        writer.start()
    writer.join()
    assert names(tmp_path) == []
