"""All elements of many groups along signed random directions over strata, and a sample one by one.

The evaluations do not grow with the number of elements. Elements that directions do not resolve as well as a
difference of one element has to be are taken in finer strata, and then one by one as long as they are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.checks.row import Row
from gradcheck.checks.search import NAMED, corners, suspects
from gradcheck.checks.singles import Singles
from gradcheck.checks.stratum import Places, Stratum
from gradcheck.differences.directions import COUNT
from gradcheck.differences.strata import set_apart
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.progress import Forecast, Progress, Stage
from gradcheck.sparsity.colouring import elementwise
from gradcheck.verdicts.along_directions import Slopes
from gradcheck.verdicts.candidate import Candidate, Confirmed
from gradcheck.verdicts.examination import examine
from gradcheck.verdicts.summary import Summary
from gradcheck.verdicts.verdict import Comparison

FEW = 24
"""Elements of a stratum below which they are moved one by one: that costs less than directions."""
SAMPLE = 40
"""Elements that are moved one by one in any case."""
LEAST_SENSITIVE = 2
"""Elements besides in which the largest error would not be seen."""
LEFT_OVER, CORNERS = 128, 1024
"""Elements that directions do not resolve, and of those at corners, which are moved one by one, at corners by
some 50 evaluations each; of more, all are inconclusive."""
DEEPEST = 4
"""Times and one that a stratum is taken apart, for its variables or its corners."""
CLOSELY = 1
"""Mismatches of a variable that are confirmed by a thorough look, of some 90 evaluations, each time."""
ROUNDS = 5
"""Times that elements are put into ever finer strata, which cost less than moving them one by one."""
STRATUM, BESIDES = 170, 600
"""Evaluations of a stratum, and of what is moved one by one in a check that passes. Searches for wrong
elements may take as many in all: with those that are named a failing check takes three times as many."""
USUAL = 2000
"""Evaluations that directions usually take."""
LEAST = 0.25
"""Share of a check that a budget has to pay for: fewer than 5 directions miss an error too often."""
NONE = "no elements could be taken along directions: each was moved by itself, or is at a corner"
SIDES = "tape along signed directions", "difference"


def check(
    problem: Problem, candidates: Sequence[Candidate], progress: Progress, share: float
) -> tuple[list[Confirmed], Comparison, Summary, list[Note]]:
    """Judge all elements of the candidates; with fewer directions where the budget pays for a share only."""
    row, count = Row.of(problem, candidates), int(COUNT * max(share, LEAST))
    confirmed, comparison, summary = _Check(row, progress, count).run()
    budget = problem.settings.budget
    if count == COUNT or budget is None:
        return confirmed, comparison, summary, []
    text = (
        f"Within the budget of {budget.in_words}: {count} signed directions instead of {COUNT}, so that an "
        f"error in an element is missed with a chance of 1 in {2**count}."
    )
    return confirmed, comparison, summary, [Note(Kind.WARNING, text)]


def ahead(others: Forecast, candidates: Sequence[Candidate]) -> Forecast:
    """What lies ahead where some candidates are taken along directions as well."""
    if not candidates:
        return others
    elements = sum(one.steps.point.size for one in candidates)
    return Forecast(others.elements + elements, others.evaluations + USUAL, others.seconds)


class _Check:
    """One check along directions, of a row of n elements."""

    def __init__(self, row: Row, progress: Progress, directions: int) -> None:
        """`directions` are taken in each stratum."""
        self.row, self.progress, self.meter = row, progress, row.problem.meter
        self.places, self.singles = Places(row, directions), Singles(row)
        self.count = directions
        count = row.tape.shape[1]
        self.bound = np.full(count, np.inf)
        """How far the tape of each element can be off, by directions."""
        self.moved = np.zeros(count)
        """How much L moves along directions, as a slope of each element."""
        self.kinks, self.beside, self.corners = np.zeros((3, count), bool)
        """Where the tape is another one across a corner, was checked on its own side, or has no such side."""
        self.distances: list[Array] = []
        self.tolerances: list[Array] = []
        """Of all directions, less the errors of elements that were named."""
        self.refuted, self.strata, self.named = False, 0, 0
        self.searches = BESIDES
        """Evaluations left for searches."""

    def run(self) -> tuple[list[Confirmed], Comparison, Summary]:
        """Sample, strata, finer strata, and the verdicts that follow."""
        row, singles = self.row, self.singles
        left = np.flatnonzero(np.isfinite(row.tape).all(axis=0))
        _move(singles, _sample(row, SAMPLE * self.count // COUNT), self.progress)
        for level in range(ROUNDS):
            large, small = set_apart(row.elements.strata(left, row.noise), FEW)
            _move(singles, small, self.progress)
            self.searches += STRATUM * len(large) * (level == 0)
            for number, chosen in enumerate(large):
                self._stratum(chosen, (level, number))
            before, left = left.size, left[~(row.resolved(self.bound, self.moved) | singles.checked)[left]]
            if self.refuted or left.size < FEW or left.size == before:
                break
        cornered = self.beside[left] | ~np.isfinite(self.bound[left])
        for some, most in ((left[~cornered], LEFT_OVER), (left[cornered], CORNERS)):
            if some.size <= most and not self.refuted:
                _move(singles, some, self.progress)
        _move(singles, _least_sensitive(row, self.bound), self.progress)
        summary = Summary(self.bound.size, int(singles.checked.sum()), self.strata, self.count)
        found = row.confirmed(self.bound, self.moved, self.kinks, self.beside, self.corners, singles.judged)
        return found, _comparison(self.distances, self.tolerances), summary

    def _stratum(self, chosen: Array, seeds: tuple[int, ...]) -> None:
        """Bound the errors of one stratum, and look for the elements that put a direction off."""
        found = self.places.stratum(chosen, seeds)
        self.progress.advance(chosen.size, self.meter.count)
        self.progress.stage(Stage.DIRECTIONS, self.meter.count, elements=chosen.size, directions=self.count)
        if found is None:
            self._without_corners(chosen, seeds)
            return
        self.strata += 1
        slopes = self._searched(found)
        tolerance = self.row.tolerance[chosen]
        refuted = bool(slopes.refuted(tolerance).any())
        if refuted and self._by_variable(chosen, seeds):
            return
        self.refuted |= refuted
        self.corners[chosen] = False
        known = np.isfinite(slopes.estimate.bound[0])
        self.distances.append(slopes.distance[0, known])
        self.tolerances.append(slopes.tolerance(tolerance)[0, known])
        bound = 2 * slopes.reach() / self.row.elements.size[chosen] + found.apart
        self.bound[chosen] = np.minimum(self.bound[chosen], bound)
        # At a minimum all elements move L by its curvature: an error far below that is none.
        self.moved[chosen] = slopes.moved / self.row.elements.size[chosen]
        if found.kinks is not None:
            self.beside[chosen], self.kinks[chosen] = True, found.kinks

    def _part(self, chosen: Array, seeds: tuple[int, ...]) -> None:
        """Take a part of a stratum along directions of its own, or one by one where it is small."""
        if chosen.size < FEW:
            _move(self.singles, chosen, self.progress)
        else:
            self._stratum(chosen, seeds)

    def _without_corners(self, chosen: Array, seeds: tuple[int, ...]) -> None:
        """Move the elements of a stratum that are at a corner by themselves, and take the others along
        directions, where those elements are few."""
        self.corners[chosen] = True
        if len(seeds) > DEEPEST:
            return
        along, until = self.places.directions(chosen, seeds), self.meter.count + 8 * CORNERS
        found = corners(along, CORNERS, self.meter, until)
        self.progress.stage(Stage.SEARCH, self.meter.count, "found", elements=found.size)
        if 0 < found.size < CORNERS:
            _move(self.singles, chosen[found], self.progress)
            self._part(np.delete(chosen, found), (*seeds, 1))

    def _by_variable(self, chosen: Array, seeds: tuple[int, ...]) -> bool:
        """Take a stratum that is off apart by variables, so that a right one is not held up by wrong ones;
        False where there is but one, or searches have cost too much."""
        parts = self.row.elements.parts(chosen)
        if len(parts) == 1 or self.searches <= 0:
            return False
        before = self.meter.count
        for number, part in enumerate(parts, start=2):
            if self.singles.most_are_wrong(part):
                self.refuted = True
            else:
                self._part(part, (*seeds, number))
        self.searches -= self.meter.count - before
        return True

    def _searched(self, found: Stratum) -> Slopes:
        """The slopes of a stratum without the errors of the elements that were found to be wrong."""
        chosen, singles, beside = found.chosen, self.singles, found.kinks is not None
        slopes = singles.taken_out(found.slopes, beside=beside)
        while self.named < NAMED and self.searches > 0 and _worth_a_search(singles, slopes):
            before = self.meter.count
            suspected = chosen[suspects(slopes, NAMED - self.named, self.meter, before + self.searches)]
            self.progress.stage(Stage.SEARCH, self.meter.count, "found", elements=suspected.size)
            self.named += (moved := _move(singles, suspected, self.progress))
            self.searches -= self.meter.count - before
            if not moved:
                break
            slopes = singles.taken_out(found.slopes, beside=beside)
        return slopes


def _worth_a_search(singles: Singles, slopes: Slopes) -> bool:
    """Whether there is more than rounding, that an element beyond its tolerance may have to do with."""
    row, chosen = singles.row, slopes.directions.chosen
    if not slopes.seen().any() or any(map(singles.most_are_wrong, row.elements.parts(chosen))):
        return False
    error = 2 * slopes.reach() / row.elements.size[chosen]
    return bool((error > row.tolerance[chosen]).any())


def _move(singles: Singles, flat: Array, progress: Progress) -> int:
    """Move some elements by themselves, those that were not yet; how many those are."""
    row = singles.row
    flat = np.sort(flat[~singles.checked[flat]])
    for place, _, mine in row.elements.locate(flat):
        candidate, meter = row.candidates[place], row.problem.meter
        alone = elementwise(candidate.shape, len(row.problem.exact.outputs))
        start, stop = row.elements.starts[place : place + 2]
        # Where most of a variable is wrong, nothing is in doubt.
        closely = 0 if singles.most_are_wrong(np.arange(start, stop)) else CLOSELY
        found = examine(candidate, alone, mine, Progress(), meter, closely).judgement.take(mine)
        singles.note(mine + start, found)
    progress.stage(Stage.ALONE, row.problem.meter.count, elements=flat.size)
    return flat.size


def _sample(row: Row, count: int) -> Array:
    """So many elements, at least some of every variable, drawn at random."""
    random = generator(Stream.SINGLES, row.problem.settings.seed)
    each = max(2, count // len(row.candidates))
    found = [
        start + random.choice(int(stop - start), min(each, int(stop - start)), replace=False)
        for start, stop in pairwise(row.elements.starts)
    ]
    return np.concatenate(found)


def _least_sensitive(row: Row, bound: Array) -> Array:
    """The elements in which an error has to be largest to be seen, of those whose gradient is told from 0."""
    told = row.elements.gradient > 4 * bound
    sensitivity = np.divide(bound, row.elements.gradient, out=np.zeros(bound.size), where=told)
    return np.argsort(-sensitivity, kind="stable")[:LEAST_SENSITIVE]


def _comparison(distances: list[Array], tolerances: list[Array]) -> Comparison:
    """Of all directions, less the errors of elements that were named; a number of a direction tells nobody
    anything."""
    if not distances:
        return Comparison.without(*SIDES, "all", NONE)
    compared = Comparison.of(*SIDES, "all", np.concatenate(distances), np.concatenate(tolerances))
    return replace(compared, where=None)
