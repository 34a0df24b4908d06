"""NumPy arrays and tensors that share one memory: large ones are copied neither to be read nor to be moved.

`tf.experimental.dlpack` takes memory as it is where it begins at a multiple of 64 bytes, and ends the process
where it does not; so only arrays that were made here are given to it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.targets import Array

ALIGNED = 64
"""Bytes that TensorFlow's buffers begin at a multiple of."""
LARGE = 2**20
"""Bytes from which a copy costs more than a view of them."""


def view(tensor: Any) -> Array:
    """A tensor as NumPy, without a copy."""
    return np.asarray(memoryview(tensor))


class Movable:
    """An array that can be written to, and what is written is seen by the tensor of it."""

    def __init__(self, array: Array) -> None:
        """Starts as a copy of `array`."""
        size = math.prod(array.shape) * array.itemsize
        memory = np.empty(size + ALIGNED, np.uint8)
        start = -memory.ctypes.data % ALIGNED
        self.array = memory[start : start + size].view(array.dtype).reshape(array.shape)
        self.array[...] = array
        self._shared = size >= LARGE and array.dtype.kind == "f"

    def tensor(self) -> Any:
        """The tensor for one evaluation; while it is held, no operation takes its memory for a result."""
        if self._shared:
            return tf.experimental.dlpack.from_dlpack(self.array.__dlpack__())
        return tf.constant(self.array)

    def kept(self, outputs: Any) -> Array:
        """Outputs as NumPy that stay what they are when the array is written to: f may return its input."""
        found = view(outputs)
        return found.copy() if np.may_share_memory(found, self.array) else found
