"""Whether a colouring stands, asked where elements look unsettled.

Along an axis on which a function is independent every output has an owner, so that nothing stray shows when
another element moves it as well. But the slopes of the owner are then off by a random amount: it is left
open, or taken for a mismatch. Moved by itself it looks right, and the element that really moves its outputs
never looks wrong. So the others are moved without the unsettled ones, whose outputs must stand still; and
since two unsettled ones may move each other, some are moved without others.
"""

from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.function.output import Output
from gradcheck.sparsity.bands import foreseen
from gradcheck.sparsity.colouring import Colouring
from gradcheck.sparsity.probing import Changed, ask

HALVES = 2
"""Ways in which the unsettled blocks of an axis are split into halves."""


def stands(colouring: Colouring, outputs: tuple[Output, ...], unsettled: Array, near: Changed) -> bool:
    """Whether no output moves but those whose own elements do.

    `unsettled` are flat indices of elements; `near` is called at most 1 + 2 `HALVES` times an axis.
    """
    index = np.unravel_index(unsettled, colouring.shape) if colouring.shape else ()
    for axis, (size, period) in enumerate(zip(colouring.shape, colouring.periods, strict=True)):
        bands = tuple(row[axis] for row in colouring.bands)
        known = tuple(band for band in bands if band is not None)
        if len(known) < len(bands):
            continue
        for mask in _masks(size, period, index[axis]):
            teeth = np.flatnonzero(mask)
            if teeth.size and not foreseen(known, *ask(near, axis, outputs, teeth)):
                return False
    return True


def _masks(size: int, period: int, unsettled: Array) -> Iterator[Array]:
    """Indices along an axis to move: all but the unsettled and their neighbours, then halves of these."""
    # An unsettled element's outputs answer to indices less than a period from it.
    near = np.zeros(size + 1, np.int64)
    np.add.at(near, np.maximum(unsettled - (period - 1), 0), 1)
    np.add.at(near, np.minimum(unsettled + period, size), -1)
    yield np.cumsum(near[:size]) == 0
    blocks = np.arange(size) // period
    found = np.zeros(blocks[-1] + 1, bool)
    found[blocks[unsettled]] = True
    numbers = np.flatnonzero(found)
    ranks = generator(Stream.UNSETTLED_HALVES, size).permutation(numbers.size)
    for bit in range(min(HALVES, int(numbers.size - 1).bit_length())):
        for value in (0, 1):
            half = np.zeros_like(found)
            half[numbers[(ranks >> bit) % 2 == value]] = True
            yield half[blocks]
