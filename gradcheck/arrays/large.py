"""Large arrays: worked on in spans on all cores, and copied neither to be read nor to be moved.

NumPy lets go of Python's lock: threads are enough.

`tf.experimental.dlpack` takes memory as it is where it begins at a multiple of 64 bytes, and ends the process
where it does not.
"""

import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array

Piece = TypeVar("Piece")
Found = TypeVar("Found")
NAME = "gradcheck"
SPAN = 2**16
"""Numbers of a large array that are worked on together: a few such spans fit in a core's own cache."""
ALIGNED = 64
"""Bytes that TensorFlow's buffers begin at a multiple of."""
LARGE = 2**20
"""Bytes from which a copy costs more than a view of them."""


def spans(size: int) -> list[slice]:
    """0 … size in spans."""
    return [slice(start, min(start + SPAN, size)) for start in range(0, size, SPAN)]


@cache
def _pool() -> ThreadPoolExecutor:
    """One for the process: to start threads takes as long as the work on a small piece."""
    return ThreadPoolExecutor(os.cpu_count() or 1, NAME)


def each(work: Callable[[Piece], Found], pieces: Sequence[Piece]) -> list[Found]:
    """work(piece) for every piece, in their order; no piece may write where another does."""
    # A worker that waited for the others would wait for itself.
    if len(pieces) < 2 or threading.current_thread().name.startswith(NAME):
        return [work(piece) for piece in pieces]
    return list(_pool().map(work, pieces))


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
