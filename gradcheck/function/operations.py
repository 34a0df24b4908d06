"""The operations that one eager call of the function runs: what an infinite gradient comes from.

A function at its point → for each operation its kind, and where it is at the edge of its domain, such as a
square root at 0. Operations inside a `tf.function` of the user are not seen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.eagerly import operations_noted
from gradcheck.function.primal import Primal

EDGES: dict[str, Callable[[Sequence[Array]], Array]] = {
    "Sqrt": lambda inputs: inputs[0] <= 0,
    "Rsqrt": lambda inputs: inputs[0] <= 0,
    "Log": lambda inputs: inputs[0] <= 0,
    "Log1p": lambda inputs: inputs[0] <= -1,
    "Reciprocal": lambda inputs: inputs[0] == 0,
    "EuclideanNorm": lambda inputs: np.abs(inputs[0]).max(axis=None, keepdims=True) == 0,
    "Acos": lambda inputs: np.abs(inputs[0]) >= 1,
    "Asin": lambda inputs: np.abs(inputs[0]) >= 1,
    "Acosh": lambda inputs: inputs[0] <= 1,
    "Atanh": lambda inputs: np.abs(inputs[0]) >= 1,
    "RealDiv": lambda inputs: np.broadcast_arrays(*inputs)[1] == 0,
    "Xdivy": lambda inputs: np.broadcast_arrays(*inputs)[1] == 0,
    "Pow": lambda inputs: np.broadcast_arrays(*inputs)[0] <= 0,
}
"""Where each operation has no finite derivative, by its inputs."""
SELECTS = {"Select", "SelectV2"}


@dataclass(frozen=True)
class Operation:
    """One operation that ran."""

    kind: str
    """TensorFlow's name of it, such as `SelectV2`."""
    edge: Array | None = None
    """Where its inputs are at the edge of its domain, bool; None where there is no such place."""
    condition: Array | None = None
    """Of a `tf.where`, which branch each entry is taken from."""

    def hides(self, other: Operation) -> bool:
        """Whether this is a `tf.where` that takes none of the entries at which the other is at its edge."""
        if self.condition is None or other.edge is None or self.condition.shape != other.edge.shape:
            return False
        return not (self.condition & other.edge).any() or not (~self.condition & other.edge).any()


def operations(primal: Primal) -> tuple[Operation, ...]:
    """The operations of one call at the point, in order; none where TensorFlow does not tell."""
    found: list[Operation] = []

    def note(kind: Any, inputs: Sequence[Any], attributes: Any, outputs: Sequence[Any], *_: Any) -> None:
        found.append(_operation(tf.compat.as_str(kind), inputs, outputs))

    with operations_noted(note), contextlib.suppress(Exception):
        primal.at_point()
    return tuple(found)


def _operation(kind: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Operation:
    if kind in SELECTS:
        return Operation(kind, condition=np.broadcast_to(_array(inputs[0]), tuple(outputs[0].shape)))
    if kind in EDGES and all(tensor.dtype.is_floating for tensor in inputs):
        with np.errstate(invalid="ignore"):
            return Operation(kind, np.asarray(EDGES[kind]([_array(tensor) for tensor in inputs])))
    return Operation(kind)


def _array(tensor: Any) -> Array:
    return np.asarray(memoryview(tensor)) if tensor.dtype != tf.bfloat16 else np.zeros(tensor.shape)
