"""The public names: each exists, and the type checker sees the same ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cast_lens


def test_every_public_name_can_be_used() -> None:
    assert cast_lens.BUNDLED.is_dir()
    for name in set(cast_lens.__all__) - {"BUNDLED"}:
        assert getattr(cast_lens, name).__name__ == name


def test_the_type_checker_is_told_the_same_names() -> None:
    tree = ast.parse(Path(cast_lens.__file__).read_text(encoding="utf-8"))
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    told = {
        n.asname
        for node in ast.walk(guarded)
        if isinstance(node, ast.ImportFrom)
        for n in node.names
    }
    assert told == set(cast_lens.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = cast_lens.nonsense
