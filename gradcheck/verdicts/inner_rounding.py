"""Inner rounding: a term that is rounded inside the function, and alone makes the tape look wrong.

The rounding of a whole function shows along any line (function/noise_level.py). A term that moves little
beside others hides: at fine steps the term stands still, and differences miss its slope, with no noise to be
seen. Moved farther, an element takes the term over stairs: jumps of one height and one direction, at about
the same distance from one another, and between jumps nothing but the smooth rest. No smooth function looks
so, and a corner or a single jump comes once. Elements that fail are therefore searched for stairs, and where
there are some the check is made once more at the noise level that stairs are signs of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.arrays.scale import typical
from gradcheck.arrays.types import Array, eps_of
from gradcheck.function.problem import Problem
from gradcheck.sparsity.colouring import Rows
from gradcheck.verdicts.candidate import Examined
from gradcheck.verdicts.verdict import ElementVerdict

INTERVALS = 24
"""Neighbouring intervals that are compared with one another."""
FEWEST, MOST = 3, 9
"""Jumps among the intervals that make stairs."""
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
LOOKED, LOOKED_WITHIN_BUDGET = 3, 1
"""Failing elements of a variable that are looked into, at 936 evaluations each."""


def shares(problem: Problem, examined: Sequence[Examined]) -> Array | None:
    """Height of the stairs as a share of the outputs, for each output tensor; None where there are none."""
    base = problem.base
    ends = np.cumsum([output.size for output in problem.exact.outputs])
    scales = np.array([typical(part) if part.size else 1.0 for part in np.split(base, ends[:-1])])
    found = np.zeros(ends.size)
    most = LOOKED if problem.settings.budget is None else LOOKED_WITHIN_BUDGET
    for one in examined:
        for flat in _failing(one)[:most]:
            for entry, tall in _stairs(one, flat):
                owner = int(np.searchsorted(ends, entry, "right"))
                share = tall / max(abs(float(base[entry])), float(scales[owner]))
                if share <= eps_of("bfloat16"):
                    found[owner] = max(found[owner], share)
    return found if found.any() else None


def reconciled(first: Examined, again: Examined) -> Examined:
    """Leave to the second look what the first refused or left open, and no more than that.

    What the second look accepts only because so coarse a noise level tells little is not known to be right.
    """
    before, after = first.judgement, again.judgement
    kept = (before.verdicts == ElementVerdict.MATCH) | (before.verdicts == ElementVerdict.KINK)
    untold = ~kept & (after.verdicts == ElementVerdict.MATCH) & ~(after.tolerance <= TELLING * after.size)
    verdicts = np.where(untold, ElementVerdict.INCONCLUSIVE, after.verdicts).astype(np.uint8)
    merged = replace(after, verdicts=verdicts).where(kept, before).read_only()
    return Examined(replace(again.confirmed, judgement=merged))


def _failing(examined: Examined) -> Array:
    """The worst mismatches of a variable but for corners; none where the worst of them moves smoothly."""
    judged = examined.judgement
    wrong = judged.worst_first()
    worst = wrong[~judged.corner[wrong]]
    return worst if worst.size and _rough(examined, int(worst[0])) else worst[:0]


def _rough(examined: Examined, flat: int) -> bool:
    """Whether the third differences of some output do not shrink with the step, as those of stairs.

    Where f is smooth they become 1/64 of themselves when the step becomes a 4th, at a corner 1/4.
    """
    differences = examined.confirmed.candidate.differences
    entries, lengths = _reached(examined, flat), _lengths(examined, flat)
    places = np.concatenate([_places(length, ROUGHLY) for length in lengths])
    values = differences.along(flat, places, entries).reshape(LEVELS, ROUGHLY + 1, -1)
    with np.errstate(invalid="ignore"):
        size = np.abs(np.diff(values, n=3, axis=1)).max(axis=1)
        rough = (size[1:] > STEADY * size[:-1]) & (size[1:] > LEAST * np.abs(differences.base[entries]))
    return bool(rough.any())


def _stairs(examined: Examined, flat: int) -> Iterator[tuple[int, float]]:
    """Outputs that an element takes over stairs, and the height of those."""
    entries, differences = _reached(examined, flat), examined.confirmed.candidate.differences
    for length in _lengths(examined, flat):
        for side in (length, -length):
            heights = height(differences.along(flat, _places(side, INTERVALS), entries))
            if heights.any():
                yield from ((int(e), float(h)) for e, h in zip(entries, heights, strict=True) if h > 0)
                return


def _reached(examined: Examined, flat: int) -> Array:
    """The outputs that an element can move."""
    confirmed = examined.confirmed
    rows = Rows(confirmed.colouring, confirmed.candidate.differences.primal.outputs)
    entries = rows.of(np.array([flat]))[0]
    return np.asarray(entries[entries >= 0])


def _lengths(examined: Examined, flat: int) -> Array:
    """Lengths from well beyond the scale of an element down."""
    scale = examined.confirmed.candidate.steps.scale(np.array([flat]))
    return np.asarray(4 * scale * NARROWER ** np.arange(LEVELS))


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
