"""A colouring: groups of elements of a variable that no output depends on two of.

All elements of a group can be moved in one evaluation (Curtis, Powell and Reid 1974). Along an axis with
period P the indices j, j + P, j + 2P … have no output in common: P = 1 is an axis along which the function is
independent (a batch), P = n one along which everything depends on everything. Groups are periodic along every
axis; a function whose sparsity has no period is coloured one element a group.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.sparsity.bands import EMPTY, Band

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
