"""Where a tape is wrong, if it is right elsewhere: at one element, at a border, beyond a value.

That few elements happen to lie together says nothing: a place is named where their number makes an accident
unlikely, and elements whose gradients are 0 do not count as right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.elsewhere import in_range
from gradcheck.report.evidence import MOST, Evidence
from gradcheck.report.telling import ENOUGH

ACCIDENT = 0.025
"""Chance up to which the elements that fail do not lie together by accident."""

FRESH = 24
"""Elements at other values that have to lie on the right side of a value as well."""


def this_point(e: Evidence) -> Iterator[str]:
    """A tape that is right next to the point, for all upstream gradients, and wrong here for the one that is
    shown."""
    where = e.failing & e.moved
    if not e.shown_wrong.any() or not e.shown_wrong[where].all():
        return
    right = e.slopes.value
    with np.errstate(invalid="ignore"):
        apart = np.abs(e.probe.neighbour() - right)[:, where]
        near = apart <= 0.1 * np.abs(e.tapes - right)[:, where] + e.tolerance[where]
    if near[np.isfinite(right[:, where])].all():
        yield "right at a neighbouring point but not at this very point"


def places(e: Evidence, scaled: str | None) -> Iterator[str]:
    """All places that hold the failing elements and no other, in one sentence, with the factor there."""
    count = int(e.failing.sum())
    if int(e.telling.sum()) < ENOUGH:
        return
    if count == 1:
        which = "only one element" if e.everything else "only one of the elements checked"
        index = [int(i) for i in np.argwhere(e.failing.reshape(e.variable.shape))[0]]
        yield f"{which} is wrong, {index}"
        return
    # What fails in the middle may not be in a sample.
    found = [*(_borders(e) if e.everything else ()), *_beyond(e)]
    if found:
        yield f"wrong only {', which is also '.join(found)}{f', {scaled}' if scaled else ''}"


def _beyond(e: Evidence) -> Iterator[str]:
    """All elements beyond a value of the variable, at the point and at others with values of its range."""
    bad, good, name = e.point[e.failing], e.point[e.telling], e.variable.name
    if _apart(bad, good) is None:
        return
    flat = np.flatnonzero(e.failing | e.telling)[:MOST]
    for number in range(math.ceil(FRESH / flat.size)):
        there = in_range(e.probe, flat, number)
        bad = np.concatenate([bad, there.values[there.wrong]])
        good = np.concatenate([good, there.values[there.right]])
    side = _apart(bad, good)
    if side is None or 2 / math.comb(bad.size + good.size, bad.size) > ACCIDENT:
        return
    edge = float(good.min()) if side == "<" else float(good.max())
    yield f"where {name} {side} {edge:.4g}"


def _apart(bad: Array, good: Array) -> str | None:
    """The side of all good values that the bad ones are on."""
    if float(bad.max()) < float(good.min()):
        return "<"
    return ">" if float(bad.min()) > float(good.max()) else None


def _borders(e: Evidence) -> Iterator[str]:
    """An axis of which the first or last few indices fail, up to a quarter, in all elements that tell."""
    failing, telling = (mask.reshape(e.variable.shape) for mask in (e.failing, e.telling))
    for axis, length in enumerate(failing.shape):
        others = tuple(a for a in range(failing.ndim) if a != axis)
        hit, right = (np.asarray(mask.any(axis=others)) for mask in (failing, telling))
        inner = hit[length // 4 : length - length // 4]
        if length < 4 or inner.any() or (hit & right).any() or not (hit[0] or hit[-1]):
            continue
        count, size = int(failing.sum()), int(failing.sum() + telling.sum())
        if (int(hit.sum()) + 1) / math.comb(size, count) <= ACCIDENT:
            yield f"at the border of axis {axis}, at {np.flatnonzero(hit).tolist()}"
