"""How far a check is, for whoever waits: the observer that a check reports to, which shows nothing."""

from dataclasses import dataclass
from enum import Enum
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


class Stage(Enum):
    """What a check does, one after the other; some only where they are asked for or needed."""

    INPUTS = "inputs"
    """Tensors are read."""
    TENSORFLOW = "TensorFlow"
    """It is imported."""
    TARGET = "target"
    """What is checked is built."""
    POINT = "point"
    """f is evaluated at the point, and traced into a graph."""
    TAPES = "tapes"
    NOISE = "noise level"
    SPARSITY = "sparsity"
    """Which elements move which outputs, and the groups of a colouring."""
    PILOT = "pilot"
    """A few groups tell what all of them cost."""
    DIFFERENCES = "differences"
    """The first pass over all groups."""
    DISCARDED = "discarded"
    """A first pass whose colouring did not stand."""
    SETTLING = "settling"
    """Ladders of steps for what the first pass left open."""
    CONFIRMING = "confirming"
    """The worst mismatches are moved by themselves."""
    STANDING_STILL = "standing still"
    """Elements that move nothing: is the slope 0, or has the function saturated?"""
    ALONE = "one by one"
    """Some elements beside directions are moved by themselves."""
    DIRECTIONS = "directions"
    """One stratum along signed directions."""
    SEARCH = "search"
    """Directions are halved for the elements that put them off, or are at a corner."""
    RANDOM = "random directions"
    """The whole beside a sample."""
    CORNERS = "corners"
    """Slopes at points nearby."""
    ROUNDING = "rounding inside"
    VERDICTS = "verdicts"
    """Opinions are combined, among them those at the tensors' own dtype."""
    FORWARD = "forward mode"
    EXECUTIONS = "executions"
    JACOBIANS = "Jacobians"
    ORDER = "order"
    """Jumps of a gradient, and whether the backward pass is linear."""
    WHERE = "where"
    DIAGNOSIS = "diagnosis"
    SWEEP = "sweep"
    """One element at many steps."""


class Progress:
    """An observer that shows nothing."""

    def stage(self, done: Stage, evaluations: int = 0, of: str = "", **counts: int) -> None:
        """All that was done since the last call was this stage, which has just ended.

        `evaluations` are those of the whole check so far, `of` says of what it was, such as a variable, and
        `counts` how many of what, by the plural: `groups=4`.
        """

    def start(self, ahead: Forecast) -> None:
        """The first pass begins."""

    def advance(self, elements: int, evaluations: int) -> None:
        """Some more elements were judged, with so many evaluations in all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        """Take away what was shown."""


class HandingOn(Progress):
    """An observer that hands everything on to another one."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    def stage(self, done: Stage, evaluations: int = 0, of: str = "", **counts: int) -> None:
        """Hand on."""
        self._shown.stage(done, evaluations, of, **counts)

    def start(self, ahead: Forecast) -> None:
        """Hand on."""
        self._shown.start(ahead)

    def advance(self, elements: int, evaluations: int) -> None:
        """Hand on."""
        self._shown.advance(elements, evaluations)

    def __enter__(self) -> Self:
        self._shown.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._shown.__exit__(kind, error, trace)
