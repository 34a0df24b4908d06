"""What is known of an element, and of a whole check."""

from __future__ import annotations

from enum import Enum, IntEnum


class ElementVerdict(IntEnum):
    """What is known of one element; the numbers order them from harmless to worst."""

    UNCHECKED = 0
    MATCH = 1
    KINK = 2
    INCONCLUSIVE = 3
    MISMATCH = 4
    NONFINITE = 5

    @property
    def label(self) -> str:
        """The word shown in tables and JSON."""
        return self.name.lower()


COUNTED = (
    ElementVerdict.MATCH,
    ElementVerdict.KINK,
    ElementVerdict.MISMATCH,
    ElementVerdict.NONFINITE,
    ElementVerdict.INCONCLUSIVE,
)


class Verdict(Enum):
    """What is known of the whole check."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
