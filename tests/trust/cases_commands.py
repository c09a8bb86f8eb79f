"""Bad words to the commands beside `run`: what is typed, what the line must say."""

from __future__ import annotations

from cases_settings import typed
from cases_tasks import Case
from trust_ground import Ground

MODEL = ("--model", "MODEL", "--tasks", "tasks")
PAIR = ("--source", "colours", "--target", "colours", *MODEL)
DIAGNOSE = ("diagnose", *PAIR, "--layers=0", "--strengths=1", "--examples=4", "--shots=2")
TRY = ("try", *PAIR, "--layer=0", "--examples=4", "--shots=2", "--selector=random")
PARALLEL = ("parallel", *MODEL, "--sources")
GRID = ("grid", "--preset", "tour", "--out", "x")


def _into_a_file(ground: Ground) -> list[str]:
    (ground.root / "file").write_text("mine")
    return ["notebooks", "file"]


COMMANDS: list[Case] = [
    ("diagnose an unknown task", typed(*DIAGNOSE, "--source=x"), "No task 'x'"),
    ("diagnose a layer too high", typed(*DIAGNOSE, "--layers=9"), "which has layers 0 to 2"),
    ("diagnose strength NaN", typed(*DIAGNOSE, "--strengths=nan"), "must be a finite number"),
    ("diagnose budget 0", typed(*DIAGNOSE, "--examples=0"), "examples = 0"),
    ("diagnose K over the pool", typed(*DIAGNOSE, "--shots=9"), "9 demonstrations asked"),
    ("parallel with one task", typed(*PARALLEL, "colours"), "at least two tasks"),
    ("parallel with a task twice", typed(*PARALLEL, "colours,colours"), "holds a value twice"),
    ("parallel with an unknown task", typed(*PARALLEL, "colours,x"), "No task 'x'"),
    ("try a layer too high", typed(*TRY, "--layer=7"), "which has layers 0 to 2"),
    ("try a negative layer", typed(*TRY, "--layer=-1"), "'--layer'"),
    ("try strength NaN", typed(*TRY, "--strength=nan"), "must be a finite number"),
    ("try no item", typed(*TRY, "--item=zz"), "no item 'zz'"),
    ("try an empty prompt", typed(*TRY, "--prompt="), "--prompt ''"),
    ("try 10,000 tokens", typed(*TRY, "--prompt", "x " * 5000), "exceed the model's context"),
    ("try an answer to nothing", typed(*TRY, "--answer=a"), "--answer without --prompt"),
    ("doctor of an unknown fault", typed("doctor", *MODEL[:2], "--fault=x"), "'x' is not one"),
    ("doctor of no model", typed("doctor", "--model=./no"), "not a Hugging Face model folder"),
    ("bench of no model", typed("bench", "--model=./no"), "not a Hugging Face model folder"),
    ("bench of no task", typed("bench", "--task=nowhere"), "nowhere: no such task folder"),
    ("notebooks into a file", _into_a_file, "file: cannot be written"),
    ("grid over a seed twice", typed(*GRID, "--seeds=0,0"), "--seeds"),
    ("grid over no model", typed(*GRID, "--models=,"), "--models"),
    ("grid over a model twice", typed(*GRID, "--models=a,b,a"), "--models"),
    ("grid over no such model", typed(*GRID, "--models=./no"), "not a Hugging Face model folder"),
    ("check no folder", typed("tasks", "check", "nowhere"), "nowhere: no such folder"),
    ("estimate of nothing", typed("run", "--dry-run"), "sources is not set"),
]
