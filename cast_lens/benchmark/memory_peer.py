"""Peak memory of reading many prompts, in a process of its own."""

from __future__ import annotations

import json
import resource
import sys

PROMPTS = (200, 2000)


def main() -> None:
    """Read 200, then 2,000 prompts of a model; write the peak after each, in bytes."""
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
        residual_moments(lens, prompts)
        unit = 1 if sys.platform == "darwin" else 1024
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
    json.dump(peaks, sys.stdout)


if __name__ == "__main__":
    main()
