"""A tape that is 0 where the function moves, or not 0 where it does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.evidence import Evidence
from gradcheck.report.telling import TELLING

ASKED = 4
"""Failing elements that are moved far: as many times eight evaluations."""

NOTHING = 1e-9
"""Share of the largest difference up to which a tape is 0 but for rounding."""


def flat(e: Evidence) -> Iterator[str]:
    """What is said where no step moved any output at the failing elements, and the tape is not 0."""
    judged = e.judgement
    still = (judged.size == 0) & e.moved & (e.difference == 0)
    still &= TELLING * judged.bound < np.abs(e.tapes).max(axis=0)
    if not still[e.failing].all():
        return
    failing = np.flatnonzero(e.failing)
    found = [e.probe.far(int(one)) for one in failing[:: max(1, failing.size // ASKED)][:ASKED]]
    moves, flat_there = np.array([m for m, _ in found]), np.array([f for _, f in found])
    if moves.all() and flat_there.all() and not e.telling.any():
        yield (
            "the function is flat and moves in jumps only, the tape gradient is not 0: a straight-through or "
            "surrogate gradient"
        )
    elif not moves.any():
        yield "the tape gradient is not 0, but moving the elements that fail changes no output, near or far"
    else:
        yield "the tape gradient is not 0 where the function is flat"


def zero(e: Evidence, among: Array) -> Iterator[str]:
    """A tape that is 0 at the elements of a mask, those that fail among them."""
    size = np.abs(e.tapes).max(axis=0)
    nothing = size <= NOTHING * np.max(np.abs(e.difference[e.failing & e.moved]), initial=0.0)
    if nothing[among].all():
        where = "" if nothing.all() else " at all elements that fail"
        yield f"the tape gradient is zero where it should not be{where}"
