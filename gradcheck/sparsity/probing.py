"""Probes → colouring: which elements move which outputs, asked of the function, axis by axis.

Every M-th index along an axis is moved (a comb) and the outputs that change, bit for bit, show how far an
index reaches. Where output index o along some output axis answers to inputs j in a band
[o·s + low, o·s + high] (bands.py), indices that are a band's length apart have no output in common.

What bands foresee is held against indices in no order, and where that fails the axis counts as dense. Still
nothing is taken on trust: the differences notice every output that moves without an owner, or by an amount
that depends on the steps of two elements (verification.py, verdicts/first_pass.py).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.function.output import Output
from gradcheck.sparsity.bands import EMPTY, Band, explained, foreseen, period
from gradcheck.sparsity.colouring import Colouring, elementwise

COMBS = (32, 512)
"""Spacings of the perturbed indices: a band is found when it is shorter than half a spacing."""
PHASES = 8
"""How many different phases the combs have: strides up to this are seen in full."""
PROBES = 24
"""Evaluations that may be spent on the structure of a variable."""
FIRST = 3
"""Combs that bands are made from at first."""
CHECKS = 3
"""Evaluations that bands are then held against."""
SMALL = 16
"""Tensors of at most this many elements are perturbed one by one: probes would cost more than they save."""
Changed = Callable[[int, Array], Array]
"""Moves the elements that have one of some indices along an axis, and returns which entries of the flat
output vector changed."""


def colour(shape: tuple[int, ...], outputs: tuple[Output, ...], far: Changed, near: Changed) -> Colouring:
    """The colouring of a variable of `shape`.

    `far` moves elements by a good part of themselves, `near` by the steps of a difference; together they are
    called at most `PROBES` times.
    """
    if math.prod(shape) <= SMALL:
        return elementwise(shape, len(outputs))
    columns: dict[int, tuple[Band, ...]] = {}
    left = PROBES
    # The longest axes first: they cost the most where nothing is known of them.
    for axis in sorted(range(len(shape)), key=lambda a: -shape[a]):
        probe = _Axis(axis, shape, outputs, far, near, left)
        found = probe.bands()
        left = probe.left
        if found and not any(_meet(found, other) for other in columns.values()):
            columns[axis] = found
    dense: tuple[Band | None, ...] = (None,) * len(outputs)
    periods = tuple(period(columns[a]) if a in columns else size for a, size in enumerate(shape))
    bands = (columns.get(a, dense) for a in range(len(shape)))
    return Colouring(shape, periods, tuple(zip(*bands, strict=True)))


def _meet(one: tuple[Band, ...], other: tuple[Band, ...]) -> bool:
    """Whether two axes of a variable lie along the same axis of an output."""
    return any(a.axis == b.axis for a, b in zip(one, other, strict=True) if EMPTY not in (a, b))


def ask(changed: Changed, axis: int, outputs: tuple[Output, ...], teeth: Array) -> tuple[Array, list[Array]]:
    """The indices `teeth` along an axis, and which entries of each output change when they are moved."""
    parts = np.split(changed(axis, teeth), np.cumsum([output.size for output in outputs])[:-1])
    return teeth, [part.reshape(o.shape) for part, o in zip(parts, outputs, strict=True)]


@dataclass
class _Axis:
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
        self.left -= 1
        return ask(changed, self.axis, self.outputs, teeth)

    def bands(self) -> tuple[Band, ...]:
        """A band for every output, or () for a dense axis, or where there is no asking any more."""
        for spacing in COMBS if self.size > 1 else ():
            if self.left < FIRST + CHECKS:
                break
            combs = _combs(self.size, spacing)
            probes = [self.ask(self.far, teeth) for teeth in combs[:FIRST]]
            found = explained(self.size, probes)
            if self._holds(found):
                return found
            if found and self.left > CHECKS:
                probes += [self.ask(self.far, teeth) for teeth in combs[FIRST:]]
                found = explained(self.size, probes)
                if self._holds(found):
                    return found
            if self.size <= 2 * spacing:
                break
        return ()

    def _holds(self, bands: tuple[Band, ...]) -> bool:
        """Whether the bands foresee what indices move that they were not made from.

        Some of them by a good part of themselves, and in two halves all of them by the steps of a difference:
        what depends on one another only close to the point is seen as well.
        """
        if not bands or period(bands) >= self.size:
            return False
        half = _half(self.size, period(bands))
        return (
            foreseen(bands, *self.ask(self.far, _irregular(self.size, period(bands))))
            and foreseen(bands, *self.ask(self.near, np.flatnonzero(half)))
            and foreseen(bands, *self.ask(self.near, np.flatnonzero(~half)))
        )


def _combs(size: int, spacing: int) -> list[Array]:
    """Indices to move at once: a comb from border to border, two through the middle, and one to fall back on.

    One tooth in every `spacing`, at changing phases, to meet every residue of a stride. A stride that is
    guessed wrong explains one of them, but not all by a short band; at the borders padding may reflect.
    """
    k = np.arange(max(size // spacing, 1))
    middle = k * spacing + min(spacing, size) // 2
    inner = k[1:] * spacing + (k[1:] + 1) % PHASES
    borders = [min(1, size - 1), *inner[inner < size - spacing // 2], max(size - 2, 0)]
    combs = [np.array(borders), middle + k % PHASES, middle + (k + 1) % PHASES, middle - 1 - k % PHASES]
    return [np.unique(np.clip(comb, 0, size - 1)) for comb in combs]


def _irregular(size: int, apart: int) -> Array:
    """Indices more than `apart` from one another, in no order that a function could share."""
    random = generator(Stream.TEETH, size)
    gaps = random.integers(apart + 1, 2 * apart + 2, size // apart + 1)
    teeth = np.cumsum(gaps) - gaps[0] + random.integers(0, min(apart, size // 2) + 1)
    return np.asarray(teeth[teeth < size])


def _half(size: int, apart: int) -> Array:
    """About half of the indices, as a mask, in stretches of one to two times `apart`, no two runs alike."""
    lengths = generator(Stream.HALVES, size).integers(apart, 2 * apart + 2, size // apart + 1)
    return np.asarray(np.repeat(np.arange(lengths.size) % 2 == 0, lengths)[:size])
