"""Finished pieces of a run, kept by content, so that a killed run goes on where it was."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from cast_lens.errors import RunError
from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.spent import Spent, measured
from cast_lens.files import fingerprint, whole_file
from cast_lens.model.lens import Lens
from cast_lens.steer.identity import identity_of
from cast_lens.steer.states import ResidualStates

log = logging.getLogger("cast_lens")
T = TypeVar("T")
PIECES = {".json", ".safetensors"}
SPENT = ".spent"  # beside each piece, what it took


class Cells:
    """Pieces under one lens and one set of settings.

    A piece is computed once: the next run with the same model, settings and tasks reads it. Numbers
    are written so that they come back bit for bit.

    Args:
        folder: where pieces are kept; nowhere when None.
        lens: the model.
        config: the settings.
        tasks: fingerprints of all tasks by name.
    """

    def __init__(
        self, folder: Path | None, lens: Lens, config: CastConfig, tasks: dict[str, str]
    ) -> None:
        self._folder = folder
        self._device = lens.device
        self._spent: dict[str, Spent] = {}
        self._identity = identity_of(lens, config.template)
        self._base = {
            "identity": self._identity.model_dump(exclude={"model"}),
            "backend": lens.backend,
            "config": config.model_dump(mode="json", exclude={"model", "tasks", "device"}),
            "tasks": tasks,
        }

    @property
    def spent(self) -> tuple[Spent, ...]:
        """What every piece asked for so far took, whenever it was computed."""
        return tuple(self._spent.values())

    def _measured(self, name: str, compute: Callable[[], T]) -> T:
        """Compute a piece. What it took is kept first, so that every whole piece has it beside."""
        found, self._spent[name] = measured(self._device, name, compute)
        path = self._path(name, SPENT.removeprefix("."))
        if path is not None:
            with _written(path) as temporary:
                temporary.write_text(self._spent[name].model_dump_json(), encoding="utf-8")
        return found

    def _recall(self, path: Path, name: str) -> None:
        """Read what a piece took.

        Raises:
            FileNotFoundError: when the piece was never computed.
            ValidationError: when the file is damaged.
        """
        self._spent[name] = Spent.model_validate_json(path.with_suffix(SPENT).read_bytes())

    def _path(self, name: str, suffix: str) -> Path | None:
        if self._folder is None:
            return None
        return self._folder / f"{fingerprint({**self._base, 'piece': name})}.{suffix}"

    def values(self, name: str, kind: TypeAdapter[T], compute: Callable[[], T]) -> T:
        """A piece that is JSON.

        Args:
            name: what it is, unique within the run.
            kind: its type.
            compute: makes it when it is not there.
        """
        path = self._path(name, "json")
        if path is None:
            return self._measured(name, compute)
        try:
            self._recall(path, name)
            return kind.validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            found = self._measured(name, compute)
        with _written(path) as temporary:
            temporary.write_bytes(kind.dump_json(found))
        return found

    def states(self, name: str, compute: Callable[[], ResidualStates]) -> ResidualStates:
        """A piece that is states."""
        from safetensors import SafetensorError, safe_open
        from safetensors.torch import save_file

        path = self._path(name, "safetensors")
        if path is None:
            return self._measured(name, compute)
        try:
            self._recall(path, name)
            with safe_open(path, framework="pt") as stream:
                about = _ABOUT.validate_json(stream.metadata()["about"])
                return ResidualStates(
                    stream.get_tensor("values"), about[0], about[1], self._identity
                )
        except (FileNotFoundError, SafetensorError, ValidationError):
            found = self._measured(name, compute)
        about_text = _ABOUT.dump_json((found.layers, found.query_ids)).decode()
        with _written(path) as temporary:
            save_file({"values": found.values}, temporary, metadata={"about": about_text})
        return found


_ABOUT: TypeAdapter[tuple[tuple[int, ...], tuple[str, ...]]] = TypeAdapter(
    tuple[tuple[int, ...], tuple[str, ...]]
)


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A piece's file, whole or not at all; see `whole_file`.

    Raises:
        RunError: when it cannot be written.
    """
    from safetensors import SafetensorError

    try:
        with whole_file(path) as temporary:
            yield temporary
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(
            f"{path.parent}: cannot be written ({reason}).",
            "Free some space; the same command goes on from there.",
        ) from error


def unfinished_folder(out: Path) -> Path:
    """Where the pieces of a run are until it is whole."""
    return out.with_name(f"{out.name}.unfinished")


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """The folder beside a run folder that holds its pieces until it is whole.

    It stays when the block is left by an error and holds a piece, so that the same command goes on
    from there.

    Raises:
        RunError: when another process is at work on the same run, or the place is not writable.
    """
    folder = unfinished_folder(out)
    made = [parent for parent in folder.parents if not parent.exists()]
    lock = FileLock(folder / "lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        if not Path(lock.lock_file).exists():  # its last holder removed the folder meanwhile
            lock.release()
            raise Timeout(lock.lock_file)
    except (Timeout, FileNotFoundError):
        raise RunError(
            f"{out}: another process is at work on this run.",
            "Wait for it, or choose another --out.",
        ) from None
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror or error}).") from error
    try:
        _sweep(out, folder)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)  # another may just be asking for the lock
    finally:
        if not any(path.suffix in PIECES for path in folder.glob("[!.]*")):
            _remove(folder, made)
        lock.release()


def _remove(folder: Path, made: Sequence[Path]) -> None:
    """Remove a folder without a piece, and what was made above it unless it is in use."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        for parent in made:
            parent.rmdir()


def _sweep(out: Path, folder: Path) -> None:
    """Remove what a killed process left half-written; only inside the folder that is ours."""
    kept = 0
    for path in folder.iterdir():
        if path.suffix in {*PIECES, SPENT} and not path.name.startswith("."):
            kept += path.suffix in PIECES
        elif path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if kept:
        log.info("going on with %s: %d pieces are there already", out, kept)
