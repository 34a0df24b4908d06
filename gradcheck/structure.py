"""Which input elements move which outputs: groups of elements that can be perturbed together.

One evaluation can perturb many elements at once as long as no output depends on two of them (Curtis,
Powell and Reid 1974). The dependence is found by asking the function, axis by axis: every M-th index along
an axis is moved (a comb) and the outputs that change, bit for bit, show how far an index reaches.
Where output index o along some output axis answers to inputs j in a window [o·s + low, o·s + high],
indices j, j + P, j + 2P … with P the window's length have no output in common. P = 1 is an axis along
which the function is independent (a batch), P = n one along which everything depends on everything.

Nothing here is taken on trust: the differences notice every output that moves without an owner, or by an
amount that depends on the steps of two elements (see differences.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradcheck.forward import Output
from gradcheck.targets import Array

COMBS = (32, 512)
"""Spacings of the perturbed indices: a window is found when it is shorter than half a spacing."""
PHASES = 8
"""How many different phases the combs have: strides up to this are seen in full."""
SMALL = 16
"""Tensors of at most this many elements are perturbed one by one: probes would cost more than they save."""


Slices = tuple[Any, ...]
"""A slice for each axis of a variable: some of its elements, as a strided view."""


@dataclass(frozen=True)
class Window:
    """Output index o along `axis` answers to input indices in [o·stride + low, o·stride + high]."""

    axis: int
    stride: Fraction
    low: Fraction
    high: Fraction

    @property
    def length(self) -> int:
        """Smallest period at which no output meets two indices."""
        return math.floor(self.high - self.low) + 1


EMPTY = Window(0, Fraction(1), Fraction(1), Fraction(0))
"""The window of an output that no index was seen to move."""


@dataclass(frozen=True)
class Grouping:
    """Index j along axis a belongs to group j mod P_a, and is number j // P_a within it."""

    shape: tuple[int, ...]
    periods: tuple[int, ...]
    windows: tuple[tuple[Window | None, ...], ...]
    """For each output tensor and axis, the window where the axis is not dense."""

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

    def crop(self, group: int, members: Array) -> Array:
        """A group's members [..., members] without those off the tensor's end, in the order of its slices."""
        leading = members.shape[:-1]
        kept: tuple[Any, ...] = tuple(
            slice(0, -(-(n - int(s.start)) // p))
            for n, p, s in zip(self.shape, self.periods, self.slices(group), strict=True)
        )
        whole = members.reshape(leading + self.lengths)[(..., *kept)]
        return whole.reshape(*leading, math.prod(whole.shape[len(leading) :]))


def flat_indices(where: Slices, shape: tuple[int, ...], chosen: Array) -> Array:
    """Flat indices in a tensor of `shape` of the elements number `chosen` in a view."""
    ranges = [range(*part.indices(size)) for part, size in zip(where, shape, strict=True)]
    if not shape:
        return chosen
    index = np.unravel_index(chosen, [len(r) for r in ranges])
    places = [r.start + i * r.step for r, i in zip(ranges, index, strict=True)]
    return np.asarray(np.ravel_multi_index(places, shape))


def elementwise(shape: tuple[int, ...], outputs: int) -> Grouping:
    """One element in each group: no assumption about the function at all."""
    return Grouping(shape, shape, ((None,) * len(shape),) * outputs)


def find(shape: tuple[int, ...], outputs: tuple[Output, ...], changed: Callable[[Array], Array]) -> Grouping:
    """Find the groups of a variable.

    `changed(mask)` moves the masked elements (a bool array that broadcasts to `shape`) and returns which
    entries of the flat output vector changed; it is called at most four times per axis.
    """
    if math.prod(shape) <= SMALL:
        return elementwise(shape, len(outputs))
    periods: list[int] = []
    columns: list[tuple[Window | None, ...]] = []
    for axis, size in enumerate(shape):
        found = _probe_axis(axis, shape, outputs, changed)
        period = _period(found)
        taken = any(a.axis == b.axis for row in columns for a, b in zip(row, found, strict=False) if a)
        dense = not found or period >= size or taken
        periods.append(size if dense else period)
        columns.append((None,) * len(outputs) if dense else found)
    return Grouping(shape, tuple(periods), tuple(zip(*columns, strict=True)))


def _period(windows: tuple[Window, ...]) -> int:
    """Smallest period at which no output meets two indices and every index has as many outputs."""
    unit = math.lcm(*(window.stride.numerator for window in windows))
    longest = max((1, *(window.length for window in windows)))
    return -(-longest // unit) * unit


def _probe_axis(
    axis: int, shape: tuple[int, ...], outputs: tuple[Output, ...], changed: Callable[[Array], Array]
) -> tuple[Window, ...]:
    """A window for every output, or () for a dense axis."""
    size = shape[axis]
    for spacing in COMBS:
        probes = []
        for teeth in _combs(size, spacing):
            mask = np.isin(np.arange(size), teeth)
            moved = changed(mask.reshape([-1 if a == axis else 1 for a in range(len(shape))]))
            probes.append((teeth, moved))
        windows, start = [], 0
        for output in outputs:
            parts = [(t, m[start : start + output.size].reshape(output.shape)) for t, m in probes]
            windows.append(_narrowest(size, parts) if any(m.any() for _, m in parts) else EMPTY)
            start += output.size
        kept = tuple(window for window in windows if window is not None)
        # Where nothing at all moved, nothing is known.
        if len(kept) == len(outputs) and any(moved.any() for _, moved in probes):
            return kept
        if size <= spacing:
            break
    return ()


def _combs(size: int, spacing: int) -> list[Array]:
    """Indices to move at once, twice: a comb through the middle, and one from border to border.

    One tooth in every `spacing`, at changing phases, to meet every residue of a stride. A stride that is
    guessed wrong explains one of them, but not both by a short window; at the borders padding may reflect.
    """
    k = np.arange(max(size // spacing, 1))
    middle = np.minimum(k * spacing + min(spacing, size) // 2 + k % PHASES, size - 1)
    inner = k[1:] * spacing + (k[1:] + 1) % PHASES
    return [middle, np.unique([min(1, size - 1), *inner[inner < size - spacing // 2], max(size - 2, 0)])]


def _narrowest(size: int, probes: list[tuple[Array, Array]]) -> Window | None:
    """The output axis and stride that explain the changed outputs of all probes by the shortest window."""
    best: Window | None = None
    for axis, count in enumerate(probes[0][1].shape):
        others = tuple(a for a in range(probes[0][1].ndim) if a != axis)
        hits = [(teeth, np.flatnonzero(moved.any(axis=others))) for teeth, moved in probes]
        if any(len(teeth) == 1 and _spreads(hit, count) for teeth, hit in hits):
            continue
        for stride in _strides(size, count):
            fits = [_fit(axis, stride, teeth, hit) for teeth, hit in hits if hit.size]
            if not fits or any(fit is None for fit in fits):
                continue
            low, high = min(fit.low for fit in fits if fit), max(fit.high for fit in fits if fit)
            window = Window(axis, stride, low, high)
            if window.length < size and (best is None or window.length < best.length):
                best = window
    return best


def _spreads(hit: Array, count: int) -> bool:
    """Whether what one index moves is everything, or no single stretch: it tells of no window."""
    return hit.size == count or (hit.size > 0 and np.ptp(hit) >= hit.size)


def _strides(size: int, count: int) -> list[Fraction]:
    """Inputs per output along an axis; borders ('valid' padding) make the ratio inexact."""
    if size >= count:
        return sorted({Fraction(size // count), Fraction(-(-size // count))})
    return sorted({Fraction(1), Fraction(1, count // size), Fraction(1, -(-count // size))})


def _fit(axis: int, stride: Fraction, teeth: Array, hit: Array) -> Window | None:
    """The window around o·stride that holds a moved input for every changed output."""
    # In units of 1 / denominator everything is a whole number.
    scaled, marks = hit * stride.numerator, teeth * stride.denominator
    right = np.clip(np.searchsorted(marks, scaled), 1, max(len(marks) - 1, 1))
    candidates = np.stack([marks[right - 1], marks[np.minimum(right, len(marks) - 1)]]) - scaled
    offsets = np.where(np.abs(candidates[0]) <= np.abs(candidates[1]), candidates[0], candidates[1])
    low = Fraction(int(offsets.min()), stride.denominator)
    high = Fraction(int(offsets.max()), stride.denominator)
    step = stride.numerator // stride.denominator
    if len(set((teeth % step).tolist()) if step else ()) < step:
        # Not every phase of the stride was met: the window may reach s − 1 further on either side.
        low, high = low - (step - 1), high + (step - 1)
    # Wider than half the distance of two teeth, and it is not known which of them moved an output.
    if len(teeth) > 1 and 2 * (high - low) >= int(np.diff(teeth).min()):
        return None
    return Window(axis, stride, low, high)
