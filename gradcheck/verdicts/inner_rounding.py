"""Stairs: a term that is rounded inside the function, where it alone makes the tape look wrong.

The rounding of a whole function shows along any line (precision.py). A term that moves little beside others
hides: at fine steps it stands still, and differences miss its slope, with no noise to be seen. Moved farther,
an element takes it over stairs: jumps of one height and one direction, at about the same distance from one
another, and between them nothing but the smooth rest. No smooth function looks so, and a corner or a step
comes once. So what fails is asked for stairs, and where there are some the check is made anew, at the
precision that they are signs of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradcheck.arrays.scale import typical
from gradcheck.arrays.types import Array, eps_of
from gradcheck.sparsity.rows import Touched
from gradcheck.verdicts.examine import Examination
from gradcheck.verdicts.findings import Findings
from gradcheck.verdicts.verdict import ElementVerdict

INTERVALS = 24
"""Neighbouring intervals that are compared with one another."""
FEWEST, MOST = 3, 9
"""Jumps among them that make stairs."""
NARROWER = 0.25
"""How much shorter the next intervals are."""
LEVELS = 18
"""Lengths of intervals that are tried, from the scale of the element down."""
ROUGHLY = 12
"""Intervals at a first glance."""
STEADY = 0.4
"""Share of third differences that is left, where there are stairs, when the step becomes a 4th."""
LEAST = 1e3 * float(np.finfo(np.float64).eps)
"""Share of an output from which it does not move by its own rounding."""
TELLING = 0.01
"""Tolerance, as a share of S, up to which a second look at what failed may accept it."""
LOOKED = 3
"""Failing elements of a variable that are looked into."""


def shares(examinations: Sequence[Examination]) -> Array | None:
    """Height of the stairs as a share of the outputs, for each output tensor; None where there are none."""
    outputs = examinations[0].differences.forward.outputs
    base = examinations[0].differences.base
    ends = np.cumsum([output.size for output in outputs])
    scales = np.array([typical(part) if part.size else 1.0 for part in np.split(base, ends[:-1])])
    found = np.zeros(len(outputs))
    for examination in examinations:
        for flat in _failing(examination):
            for entry, height in _stairs(examination, flat):
                owner = int(np.searchsorted(ends, entry, "right"))
                share = height / max(abs(float(base[entry])), float(scales[owner]))
                if share <= eps_of("bfloat16"):
                    found[owner] = max(found[owner], share)
    return found if found.any() else None


def reconcile(first: Findings, again: Findings) -> None:
    """Leave to the second look what the first refused or left open, and no more than that.

    What it accepts only because so coarse a precision tells little is not known to be right.
    """
    kept = (first.verdicts == ElementVerdict.MATCH) | (first.verdicts == ElementVerdict.KINK)
    accepted = ~kept & (again.verdicts == ElementVerdict.MATCH)
    again.verdicts[accepted & ~(again.tolerance <= TELLING * again.size)] = ElementVerdict.INCONCLUSIVE
    again.copy(first, np.flatnonzero(kept))


def _failing(examination: Examination) -> Array:
    """The worst mismatches of a variable but for corners; none where the worst of them moves smoothly."""
    wrong = examination.worst_first()
    worst = wrong[~examination.corner[wrong]][:LOOKED]
    return worst if worst.size and _rough(examination, int(worst[0])) else worst[:0]


def _rough(examination: Examination, flat: int) -> bool:
    """Whether the third differences of some output do not shrink with the step, as those of stairs.

    Where it is smooth they become 1/64 of themselves when the step becomes a 4th, at a corner 1/4.
    """
    entries, base = _touched(examination, flat), examination.differences.base
    lengths = _lengths(examination, flat)
    places = np.concatenate([_places(length, ROUGHLY) for length in lengths])
    values = examination.differences.along(flat, places, entries).reshape(LEVELS, ROUGHLY + 1, -1)
    with np.errstate(invalid="ignore"):
        size = np.abs(np.diff(values, n=3, axis=1)).max(axis=1)
        rough = (size[1:] > STEADY * size[:-1]) & (size[1:] > LEAST * np.abs(base[entries]))
    return bool(rough.any())


def _stairs(examination: Examination, flat: int) -> Iterator[tuple[int, float]]:
    """Outputs that an element takes over stairs, and the height of those."""
    entries = _touched(examination, flat)
    for length in _lengths(examination, flat):
        for side in (length, -length):
            values = examination.differences.along(flat, _places(side, INTERVALS), entries)
            heights = height(values)
            if heights.any():
                yield from ((int(e), float(h)) for e, h in zip(entries, heights, strict=True) if h > 0)
                return


def _touched(examination: Examination, flat: int) -> Array:
    """The outputs that an element can move."""
    entries = Touched(examination.grouping, examination.differences.forward.outputs).of(np.array([flat]))[0]
    return np.asarray(entries[entries >= 0])


def _lengths(examination: Examination, flat: int) -> Array:
    """Lengths from well beyond the scale of an element down."""
    return np.asarray(4 * examination.steps.scale(np.array([flat])) * NARROWER ** np.arange(LEVELS))


def _places(length: float, intervals: int) -> Array:
    """Moves that divide a length, which may be negative, into intervals."""
    # Not from the point itself: stairs may be laid out around 0.
    return length * (np.arange(intervals + 1) + 0.37) / intervals


def height(values: Array) -> Array:
    """The height of stairs in each column of [INTERVALS + 1, Q]; 0 where there are none, [Q]."""
    with np.errstate(invalid="ignore"):
        rises = np.diff(values, axis=0)
        rest = rises - np.median(rises, axis=0)
        size = np.abs(rest)
        tall = size.max(axis=0, initial=0.0)
        jumps, level = size > 0.6 * tall, size < tall / 8
        count = jumps.sum(axis=0)
        stairs = (count >= FEWEST) & (count <= MOST) & (jumps | level).all(axis=0)
        stairs &= ~(jumps[1:] & jumps[:-1]).any(axis=0)
        stairs &= np.abs(np.where(jumps, np.sign(rest), 0.0).sum(axis=0)) == count
        # What moves by its own rounding only jumps as well.
        stairs &= tall > LEAST * np.abs(values).max(axis=0, initial=0.0)
    for column in np.flatnonzero(stairs):
        gaps = np.diff(np.flatnonzero(jumps[:, column]))
        stairs[column] = gaps.max() <= 3 * gaps.min()
    return np.where(stairs, tall, 0.0)
