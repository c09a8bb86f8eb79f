"""Text of others, written out where it would command a terminal or turn what is read round."""

from __future__ import annotations

import re

# control characters, and marks that turn the direction of what follows; line breaks and tabs stay
HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def escaped(text: str) -> str:
    """Text with what is hidden as an escape of Python, for a terminal whatever its font."""
    return HIDDEN.sub(_escape, text)


def escaped_json(text: str) -> str:
    """JSON of the same meaning with what is hidden as an escape of JSON."""
    return HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def visible(text: str) -> str:
    """Text with what is hidden as a picture or its number, for a page or figure."""
    return HIDDEN.sub(_picture, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    # Unicode has a picture of each of the old control characters
    return chr(0x2400 + code) if code < 0x20 else f"<U+{code:04X}>"
