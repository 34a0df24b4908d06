"""The port through which evaluations of one large check are shared out to other processes.

What comes back has to be, bit for bit, what this process would have worked out: who works is decided here,
what is worked out and in which way is not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar


class Work(ABC):
    """Something to evaluate: a value that can be pickled, for any process that has the same function."""

    @abstractmethod
    def result(self, primal: Any, outputs: int, kept: dict[Any, Any]) -> Any:
        """What is found by a `Primal` of so many outputs; `kept` is a memory from one to the next."""


Piece = TypeVar("Piece", bound=Work)


class Sharing(ABC):
    """Other processes that evaluate."""

    @abstractmethod
    def open(self, primal: Any, base: Any) -> None:
        """Say which function of the target they evaluate, a `Primal`, and the array that it is at the point,
        [outputs]."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many pieces of work are done at once, this process included."""

    @abstractmethod
    def results(self, work: Sequence[Piece], own: Callable[[Piece], Any]) -> list[Any]:
        """The result of each in order; `own` is how this process does a piece of work itself, of which it
        takes its part, and all that is lost elsewhere."""
