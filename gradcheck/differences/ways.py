"""Ways of evaluating f at moved points: one by one, in a compiled loop, or all at once.

Each gives f at all of them, [points, outputs], or says why the function cannot be evaluated in this way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import view
from gradcheck.arrays.types import Array
from gradcheck.differences.points import Family, Points
from gradcheck.function.sharing import Work
from gradcheck.function.traced import traced
from gradcheck.runtime import quiet

At = Callable[[dict[int, Any]], Any]
"""f with some variables elsewhere, flat [outputs]; NaN where f refuses."""


class Way(Enum):
    """How many points are evaluated."""

    ONE_BY_ONE = "one by one"
    """By eager calls, one a point: slow, and possible for every function."""
    LOOP = "loop"
    """In a compiled loop; what comes out at a point does not depend on the others."""
    AT_ONCE = "at once"
    """With `tf.vectorized_map`; rounding may depend on how many points there are."""


class Unable(Enum):
    """Why a way gives nothing."""

    UNTRACEABLE = "the function does not trace, or does not run in a graph"
    REFUSED = "one of the points has left the domain; which one shows when each is evaluated by itself"


class Ways:
    """One function at one point, evaluated at others in any way; its graphs are kept, one a family."""

    def __init__(self, at: At, here: Sequence[Any]) -> None:
        """`here` are the variables at the point."""
        self._at, self._here = at, here
        self._graphs: dict[tuple[Way, Family], Any] = {}

    def __call__(self, way: Way, points: Points) -> Array | Unable:
        """f at every point, [points, outputs]."""
        if way is Way.ONE_BY_ONE:
            return self._one_by_one(points)
        rows = tuple(tf.constant(row) for row in points.rows)
        fixed = points.family.tensors(self._here, points.fixed)
        if (way, points.family) not in self._graphs:
            self._graphs[way, points.family] = self._graph(way, points.family, rows, fixed)
        try:
            with quiet():
                return view(self._graphs[way, points.family](rows, fixed))
        except tf.errors.InvalidArgumentError:
            return Unable.REFUSED
        except Exception:  # whatever a user's function does when it is traced
            return Unable.UNTRACEABLE

    def _one_by_one(self, points: Points) -> Array:
        here, family = self._here, points.family
        fixed = family.tensors(here, points.fixed)
        rows = ([row[number] for row in points.rows] for number in range(points.count))
        return np.stack([view(self._at(family.alone(here, row, fixed))) for row in rows])

    def _graph(self, way: Way, family: Family, rows: tuple[Any, ...], fixed: tuple[Any, ...]) -> Any:
        def many(rows: Any, fixed: Any) -> Any:
            def one(row: Any) -> Any:
                return self._at(family.place(self._here, row, fixed))

            return tf.vectorized_map(one, rows) if way is Way.AT_ONCE else _loop(one, rows)

        # Traced once for any number of points and directions: the same graph whatever came first. Not
        # rewritten by AutoGraph: the same Python as runs eagerly.
        signature = tuple(map(_any_number, rows)), tuple(map(_any_number, fixed))
        return traced(many, input_signature=signature, autograph=False)


def _any_number(tensor: Any) -> Any:
    """What has the dtype and the shape of a tensor but for its length."""
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)


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


@dataclass(frozen=True)
class Batch(Work):
    """Points to be evaluated in one way."""

    way: Way
    points: Points
    site: int
    """Batches with the same number have the same `values`; 0 for the point of the check."""
    values: tuple[Array, ...] | None
    """The variables at another point of which the points are moved; None for that of the check."""

    def result(self, primal: Any, outputs: int, kept: dict[Any, Any]) -> Array | Unable:
        """f at every point, [points, outputs]; graphs are kept for each site."""
        if self.site not in kept:
            if self.values is not None:
                primal = primal.at([tf.constant(value) for value in self.values])
            kept[self.site] = Ways(partial(primal.with_moved, outputs=outputs), primal.values)
        found: Array | Unable = kept[self.site](self.way, self.points)
        return found
