"""Upstream gradients whose entries are mixed up by a linear backward pass: averaged, or left out.

Asked are the tape and the differences for upstream gradients that tell: means over an axis, and one index of
an axis with zeros elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.evidence import Evidence
from gradcheck.report.telling import ENOUGH, SAME, TELLING

LONGEST = 64
"""Length of an axis of the output up to which it is asked which of its entries count."""
ASKED = 8
"""Failing elements that are held against differences: as many times four evaluations, for an axis."""


def mixed(e: Evidence) -> Iterator[str]:
    """How a linear backward pass mixes the entries of the upstream gradient up."""
    first = e.cotangents[-1].astype(np.float64)
    if e.scalar:
        return
    if _only_means(e, first, np.full_like(first, first.mean())):
        yield _averaged("all outputs", owed=_reaches(e).sum() > 1)
        return
    if math.prod(e.outputs) != first.size:
        return
    whole = first.reshape(e.outputs)
    for axis, length in enumerate(e.outputs):
        if not 2 <= length <= LONGEST:
            continue
        means = np.broadcast_to(whole.mean(axis=axis, keepdims=True), whole.shape).reshape(-1)
        if first.size > length and _only_means(e, first, means):
            several = _reaches(e).reshape(e.outputs).sum(axis=axis).max() > 1
            yield _averaged(f"axis {axis} of the output", owed=bool(several))
            return
        yield from _not_summed(e, whole, axis)


def _averaged(over: str, *, owed: bool) -> str:
    """An element that moves several outputs is owed a sum over them, of entries times their derivatives."""
    if owed:
        return (
            f"the upstream gradient is summed over {over} by itself: only its mean there counts, though its "
            "entries have different derivatives"
        )
    if over == "all outputs":
        return "only the mean of the upstream gradient counts: it is averaged or summed over all outputs"
    return f"the upstream gradient is averaged or summed over {over}"


def _reaches(e: Evidence) -> Array:
    """Mask of the outputs that a failing element moves, [outputs]."""
    up, down = e.probe.moving(int(np.flatnonzero(e.failing & e.moved)[0]))
    return np.asarray((up != 0) | (down != 0))


def _only_means(e: Evidence, first: Array, means: Array) -> bool:
    """Whether the tape is the same for an upstream gradient and its means, and the differences are not."""
    if not _alike(e, *e.probe.backward([first, means])):
        return False
    flat = np.flatnonzero(e.failing & e.moved)[:ASKED]
    one, other = e.probe.slopes(flat, np.stack([first, means]))[0]
    return not np.allclose(one, other, rtol=SAME, atol=0.0)


def _not_summed(e: Evidence, whole: Array, axis: int) -> Iterator[str]:
    """The entries at one index of an axis of the output, which alone count."""
    for place in (0, -1):
        only = np.zeros_like(whole)
        index = (*[slice(None)] * axis, place)
        only[index] = whole[index]
        all_, some = e.probe.backward([whole.reshape(-1), only.reshape(-1)])
        if not _alike(e, all_, some):
            continue
        flat = np.flatnonzero(e.failing & e.moved)[:ASKED]
        (value,), (bound,) = e.probe.slopes(flat, only.reshape(1, -1))
        right = np.abs(some[flat] - value) <= SAME * np.abs(value) + 2 * (e.tolerance[flat] + bound)
        if right.all() and (np.abs(value) > TELLING * e.tolerance[flat]).sum() >= ENOUGH:
            which = "first" if place == 0 else "last"
            yield f"not summed over axis {axis} of the output: only its {which} index counts"
            return


def _alike(e: Evidence, one: Array, other: Array) -> bool:
    one, other = one[e.failing], other[e.failing]
    with np.errstate(invalid="ignore"):
        near = np.abs(one - other) <= SAME * np.abs(one) + e.tolerance[e.failing]
    return bool(near.all() and (np.abs(one) > TELLING * e.tolerance[e.failing]).any())
