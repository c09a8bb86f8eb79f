"""No command asks the network by itself; where one must, its absence is one line.

The block sees what Python does in the command's own process. Of what a command starts, Chrome is
held to its own log of the network; `bench` starts Pythons for its peers and is not tried here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import plotly.graph_objects as go
import pytest
from choreographer.browsers.chromium import Chromium
from trust_ground import Ground

from cast_lens.figures.bundle import write_bundles
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import styled

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
LOGGING = '#!/bin/sh\nexec "{chrome}" "$@" --log-net-log="{log}"\n'
# a UDP connect alone sends nothing: Chrome looks so whether there is IPv6
ASKING = {"HOST_RESOLVER_MANAGER_JOB", "DNS_TRANSACTION", "UDP_BYTES_SENT"}


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


def _asked(log: Path) -> tuple[set[str], set[str]]:
    """Of Chrome's log of the network: what left the machine, and where it connected to."""
    first, *lines = log.read_text(encoding="utf-8").splitlines()
    numbers = json.loads(first.removeprefix('{"constants":').rstrip(","))["logEventTypes"]
    kinds = {number: kind for kind, number in numbers.items()}
    assert kinds.keys() >= {numbers[kind] for kind in ASKING}, "another Chrome's words"
    left, reached = set(), set()
    for line in lines:
        if not line.startswith('{"params"'):
            continue
        event = json.loads(line.rstrip(","))
        kind = kinds[event["type"]]
        if kind in ASKING:
            left.add(f"{kind} {event['params']}")
        elif kind == "TCP_CONNECT_ATTEMPT" and "address" in event["params"]:
            reached.add(event["params"]["address"].rpartition(":")[0])
    return left, reached


@pytest.mark.skipif(sys.platform == "win32", reason="Chrome is started by a shell script")
def test_chrome_asks_the_network_for_nothing_while_it_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chrome = Chromium.find_browser(skip_local=False)
    if chrome is None:
        pytest.skip("no Chrome or Chromium is installed")
    script, log = tmp_path / "chrome", tmp_path / "log"
    script.write_text(LOGGING.format(chrome=chrome, log=log))
    script.chmod(0o755)
    monkeypatch.setattr(Chromium, "find_browser", lambda **_: str(script))
    figure = styled(go.Figure(go.Scatter(y=[1, 2])), "Two points")
    one = Exhibit("points", figure, "Caption.", "Alt text.", [{"y": 1}])
    assert write_bundles([one], tmp_path / "drawn") == ()
    left, reached = _asked(log)
    assert left == set()
    assert reached <= {"127.0.0.1"}
