"""Corners at which the tape is no valid slope: ties, where an output takes one of several elements, others.

That elements have the same value is no tie. At one, moving two of them does not move the outputs by the sum
of what moving each alone does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.report.elsewhere import in_range
from gradcheck.report.evidence import MOST, Evidence

ASKED = 4
"""Failing elements that are asked whether they are tied, at six evaluations each."""
TRIALS = 3
"""Other points: at one of them an output may take none of the elements that fail."""
SHARE = 1e-2
"""Share of a slope by which it has to miss another one."""


def corners(e: Evidence) -> Iterator[str]:
    """What is said where all failing elements are at corners."""
    failing = np.flatnonzero(e.failing)
    only = "wrong only at ties or corners: " if _only_here(e) else ""
    chosen = failing[:: max(1, failing.size // ASKED)][:ASKED]
    if (slopes := _neither(e, int(failing[0]))) is not None:
        place = [int(i) for i in np.unravel_index(int(failing[0]), e.variable.shape)]
        yield f"{only}the tape gradient is none of the slopes of the two sides, {slopes} at {place}"
    elif all(_tied(e, int(one)) for one in chosen):
        uncounted = not e.tapes[:, e.failing].any()
        yield f"{only}a tie is {'not counted at all' if uncounted else 'counted twice, or not once in all'}"


def _only_here(e: Evidence) -> bool:
    """Whether the tape is right where the failing elements have other values."""
    right = False
    for trial in range(TRIALS):
        there = in_range(e.probe, np.flatnonzero(e.failing)[:MOST], trial)
        if there.wrong.any():
            return False
        right |= bool(there.right.any())
    return right


def _tied(e: Evidence, flat: int) -> bool:
    """Whether an element is tied with the others of its value, and their tapes do not add up to the slope of
    moving them all."""
    alone, rest = np.zeros(e.point.size), (e.point == e.point[flat]).astype(float)
    rest[flat] = 0.0
    alone[flat] = 1.0
    if not rest.any():
        return False
    step, base = e.probe.step(flat, 1 / 2), e.probe.problem.base
    tied = False
    for side in (step, -step):
        all_, one, others = (e.probe.outputs(side * u) - base for u in (alone + rest, alone, rest))
        size = np.maximum(np.abs(all_), np.maximum(np.abs(one), np.abs(others)))
        tied |= bool((np.abs(one + others - all_) > SHARE * size.max(initial=0.0)).any())
    # The tape of all of them for one that they share: a right split of it adds up, whoever gets it.
    counted = float(e.tapes[0] @ (alone + rest))
    wanted = float(e.cotangents[0].astype(np.float64) @ (all_ / -step))
    return tied and not abs(counted - wanted) <= SHARE * max(abs(counted), abs(wanted))


def _neither(e: Evidence, flat: int) -> str | None:
    """Tape and the slopes of the two sides, in words, for an upstream gradient for which it is not between
    them."""
    up, down = (e.cotangents.astype(np.float64) @ side for side in e.probe.moving(flat))
    low, high = np.minimum(up, down), np.maximum(up, down)
    tape = e.tapes[:, flat]
    outside = np.maximum(low - tape, tape - high)
    told = outside > SHARE * np.maximum(np.abs(tape), high - low)
    if not told.any():
        return None
    first = int(np.argmax(told))
    which = "" if first == 0 else " for another upstream gradient"
    return f"{_short(tape[first])} beside {_short(down[first])} and {_short(up[first])}{which}"


def _short(number: float) -> str:
    return f"{float(f'{number:.4g}'):.4g}"
