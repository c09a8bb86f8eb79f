"""When a loader looks on the disk alone."""

from __future__ import annotations

from pathlib import Path

import httpx
import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError

from cast_lens.reach import on_disk

REFUSED = httpx.Response(401, request=httpx.Request("HEAD", "https://huggingface.co"))


@pytest.mark.parametrize(
    ("answer", "alone"),
    [
        (None, False),
        # an encoder of a bare name is not on the hub: its library knows under which name it is
        (RepositoryNotFoundError("no such repository", response=REFUSED), False),
        (GatedRepoError("gated", response=REFUSED), False),
        (OfflineModeIsEnabled("offline"), True),
        (OSError("no network"), True),
    ],
)
def test_the_disk_alone_serves_where_no_hub_answers(
    answer: Exception | None, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(url: str, **_: object) -> None:
        asked.append(url)
        if answer:
            raise answer

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", ask)
    assert on_disk("all-MiniLM-L6-v2", "main") is alone
    assert len(asked) == 1


def test_nobody_is_asked_about_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_: pytest.fail("asked"))
    assert on_disk(str(tmp_path))
