"""Which input elements move which outputs: groups of elements that can be perturbed together.

One evaluation can perturb many elements at once as long as no output depends on two of them (Curtis,
Powell and Reid 1974). The dependence is found by asking the function, axis by axis: every M-th index along
an axis is moved (a comb) and the outputs that change, bit for bit, show how far an index reaches.
Where output index o along some output axis answers to inputs j in a window [o·s + low, o·s + high] (see
windows.py), indices j, j + P, j + 2P … with P the window's length have no output in common. P = 1 is an axis
along which the function is independent (a batch), P = n one along which everything depends on everything.

What windows foresee is held against indices in no order, and where that fails the axis counts as dense. Still
nothing is taken on trust: the differences notice every output that moves without an owner, or by an
amount that depends on the steps of two elements (see differences.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.primal import Output
from gradcheck.sparsity.bands import EMPTY, Window, explained, foreseen, period

COMBS = (32, 512)
"""Spacings of the perturbed indices: a window is found when it is shorter than half a spacing."""
PHASES = 8
"""How many different phases the combs have: strides up to this are seen in full."""
PROBES = 24
"""Evaluations that may be spent on the structure of a variable."""
FIRST = 3
"""Combs that windows are made from at first."""
CHECKS = 3
"""Evaluations that windows are then held against."""
SMALL = 16
"""Tensors of at most this many elements are perturbed one by one: probes would cost more than they save."""


Changed = Callable[[int, Array], Array]
"""Moves the elements that have one of some indices along an axis, and returns which entries of the flat
output vector changed."""
Slices = tuple[Any, ...]
"""A slice for each axis of a variable: some of its elements, as a strided view."""


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


def find(shape: tuple[int, ...], outputs: tuple[Output, ...], far: Changed, near: Changed) -> Grouping:
    """Find the groups of a variable.

    `far` moves elements by a good part of themselves, `near` by the steps of a difference; together they are
    called at most `PROBES` times.
    """
    if math.prod(shape) <= SMALL:
        return elementwise(shape, len(outputs))
    columns: dict[int, tuple[Window, ...]] = {}
    left = PROBES
    # The longest axes first: they cost the most where nothing is known of them.
    for axis in sorted(range(len(shape)), key=lambda a: -shape[a]):
        probe = _Axis(axis, shape, outputs, far, near, left)
        found = probe.windows()
        left = probe.left
        if found and not any(_meet(found, other) for other in columns.values()):
            columns[axis] = found
    dense: tuple[Window | None, ...] = (None,) * len(outputs)
    periods = tuple(period(columns[a]) if a in columns else size for a, size in enumerate(shape))
    windows = (columns.get(a, dense) for a in range(len(shape)))
    return Grouping(shape, periods, tuple(zip(*windows, strict=True)))


def _meet(one: tuple[Window, ...], other: tuple[Window, ...]) -> bool:
    """Whether two axes of a variable lie along the same axis of an output."""
    return any(a.axis == b.axis for a, b in zip(one, other, strict=True) if EMPTY not in (a, b))


def ask(changed: Changed, axis: int, outputs: tuple[Output, ...], teeth: Array) -> tuple[Array, list[Array]]:
    """The indices `teeth` along an axis, and which entries of each output change when they are moved."""
    parts = np.split(changed(axis, teeth), np.cumsum([output.size for output in outputs])[:-1])
    return teeth, [part.reshape(o.shape) for part, o in zip(parts, outputs, strict=True)]


@dataclass
class _Axis:
    """The questions that are asked along one axis."""

    axis: int
    shape: tuple[int, ...]
    outputs: tuple[Output, ...]
    far: Changed
    near: Changed
    left: int
    """Evaluations that may still be spent."""

    @property
    def size(self) -> int:
        return self.shape[self.axis]

    def ask(self, changed: Changed, teeth: Array) -> tuple[Array, list[Array]]:
        """What moves, and one evaluation less."""
        self.left -= 1
        return ask(changed, self.axis, self.outputs, teeth)

    def windows(self) -> tuple[Window, ...]:
        """A window for every output, or () for a dense axis, or where there is no asking any more."""
        for spacing in COMBS if self.size > 1 else ():
            if self.left < FIRST + CHECKS:
                break
            combs = _combs(self.size, spacing)
            probes = [self.ask(self.far, teeth) for teeth in combs[:FIRST]]
            found = explained(self.size, probes)
            if self._holds(found):
                return found
            if found and self.left > CHECKS:
                found = explained(
                    self.size, [*probes, *(self.ask(self.far, teeth) for teeth in combs[FIRST:])]
                )
                if self._holds(found):
                    return found
            if self.size <= 2 * spacing:
                break
        return ()

    def _holds(self, windows: tuple[Window, ...]) -> bool:
        """Whether the windows foresee what indices move that they were not made from.

        Some of them by a good part of themselves, and in two halves all of them by the steps of a difference:
        what depends on one another only close to the point is seen as well.
        """
        if not windows or period(windows) >= self.size:
            return False
        half = _half(self.size, period(windows))
        return (
            foreseen(windows, *self.ask(self.far, _irregular(self.size, period(windows))))
            and foreseen(windows, *self.ask(self.near, np.flatnonzero(half)))
            and foreseen(windows, *self.ask(self.near, np.flatnonzero(~half)))
        )


def _combs(size: int, spacing: int) -> list[Array]:
    """Indices to move at once: a comb from border to border, two through the middle, and one to fall back on.

    One tooth in every `spacing`, at changing phases, to meet every residue of a stride. A stride that is
    guessed wrong explains one of them, but not all by a short window; at the borders padding may reflect.
    """
    k = np.arange(max(size // spacing, 1))
    middle = k * spacing + min(spacing, size) // 2
    inner = k[1:] * spacing + (k[1:] + 1) % PHASES
    borders = [min(1, size - 1), *inner[inner < size - spacing // 2], max(size - 2, 0)]
    combs = [np.array(borders), middle + k % PHASES, middle + (k + 1) % PHASES, middle - 1 - k % PHASES]
    return [np.unique(np.clip(comb, 0, size - 1)) for comb in combs]


def _irregular(size: int, apart: int) -> Array:
    """Indices more than `apart` from one another, in no order that a function could share."""
    generator = np.random.default_rng(size)
    gaps = generator.integers(apart + 1, 2 * apart + 2, size // apart + 1)
    teeth = np.cumsum(gaps) - gaps[0] + generator.integers(0, min(apart, size // 2) + 1)
    return np.asarray(teeth[teeth < size])


def _half(size: int, apart: int) -> Array:
    """About half of the indices, as a mask, in stretches of one to two times `apart`, no two runs alike."""
    lengths = np.random.default_rng(size).integers(apart, 2 * apart + 2, size // apart + 1)
    return np.asarray(np.repeat(np.arange(lengths.size) % 2 == 0, lengths)[:size])
