"""Families of moved points, and ways of evaluating them: one by one, in a compiled loop, or all at once.

Each gives f at all of them, [points, outputs], or None where the function cannot be evaluated in this way.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import view
from gradcheck.arrays.types import Array
from gradcheck.runtime import quiet

At = Callable[[dict[int, Any]], Any]
"""f with some variables elsewhere, flat; NaN where f refuses."""


@dataclass(frozen=True)
class Points:
    """Points to evaluate f at; the last one is the point of the check itself, the origin.

    Rounding may differ between ways of evaluating, so that every batch is measured from an origin of its own.
    """

    key: Hashable
    """Points with the same key have the same `place`, so that one graph serves them all."""
    place: Callable[..., dict[int, Any]]
    """(*row, *fixed) → the variables that move, by number; in TensorFlow operations."""
    rows: tuple[Array, ...]
    """Arrays whose first axis runs over the points."""
    fixed: tuple[Any, ...] = ()
    """Tensors that all points share."""
    alone: Callable[[int], dict[int, Any]] | None = None
    """One point made in NumPy, where that is quicker than by operations one after the other."""

    @property
    def count(self) -> int:
        """Number of points, the origin included."""
        return len(self.rows[0])

    def variables(self, number: int) -> dict[int, Any]:
        """The variables that move at one of the points."""
        if self.alone is not None:
            return self.alone(number)
        return self.place(*(tf.constant(row[number]) for row in self.rows), *self.fixed)


def elements(variable: int, point: Any, flat: Array, steps: Array) -> Points:
    """One variable with each element at `flat` moved by its step alone."""
    shape = point.shape

    def place(where: Any, step: Any) -> dict[int, Any]:
        numbers = tf.reshape(tf.range(shape.num_elements(), dtype=tf.int64), shape)
        return {variable: tf.where(numbers == where, point + step, point)}

    rows = np.append(flat, 0), np.append(steps, np.zeros(1, steps.dtype))

    def alone(number: int) -> dict[int, Any]:
        moved = view(point).copy()
        moved.reshape(-1)[rows[0][number]] += rows[1][number]
        return {variable: tf.constant(moved)}

    return Points(("elements", variable), place, rows, alone=alone)


def values(variable: int, point: Any, moved: Array) -> Points:
    """One variable at each of some values [values, *shape]."""
    rows = np.concatenate([moved, view(point)[None]])
    return Points(("values", variable), lambda value: {variable: value}, (rows,))


def rays(here: Sequence[Any], directions: Mapping[int, Any], which: Array, steps: Array) -> Points:
    """All variables along rays x + t u: `directions` has u [D, *shape] for the variables that move, by
    number; each point is at a step t [points] along one of the D directions, `which` [points]."""
    moving = tuple(sorted(directions))

    def place(number: Any, step: Any, *rows: Any) -> dict[int, Any]:
        return {
            variable: here[variable] + tf.cast(step, moves.dtype) * moves[number]
            for variable, moves in zip(moving, rows, strict=True)
        }

    rows = np.append(which, 0), np.append(steps, 0.0)
    return Points(("rays", *moving), place, rows, tuple(directions[variable] for variable in moving))


def one_by_one(at: At, points: Points) -> Array:
    """By eager calls, one a point: slow, and possible for every function."""
    return np.stack([view(at(points.variables(number))) for number in range(points.count)])


class Compiled:
    """One graph for each family of points; `all_at_once` with `tf.vectorized_map`, else in a loop."""

    def __init__(self, at: At, *, all_at_once: bool) -> None:
        self._at, self._all_at_once = at, all_at_once
        self._graphs: dict[Hashable, Any] = {}

    def __call__(self, points: Points) -> Array | None:
        """f at every point; None where the function does not trace, or does not run in a graph."""
        if points.key not in self._graphs:
            self._graphs[points.key] = self._graph(points)
        rows = tuple(tf.constant(row) for row in points.rows)
        try:
            with quiet():
                return view(self._graphs[points.key](rows, points.fixed))
        except tf.errors.InvalidArgumentError:
            # One of the points has left the domain; which one shows when each is called by itself.
            return one_by_one(self._at, points)
        except Exception:  # whatever a user's function does when it is traced
            return None

    def _graph(self, points: Points) -> Any:
        def many(rows: Any, fixed: Any) -> Any:
            def one(row: Any) -> Any:
                return self._at(points.place(*row, *fixed))

            return tf.vectorized_map(one, rows) if self._all_at_once else _loop(one, rows)

        # Traced once for any number of points and directions; not rewritten by AutoGraph: the same Python as
        # runs eagerly.
        signature = tuple(_any_number(row) for row in points.rows), tuple(map(_any_number, points.fixed))
        return tf.function(many, input_signature=signature, autograph=False)


def _any_number(array: Any) -> Any:
    """What has the dtype and the shape of an array but for its length."""
    return tf.TensorSpec([None, *array.shape[1:]], array.dtype)


def _loop(one: Callable[[Any], Any], rows: tuple[Any, ...]) -> Any:
    """one(row) for every row, stacked, in a compiled loop.

    Not `tf.map_fn`: where its body fails to trace it leaves the variable scope with a caching device, and
    variables can no longer be made.
    """
    count = tf.shape(rows[0])[0]

    def step(number: Any, found: Any) -> tuple[Any, Any]:
        return number + 1, found.write(number, one(tuple(part[number] for part in rows)))

    start = tf.constant(0), tf.TensorArray(tf.float64, count)
    _, found = tf.while_loop(lambda number, _: number < count, step, start, parallel_iterations=1)
    return found.stack()
