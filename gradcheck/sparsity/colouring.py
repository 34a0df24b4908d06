"""A colouring, groups of elements of a variable that no output depends on two of, and what each touches.

All elements of a group can be moved in one evaluation (Curtis, Powell and Reid 1974). Along an axis with
period P the indices j, j + P, j + 2P … have no output in common: P = 1 is an axis along which the function is
independent (a batch), P = n one along which everything depends on everything. Groups are periodic along every
axis; a function whose sparsity has no period is coloured one element a group.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.output import Output
from gradcheck.sparsity.bands import EMPTY, Band

SCATTERED = 64
"""Up to this many elements a group, elements of different groups are moved together."""
ENTRIES = 2**20
"""Rows outputs looked at together: bounds the memory."""
Slices = tuple[Any, ...]
"""A slice for each axis of a variable: some of its elements, as a strided view."""


@dataclass(frozen=True)
class Colouring:
    """Index j along axis a belongs to group j mod P_a, and is number j // P_a within it."""

    shape: tuple[int, ...]
    periods: tuple[int, ...]
    bands: tuple[tuple[Band | None, ...], ...]
    """For each output tensor and axis, the band where the axis is not dense."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Elements of a group along each axis (the last ones may fall off the end)."""
        return tuple(-(-n // p) for n, p in zip(self.shape, self.periods, strict=True))

    @property
    def groups(self) -> int:
        """Number of groups."""
        return math.prod(self.periods)

    @property
    def members(self) -> int:
        """Elements of one group, those off the end included."""
        return math.prod(self.lengths)

    def alone(self) -> Colouring:
        """The same variable with one element in each group."""
        return elementwise(self.shape, len(self.bands))

    def slices(self, group: int) -> Slices:
        """The elements of a group as a strided view of a tensor of `shape`."""
        residues = np.unravel_index(group, self.periods) if self.shape else ()
        return tuple(slice(int(c), None, int(p)) for c, p in zip(residues, self.periods, strict=True))

    def place(self, flat: Array) -> tuple[Array, Array]:
        """Group and member number of elements given by flat index."""
        if not self.shape:
            return np.zeros_like(flat), np.zeros_like(flat)
        index = np.unravel_index(flat, self.shape)
        residues = [j % p for j, p in zip(index, self.periods, strict=True)]
        numbers = [j // p for j, p in zip(index, self.periods, strict=True)]
        return np.ravel_multi_index(residues, self.periods), np.ravel_multi_index(numbers, self.lengths)


def flat_indices(where: Slices, shape: tuple[int, ...], chosen: Array) -> Array:
    """Flat indices in a tensor of `shape` of the elements number `chosen` in a view."""
    ranges = [range(*part.indices(size)) for part, size in zip(where, shape, strict=True)]
    if not shape:
        return chosen
    index = np.unravel_index(chosen, [len(r) for r in ranges])
    places = [r.start + i * r.step for r, i in zip(ranges, index, strict=True)]
    return np.asarray(np.ravel_multi_index(places, shape))


def elementwise(shape: tuple[int, ...], outputs: int) -> Colouring:
    """One element in each group: no assumption about the function at all."""
    return Colouring(shape, shape, ((None,) * len(shape),) * outputs)


def alike(colouring: Colouring) -> bool:
    """Whether all groups have the same owners: each axis is independent or dense."""
    return all(
        period == 1 or all(bands[axis] is None or bands[axis] == EMPTY for bands in colouring.bands)
        for axis, period in enumerate(colouring.periods)
    )


class Rows:
    """The outputs that the elements of a variable can move, by the bands of a colouring.

    So few elements cost few sums whatever the size of the tensor. The elements of one group share no output,
    and scattered elements of different groups seldom do: all that share none are moved in one evaluation, and
    only the outputs they touch are looked at.
    """

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
