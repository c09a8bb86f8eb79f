"""Laws of runs that end hard, or begin together: the same command mends it, no byte differs."""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from forked import Started, contents, fork

from cast_lens.interrupts import SAID, STOPPED

PIECES = {".json", ".safetensors"}
OUT = "runs/one"
WHEELS = 2  # a run fetches, the model's and the encoder's
AT_WORK = "another process is at work on this run"
SMALL = ["--examples", "6", "--shots", "2", "--layers", "0,2", "--strengths", "1"]
SMALL += ["--dev-items", "4", "--test-items", "6", "--max-new-tokens", "3"]
Told = dict[str, str | None]


def words_of(model: str, encoder: str, out: str = OUT) -> list[str]:
    """A run of all arms; it fetches what it needs."""
    pairs = "present_past,third_person"
    tasks = ["--sources", pairs, "--targets", pairs]
    return ["run", "--model", model, "--embeddings", encoder, "--out", out, *tasks, *SMALL]


@dataclass(frozen=True)
class Alone:
    """A run that nobody disturbed.

    Attributes:
        place: where it ran.
        words: its command.
        told: its environment.
        marks: its stages, and when each began.
        whole: what it left, see `contents`.
        asked: what the package index was asked for, one line a request.
    """

    place: Path
    words: list[str]
    told: Told
    asked: Path
    marks: list[tuple[str, float]]
    whole: dict[str, str]

    def downloads(self) -> int:
        """How many wheels were downloaded so far."""
        return self.asked.read_text().count(".whl HTTP")


def left_alone(words: list[str], place: Path, told: Told, asked: Path) -> Alone:
    """Let a run come to its end."""
    started = fork(words, place, told)
    marks = started.marks()
    if started.end():
        raise RuntimeError(started.said.read_text())
    return Alone(place, words, told, asked, marks, contents(place))


@dataclass(frozen=True)
class Moment:
    """When to send a signal: the stage that is the `mark`-th to begin, and how far into it."""

    stage: str
    mark: int
    seconds: float
    share: float

    def __str__(self) -> str:
        return f"{self.stage} | {self.seconds:.3f} s, {self.share:.0%}"

    def wait(self, started: Started) -> None:
        """Until it has come, or the run has ended."""
        if started.wait_for(self.mark):
            time.sleep(self.seconds)


def moments(
    marks: list[tuple[str, float]],
    count: int,
    draw: random.Random,
    least: int,
    stages: Collection[str] = (),
) -> list[Moment]:
    """Moments of a run's life: up to `least` of every stage, all others uniform over its life.

    Args:
        marks: the stages and when each begins.
        count: how many moments.
        draw: the source of chance.
        least: see above.
        stages: the only ones; all when empty.
    """
    spans = [
        (stage, mark, end - begin)
        for mark, ((stage, begin), (_, end)) in enumerate(itertools.pairwise(marks))
        if stage in (stages or {stage})
    ]
    each = [stage for stage in dict.fromkeys(stage for stage, *_ in spans) for _ in range(least)]
    wanted = draw.sample(each, min(count, len(each)))
    wanted += [""] * (count - len(wanted))
    found = []
    for stage in wanted:
        among = [span for span in spans if stage in {"", span[0]}]
        name, mark, length = draw.choices(among, [max(span[2], 1e-6) for span in among])[0]
        share = draw.random()
        found.append(Moment(name, mark, share * length, share))
    return found


def difference(place: Path, whole: dict[str, str]) -> str:
    """How a place differs from what should be there; empty when it does not."""
    here = contents(place)
    parts = {
        "stray": sorted(here.keys() - whole.keys()),
        "missing": sorted(whole.keys() - here.keys()),
        "other bytes": sorted(k for k in here.keys() & whole.keys() if here[k] != whole[k]),
    }
    return "; ".join(f"{name}: {', '.join(found)}" for name, found in parts.items() if found)


def _again(place: Path, alone: Alone) -> str:
    """Run the same command to its end; what is then wrong."""
    started = fork(alone.words, place, alone.told)
    code = started.end()
    if code:
        return f"again: status {code}, {started.said.read_text()[-300:]}"
    return difference(place, alone.whole)


def pieces(place: Path) -> int:
    """How many pieces of the run are kept."""
    folder = place / f"{OUT}.unfinished"
    return sum(p.suffix in PIECES and p.name[0] != "." for p in folder.glob("*"))


def killed(place: Path, alone: Alone, moment: Moment, *, group: bool) -> tuple[str, str]:
    """Kill a run at a moment, or it and all it started; a line about it, and what is wrong."""
    started = fork(alone.words, place, alone.told)
    moment.wait(started)
    started.send(signal.SIGKILL, group=group)
    code = started.end()
    line = f"{moment} | {'group' if group else 'process'} | {code} | {pieces(place)}"
    wrong = "" if code in {-signal.SIGKILL, 0} else f"status {code}"
    return line, wrong or _again(place, alone)


def killed_command(
    place: Path, alone: Alone, words: list[str], draw: random.Random
) -> tuple[str, str]:
    """Kill a command over a finished run at a moment of its life; see `killed`."""
    first = place.with_name("first")
    for copy in (first, place):
        shutil.copytree(alone.place, copy)
    undisturbed = left_alone(words, first, alone.told, alone.asked)
    (moment,) = moments(undisturbed.marks, 1, draw, 0)
    shutil.rmtree(first)
    line, wrong = killed(place, undisturbed, moment, group=draw.random() < 0.5)
    return f"{words[0]}: {line}", wrong


def pressed(place: Path, alone: Alone, moment: Moment) -> tuple[str, str]:
    """Press Ctrl-C at a moment of a run; a line about it, and what is wrong."""
    started = fork(alone.words, place, alone.told)
    moment.wait(started)
    started.send(signal.SIGINT, group=True)  # as a terminal does
    code = started.end()
    said = started.said.read_text()
    line = f"{moment} | {code} | {pieces(place)}"
    return line, fault_of_press(code, said, place / OUT) or _again(place, alone)


def fault_of_press(code: int, said: str, out: Path) -> str:
    """What is wrong with how a run into `out` ended after Ctrl-C."""
    if "Traceback" in said or "ignored" in said:
        return said[-600:]
    if code == 0:
        return "" if out.is_dir() else "status 0, but there is no result"
    return "" if code == STOPPED and said.endswith(SAID) else f"status {code}: {said[-300:]}"


def together(place: Path, alone: Alone, outs: list[str]) -> tuple[str, str]:
    """Begin a run for each of these run folders at one time; a line, and what is wrong."""
    before = alone.downloads()
    started = [
        fork([out if word == OUT else word for word in alone.words], place, alone.told)
        for out in outs
    ]
    ends = [one.end() for one in started]
    said = [one.said.read_text() for one in started]
    wrong = [
        text[-300:]
        for text, code in zip(said, ends, strict=True)
        if code and (AT_WORK not in text or "Traceback" in text)
    ]
    downloads = alone.downloads() - before
    if downloads != WHEELS:
        wrong.append(f"{downloads} downloads")
    whole = {
        path.replace(OUT, out, 1): digest for path, digest in alone.whole.items() for out in outs
    }
    wrong.append(difference(place, whole))
    return f"{', '.join(outs)} | {ends} | {downloads}", "; ".join(filter(None, wrong))
