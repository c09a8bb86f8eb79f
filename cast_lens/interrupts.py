"""Ctrl-C in a command: one press stops it, also where a library or Python swallows the exception.

Python drops what is raised inside a weak reference's callback or a finaliser, and every import
calls some of those: a press there would be lost. It comes again a moment later. What a library's
own `except` swallows is seen by `heed`, which is called between batches and before files.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from typing import NoReturn

STOPPED = 130  # exit status
SAID = "cast-lens: stopped; nothing half-written was left, the same command goes on.\n"
AGAIN = 0.05  # seconds until a press that Python dropped comes again
PATIENCE = 2  # presses; the next one leaves at once, and the next run clears up
_presses = 0


def hear_ctrl_c() -> None:
    """Let the first Ctrl-C raise KeyboardInterrupt; the second does not disturb the clearing up.

    A process that a background shell has told to ignore Ctrl-C, which is meant for another one,
    goes on ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _pressed)
        sys.unraisablehook = _dropped


def _pressed(*_: object) -> None:
    global _presses  # noqa: PLW0603 - a process has one keyboard
    _presses += 1
    if _presses == 1:
        raise KeyboardInterrupt
    if _presses > PATIENCE:
        os._exit(STOPPED)


def _dropped(what: sys.UnraisableHookArgs) -> None:
    global _presses  # noqa: PLW0603
    if not issubclass(what.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(what)
    elif _presses:
        _presses = 0
        again = threading.Timer(AGAIN, _thread.interrupt_main)
        again.daemon = True
        again.start()


def was_pressed() -> bool:
    """Whether Ctrl-C was pressed."""
    return _presses > 0


def heed() -> None:
    """Stop here if Ctrl-C was pressed and is not yet obeyed.

    Raises:
        KeyboardInterrupt: when it was.
    """
    if was_pressed():
        raise KeyboardInterrupt


def stopped() -> NoReturn:
    """Say so and leave."""
    sys.stderr.write(SAID)
    sys.exit(STOPPED)


def hear_no_more() -> None:
    """Ignore Ctrl-C while Python shuts down, where it would end in a traceback or a signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
