"""Text of users in documents that not every character may stand in."""

import re

REPLACED = "\N{REPLACEMENT CHARACTER}"
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\x7f-\x9f\u2028\u2029]"
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""What XML 1.0 forbids (section 2.2), a terminal might obey, or some readers take for the end of a line; and
what turns the order of signs around (property Bidi_Control), so that text reads as another one."""
_BREAKS = re.compile("\r\n|[\t\n\r\x85\u2028\u2029]")


def legible(text: str) -> str:
    """The text with a sign for each control character that is no space, and for halves of characters."""
    return _FORBIDDEN.sub(REPLACED, text)


def escaped(json: str) -> str:
    """JSON with the same characters as numbers, which is no other text; halves of characters are none."""
    return _FORBIDDEN.sub(lambda found: REPLACED if _half(found[0]) else f"\\u{ord(found[0]):04x}", json)


def _half(sign: str) -> bool:
    return "\ud800" <= sign <= "\udfff"


def one_line(text: str) -> str:
    """The same on one line, with a space for each line break and tab."""
    return legible(_BREAKS.sub(" ", text))
