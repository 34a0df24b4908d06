"""Tapes that hold the right numbers in the wrong places: transposed, in part or whole, shifted, symmetrised.

Each pattern says which element's difference the tape of an element is, and has nothing to fit: those that
explain everything are all named.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.evidence import MOST, Evidence
from gradcheck.report.telling import SAME

FARTHEST = 2
"""Places that a gradient is looked for at along one axis."""


def rearranged(e: Evidence) -> Iterator[str]:
    """Every arrangement of the differences that the tape is."""
    yield from _transposed(e)
    yield from _symmetric(e)
    yield from _shifted(e)
    for axis in range(len(e.variable.shape)):
        if _taken_from(e, np.flip(e.index, axis).reshape(-1)):
            yield f"reversed along axis {axis}"


def _square(e: Evidence) -> bool:
    shape = e.variable.shape
    return len(shape) >= 2 and shape[-1] == shape[-2]


def _transposed(e: Evidence) -> Iterator[str]:
    shape = e.variable.shape
    if _square(e) and _taken_from(e, np.swapaxes(e.index, -1, -2).reshape(-1)):
        axes = "" if len(shape) == 2 else f" in axes {len(shape) - 2} and {len(shape) - 1}"
        yield f"the tape gradient is the transpose of the difference gradient{axes}"
        return
    if len(shape) != 2:
        return
    rows, columns = np.nonzero(e.failing.reshape(shape))
    (top, bottom), (left, right) = (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)
    source = e.index.copy()
    block = source[top:bottom, left:right]
    if block.shape[0] != block.shape[1] or block.size < 4:
        return
    source[top:bottom, left:right] = block.T.copy()
    if _taken_from(e, source.reshape(-1)):
        yield (
            f"transposed in the block [{top}:{bottom}, {left}:{right}]: there the tape gradient is the "
            "transpose of the difference gradient"
        )


def _symmetric(e: Evidence) -> Iterator[str]:
    if not _square(e):
        return
    point = e.point.reshape(e.variable.shape)
    other = np.swapaxes(e.index, -1, -2).reshape(-1)
    mean = (_from_elements(e, np.arange(other.size)) + _from_elements(e, other)) / 2
    if not np.allclose(point, np.swapaxes(point, -1, -2)) or not e.explains(mean):
        return
    said = "the tape gradient is the symmetric part of the difference gradient, (D + Dᵀ) / 2"
    one_triangle = (e.difference == 0) | (e.difference[other] == 0) | (other == np.arange(other.size))
    meant = "which reads one triangle" if one_triangle.all() else "if it is meant for symmetric matrices"
    yield f"{said}; check the function, {meant}, at ({e.variable.name} + {e.variable.name}ᵀ) / 2"


def _shifted(e: Evidence) -> Iterator[str]:
    """Shifts along one axis, and by one along two."""
    shape = e.variable.shape
    long = [axis for axis, length in enumerate(shape) if length > 2]
    moves = [(axis,) for axis in long] + list(combinations(long, 2))
    for axes in moves:
        # Of a shorter axis half would have come from nowhere.
        farthest = FARTHEST if len(axes) == 1 and shape[axes[0]] > 2 * FARTHEST else 1
        reach = range(1, farthest + 1)
        steps = [step for size in reach for step in (size, -size)]
        for shift in product(steps, repeat=len(axes)):
            if _taken_from(e, *_from(e, axes, shift)):
                yield _in_words(axes, shift)


def _from(e: Evidence, axes: tuple[int, ...], shift: tuple[int, ...]) -> tuple[Array, Array]:
    """The elements so far back, and where there are such elements."""
    inside = np.ones(e.variable.shape, bool)
    for axis, step in zip(axes, shift, strict=True):
        edge = np.moveaxis(inside, axis, 0)
        edge[slice(None, step) if step > 0 else slice(step, None)] = False
    source = np.where(inside, np.roll(e.index, shift, axes), -1).reshape(-1)
    return source, e.moved & inside.reshape(-1)


def _in_words(axes: tuple[int, ...], shift: tuple[int, ...]) -> str:
    names = ["i"] if len(axes) == 1 else ["i", "j"]
    where = ", ".join(
        f"{name} {'−' if step > 0 else '+'} {abs(step)}" for name, step in zip(names, shift, strict=True)
    )
    size = {1: "one", 2: "two"}[abs(shift[0])]
    along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes[0]} and {axes[1]}"
    return f"shifted by {size} along {along}: tape[{', '.join(names)}] = difference[{where}]"


def _taken_from(e: Evidence, source: Array, where: Array | None = None) -> bool:
    """Whether the tape is the difference of another element, at `source`, everywhere or there."""
    few = np.flatnonzero(e.failing & e.moved & (source >= 0))[:MOST]
    other = e.difference[source[few]]
    with np.errstate(invalid="ignore"):
        near = np.abs(e.tapes[0, few] - other) <= 2 * SAME * np.abs(other) + 4 * e.tolerance[few]
    # Of the many arrangements of a large variable none but the right one is looked at as a whole.
    return bool(near.all()) and e.explains(_from_elements(e, source), where)


def _from_elements(e: Evidence, source: Array) -> Array:
    """The differences of other elements in the place of each, [K, n]: those at `source`, flat indices
    or −1 for none."""
    slopes, failing = e.slopes, np.flatnonzero(e.failing & (source >= 0))
    slopes.take(source[failing[:: max(1, failing.size // (MOST // 3))]])
    return np.where(source < 0, np.nan, slopes.value[:, source])
