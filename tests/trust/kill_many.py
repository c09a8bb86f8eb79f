"""Kill a run at many random moments of its life, and see whether the same command mends it.

`python tests/trust/kill_many.py 44 0` kills a tiny model's run 44 times, seed 0; with
`smollm2-135m` and a folder of wheels as third and fourth word, that model's. KILLS.md is the
record. Every run begins with an empty cache: it downloads, exports, embeds, reads, searches,
scores and writes.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import small_wheels
from forked import Started, contents, fork, watch_stages

PIECES = {".json", ".safetensors"}
OUT = Path("runs") / "one"
SMALL = ["--examples", "6", "--shots", "2", "--layers", "0,2", "--strengths", "1"]
SMALL += ["--dev-items", "4", "--test-items", "6", "--max-new-tokens", "3"]
LEAST = 3  # kills of every stage


def words_of(model: str, encoder: str) -> list[str]:
    """The run."""
    tasks = ["--sources", "present_past,third_person", "--targets", "third_person"]
    return ["run", "--model", model, "--embeddings", encoder, "--out", str(OUT), *tasks, *SMALL]


@dataclass(frozen=True)
class Moment:
    """When to send a signal: the stage that is the `mark`-th to begin, and how far into it."""

    stage: str
    mark: int
    seconds: float
    share: float


def moments(
    marks: list[tuple[str, float]], count: int, draw: random.Random, least: int
) -> list[Moment]:
    """Moments of a run's life: `least` of every stage, the others uniform over all of it."""
    spans = [
        (stage, mark, end - begin)
        for mark, ((stage, begin), (_, end)) in enumerate(itertools.pairwise(marks))
    ]
    stages = list(dict.fromkeys(stage for stage, *_ in spans))
    each = [stage for stage in stages for _ in range(least)]
    wanted = draw.sample(each, min(count, len(each)))
    wanted += [""] * (count - len(wanted))
    found = []
    for stage in wanted:
        among = [span for span in spans if stage in {"", span[0]}]
        name, mark, length = draw.choices(among, [max(span[2], 1e-6) for span in among])[0]
        share = draw.random()
        found.append(Moment(name, mark, share * length, share))
    return found


def at(started: Started, moment: Moment) -> None:
    """Wait until a moment of the run has come."""
    if started.wait_for(moment.mark):
        time.sleep(moment.seconds)


def pieces(place: Path) -> int:
    """How many pieces of a run are kept."""
    folder = place / f"{OUT}.unfinished"
    return sum(p.suffix in PIECES and p.name[0] != "." for p in folder.glob("*"))


def difference(place: Path, whole: dict[str, str]) -> str:
    """How a place differs from that of a run that was left alone; empty when it does not."""
    here = contents(place)
    parts = {
        "stray": sorted(here.keys() - whole.keys()),
        "missing": sorted(whole.keys() - here.keys()),
        "other bytes": sorted(k for k in here.keys() & whole.keys() if here[k] != whole[k]),
    }
    return "; ".join(f"{name}: {', '.join(found)}" for name, found in parts.items() if found)


def killed(
    place: Path, moment: Moment, words: list[str], told: dict[str, str | None], *, group: bool
) -> str:
    """Start the run, kill it at a moment, start it again; returns a line of the table."""
    started = fork(words, place, told)
    at(started, moment)
    started.send(signal.SIGKILL, group=group)
    was = started.end()
    left = pieces(place)
    again = fork(words, place, told)
    code = again.end()
    whom = ("process", "group")[group]
    end = {-signal.SIGKILL: "killed", 0: "was done"}.get(was, f"ended with {was}")
    ended = "again: 0" if code == 0 else f"again: {code} {again.said.read_text()[-300:]}"
    return (
        f"{moment.stage} | {moment.seconds:.3f} s, {moment.share:.0%} | {whom} | {end} | "
        f"{left} | {ended}"
    )


def main(count: int, seed: int, model: str, wheels: str | None) -> int:
    """Kill; 0 when every run was mended."""
    draw, faults = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        if wheels is None:
            small_wheels.publish(root / "index")
        watch_stages()
        encoder = small_wheels.ENCODER if wheels is None else "minilm"
        words = words_of(model, encoder)
        with small_wheels.served(Path(wheels or root / "index"), root / "asked") as told:
            alone = root / "alone"
            first = fork(words, alone, told)
            marks = first.marks()
            if first.end():
                raise RuntimeError(first.said.read_text())
            whole = contents(alone)
            say(f"alone: {marks[-1][1]:.1f} s, {len(whole)} paths; load {os.getloadavg()[0]:.1f}")
            for number, moment in enumerate(moments(marks, count, draw, LEAST), 1):
                place = root / "place"
                line = killed(place, moment, words, told, group=draw.random() < 0.5)
                found = difference(place, whole)
                faults += bool(found) or "again: 0" not in line
                say(f"{number} | {line} | {found or 'equal'}")
                shutil.rmtree(place)
    say(f"{count} kills, {faults} not mended")
    return int(faults > 0)


def say(line: str) -> None:
    """One line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments() -> Iterator[object]:
    count, seed, *rest = sys.argv[1:]
    yield from (int(count), int(seed), rest[0] if rest else small_wheels.MODEL)
    yield rest[1] if len(rest) > 1 else None


if __name__ == "__main__":
    sys.exit(main(*_arguments()))  # type: ignore[arg-type]
