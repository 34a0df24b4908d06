"""Families of moved points as values: whoever has the function places them, in any process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array


@dataclass(frozen=True)
class Family(ABC):
    """Points that one graph serves: those of equal families are placed alike."""

    @abstractmethod
    def place(self, here: Sequence[Any], row: Sequence[Any], fixed: Sequence[Any]) -> dict[int, Any]:
        """The variables that move, by number, in TensorFlow operations; `here` are all at the point."""

    def tensors(self, here: Sequence[Any], fixed: Sequence[Array]) -> tuple[Any, ...]:
        """What all points share, as `place` takes it."""
        return ()

    def alone(self, here: Sequence[Any], row: Sequence[Any], fixed: Sequence[Any]) -> dict[int, Any]:
        """One point from a row of NumPy numbers; made in NumPy where that is quicker than by operations."""
        return self.place(here, [tf.constant(part) for part in row], fixed)

    def some(self, points: Points, chosen: Array) -> Points:
        """Some of the points, in that order, with no more of what is shared than they need."""
        return replace(points, rows=tuple(row[chosen] for row in points.rows))

    def order(self, rows: Sequence[Array]) -> Array:
        """The points in an order in which neighbours share most, [points]."""
        return np.arange(len(rows[0]))


@dataclass(frozen=True)
class Points:
    """Points to evaluate f at; the last one is the point of the check itself, the origin.

    Rounding may differ between ways of evaluating, so that every batch is measured from an origin of its own.
    """

    family: Family
    rows: tuple[Array, ...]
    """Arrays whose first axis runs over the points."""
    fixed: tuple[Array, ...] = ()
    """What all points share."""

    @property
    def count(self) -> int:
        """Number of points, the origin included."""
        return len(self.rows[0])

    def some(self, chosen: Array) -> Points:
        """Some of the points, in that order."""
        return self.family.some(self, chosen)

    def parts(self, count: int) -> Iterator[tuple[Array, Points]]:
        """The points in so many parts, each with the numbers of its points."""
        for chosen in np.array_split(self.family.order(self.rows), count):
            yield chosen, self.some(chosen)

    def batches(self, most: int) -> list[Points]:
        """The points in order in batches of so many, each with the origin as its last."""
        moved = range(0, self.count - 1, most)
        if len(moved) < 2:
            return [self]
        ends = [range(start, min(start + most, self.count - 1)) for start in moved]
        return [self.some(np.append(np.asarray(end), self.count - 1)) for end in ends]


@dataclass(frozen=True)
class Elements(Family):
    """One variable with a single element moved: its flat index and its step are a row."""

    variable: int

    def place(self, here: Sequence[Any], row: Sequence[Any], fixed: Sequence[Any]) -> dict[int, Any]:
        """By a comparison with all indices."""
        (where, step), point = row, here[self.variable]
        numbers = tf.reshape(tf.range(point.shape.num_elements(), dtype=tf.int64), point.shape)
        return {self.variable: tf.where(numbers == where, point + step, point)}

    def alone(self, here: Sequence[Any], row: Sequence[Any], fixed: Sequence[Any]) -> dict[int, Any]:
        """In a copy."""
        moved = np.asarray(here[self.variable].numpy())  # which copies
        moved.reshape(-1)[row[0]] += row[1]
        return {self.variable: tf.constant(moved)}


@dataclass(frozen=True)
class Values(Family):
    """One variable elsewhere: its value is a row."""

    variable: int

    def place(self, here: Sequence[Any], row: Sequence[Any], fixed: Sequence[Any]) -> dict[int, Any]:
        """As the row is."""
        return {self.variable: row[0]}


@dataclass(frozen=True)
class Rays(Family):
    """Variables along x + t u: the number of the direction u and the step t are a row.

    Directions are shared: for each variable the flat indices of the elements that move, and by how much,
    [directions, elements].
    """

    variables: tuple[int, ...]

    def place(self, here: Sequence[Any], row: Sequence[Any], fixed: Sequence[Any]) -> dict[int, Any]:
        """With directions [D, *shape]."""
        number, step = row
        return {
            variable: here[variable] + tf.cast(step, moves.dtype) * moves[number]
            for variable, moves in zip(self.variables, fixed, strict=True)
        }

    def tensors(self, here: Sequence[Any], fixed: Sequence[Array]) -> tuple[Any, ...]:
        """Directions [D, *shape], 0 where nothing moves."""
        found = []
        for variable, flat, moves in zip(self.variables, fixed[::2], fixed[1::2], strict=True):
            point = here[variable]
            dense = np.zeros((len(moves), point.shape.num_elements()))
            dense[:, flat] = moves
            found.append(tf.constant(dense.reshape(len(moves), *point.shape), point.dtype))
        return tuple(found)

    def some(self, points: Points, chosen: Array) -> Points:
        """With the directions that they move along."""
        used, numbers = np.unique(points.rows[0][chosen], return_inverse=True)
        fixed = tuple(part[used] if part.ndim > 1 else part for part in points.fixed)
        return Points(self, (numbers, points.rows[1][chosen]), fixed)

    def order(self, rows: Sequence[Array]) -> Array:
        """By direction."""
        return np.argsort(rows[0], kind="stable")


def elements(variable: int, flat: Array, steps: Array) -> Points:
    """One variable with each element at `flat` moved by its step alone."""
    rows = np.append(flat, 0), np.append(steps, np.zeros(1, steps.dtype))
    return Points(Elements(variable), rows)


def values(variable: int, point: Any, moved: Array) -> Points:
    """One variable at each of some values [values, *shape]."""
    return Points(Values(variable), (np.concatenate([moved, point.numpy()[None]]),))


def rays(directions: Mapping[int, tuple[Array, Array]], which: Array, steps: Array) -> Points:
    """All variables along rays x + t u: `directions` has, by number, the flat indices of the elements that
    move and u [D, elements] of them; each point is at a step t [points] along one of the D, `which`."""
    moving = sorted(directions)
    rows = np.append(which, 0), np.append(steps, 0.0)
    return Points(Rays(tuple(moving)), rows, tuple(part for number in moving for part in directions[number]))
