"""Families of moved points: rows of numbers, and how each row becomes values of the variables."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array


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

    @property
    def count(self) -> int:
        """Number of points, the origin included."""
        return len(self.rows[0])

    def variables(self, number: int) -> dict[int, Any]:
        """The variables that move at one of the points."""
        return self.place(*(tf.constant(row[number]) for row in self.rows), *self.fixed)


def elements(variable: int, point: Any, flat: Array, steps: Array) -> Points:
    """One variable with each element at `flat` moved by its step alone."""
    shape = point.shape

    def place(where: Any, step: Any) -> dict[int, Any]:
        numbers = tf.reshape(tf.range(shape.num_elements(), dtype=tf.int64), shape)
        return {variable: tf.where(numbers == where, point + step, point)}

    rows = np.append(flat, 0), np.append(steps, np.zeros(1, steps.dtype))
    return Points(("elements", variable), place, rows)
