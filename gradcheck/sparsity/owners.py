"""Which outputs each member of a group owns, and their sums: a reshape and a sum, at the speed of memory.

Where an axis of the variable has a band (bands.py), its period is a whole number q of strides and
the q outputs of one member lie side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.output import Output
from gradcheck.sparsity.bands import EMPTY, Band
from gradcheck.sparsity.colouring import Colouring, Slices


@dataclass(frozen=True)
class Runs:
    """Along one output axis, member k owns the outputs first + k·count … first + (k + 1)·count − 1."""

    axis: int
    count: int
    first: int
    members: int
    strangers: tuple[int, ...] = ()
    """Outputs in these runs that lie outside their member's band."""

    @staticmethod
    def of(band: Band, period: int, residue: int, members: int) -> Runs:
        """The runs of a group's members."""
        count = int(period / band.stride)
        start = (residue - band.high) / band.stride
        first = math.ceil(start)
        if first == start and (band.high - band.low) / band.stride == count - 1:
            return Runs(band.axis, count, first, members)
        output = np.arange(first, first + members * count)
        index = (output - first) // count * period + residue
        unit, low, high, stride = band.whole
        offset = index * unit - output * stride
        outside = output[(offset < low) | (offset > high)]
        return Runs(band.axis, count, first, members, tuple(outside.tolist()))

    def covered(self, size: int) -> slice:
        """Those of `size` outputs that a member owns."""
        start = min(max(self.first, 0), size)
        return slice(start, max(min(size, self.first + self.members * self.count), start))


@dataclass(frozen=True)
class Owners:
    """The outputs of one tensor, or of some rows of it, and the members of a group that own them."""

    shape: tuple[int, ...]
    runs: tuple[Runs | None, ...]
    """For each axis of the variable; None where every output answers to all of the axis."""

    @cached_property
    def owned(self) -> dict[int, Runs]:
        """Runs by output axis."""
        return {run.axis: run for run in self.runs if run is not None}

    @cached_property
    def covered(self) -> Slices:
        """The outputs that some member owns."""
        sizes = enumerate(self.shape)
        return tuple(self.owned[a].covered(n) if a in self.owned else slice(0, n) for a, n in sizes)

    @property
    def leading(self) -> bool:
        """Whether the variable's first axis is the output's first axis, index by index."""
        r = self.runs[0] if self.runs else None
        return r is not None and (r.axis, r.count, r.first, r.members) == (0, 1, 0, self.shape[0])

    @property
    def dense(self) -> bool:
        """Whether all outputs, or all in a row of the first axis, belong to one member."""
        return not self.owned or (self.leading and len(self.owned) == 1)

    def strays(self) -> Iterator[Slices]:
        """The outputs that no member owns."""
        for axis, (covered, size) in enumerate(zip(self.covered, self.shape, strict=True)):
            sides: list[Any] = [slice(0, covered.start), slice(covered.stop, size)]
            sides = [side for side in sides if side.start < side.stop]
            strangers = self.owned[axis].strangers if axis in self.owned else ()
            inside = [o for o in strangers if 0 <= o < size]
            for side in [*sides, inside] if inside else sides:
                yield (*[slice(None)] * axis, side)

    def rows(self, start: int, stop: int) -> Owners:
        """Only the rows start … stop − 1 of the first axis, where that is `leading`."""
        return Owners((stop - start, *self.shape[1:]), (Runs(0, 1, 0, stop - start), *self.runs[1:]))

    def add_up(self, values: Array) -> Array:
        """Σ over the outputs of each member, [groups, members]; `values` are the covered outputs."""
        split = [len(values)]
        summed: list[int] = []
        padded = [len(values)]
        inside = [slice(None)]
        for axis, (size, covered) in enumerate(zip(self.shape, self.covered, strict=True)):
            run = self.owned.get(axis)
            if run is None:
                summed.append(len(split))
                split.append(size)
            else:
                split.append(run.members)
                if run.count > 1:
                    summed.append(len(split))
                    split.append(run.count)
            first, length = (0, size) if run is None else (run.first, run.members * run.count)
            padded.append(length)
            inside.append(slice(covered.start - first, covered.stop - first))
        if list(values.shape) != padded:
            values, inner = np.zeros(padded), values
            values[tuple(inside)] = inner
        total = values.reshape(split).sum(axis=tuple(summed)) if summed else values
        order = sorted(self.owned)
        axes = (1 + order.index(run.axis) for run in self.runs if run)
        return np.asarray(total.transpose([0, *axes]).reshape(len(values), -1))


def owners_of(colouring: Colouring, outputs: tuple[Output, ...], group: int) -> list[Owners | None]:
    """The owners of every output tensor of one group, None for one that nothing moves."""
    residues = np.unravel_index(group, colouring.periods) if colouring.shape else ()
    found: list[Owners | None] = []
    for output, bands in zip(outputs, colouring.bands, strict=True):
        axes = zip(bands, colouring.periods, residues, colouring.lengths, strict=True)
        if EMPTY in bands:
            found.append(None)
        else:
            runs = (w if w is None else Runs.of(w, p, int(c), members) for w, p, c, members in axes)
            found.append(Owners(output.shape, tuple(runs)))
    return found
