"""A place with one sound task and one sound tiny model, and the command run inside it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from cast_lens.cli.main import main

CARD = """name = "colours"
instruction = "Name the colour."
labels = ["red", "blue"]
format = "definition"
"""
SPLITS = ("train", "dev", "test")
OPTIONS: dict[str, str] = {
    "tasks": "tasks",
    "sources": "colours",
    "targets": "colours",
    "out": "out",
    "arms": "zero_shot,cast",
    "examples": "4",
    "shots": "2",
    "selector": "random",
    "layers": "0",
    "strengths": "1",
    "random-directions": "1",
    "dev-items": "2",
    "test-items": "4",
    "max-new-tokens": "2",
}
Files = dict[str, bytes | None]


def jsonl(*rows: object) -> bytes:
    """Rows as a file holds them."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def row(key: str, label: str = "red", **more: object) -> dict[str, object]:
    """One row of a split."""
    return {"id": key, "input": f"thing {key}", "label": label, **more}


def rows(split: str, n: int = 6) -> bytes:
    """One sound split."""
    return jsonl(*(row(f"{split}-{i}", ("red", "blue")[i % 2]) for i in range(n)))


def words_of(command: str, options: dict[str, str]) -> list[str]:
    """What a person types; `--name=value`, so that a value may begin with a dash."""
    return [*command.split(), *(f"--{name}={value}" for name, value in options.items())]


@dataclass(frozen=True)
class Ground:
    """A folder to stand in.

    Attributes:
        root: the working folder.
        model: a sound tiny model, shared: copy it before breaking it.
    """

    root: Path
    model: Path

    def task(self, files: Files | None = None, folder: str = "colours") -> Path:
        """The sound task with some files replaced, or left out where None."""
        sound: Files = {f"{split}.jsonl": rows(split) for split in SPLITS}
        sound["task.toml"] = CARD.replace("colours", folder).encode()
        place = self.root / "tasks" / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, content in (sound | (files or {})).items():
            if content is not None:
                (place / name).write_bytes(content)
        return place

    def broken_model(self, breaks: Callable[[Path], None]) -> Path:
        """A copy of the model after `breaks` was at work on its folder."""
        folder = self.root / "model"
        shutil.copytree(self.model, folder)
        breaks(folder)
        return folder

    def run(self, **changed: str | None) -> list[str]:
        """The words of a small run; None leaves an option out."""
        given = {name.replace("_", "-"): value for name, value in changed.items()}
        options = {"model": str(self.model)} | OPTIONS | given
        return words_of("run", {name: v for name, v in options.items() if v is not None})

    def finished(self) -> Path:
        """The folder of the small run, computed once by this process for each model."""
        self.task()
        kept = self.model.with_name(f"{self.model.name}-run")
        if not kept.exists():
            assert cast_lens(*self.run()).code == 0
            shutil.copytree(self.root / "out", kept)
        shutil.copytree(kept, self.root / "out", dirs_exist_ok=True)
        return self.root / "out"

    def held(self) -> dict[str, bytes | None]:
        """Every path under the folder with its bytes; None for a folder."""
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.root.rglob("*"))
        }


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """What a person reads of it on standard error."""
        return self.stderr.strip().splitlines()


def cast_lens(*words: str) -> Done:
    """The command in this process, since starting one takes seconds."""
    out, err = StringIO(), StringIO()
    code = 0
    log = logging.getLogger("cast_lens")
    handlers = log.handlers[:]
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "argv", ["cast-lens", *words]),
        patch.dict(os.environ, {"COLUMNS": "160"}),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        finally:
            log.handlers[:] = handlers
    return Done(code, out.getvalue(), err.getvalue())
