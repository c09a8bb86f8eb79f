"""No command asks the network by itself; where one must, its absence is one line.

The block sees what Python does in the command's own process. What it starts is not seen: for Chrome
see `test_chrome.py`; `bench` starts Pythons for its peers and is not tried.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from trust_ground import Ground

BLOCKED = """
import socket, sys
asking = {"connect", "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "gethostbyaddr"}
def refuse(event, given):
    kind = event.removeprefix("socket.")
    if kind in asking and getattr(given[0], "family", None) != socket.AF_UNIX:
        open("attempts", "a").write(f"{kind} {given}\\n")
        raise OSError("the network is blocked")
sys.addaudithook(refuse)
from cast_lens.cli.main import main
codes = []
for words in open("commands").read().splitlines():
    sys.argv = ["cast-lens", *words.split("\\t")]
    try:
        main()
    except SystemExit as end:
        codes.append(end.code or 0)
open("codes", "w").write(repr(codes))
"""


def _without_network(ground: Ground, *commands: list[str]) -> tuple[list[int], list[str], str]:
    """Exit codes, what was attempted, and standard error of commands in one process."""
    (ground.root / "commands").write_text("\n".join("\t".join(words) for words in commands))
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_OFFLINE")}
    kept["HF_HOME"] = str(ground.root / "hub")
    words = [sys.executable, "-c", BLOCKED]
    done = subprocess.run(words, env=kept, capture_output=True, text=True, check=False)
    attempts = ground.root / "attempts"
    tried = attempts.read_text().splitlines() if attempts.exists() else []
    codes = (ground.root / "codes").read_text()
    return json.loads(codes), tried, done.stderr


def _reading(ground: Ground) -> list[list[str]]:
    """Commands that read a model, small."""
    model = ["--tasks", "tasks", "--model", str(ground.model)]
    few = ["--examples", "4", "--shots", "2"]
    items = ["--dev-items", "2", "--test-items", "4", "--strengths", "1"]
    pair = ["--source", "colours", "--target", "shades"]
    return [
        ["prompts", "colours", *model],
        ["select", "colours", *model, "--embeddings", "model", "--examples", "2"],
        ["try", *pair, *model, *few, "--layer", "0", "--selector", "random"],
        ["diagnose", *pair, *model, *few, *items, "--layers", "0"],
        ["parallel", "--sources", "colours,shades", *model, *few, "--layers", "0"],
        ["doctor", "--model", str(ground.model)],
        ground.run(),
        ["repeat", "out"],
        ["grid", "--config", "out/config.toml", "--seeds", "0", "--out", "grid"],
    ]


def test_no_command_asks_the_network_unless_told_to(ground: Ground) -> None:
    ground.task()
    ground.task(folder="shades")
    commands = [
        ["tasks", "list"],
        ["tasks", "check", "tasks"],
        ["models", "list"],
        ["models", "show", "smollm2-135m"],
        ["notebooks", "copies"],
        ["validate", "--repeats", "1"],
        *_reading(ground),
        ["show", "out"],
        ["claims", "out"],
        ["compare", "out", "out"],
        ["report", "out"],
        ["figures", "out"],
    ]
    codes, tried, said = _without_network(ground, *commands)
    assert tried == [], said
    assert codes == [0] * len(commands), said


def test_a_hub_model_asks_the_network_and_its_absence_is_one_line(ground: Ground) -> None:
    ground.task()
    codes, tried, said = _without_network(ground, ground.run(model="nobody/nothing"))
    assert tried, "the block above would not notice anything"
    assert codes == [2]
    assert "nor reachable" in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_hub_model_in_the_cache_is_read_though_nothing_answers(ground: Ground) -> None:
    ground.task()
    cached = ground.root / "hub" / "hub" / "models--nobody--small"
    shutil.copytree(ground.model, cached / "snapshots" / ("0" * 40))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0" * 40)
    codes, tried, said = _without_network(ground, ground.run(model="nobody/small"))
    assert codes == [0], said
    assert len(tried) < 3, tried  # asked once, by each way that one connection has
