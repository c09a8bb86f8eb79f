"""All that is needed to repeat a run: settings, places, fingerprints, batches, machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from cast_lens.experiment.config import CastConfig
from cast_lens.experiment.machine import code_fingerprint, machine_facts, versions
from cast_lens.model.catalog import CATALOG, ENCODERS
from cast_lens.model.lens import Lens
from cast_lens.model.memory import Budget
from cast_lens.tasks.find import HUB
from cast_lens.tasks.task import Example

# settings that name a place, and the values of each that do not
PLACES: dict[str, set[str]] = {
    "model": set(CATALOG),
    "tasks": {"bundled"},
    "embeddings": {*ENCODERS, "model"},
}


class RunIdentity(BaseModel):
    """What a run's numbers belong to.

    Attributes:
        model: as it was called; shown, never compared.
        model_fingerprint, tokenizer_fingerprint: see `Lens`.
        n_layers: number of blocks.
        scoring: which way variants were scored.
        tasks: fingerprint of every task by name.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    model_fingerprint: str
    tokenizer_fingerprint: str
    n_layers: int
    scoring: str
    tasks: dict[str, str]


class Manifest(BaseModel):
    """What a run was made of and where.

    Attributes:
        config: the settings.
        places: whole paths of the settings that name a file or folder.
        chosen: ids of every source's chosen examples.
        batches: bounds on a batch.
        machine: see `machine_facts`.
        versions: of Python and packages; `code` is the digest of this package's sources.
        command: as it was typed.
        seconds: how long it took.
    """

    model_config = ConfigDict(frozen=True)

    config: CastConfig
    places: dict[str, str]
    identity: RunIdentity
    chosen: dict[str, tuple[str, ...]]
    batches: Budget
    machine: dict[str, str]
    versions: dict[str, str]
    command: tuple[str, ...]
    seconds: float = 0.0


def manifest_of(
    lens: Lens,
    config: CastConfig,
    identity: RunIdentity,
    chosen: Mapping[str, Sequence[Example]],
) -> Manifest:
    """The manifest of a run that was made by this process."""
    return Manifest(
        config=config,
        places=_places(config),
        identity=identity,
        chosen={name: tuple(e.id for e in examples) for name, examples in chosen.items()},
        batches=lens.budget,
        machine=machine_facts(lens),
        versions={**versions(), "code": code_fingerprint()},
        command=tuple(sys.argv),
    )


def _places(config: CastConfig) -> dict[str, str]:
    found = {}
    for name, known in PLACES.items():
        value: str = getattr(config, name)
        path = Path(value).expanduser()
        if value not in known and not value.startswith(HUB) and path.exists():
            found[name] = str(path.resolve())
    return found
