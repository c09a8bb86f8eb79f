"""Whether the hub answers, asked once: loaders ask for a minute before they look on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 10.0  # seconds for an answer


def on_disk(where: str, revision: str | None = None) -> bool:
    """Whether a loader is to look on the disk alone: in a folder, or where no hub answers."""
    return Path(where).is_dir() or not _answers(where, "config.json", revision, "model")


@contextmanager
def datasets_offline_unless_reached(hub_id: str, revision: str | None) -> Iterator[None]:
    """Let the datasets library, which has no setting for it, look on the disk alone likewise."""
    import datasets.config
    from huggingface_hub import constants

    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    if not _answers(hub_id, "README.md", revision, "dataset"):
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _answers(hub_id: str, file: str, revision: str | None, kind: str) -> bool:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    try:
        url = hf_hub_url(hub_id, file, repo_type=kind, revision=revision)
        get_hf_file_metadata(url, timeout=PATIENCE)
    except HfHubHTTPError:  # such as: no such file, or a gated model; the loader says what it means
        return True
    except Exception:
        return False
    return True
