"""Limiting gradients: many elements at a corner, each of whose tape values is right if they are so together.

At a corner of f a tape gradient is right if it is the limit of gradients at points around (Clarke 1983).
Random points do not find the limit that the tape took, for there each tie breaks its own way; structured ones
do, as "every bias a little smaller" for relu′(0) = 0. Per variable they are: unmoved, down, up, falling and
rising along the index. What counts is that the tape at x + εv equals the tape at x, and that f is smooth
there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import magnitude
from gradcheck.arrays.types import Array
from gradcheck.function.problem import Problem
from gradcheck.function.tape import Tape, record

CLOSEST = 1e-7
"""ε at which tapes are compared, relative to the scale of each element: far above rounding."""
DISTANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""ε from which differences are taken, the largest that will do: the nearer, the less they can tell."""
AGREES = 1e-4
"""Share by which a gradient may change from x to x + εv: curvature, and no other side of a corner."""
CURVATURE = 10.0
"""Times ε · the largest gradient of the variable that it may change by besides: what cancels changes by more
of itself. A change counts as an error in the end, so that no side is taken for another unseen."""
SIDES: tuple[Callable[[Array], Array], ...] = (
    lambda at: -np.ones(at.shape),
    lambda at: np.ones(at.shape),
    lambda at: np.linspace(1, -1, at.size).reshape(at.shape),
    lambda at: np.linspace(-1, 1, at.size).reshape(at.shape),
)
"""down, up, falling and rising along the index."""


@dataclass(frozen=True)
class Side:
    """A side of the corners at the point on which the tape is a limit of gradients."""

    moves: tuple[Array, ...]
    """v · scale of each variable of the problem, in its shape."""
    kinks: Array
    """Elements of all variables, in one row, whose tape is another one on the other side."""

    @property
    def moves_any(self) -> bool:
        """Whether there is such a side."""
        return any(bool(move.any()) for move in self.moves)

    def values(self, problem: Problem, distance: float) -> list[Any]:
        """The variables at x + εv."""
        return _moved(problem, self.moves, distance)


def tape_at(problem: Problem, values: Sequence[Any]) -> Array:
    """The tape gradients of all variables at other values in one row, [cotangents, n]."""
    return _in_a_row(record(problem.backward.at(values), problem.cotangents))


def agrees(problem: Problem, other: Array, distance: float) -> Array:
    """Whether the tape at a distance ε is the one at the point but for curvature, [n]."""
    tape = _in_a_row(problem.exact_tape)
    sizes = [gradient[0].size for gradient in problem.exact_tape.gradients]
    largest = [float(part.max(initial=0.0)) for part in np.split(np.abs(tape), np.cumsum(sizes)[:-1], axis=1)]
    slack = CURVATURE * distance * np.repeat(largest, sizes)
    with np.errstate(invalid="ignore"):
        close = np.abs(tape - other) <= AGREES * np.maximum(np.abs(tape), np.abs(other)) + slack
    return np.asarray(close.all(axis=0))


def side_of_the_tape(problem: Problem) -> Side:
    """The side whose tape agrees with the one at x in most elements.

    Variable by variable, those of the fewest elements first: a move is taken if no more elements disagree
    with it, and if the variable decides something, so that some do on its other side.
    """
    points = [view(value) for value in problem.exact.values]
    still = [np.zeros(point.shape) for point in points]
    moves, worst = list(still), 0
    kinks = np.zeros(sum(point.size for point in points), bool)

    def differs(moved: Sequence[Array]) -> Array:
        return ~agrees(problem, tape_at(problem, _moved(problem, moved, CLOSEST)), CLOSEST)

    for place in sorted(range(len(points)), key=lambda place: points[place].size):
        for side in SIDES:
            move = side(points[place]) * magnitude(points[place])
            other = differs([*still[:place], -move, *still[place + 1 :]])
            if not other.any():
                continue
            tried = [*moves[:place], move, *moves[place + 1 :]]
            here = int(np.count_nonzero(differs(tried)))
            if here <= worst:
                moves, worst, kinks = tried, here, kinks | other
                break
    return Side(tuple(moves), kinks)


def _in_a_row(tape: Tape) -> Array:
    """The gradients of all variables in one row, [cotangents, n]."""
    return np.concatenate([tape.columns(number) for number in range(len(tape.gradients))], axis=1)


def _moved(problem: Problem, moves: Sequence[Array], distance: float) -> list[Any]:
    return [
        value + tf.constant(distance * move, value.dtype)
        for value, move in zip(problem.exact.values, moves, strict=True)
    ]
