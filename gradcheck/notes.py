"""What a report says in words, as values: what kind of note, of which variable, and the sentence."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Where a note belongs."""

    DIAGNOSIS = "diagnosis"
    """What the failing elements of a variable have in common."""
    OUTPUTS = "outputs"
    """Which outputs a failing element is wrong for."""
    WARNING = "note"
    """What a user should know although nothing failed."""


@dataclass(frozen=True)
class Note:
    """One sentence of a report."""

    kind: Kind
    text: str
    variable: str | None = None
    """Label of the variable that the sentence is about; None for the whole check."""
    where: str = ""
    """Index of the element that the sentence is about, as `[0, 2]`."""
    topic: str = ""
    """The word of `gradcheck explain` that says more; empty for none."""

    def __str__(self) -> str:
        return self.text if self.variable is None else f"{self.variable}{self.where}: {self.text}"
