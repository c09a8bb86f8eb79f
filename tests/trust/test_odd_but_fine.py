"""What looks like bad input and is not: it works, and is shown word for word."""

from __future__ import annotations

import pytest
from cases_fine import FINE
from cases_tasks import Prepare
from trust_ground import Ground, cast_lens


@pytest.mark.parametrize(
    ("prepare", "said"), [pytest.param(*case[1:], id=case[0]) for case in FINE]
)
def test_what_is_odd_but_fine_works(ground: Ground, prepare: Prepare, said: str) -> None:
    done = cast_lens(*prepare(ground))
    assert done.code == 0, done.stderr
    assert said in done.stdout
    assert not set("\x1b\u202e\u2066") & set(done.stdout + done.stderr)
