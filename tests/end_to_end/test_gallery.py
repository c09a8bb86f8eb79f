"""The gallery in the repository is what its README and its provenance say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "figures"
pytestmark = pytest.mark.skipif(not GALLERY.exists(), reason="no gallery outside a checkout")


def test_every_image_has_its_words_and_its_provenance() -> None:
    drawn = {image.stem for image in GALLERY.glob("*.png")}
    text = (GALLERY / "README.md").read_text(encoding="utf-8")
    provenance = json.loads((GALLERY / "provenance.json").read_text(encoding="utf-8"))
    assert set(re.findall(r"\]\((\w+)\.png\)", text)) == set(provenance["figures"]) == drawn
    assert all(caption in text for caption in provenance["figures"].values())
    assert "![]" not in text


def test_the_readme_shows_only_pictures_that_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert shown
    assert all((ROOT / place).exists() for place in shown)
