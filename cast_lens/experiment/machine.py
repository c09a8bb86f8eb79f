"""Where a run was made: versions, processor, device; what may differ when it is repeated."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from cast_lens.files import fingerprint, sha256_of_file
from cast_lens.model.lens import Lens

PACKAGES = (
    "cast-lens",
    "torch",
    "transformers",
    "transformer-lens",
    "sentence-transformers",
    "numpy",
    "scipy",
    "scikit-learn",
)
PACKAGE = Path(__file__).parent.parent


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide numbers."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def code_fingerprint() -> str:
    """Digest of this package's sources: two copies of one version may differ."""
    files = sorted(PACKAGE.rglob("*.py"))
    return fingerprint({str(p.relative_to(PACKAGE)): sha256_of_file(p) for p in files})


def machine_facts(lens: Lens) -> dict[str, str]:
    """What decides how numbers are rounded and how fast they come."""
    facts = {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "device": str(lens.device),
        "dtype": str(lens.dtype).removeprefix("torch."),
    }
    if lens.device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(lens.device)
    return facts
