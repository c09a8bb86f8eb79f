"""Settings of the unit tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unit", deadline=None)  # first calls import heavy libraries
settings.load_profile("unit")
