"""The contract's cases: four tiny shapes on every backend that the installed library offers."""

from __future__ import annotations

import pytest
from oracle import Case

from cast_lens.model.boot import hooked_available
from cast_lens.model.lens import Backend
from cast_lens.model.load import load_lens
from cast_lens.model.tiny import tiny_lens, tiny_model

TINY = 1e-5
REAL = 1e-4
CASES = [(shape, "bridge") for shape in ("llama", "gpt2", "neox", "gemma2")]
CASES += [(shape, "hooked") for shape in ("llama", "gpt2", "neox") if hooked_available()]
BACKENDS = ["bridge", "hooked"] if hooked_available() else ["bridge"]


@pytest.fixture(scope="session", params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest) -> Case:
    shape, backend = request.param
    return Case(tiny_model(shape, 0), tiny_lens(shape, seed=0, backend=backend), TINY)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


@pytest.fixture(scope="session", params=BACKENDS)
def real_case(request: pytest.FixtureRequest) -> Case:
    from transformers import AutoModelForCausalLM

    from cast_lens.model.catalog import named_model

    lens = load_lens("smollm2-135m", backend=request.param)
    folder = named_model("smollm2-135m").folder
    return Case(AutoModelForCausalLM.from_pretrained(folder).float().eval(), lens, REAL)
