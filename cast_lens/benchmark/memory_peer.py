"""Peak memory of reading many prompts, in a process of its own."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

PROMPTS = (200, 2000)
PROC = Path("/proc/self")


def main() -> None:
    """Read 200, then 2,000 prompts of a model; write the peak during each, in bytes."""
    from cast_lens.model.load import load_lens
    from cast_lens.prompts.prompt import Prompt
    from cast_lens.steer.residual import residual_moments

    lens = load_lens(sys.argv[1])
    peaks = []
    for count in PROMPTS:
        prompts = [
            Prompt(f"{i}", "Repeat the number.\n\n", (), (), f"Q: {i} and {i + 7}\nA:", "N/A")
            for i in range(1000, 1000 + count)
        ]
        _forget_peak()
        residual_moments(lens, prompts)
        peaks.append(_peak())
    json.dump(peaks, sys.stdout)


def _forget_peak() -> None:
    """Loading takes more than reading; where the system can, its peak is not counted."""
    if (PROC / "clear_refs").exists():
        (PROC / "clear_refs").write_text("5")


def _peak() -> int:
    if (PROC / "status").exists():
        lines = (PROC / "status").read_text().splitlines()
        (size,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(size) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
