"""What options hold as text: names and numbers separated by commas."""

from __future__ import annotations

from typing import Any

from cast_lens.errors import ConfigError


def names_of(text: str | None) -> list[str] | None:
    """Names separated by commas; None where the option was not given."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def numbers_of(option: str, text: str | None, kind: type = int) -> list[Any] | str | None:
    """Numbers separated by commas, or one of the words `all` and `coarse` as it is.

    Raises:
        ConfigError: when a part is no number.
    """
    if text is None or text in {"all", "coarse"}:
        return text
    try:
        return [kind(part) for part in names_of(text) or []]
    except ValueError:
        raise ConfigError(f"--{option} {text}: expected numbers separated by commas.") from None
