"""Which outputs each element touches, so that few elements cost few sums whatever the size of the tensor.

The elements of one group share no output, and scattered elements of different groups seldom do: all that
share none are moved in one evaluation, and only the outputs they touch are looked at.
"""

import math
from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.primal import Output
from gradcheck.sparsity.bands import Band
from gradcheck.sparsity.colouring import Colouring

SCATTERED = 64
"""Up to this many elements a group, elements of different groups are moved together."""
ENTRIES = 2**20
"""Rows outputs looked at together: bounds the memory."""


class Rows:
    """The outputs that the elements of a variable can move, by the bands of a colouring."""

    def __init__(self, colouring: Colouring, outputs: tuple[Output, ...]) -> None:
        self.colouring, self.outputs = colouring, outputs
        self.width = self.of(np.zeros(1, np.int64)).shape[1]

    def of(self, flat: Array) -> Array:
        """Flat indices of the outputs of each element at `flat`, [U, outputs of one element]; −1 for none."""
        index = np.unravel_index(flat, self.colouring.shape) if self.colouring.shape else ()
        parts, start = [], 0
        for output, bands in zip(self.outputs, self.colouring.bands, strict=True):
            parts.append(_outputs(output.shape, bands, index, start))
            start += output.size
        return np.concatenate(parts, axis=1)

    def rounds(self, flat: Array) -> Iterator[Array]:
        """Positions in `flat` whose elements share no output, until each has had its turn."""
        groups, _ = self.colouring.place(flat)
        order = np.argsort(groups, kind="stable")
        limit = max(1, ENTRIES // max(self.width, 1))
        distinct = np.flatnonzero(np.diff(groups[order], prepend=-1))
        if flat.size > SCATTERED * distinct.size:
            for start, end in zip(distinct, [*distinct[1:], flat.size], strict=True):
                yield from (order[at : min(at + limit, end)] for at in range(start, end, limit))
            return
        while order.size:
            chosen = order[:limit]
            touched = self.of(flat[chosen])
            _, first = np.unique(touched, return_index=True)
            mine = np.zeros(touched.size, bool)
            mine[first] = True
            free = (mine.reshape(touched.shape) | (touched < 0)).all(axis=1)
            # The first one has every output it touches: no round is empty.
            yield chosen[free]
            order = np.concatenate([chosen[~free], order[limit:]])


def _outputs(
    shape: tuple[int, ...], bands: tuple[Band | None, ...], index: tuple[Array, ...], start: int
) -> Array:
    """Flat indices, from `start` on, of one tensor's outputs, [U, their number]."""
    count = len(index[0]) if index else 1
    places = np.full((count, 1), start, np.int64)
    valid = np.ones((count, 1), bool)
    for axis, size in enumerate(shape):
        along, inside = np.arange(size)[None], np.ones((count, size), bool)
        ranges = [_range(w, j) for w, j in zip(bands, index, strict=True) if w and w.axis == axis]
        if ranges:
            low, high, most = ranges[0]
            along = low[:, None] + np.arange(min(most, size))
            inside = (along >= 0) & (along < size)
            for low, high, _ in ranges:
                inside &= (along >= low[:, None]) & (along <= high[:, None])
        stride = math.prod(shape[axis + 1 :])
        places = (places[:, :, None] + (along * stride)[:, None, :]).reshape(count, -1)
        valid = (valid[:, :, None] & inside[:, None, :]).reshape(count, -1)
    return np.where(valid, places, -1)


def _range(band: Band, j: Array) -> tuple[Array, Array, int]:
    """The outputs that index j can move, ⌈(j − high) / s⌉ … ⌊(j − low) / s⌋, and their largest number."""
    unit, a, b, s = band.whole
    return -((b - j * unit) // s), (j * unit - a) // s, max(0, (b - a) // s + 1)
