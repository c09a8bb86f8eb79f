"""Whether the hub answers, asked once: loaders ask for a minute before they look on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 10.0  # seconds for an answer


def on_disk(where: str, revision: str | None = None) -> bool:
    """Whether to read a folder, or what the local cache holds of a hub model, without the hub.

    Raises:
        Exception: whatever the hub or the network says, where the cache lacks the model too.
    """
    from huggingface_hub import try_to_load_from_cache

    if Path(where).is_dir():
        return True
    held = try_to_load_from_cache(where, "config.json", revision=revision)
    try:
        _ask(where, "config.json", revision, "model")
    except Exception:
        if isinstance(held, str):
            return True
        raise
    return False


@contextmanager
def datasets_offline_unless_reached(hub_id: str, revision: str | None) -> Iterator[None]:
    """Let the datasets library look in its cache alone where the hub does not answer."""
    import datasets.config
    from huggingface_hub import constants

    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    try:
        _ask(hub_id, "README.md", revision, "dataset")
    except Exception:  # what is wrong, the library says by itself
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _ask(hub_id: str, file: str, revision: str | None, kind: str) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError

    url = hf_hub_url(hub_id, file, repo_type=kind, revision=revision)
    try:
        get_hf_file_metadata(url, timeout=PATIENCE)
    except EntryNotFoundError:  # an answer too
        return
