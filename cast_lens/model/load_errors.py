"""Whatever a loader raised, as one clear line with its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from cast_lens.errors import ModelError
from cast_lens.model.catalog import CATALOG


def load_error(where: str, local: bool, error: Exception, part: str = "") -> ModelError:
    """The error to raise for `where`, a folder when `local`, else a hub id.

    Args:
        part: what of it was being read, with a space behind; nothing for the model itself.
    """
    names = {kind.__name__ for e in _chain(error) for kind in type(e).__mro__}
    reason = next(iter(str(error).strip().splitlines()), repr(error))
    if local:
        return ModelError(
            f"{where}: {part}cannot be loaded ({reason}).",
            "A file may be missing or cut off: copy or fetch the folder again. Only safetensors "
            "weights are read; pickles (.bin, .pt) are never opened.",
        )
    if "GatedRepoError" in names:
        return ModelError(
            f"{where}: this model is gated.",
            f"Accept its licence at huggingface.co/{where}, then: huggingface-cli login.",
        )
    if "RepositoryNotFoundError" in names or "HFValidationError" in names:
        return ModelError(
            f"{where}: no such model on the hub, or it is private.",
            f"Check the spelling, log in, or take a short name: {', '.join(CATALOG)}.",
        )
    if names & {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "OSError"}:
        return ModelError(
            f"{where}: neither a folder, nor in the local hub cache, nor reachable ({reason}).",
            f"Check the network and HF_HUB_OFFLINE, or take a short name: {', '.join(CATALOG)}.",
        )
    return ModelError(f"{where}: {part}cannot be loaded ({reason}).")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
