"""A part of a function that somebody wrote a gradient for, and whether it is wrong."""

from dataclasses import dataclass
from pathlib import Path

from gradcheck.verdicts.verdict import ElementVerdict


@dataclass(frozen=True)
class Part:
    """A custom gradient or a layer inside the function, checked by itself."""

    name: str
    file: str
    line: int
    """Where it begins in the file; 0 where that is not known."""
    inside: str
    """Path of the layers that it is called in; empty outside of layers."""
    calls: int
    """How often it is called at these shapes."""
    verdict: ElementVerdict
    """The worst of its calls; `unchecked` where it could not be checked by itself."""

    @property
    def wrong(self) -> bool:
        """Whether it is wrong by itself."""
        return self.verdict >= ElementVerdict.MISMATCH

    def __str__(self) -> str:
        place = f" ({Path(self.file).name}:{self.line})" if self.line else ""
        return f"{self.name}{place}" + (f", called in {self.inside}" if self.inside else "")
