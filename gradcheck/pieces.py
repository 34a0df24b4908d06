"""The outputs of a group contracted with the cotangents, in pieces that stay in the processor's cache.

Where an axis of the variable has a window (see structure.py), its period is a whole number q of strides and
the q outputs of one member lie side by side: adding them up is a reshape and a sum, at the speed of memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck.forward import Output
from gradcheck.structure import Grouping, Slices
from gradcheck.targets import Array
from gradcheck.weights import Weights
from gradcheck.windows import EMPTY, Window

PIECE = 2**16
"""Outputs looked at together: a few arrays of this length fit in a core's own cache."""


@dataclass(frozen=True)
class Runs:
    """Along one output axis, member k owns the outputs first + k·count … first + (k + 1)·count − 1."""

    axis: int
    count: int
    first: int
    members: int
    strangers: tuple[int, ...] = ()
    """Outputs in these runs that lie outside their member's window."""

    @staticmethod
    def of(window: Window, period: int, residue: int, members: int) -> Runs:
        """The runs of a group's members."""
        count = int(period / window.stride)
        start = (residue - window.high) / window.stride
        first = math.ceil(start)
        if first == start and (window.high - window.low) / window.stride == count - 1:
            return Runs(window.axis, count, first, members)
        output = np.arange(first, first + members * count)
        index = (output - first) // count * period + residue
        unit, low, high, stride = window.whole
        offset = index * unit - output * stride
        outside = output[(offset < low) | (offset > high)]
        return Runs(window.axis, count, first, members, tuple(outside.tolist()))

    def covered(self, size: int) -> slice:
        """Those of `size` outputs that a member owns."""
        start = min(max(self.first, 0), size)
        return slice(start, max(min(size, self.first + self.members * self.count), start))


@dataclass(frozen=True)
class Layout:
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
        run = self.runs[0] if self.runs else None
        return run is not None and (run.axis, run.count, run.first, run.members) == (
            0,
            1,
            0,
            self.shape[0],
        )

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

    def rows(self, start: int, stop: int) -> Layout:
        """Only the rows start … stop − 1 of the first axis, where that is `leading`."""
        return Layout((stop - start, *self.shape[1:]), (Runs(0, 1, 0, stop - start), *self.runs[1:]))

    def add_up(self, values: Array) -> Array:
        """Σ over the outputs of each member, [members]; `values` are the covered outputs."""
        split: list[int] = []
        summed: list[int] = []
        padded: list[int] = []
        inside: list[slice] = []
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
        return np.asarray(total.transpose([order.index(run.axis) for run in self.runs if run]).reshape(-1))


def layouts(grouping: Grouping, outputs: tuple[Output, ...], group: int) -> list[Layout | None]:
    """A layout for every output of one group, None for one that nothing moves."""
    residues = np.unravel_index(group, grouping.periods) if grouping.shape else ()
    found: list[Layout | None] = []
    for output, windows in zip(outputs, grouping.windows, strict=True):
        axes = zip(windows, grouping.periods, residues, grouping.lengths, strict=True)
        if EMPTY in windows:
            found.append(None)
        else:
            runs = (w if w is None else Runs.of(w, p, int(c), members) for w, p, c, members in axes)
            found.append(Layout(output.shape, tuple(runs)))
    return found


