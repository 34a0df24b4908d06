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
from functools import cached_property

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
FARTHEST, LEVELS = 4.0, 18
"""The longest of the lengths that are tried, relative to the scale of the element, and how many there are."""
ROUGHLY = 12
"""Intervals at a first glance."""
STEADY = 0.4
"""Share of third differences that is left, where there are stairs, when the step becomes a 4th."""
LEAST = 1e3 * float(np.finfo(np.float64).eps)
"""Share of an output from which it does not move by its own rounding."""
TELLING = 0.01
"""Tolerance, as a share of S, up to which a second look at what failed may accept it."""
GLANCED = 2
"""Failing variables, the worst first, that are glanced at, by 235 evaluations each."""
LOOKED, LOOKED_WITHIN_BUDGET = 3, 1
"""Failing elements that are looked into, by up to 936 evaluations each."""


def shares(problem: Problem, examined: Sequence[Examined]) -> Array | None:
    """Height of the stairs as a share of the outputs, for each output tensor; None where there are none."""
    base = problem.base
    ends = np.cumsum([output.size for output in problem.exact.outputs])
    scales = np.array([typical(part) if part.size else 1.0 for part in np.split(base, ends[:-1])])
    found = np.zeros(ends.size)
    most = LOOKED if problem.settings.budget is None else LOOKED_WITHIN_BUDGET
    failing = sorted((_Failing(one) for one in examined), key=lambda one: one.ratio, reverse=True)
    rough = [one for one in failing[:GLANCED] if one.lengths.size]
    for one in rough:
        for flat in one.elements[: max(1, most // len(rough))]:
            for entry, tall in _stairs(one, int(flat)):
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


class _Failing:
    """The mismatches of a variable but for those at corners."""

    def __init__(self, examined: Examined) -> None:
        self.confirmed, judged = examined.confirmed, examined.judgement
        wrong = judged.worst_first()
        self.elements = wrong[~judged.corner[wrong]]
        """Flat indices, the worst first."""
        self.ratio = float(judged.error_ratio[self.elements[0]]) if self.elements.size else 0.0
        """The error of the worst as a share of its tolerance."""

    def along(self, flat: int, lengths: Array, intervals: int) -> Array:
        """The outputs that an element can move, with it moved along each of the lengths,
        [lengths, intervals + 1, entries]."""
        places = np.concatenate([_places(length, intervals) for length in lengths])
        found = self.confirmed.candidate.differences.along(flat, places, self.reached(flat))
        return found.reshape(lengths.size, intervals + 1, -1)

    def reached(self, flat: int) -> Array:
        """The outputs that an element can move."""
        rows = Rows(self.confirmed.colouring, self.confirmed.candidate.differences.primal.outputs)
        entries = rows.of(np.array([flat]))[0]
        return np.asarray(entries[entries >= 0])

    def scale(self, flat: int) -> float:
        """The scale of an element."""
        return float(self.confirmed.candidate.steps.scale(np.array([flat]))[0])

    @cached_property
    def lengths(self) -> Array:
        """Lengths, relative to the scale of an element, at which stairs may be: where the third differences
        of some output of the worst one do not shrink with the step, as those of stairs.

        Where f is smooth they become 1/64 of themselves when the step becomes a 4th, at a corner 1/4.
        """
        lengths = FARTHEST * NARROWER ** np.arange(LEVELS)
        if not self.elements.size:
            return lengths[:0]
        flat = int(self.elements[0])
        base = self.confirmed.candidate.differences.base[self.reached(flat)]
        with np.errstate(invalid="ignore"):
            values = self.along(flat, self.scale(flat) * lengths, ROUGHLY)
            size = np.abs(np.diff(values, n=3, axis=1)).max(axis=1)
            rough = (size[1:] > STEADY * size[:-1]) & (size[1:] > LEAST * np.abs(base))
        first = np.flatnonzero(rough.any(axis=1))
        around = np.unique(first[:, None] + np.arange(-1, 3))
        return lengths[around[(around >= 0) & (around < LEVELS)]]


def _stairs(failing: _Failing, flat: int) -> Iterator[tuple[int, float]]:
    """Outputs that an element takes over stairs, and the height of those."""
    for length in failing.scale(flat) * failing.lengths:
        up, down = failing.along(flat, np.array([length, -length]), INTERVALS)
        for side in (up, down):
            heights = height(side)
            if heights.any():
                pairs = zip(failing.reached(flat), heights, strict=True)
                yield from ((int(entry), float(tall)) for entry, tall in pairs if tall > 0)
                return


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
