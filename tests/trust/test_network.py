"""No command asks the network by itself; where one must, its absence is one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from trust_ground import Ground

BLOCKED = """
import socket, sys
def refuse(kind):
    def call(*given, **options):
        if kind == "getaddrinfo" or given[0].family != socket.AF_UNIX:
            open("attempts", "a").write(f"{kind} {given[-1]}\\n")
            raise OSError("the network is blocked")
        return real[kind](*given, **options)
    return call
real = {"connect": socket.socket.connect, "connect_ex": socket.socket.connect_ex}
for kind in real:
    setattr(socket.socket, kind, refuse(kind))
socket.getaddrinfo = refuse("getaddrinfo")
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


def test_no_command_asks_the_network_unless_told_to(ground: Ground) -> None:
    ground.task()
    model = ["--model", str(ground.model)]
    codes, tried, said = _without_network(
        ground,
        ["tasks", "list"],
        ["tasks", "check", "tasks"],
        ["models", "list"],
        ["prompts", "colours", "--tasks", "tasks", *model],
        ground.run(),
        ["show", "out"],
        ["claims", "out"],
        ["compare", "out", "out"],
        ["report", "out"],
    )
    assert tried == [], said
    assert codes == [0] * 9, said


def test_a_hub_model_asks_the_network_and_its_absence_is_one_line(ground: Ground) -> None:
    ground.task()
    codes, tried, said = _without_network(ground, ground.run(model="nobody/nothing"))
    assert tried, "the block above would not notice anything"
    assert codes == [2]
    assert "nor reachable" in said.splitlines()[-1]
    assert "Traceback" not in said
