"""Laws of Ctrl-C: a press is obeyed wherever it comes, once; each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cast_lens.interrupts import SAID

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its Ctrl-C is no signal")
HEARD = """
import os, signal, sys, time, weakref
from cast_lens.interrupts import *
signal.signal(signal.SIGINT, signal.{inherited})
class Thing: pass
thing = Thing()
def press(*_): signal.raise_signal(signal.SIGINT)
try:
    hear_ctrl_c()
{body}
except KeyboardInterrupt:
    stopped()
finally:
    hear_no_more()
sys.stdout.write("went on")
"""


def ended(*lines: str, inherited: str = "default_int_handler") -> tuple[int, str, str]:
    """Status and what was said by a command that does these lines."""
    body = "\n".join(f"    {line}" for line in lines)
    script = HEARD.format(inherited=inherited, body=body)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_press_is_one_line_and_status_130() -> None:
    assert ended("press()") == (130, "", SAID)


@pytest.mark.parametrize(
    "swallows",
    ["weakref.finalize(thing, press); del thing", "Thing.__del__ = press; del thing"],
    ids=["weak reference", "finaliser"],
)
def test_a_press_that_python_drops_comes_again_by_itself(swallows: str) -> None:
    assert ended(swallows, "for _ in range(500): time.sleep(0.01)") == (130, "", SAID)


def test_a_press_that_a_library_swallows_stops_the_next_batch_and_the_next_file() -> None:
    swallowed = ("try: press()", "except BaseException: pass")
    assert ended(*swallowed, "heed()") == (130, "", SAID)
    bar = "from cast_lens.progress import progress_bar; progress_bar(2, 'x').update()"
    assert ended(*swallowed, bar) == (130, "", SAID)
    file = "from cast_lens.files import write_text; from pathlib import Path"
    assert ended(*swallowed, file, "write_text(Path('/nowhere/x'), '')") == (130, "", SAID)


def test_a_second_press_leaves_the_clearing_up_alone_and_a_third_does_not_wait_for_it() -> None:
    clearing = ("try: press()", "finally: press(); sys.stdout.write('cleared')")
    assert ended(*clearing) == (130, "cleared", SAID)
    hasty = ("try: press()", "finally: press(); press(); time.sleep(60)")
    assert ended(*hasty) == (130, "", "")


def test_a_press_while_python_shuts_down_changes_nothing() -> None:
    late = "import atexit; atexit.register(press)"
    assert ended(late) == (0, "went on", "")
    assert ended(late, "press()") == (130, "", SAID)
    last = "def last(_, send=os.kill, to=os.getpid()): send(to, 2)"  # without any module
    assert ended(last, "Thing.__del__ = last; sys.kept = thing; del thing") == (0, "went on", "")


def test_what_a_background_shell_silenced_stays_silent() -> None:
    assert ended("press()", inherited="SIG_IGN") == (0, "went on", "")


def test_other_errors_of_finalisers_are_still_shown() -> None:
    code, out, said = ended("Thing.__del__ = lambda _: 1 / 0", "del thing")
    assert (code, out) == (0, "went on")
    assert "ZeroDivisionError" in said
