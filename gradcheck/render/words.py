"""Sentences that are broken between words only, and names that are shortened in the middle."""

import re
from collections.abc import Sequence

from rich.cells import cell_len

ELLIPSIS = "…"
KEPT = re.compile(r"\[[^\[\]]{1,40}\]|\|[^|]{1,30}\||[\d.,e+-]+ (?:%|s\b)|--[a-z-]+ \d+|\S+·S \+ \S+| (?=· )")
"""What is one word though there are spaces in it: an index, |a size|, a share, a time, an option with its
value, a tolerance of two parts; nor does a line begin with a dot between two parts."""
TIE = "\N{NO-BREAK SPACE}"
JOINTS = re.compile(r"(?<=[/_.,:;=-])")
"""Where a word that is longer than a line may be broken."""


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns."""
    lines, line = [], ""
    for word in KEPT.sub(lambda kept: kept[0].replace(" ", TIE), text).split(" "):
        if line and cell_len(line) + 1 + cell_len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
        while cell_len(line) > width:
            first, line = _broken(line, width)
            lines.append(first)
    return [one.replace(TIE, " ") for one in [*lines, line]]


def _broken(word: str, width: int) -> tuple[str, str]:
    """The part of a long word that fits, up to its last joint or space there if it has one, and the rest."""
    if TIE in word:
        first, _, rest = word[: width + 1].rpartition(TIE)
        if first:
            return first, rest + word[width + 1 :]
    joints = [joint.start() for joint in JOINTS.finditer(word) if 0 < joint.start() <= width]
    end = joints[-1] if joints else max(1, width)
    return word[:end], word[end:]


def shortened(text: str, width: int) -> str:
    """At most `width` columns: the beginning and a little more of the end."""
    if cell_len(text) <= width:
        return text
    kept = max(1, width - 1)
    end = (kept + 1) // 2
    return text[: kept - end] + ELLIPSIS + text[len(text) - end :]


def told_apart(names: Sequence[str], width: int) -> list[str] | None:
    """Names of at most `width` columns; None where two would be the same."""
    found = [shortened(name, width) for name in names]
    return found if len(set(found)) == len(set(names)) else None
