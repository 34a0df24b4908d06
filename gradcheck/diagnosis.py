"""What the failing elements of a variable have in common, in one line; silent rather than wrong.

Each pattern is a mistake that people make. A pattern is named only if it explains every failing element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.report import ElementVerdict, Variable
from gradcheck.targets import Array

# Two numbers this close, as a share of the larger, are the same for a pattern.
SAME = 1e-4


@dataclass(frozen=True)
class Evidence:
    """A failing variable and what is known around it."""

    variable: Variable
    point: Array
    """The variable's values."""
    corners: Array
    """Where the one-sided slopes differ, bool in the variable's shape."""
    batch: int
    """Length of the outputs' first axis, 1 where there is none."""
    neighbour: Callable[[], Array]
    """The tape gradient, for the upstream gradient that is shown, at a point next to this one."""

    @property
    def failing(self) -> Array:
        """Mask of the elements that fail."""
        return self.variable.verdicts >= ElementVerdict.MISMATCH

    @property
    def pair(self) -> tuple[Array, Array]:
        """Tape and difference of the failing elements."""
        return self.variable.tape[self.failing], self.variable.difference[self.failing]


def diagnose(evidence: Evidence) -> str | None:
    """One line, or None where nothing fits."""
    variable, failing = evidence.variable, evidence.failing
    count, size = int(failing.sum()), failing.size
    if count == 0:
        return None
    found = variable.reason or next(_patterns(evidence), None)
    if found is None:
        return None
    return f"{variable.name}: {found} ({count:,} of {size:,} elements fail)"


def _patterns(e: Evidence) -> Iterator[str]:
    variable, failing = e.variable, e.failing
    tape, difference = e.pair
    if (variable.verdicts == ElementVerdict.NONFINITE).any():
        yield "the tape gradient is not finite"
        return
    if (variable.error[failing] <= variable.tolerance[failing]).all() and not e.corners[failing].any():
        yield (
            "right for the upstream gradient shown, wrong for others: the upstream gradient is ignored "
            "or used non-linearly"
        )
    if (tape == 0).all() and (difference != 0).all():
        yield "the tape gradient is zero where it should not be"
    if e.corners[failing].all():
        yield from _ties(tape, difference)
        return
    yield from _one(e)
    yield from _factors(e, tape, difference)
    yield from _moves(e)
    yield from _places(e)


def _same(a: Array, b: Array) -> bool:
    return bool((np.abs(a - b) <= SAME * np.maximum(np.abs(a), np.abs(b))).all())


def _ties(tape: Array, difference: Array) -> Iterator[str]:
    if (tape == 0).all():
        yield "wrong only at ties or corners: a tie is not counted at all"
    else:
        yield "wrong only at ties or corners, which together get too much or too little: a tie is counted twice"


def _one(e: Evidence) -> Iterator[str]:
    if int(e.failing.sum()) == 1 and e.failing.size > 2:
        index = [int(i) for i in np.argwhere(e.failing)[0]]
        if _same(e.neighbour()[e.failing], e.pair[1]):
            yield f"right at every neighbouring point but not at this very point, in one element {index}"
        yield f"only one element is wrong, {index}"


def _factors(e: Evidence, tape: Array, difference: Array) -> Iterator[str]:
    if (difference == 0).any():
        return
    ratio = tape / difference
    factor = float(np.median(ratio))
    if not _same(ratio, np.full_like(ratio, factor)) or factor == 0:
        return
    # Distinguish 1.001 with its scatter from a handful of elements near 1 by chance.
    if np.ptp(ratio) > 0.1 * abs(factor - 1):
        return
    if _same(ratio, np.full_like(ratio, -1.0)):
        yield "the sign is wrong: tape = −difference"
    if e.batch > 1 and _same(ratio, np.full_like(ratio, 1 / e.batch)):
        yield f"divided by the batch size, {e.batch}: tape = difference / {e.batch}"
    yield f"off by a constant factor: tape = {factor:.7g} × difference"


def _moves(e: Evidence) -> Iterator[str]:
    tape, difference = e.variable.tape, e.variable.difference
    if tape.ndim == 2 and tape.shape[0] == tape.shape[1] and tape.size > 1 and _same(tape, difference.T):
        yield "the tape gradient is the transpose of the difference gradient"
    for axis, length in enumerate(tape.shape):
        for shift in (1, -1):
            kept = slice(1, None) if shift == 1 else slice(None, -1)
            if length < 3:
                continue
            moved = np.roll(difference, shift, axis)
            inside = (slice(None),) * axis + (kept,)
            if _same(tape[inside], moved[inside]):
                yield f"shifted by one along axis {axis}: tape[i] = difference[i {'−' if shift == 1 else '+'} 1]"


def _places(e: Evidence) -> Iterator[str]:
    failing = e.failing
    if failing.all():
        return
    if _same(e.neighbour()[failing], e.pair[1]):
        yield "right at every neighbouring point but not at this very point"
    borders = _borders(failing)
    if borders is not None:
        yield borders
    bad, good = e.point[failing], e.point[~failing]
    if bad.size > 1 and float(bad.max()) < float(good.min()):
        yield f"wrong only where {e.variable.name} < {float(good.min()):.4g}"
    elif bad.size > 1 and float(bad.min()) > float(good.max()):
        yield f"wrong only where {e.variable.name} > {float(good.max()):.4g}"


def _borders(failing: Array) -> str | None:
    for axis, length in enumerate(failing.shape):
        others = tuple(a for a in range(failing.ndim) if a != axis)
        hit = np.flatnonzero(failing.any(axis=others))
        if length >= 4 and hit.size and set(hit.tolist()) <= {0, length - 1}:
            return f"wrong only at the border of axis {axis}"
    return None
