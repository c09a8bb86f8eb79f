"""The locked versions: exact, public, and within the package's own bounds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "constraints.txt"
if not LOCK.exists():
    pytest.skip("only in a checkout", allow_module_level=True)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED = [
    Requirement(text)
    for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"])
]
LOCKED = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]


def test_a_lock_is_a_name_and_one_public_version() -> None:
    for line in LOCKED:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9a-z.]+", line), line


def test_every_package_that_is_asked_for_is_locked_within_its_bounds() -> None:
    locked = {canonicalize_name(r.name): r for r in map(Requirement, LOCKED)}
    for wanted in ASKED:
        if wanted.name != "transformer-lens":
            (one,) = locked[canonicalize_name(wanted.name)].specifier
            assert wanted.specifier.contains(one.version), wanted


def test_both_versions_of_the_model_library_are_within_its_bounds() -> None:
    (bounds,) = (r.specifier for r in ASKED if r.name == "transformer-lens")
    versions = re.findall(r"transformer-lens==([0-9.]+)", (ROOT / "Makefile").read_text())
    assert len(versions) == 2
    assert all(bounds.contains(one) for one in versions)


def test_the_packages_own_bounds_pin_nothing() -> None:
    assert not [r for r in ASKED if any(s.operator == "==" for s in r.specifier)]
