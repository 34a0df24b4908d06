"""Text of users in documents that not every character may stand in."""

import re

REPLACED = "\N{REPLACEMENT CHARACTER}"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 forbids (section 2.2), and a terminal might obey."""
_BREAKS = re.compile("\r\n|[\t\n\r\x85\u2028\u2029]")


def legible(text: str) -> str:
    """The text with a sign for each control character that is no space, and for halves of characters."""
    return _FORBIDDEN.sub(REPLACED, text)


def one_line(text: str) -> str:
    """The same on one line, with a space for each line break and tab."""
    return _BREAKS.sub(" ", legible(text))
