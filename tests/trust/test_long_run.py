"""However many prompts: nothing but the result is left. `long_run.py` takes any number."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from long_run import Stage, long_task, stages

from cast_lens import tiny_lens
from cast_lens.model.lens import Lens
from cast_lens.model.memory import Budget
from cast_lens.steer import residual

PROMPTS = 30
NARROW = Budget(new_tokens=128, cached_tokens=4096, logit_rows=32)


def small_batches() -> Lens:
    return replace(tiny_lens(), budget=NARROW)


def looked_at_every_batch(lens: Lens) -> list[Stage]:
    return stages(lens, long_task(PROMPTS), every=1)


def test_no_hook_file_thread_or_tensor_is_left_behind_by_any_batch() -> None:
    for stage in looked_at_every_batch(small_batches()):
        assert len(stage.looks) > 3, stage.name
        assert list(stage.left_behind()) == []


def test_a_batch_that_leaves_something_behind_would_be_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept: list[Any] = []
    released = threading.Event()
    capture = residual._capture
    lens = small_batches()

    def leaving(*given: Any) -> Any:
        thread = threading.Thread(target=released.wait)
        thread.start()
        block = lens.model.hook_dict[lens.hook_name(0)]
        kept.append(((tmp_path / "held").open("w"), block.register_forward_hook(lambda *_: None)))
        kept.append(capture(*given))
        return kept[-1]

    monkeypatch.setattr(residual, "_capture", leaving)
    try:
        first, *_ = looked_at_every_batch(lens)
    finally:
        released.set()
    found = [fault.split()[2] for fault in first.left_behind()]
    assert found == ["files", "threads", "hooks", "tensors"]
