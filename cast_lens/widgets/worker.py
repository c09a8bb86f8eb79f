"""One thread that does all the model's work, so that the page never waits for it.

Only the newest wish counts: a slider that moves ten times while the model is at work asks once
more. Long work makes room for a newer wish between two of its pieces.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cast_lens.diagnosis.try_source import Watch
from cast_lens.errors import CastLensError
from cast_lens.model.lens import Lens

log = logging.getLogger("cast_lens")


class Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The work was stopped, or nobody waits for it any more."""


@dataclass(frozen=True)
class Step:
    """Something to work out and something to do with what was found."""

    work: Callable[[], Any]
    show: Callable[[Any], None]


@dataclass(frozen=True)
class Plan:
    """Steps in order.

    Attributes:
        key: plans of one key ask about the same source and prompt, so what an older one found may
            still be shown while the newer one waits, and what it reads need not be read again.
        steps: see `Step`.
        asked: when, by `time.perf_counter`.
    """

    key: Hashable
    steps: Sequence[Step]
    asked: float = field(default_factory=time.perf_counter)


class Worker(Watch):
    """The thread.

    Args:
        lens: its model's passes can be given up before they begin.
        progress: is told what goes on and how far it is: pieces done, and of how many (None when
            that is not known).
        trouble: is told in words why something could not be done.
    """

    def __init__(
        self,
        lens: Lens,
        progress: Callable[[str, int, int | None], None],
        trouble: Callable[[str], None],
    ) -> None:
        self._progress = progress
        self._trouble = trouble
        self._changed = threading.Condition()
        self._next: Plan | None = None
        self._long: deque[Plan] = deque()
        self._key: Hashable = None
        self._stop = False
        self._closed = False
        self._busy = False
        self._gives_way = False
        self._hook = lens.model.register_forward_pre_hook(self._pass_begins)
        self._thread = threading.Thread(target=self._run, name="cast_lens workbench", daemon=True)
        self._thread.start()

    def ask(self, plan: Plan) -> None:
        """Do this next; a plan that still waits is dropped."""
        with self._changed:
            self._next, self._stop = plan, False
            self._changed.notify_all()

    def ask_long(self, plan: Plan) -> None:
        """Do this when nothing else waits, after what was asked so before."""
        with self._changed:
            self._long.append(plan)
            self._stop = False
            self._changed.notify_all()

    def stop(self) -> None:
        """End what is going on as soon as the model's present pass is over."""
        with self._changed:
            self._next, self._stop = None, self._busy
            self._long.clear()

    def close(self) -> None:
        """End the thread."""
        self.stop()
        self._hook.remove()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Until nothing is left to do; False when that took longer."""
        with self._changed:
            return self._changed.wait_for(self._idle, seconds)

    def _idle(self) -> bool:
        return not self._busy and self._next is None and not self._long

    def reading(self, what: str, tokens: int) -> None:
        """See `Watch`: may end the reading, never asks the model anything."""
        waiting = self._next
        if self._stop or (waiting is not None and waiting.key != self._key):
            raise Stopped
        self._progress(f"{what}: {tokens:,} tokens", tokens, None)

    def between(self, what: str, done: int, of: int) -> None:
        """See `Watch`: a newer wish is fulfilled here, or ends work that it would repeat."""
        if self._stop or (self._gives_way and self._next is not None):
            raise Stopped
        key = self._key
        while (plan := self._taken()) is not None:
            if plan.key != key:
                self.ask(plan)
                raise Stopped
            self._do(plan, long=False)
        self._progress(f"{what}: {done} of {of}", done, of)

    def _pass_begins(self, *_: object) -> None:
        """Give up before the model's next pass where that helps; other threads are let be."""
        if threading.current_thread() is self._thread and (
            self._stop or (self._gives_way and self._next is not None)
        ):
            raise Stopped

    def _taken(self) -> Plan | None:
        with self._changed:
            plan, self._next = self._next, None
            return plan

    def _run(self) -> None:
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or not self._idle())
                plan, long = self._next, False
                if plan is None and self._long:
                    plan, long = self._long.popleft(), True
                self._next = None
                self._busy = plan is not None
            if plan is not None:
                self._do(plan, long=long)
            with self._changed:
                self._busy = self._stop = False
                self._changed.notify_all()

    def _do(self, plan: Plan, *, long: bool) -> None:
        """The plan's steps, until a newer plan waits or somebody stops it.

        The first step of a plan is always finished, so that a moving slider is followed.
        """
        self._key = plan.key
        try:
            for number, step in enumerate(plan.steps):
                self._gives_way = number > 0 and not long
                if self._stop or (self._gives_way and self._next is not None):
                    raise Stopped
                found = step.work()
                waiting = self._next
                if waiting is None or waiting.key == plan.key:
                    step.show(found)
        except Stopped:
            log.info("the workbench stopped what it was doing")
        except CastLensError as error:
            self._trouble(str(error))
        except Exception as error:
            log.exception("the workbench could not go on")
            self._trouble(f"{type(error).__name__}: {error}")
        finally:
            self._gives_way = False