class Pieces:
    """The contraction of one group, piece by piece."""

    def __init__(self, grouping: Grouping, group: int, outputs: tuple[Output, ...], weights: Weights) -> None:
        starts = np.cumsum([0, *(output.size for output in outputs)])
        self.tensors = list(zip(layouts(grouping, outputs, group), outputs, starts[:-1], strict=True))
        self.grouping, self.group, self.weights = grouping, group, weights
        moved = [layout for layout, _, _ in self.tensors if layout is not None]
        self.leading = bool(moved) and all(layout.leading for layout in moved)

    def leaks(self, up: Array, down: Array, base: Array) -> bool:
        """Whether an output moved that no member owns."""
        for layout, output, start in self.tensors:
            part = slice(start, start + output.size)
            noise = self.weights.precision.noise
            sides = [values[part].reshape(output.shape) for values in (up, down, base, noise)]
            for stray in [(...,)] if layout is None else layout.strays():
                higher, lower, middle, slack = (values[stray] for values in sides)
                with np.errstate(invalid="ignore"):
                    moved = np.maximum(np.abs(higher - middle), np.abs(middle - lower))
                    if not (moved <= 4 * slack).all():
                        return True
        return False

    def slices(self) -> Iterator[Slices]:
        """Parts of the variable, as strided views, whose outputs make one piece each."""
        whole = self.grouping.slices(self.group)
        shapes = [layout.shape for layout, _, _ in self.tensors if layout is not None]
        if not self.leading:
            yield whole
            return
        rows = max(1, PIECE // max(math.prod(shape[1:]) for shape in shapes))
        for start in range(0, self.grouping.shape[0], rows):
            yield (slice(start, min(start + rows, self.grouping.shape[0])), *whole[1:])

    def sums(self, where: Slices, up: Array, down: Array, base: Array) -> Array:
        """Sums [2K + 3, members] of one piece; the rows are those of `Sums`."""
        total: Array | float = 0.0
        for layout, output, start in self.tensors:
            if layout is None:
                continue
            part = slice(start, start + output.size)
            if self.leading:
                first, last = where[0].start, where[0].stop
                width = output.size // output.shape[0]
                part = slice(start + first * width, start + last * width)
                layout = layout.rows(first, last)
            sides = (values[part].reshape(layout.shape)[layout.covered] for values in (up, down, base))
            total = total + self._contract(layout, part, *sides)
        if isinstance(total, float):
            total = np.zeros((2 * self.weights.count + 3, self.grouping.members))
        return self._crop(where, total)

    def _contract(self, layout: Layout, part: slice, up: Array, down: Array, base: Array) -> Array:
        """Rows of one tensor's covered outputs."""
        weights, eps = self.weights, self.weights.precision.eps
        cotangents = weights.cotangents[:, part].reshape(-1, *layout.shape)[:, *layout.covered]
        shown, noise = (
            values[part].reshape(layout.shape)[layout.covered]
            for values in (weights.shown, weights.precision.noise)
        )
        with np.errstate(invalid="ignore", over="ignore"):
            rise, fall = up - base, base - down
            moved = (np.abs(rise) + np.abs(fall)) * (0.5 * shown)
            if layout.dense:
                linear = _products(cotangents, rise, fall, layout.shape[0] if layout.owned else 1)
            else:
                sides = (cotangent * side for side in (rise, fall) for cotangent in cotangents)
                linear = np.stack([layout.add_up(side) for side in sides])
            size, held = layout.add_up(moved), layout.add_up(np.where(moved != 0, noise * shown, 0.0))
        # All outputs of a tensor have the same relative rounding.
        return np.concatenate([linear, [size, held, size * eps[0 if eps.size == 1 else part.start]]])

    def _crop(self, where: Slices, total: Array) -> Array:
        """Without the members that fall off the tensor's end."""
        shape = self.grouping.shape
        kept = [len(range(*part.indices(size))) for part, size in zip(where, shape, strict=True)]
        full = list(self.grouping.lengths)
        if full and self.grouping.periods[0] == 1:
            full[0] = kept[0]
        if full == kept:
            return total
        return total.reshape(-1, *full)[:, *(slice(0, n) for n in kept)].reshape(len(total), -1)


def _products(cotangents: Array, rise: Array, fall: Array, rows: int) -> Array:
    """Σ r_k Δ⁺ and Σ r_k Δ⁻ of each row, as one small matrix product a row, [2K, rows]."""
    count = len(cotangents)
    weights = cotangents.reshape(count, rows, -1).astype(np.float64, copy=False).transpose(1, 0, 2)
    sides = np.stack([rise.reshape(rows, -1), fall.reshape(rows, -1)], axis=2)
    return np.asarray((weights @ sides).transpose(2, 1, 0).reshape(2 * count, rows))
