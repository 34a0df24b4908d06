"""Strata: elements of all variables sorted by how much they move L, and cut where that falls by a factor.

An element moves L by about w_j = a_j · max_k |g_kj|, with a_j the scale of x_j and g the tape gradients. One
direction over all elements sees only what is large: so elements are put together whose w lie within `SPAN`.
Sorting by the tape under test is sound: an error is at least as large as its share of the larger of tape and
truth. Elements whose tape is exactly 0 are a stratum of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradcheck.arrays.types import Array

SPAN = 30.0
"""Factor by which w may fall within a stratum: with more, what is small hides behind what is large; with
less, there are more strata, of 170 evaluations each."""


@dataclass(frozen=True)
class Elements:
    """The elements of several variables in one row."""

    shapes: tuple[tuple[int, ...], ...]
    size: Array
    """a, the scale of each element, [n]."""
    gradient: Array
    """max_k |g_k|, [n]."""

    @cached_property
    def starts(self) -> Array:
        """Where each variable begins in the row, and the end, [variables + 1]."""
        return np.cumsum([0, *(math.prod(shape) for shape in self.shapes)])

    def locate(self, flat: Array) -> list[tuple[int, Array, Array]]:
        """Elements of the row by variable: its place, the mask of those in `flat` that are its, and their
        flat indices in it, for the variables that have any."""
        owner = np.searchsorted(self.starts, flat, side="right") - 1
        found = []
        for place in np.unique(owner):
            mine = owner == place
            found.append((int(place), mine, flat[mine] - self.starts[place]))
        return found

    def parts(self, chosen: Array) -> list[Array]:
        """Elements of the row by variable, for the variables that have any."""
        return [flat + self.starts[place] for place, _, flat in self.locate(chosen)]

    def strata(self, chosen: Array, least: float = 0.0) -> list[Array]:
        """The `chosen` elements (ascending indices into the row) by stratum, the largest w first and those of
        w = 0 last; those that move L by less than `least`, which nothing can tell apart, are in one."""
        with np.errstate(invalid="ignore", over="ignore"):
            weight = np.nan_to_num(self.size[chosen] * self.gradient[chosen], nan=np.inf)
        weight = np.where(weight > 0, np.maximum(weight, least), 0.0)
        order = np.argsort(-weight, kind="stable")
        falling = -weight[order]
        moving, start = int(np.count_nonzero(weight > 0)), 0
        found: list[Array] = []
        while start < moving:
            stop = start + int(np.searchsorted(falling[start:moving], falling[start] / SPAN, side="right"))
            found.append(np.sort(chosen[order[start:stop]]))
            start = stop
        if moving < chosen.size:
            found.append(np.sort(chosen[order[moving:]]))
        return found


def set_apart(found: Sequence[Array], least: int) -> tuple[list[Array], Array]:
    """The strata of at least so many elements, and the elements of the smaller ones in one row."""
    large = [stratum for stratum in found if stratum.size >= least]
    small = [stratum for stratum in found if stratum.size < least]
    return large, np.sort(np.concatenate(small)) if small else np.zeros(0, np.int64)
