"""What the failing elements of a variable have in common, in one line; silent rather than wrong.

Each pattern is a mistake that people make. A pattern is named only if it explains every failing element.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.notes import Kind, Note
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import ElementVerdict

SAME = 1e-4
"""Share of the larger of two numbers up to which they are the same for a pattern."""
LITTLE = 25
"""Percent by which an inexact constant may put an element off."""


@dataclass(frozen=True)
class Evidence:
    """A failing variable and what is known around it."""

    variable: Variable
    tapes: Array
    """Tape gradients for every upstream gradient tried, [K, *shape]."""
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
    def right(self) -> Array:
        """Mask of the elements that were checked and do not fail."""
        return self.variable.checked & ~self.failing

    def same(self, a: Array, b: Array, where: Array) -> bool:
        """Whether a and b agree there, as well as the differences are known."""
        a, b, tolerance = a[where], b[where], self.variable.tolerance[where]
        return bool((np.abs(a - b) <= SAME * np.maximum(np.abs(a), np.abs(b)) + 2 * tolerance).all())


def diagnose(evidence: Evidence) -> Note | None:
    """What fits all failing elements, or None where nothing does."""
    variable, failing = evidence.variable, evidence.failing
    count, size = int(failing.sum()), int(variable.checked.sum())
    if count == 0:
        return None
    found = variable.reason or next(_patterns(evidence), None)
    if found is None:
        return None
    sampled = " checked" if size < failing.size else ""
    said = f"{found} ({count:,} of {size:,}{sampled} elements fail)"
    return Note(Kind.DIAGNOSIS, said, variable.name)


def _patterns(e: Evidence) -> Iterator[str]:
    """Every pattern that explains all failing elements, the most telling first."""
    variable, failing = e.variable, e.failing
    if (variable.verdicts == ElementVerdict.NONFINITE).any():
        yield "the tape gradient is not finite"
        return
    if e.corners[failing].all():
        how = "is counted twice, or not once in all" if e.tapes[:, failing].any() else "is not counted at all"
        yield f"wrong only at ties or corners: a tie {how}"
        return
    if _only_closed_form(e):
        yield "tape and difference agree with one another, but not with the closed form"
        return
    if not e.tapes.any():
        yield "the tape gradient is zero where it should not be"
    if (variable.error[failing] <= variable.tolerance[failing]).all():
        yield (
            "right for the upstream gradient shown, wrong for others: the upstream gradient is ignored "
            "or used non-linearly"
        )
        return
    if e.right.any():
        yield from _places(e)
    yield from _factors(e)
    yield from _moves(e)
    if (variable.tape[failing] == 0).all():
        yield "the tape gradient is zero where it should not be"
    yield from _spread(e)


def _only_closed_form(e: Evidence) -> bool:
    """Whether the third opinion stands alone at every failing element."""
    variable = e.variable
    if variable.closed_form is None:
        return False
    agree = variable.error <= variable.tolerance
    apart = ~(np.abs(variable.closed_form - variable.difference) <= variable.tolerance)
    return bool((agree & apart)[e.failing].all())


def _places(e: Evidence) -> Iterator[str]:
    """Patterns of where only some elements fail."""
    failing, variable = e.failing, e.variable
    apart = np.abs(e.neighbour() - variable.difference)[failing]
    if (apart <= 0.1 * variable.error[failing]).all():
        yield "right at every neighbouring point but not at this very point"
    if int(failing.sum()) == 1 and failing.size > 2:
        which = "only one element" if variable.checked.all() else "only one of the elements checked"
        yield f"{which} is wrong, {[int(i) for i in np.argwhere(failing)[0]]}"
    # What fails in the middle may not be in a sample.
    borders = _borders(failing) if variable.checked.all() else None
    if borders is not None:
        yield borders
    bad, good = e.point[failing], e.point[e.right]
    factor = "".join(f", {factor}" for factor in islice(_factors(e), 1))
    if bad.size > 1 and float(bad.max()) < float(good.min()):
        yield f"wrong only where {variable.name} < {float(good.min()):.4g}{factor}"
    elif bad.size > 1 and float(bad.min()) > float(good.max()):
        yield f"wrong only where {variable.name} > {float(good.max()):.4g}{factor}"


def _factors(e: Evidence) -> Iterator[str]:
    tape, difference = e.variable.tape, e.variable.difference
    failing = e.failing & (difference != 0)
    if not e.same(tape, np.zeros_like(tape), e.failing & ~failing) or not failing.any():
        return
    factor = float(np.median(tape[failing] / difference[failing]))
    if factor == 0 or not np.isfinite(factor) or not e.same(tape, factor * difference, failing):
        return
    # A factor near 1 is only one if it stands out from its own scatter.
    if failing.sum() > 1 and np.ptp(tape[failing] / difference[failing]) > 0.3 * abs(factor - 1):
        return
    if abs(factor + 1) < SAME:
        yield "the sign is wrong: tape = −difference"
    if e.batch > 1 and abs(factor * e.batch - 1) < SAME:
        yield f"divided by the batch size, {e.batch}: tape = difference / {e.batch}"
    if failing.sum() > 1 or e.failing.size == 1:
        yield f"off by a constant factor: tape = {factor:.7g} × difference"


def _moves(e: Evidence) -> Iterator[str]:
    tape, difference = e.variable.tape, e.variable.difference
    everywhere = np.ones(tape.shape, bool)
    if tape.ndim == 2 and tape.shape[0] == tape.shape[1] and e.same(tape, difference.T, everywhere):
        yield "the tape gradient is the transpose of the difference gradient"
    for axis, length in enumerate(tape.shape):
        for shift, sign in ((1, "−"), (-1, "+")):
            inside = everywhere.copy()
            np.moveaxis(inside, axis, 0)[0 if shift == 1 else -1] = False
            if length >= 3 and e.same(tape, np.roll(difference, shift, axis), inside):
                yield f"shifted by one along axis {axis}: tape[i] = difference[i {sign} 1]"


def _spread(e: Evidence) -> Iterator[str]:
    """Every element a little off, each by a share of its own: so a constant that is not exact shows."""
    difference = e.variable.difference[e.failing]
    if e.right.any() or difference.size < 3 or not difference.all():
        return
    shares = 100 * e.variable.error[e.failing] / np.abs(difference)
    if shares.max() < LITTLE:
        yield (
            f"off by no common factor, by {shares.min():.2g} % to {shares.max():.2g} % of the difference, as "
            "when a term or a constant of the formula is wrong"
        )


def _borders(failing: Array) -> str | None:
    """An axis along which only the first and last few indices fail."""
    for axis, length in enumerate(failing.shape):
        others = tuple(a for a in range(failing.ndim) if a != axis)
        hit = np.asarray(failing.any(axis=others))
        inner = hit[length // 4 : length - length // 4]
        if length >= 4 and hit.any() and not inner.any() and (hit[0] or hit[-1]):
            return f"wrong only at the border of axis {axis}"
    return None
