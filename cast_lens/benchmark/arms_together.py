"""What it saves to run all arms together: the work they share is done once."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from cast_lens.experiment.config import ARMS, Arm, CastConfig, make_config
from cast_lens.experiment.run import run_cast
from cast_lens.model.lens import Lens
from cast_lens.model.rate import seconds_of

SETTINGS = {
    "sources": ["country_capital", "present_past"],
    "targets": ["landmark_country"],
    "examples": 8,
    "selector": "random",
    "strengths": [1.0, 2.0],
    "random_directions": 1,
    "dev_items": 8,
    "test_items": 8,
}


def arms_together(lens: Lens, repeats: int) -> tuple[tuple[float, ...], float]:
    """Seconds of one run with all arms, and the sum of runs with each arm alone.

    Args:
        lens: the model.
        repeats: of the run with all arms, and of each of the others; medians are summed.

    Returns:
        Seconds of every repeat with all arms, and the sum for single arms.
    """
    config = make_config(SETTINGS)

    def seconds(arms: Sequence[Arm]) -> list[float]:
        asked: CastConfig = config.model_copy(update={"arms": tuple(arms)})
        return seconds_of(lambda: run_cast(asked, lens), repeats, lens.device)

    seconds(ARMS)  # the first use checks and caches
    together = tuple(seconds(ARMS))
    return together, sum(statistics.median(seconds([arm])) for arm in ARMS)
