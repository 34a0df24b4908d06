"""NumPy arrays and tensors that share one memory: large ones are copied neither to be read nor to be moved.

`tf.experimental.dlpack` takes memory as it is where it begins at a multiple of 64 bytes, and ends the process
where it does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.parallel import each, spans
from gradcheck.arrays.types import Array

ALIGNED = 64
"""Bytes that TensorFlow's buffers begin at a multiple of."""
LARGE = 2**20
"""Bytes from which a copy costs more than a view of them."""


def view(tensor: Any) -> Array:
    """A tensor as NumPy, without a copy, but for dtypes that Python's buffers do not know, as bfloat16."""
    plain = tensor.dtype.is_floating and tensor.dtype != tf.bfloat16
    return np.asarray(memoryview(tensor) if plain or tensor.dtype.is_bool else tensor.numpy())


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array, not filled, that a tensor can share."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNED, np.uint8)
    start = -memory.ctypes.data % ALIGNED
    return memory[start : start + size].view(dtype).reshape(shape)


def filled(shape: tuple[int, ...], dtype: np.dtype[Any], values: Callable[[slice], Array]) -> Array:
    """An array that a tensor can share, with the `values` of each span of it, flat, found on all cores."""
    array = aligned(shape, dtype)

    def fill(part: slice) -> None:
        array.reshape(-1)[part] = values(part)

    each(fill, spans(array.size))
    return array


def tensor(array: Array) -> Any:
    """A tensor of an array: it shares the memory of a large one that is `aligned`, and copies any other."""
    if array.nbytes >= LARGE and array.dtype.kind == "f" and array.ctypes.data % ALIGNED == 0:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)


class Movable:
    """An array that is written to between evaluations, and what is written is seen by its tensor."""

    def __init__(self, array: Array) -> None:
        """Starts as a copy of `array`."""
        self.array = aligned(array.shape, array.dtype)
        self.array[...] = array

    def tensor(self) -> Any:
        """The tensor for one evaluation; while it is held, no operation takes its memory for a result."""
        return tensor(self.array)

    def kept(self, outputs: Any) -> Array:
        """Outputs as NumPy that stay what they are when the array is written to: f may return its input."""
        found = view(outputs)
        return found.copy() if np.may_share_memory(found, self.array) else found
