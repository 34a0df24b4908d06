"""What another process that evaluates is to this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from gradcheck.function.sharing import Work


class Lost(Exception):
    """A piece of work came to nothing elsewhere."""


class Seat(ABC):
    """Another process that evaluates, as a thread of this one uses it."""

    @abstractmethod
    def prepare(self) -> None:
        """Wait until it is ready; raises `GradcheckError` where it cannot evaluate the function."""

    @abstractmethod
    def result(self, work: Work) -> Any:
        """What comes of a piece of work; raises `Lost` where nothing does."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether it can be asked again."""

    @abstractmethod
    def close(self) -> None:
        """End it; may be called at any time."""
