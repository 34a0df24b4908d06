"""How far a check is, for whoever waits: the observer that a check reports to, which shows nothing."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Forecast:
    """What lies ahead of a first pass over the elements."""

    elements: int
    """Elements that are looked at one by one."""
    evaluations: int
    """Evaluations of the function for those."""
    seconds: float
    """Time for those, at the pace of the first of them."""


class Progress:
    """An observer that shows nothing."""

    def start(self, ahead: Forecast) -> None:
        """The first pass begins."""

    def advance(self, elements: int, evaluations: int) -> None:
        """Some more elements were judged, with so many evaluations in all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        """Take away what was shown."""
