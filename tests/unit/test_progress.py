"""How far a long work has come, where no bar can be drawn."""

from __future__ import annotations

import logging

import pytest

from cast_lens.progress import progress_bar


def test_off_a_terminal_the_log_says_how_much_is_done_and_how_long_the_rest_takes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr("cast_lens.progress.time.monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO, "cast_lens"), progress_bar(4000, "reading", "prompt") as bar:
        for _ in range(4):
            bar.update(1000)
    assert caplog.messages == [
        "reading: 2,000 of 4,000 prompt, 00:40 left",
        "reading: 4,000 of 4,000 prompt, 00:00 left",
    ]


def test_a_short_work_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "cast_lens"), progress_bar(2, "reading") as bar:
        bar.update(0)
        bar.update(2)
    assert caplog.messages == []
