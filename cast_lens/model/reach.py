"""Where a model is read from: the disk or the hub."""

from __future__ import annotations

from pathlib import Path

PATIENCE = 10.0  # seconds for the hub's first answer


def on_disk(where: str, revision: str | None = None) -> bool:
    """Whether to read a folder, or what the local cache holds of a hub id, without the hub.

    The hub is asked once: loaders ask for a minute before they look on the disk.

    Raises:
        Exception: whatever the hub or the network says, where the cache lacks the model too.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    if Path(where).is_dir():
        return True
    held = try_to_load_from_cache(where, "config.json", revision=revision)
    try:
        get_hf_file_metadata(hf_hub_url(where, "config.json", revision=revision), timeout=PATIENCE)
    except Exception:
        if isinstance(held, str):
            return True
        raise
    return False
