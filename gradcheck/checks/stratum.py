"""The slopes of one stratum: at the point, or on the side of its corners that the tape took.

Where L has corners at the point along a direction, the tape is held to differences at x + εv, on the side v
of the corners where it is the limit of gradients (verdicts/limiting.py), for the largest ε at which the tape
is still nearly the one at x. How far the two tapes are apart counts as an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck.arrays.large import view
from gradcheck.arrays.types import Array
from gradcheck.checks.row import Row
from gradcheck.differences.contraction import Weighted
from gradcheck.differences.directions import SignedDirections
from gradcheck.differences.evaluator import Evaluator
from gradcheck.differences.strata import SPAN
from gradcheck.verdicts.along_directions import Slopes
from gradcheck.verdicts.limiting import DISTANCES, Side, agrees, side_of_the_tape, tape_at

LONGEST = 1 / 3
"""The longest step of a direction, relative to the scale of the elements."""
NEARER = 1 / 8
"""Longest step on a side of a corner, relative to the distance from the corner."""
ENOUGH = 0.25
"""Share of the smallest tolerance in a stratum to which no slope need be known better."""
LOST = 128.0
"""Times the noise of L to which the slopes need be known where no element moves L by more than that noise:
steps of a third of the scale know them to some ten times the noise at best."""
APART = 0.25
"""Share of the largest bound that still allows a verdict by which the two tapes should be apart at most."""
MOST = 0.9
"""Share of the elements of which that must hold: what is left is taken nearer, in finer strata."""


@dataclass(frozen=True)
class Stratum:
    """What directions say of some elements of a row."""

    chosen: Array
    """Indices into the row."""
    slopes: Slopes
    apart: Array
    """How far the tape that the slopes belong to is from the one at the point, [chosen]."""
    kinks: Array | None
    """Whether the tape is another one on the other side of the corners at the point, [chosen]; None where
    there are no corners."""


@dataclass(frozen=True)
class _Place:
    """f and its tape at other values of the variables."""

    evaluator: Evaluator
    tape: Array
    """[cotangents, n]."""
    same: Array
    """Whether the tape is the one at the point but for curvature, [n]."""


class Places:
    """Where slopes can be taken."""

    def __init__(self, row: Row, directions: int) -> None:
        problem, self._count = row.problem, directions
        self._row, self._places = row, row.places
        self._weighted = Weighted.of(problem.cotangents, problem.noise.noise, problem.noise.eps)
        self._here = self._evaluator(None)
        self._beside: dict[float, _Place] = {}

    @cached_property
    def _side(self) -> Side:
        return side_of_the_tape(self._row.problem)

    def _evaluator(self, values: list[Any] | None) -> Evaluator:
        problem = self._row.problem
        primal = problem.exact if values is None else problem.exact.at(values)
        base = problem.base if values is None else view(primal.evaluate(values, problem.base.size))
        return Evaluator(primal, self._row.numbers, base, problem.meter, problem.settings.memory)

    def stratum(self, chosen: Array, seeds: tuple[int, ...]) -> Stratum | None:
        """The slopes of some elements along directions that `seeds` tell apart; None where there are corners
        on every side that was tried."""
        row = self._row
        slopes = self._slopes(self._here, row.tape, LONGEST, chosen, seeds)
        if not slopes.corners:
            return Stratum(chosen, slopes, np.zeros(chosen.size), None)
        for distance in DISTANCES if self._side.moves_any else ():
            place = self._place(distance)
            apart = np.abs(place.tape - row.tape)[:, chosen].max(axis=0)
            known = place.same[chosen] & (apart <= APART * row.known[chosen])
            if np.mean(known) < MOST and distance != DISTANCES[-1]:
                continue
            slopes = self._slopes(place.evaluator, place.tape, NEARER * distance, chosen, seeds)
            if not slopes.corners:
                return Stratum(chosen, slopes, apart, self._side.kinks[self._places[chosen]])
        return None

    def _place(self, distance: float) -> _Place:
        if distance not in self._beside:
            problem = self._row.problem
            values = self._side.values(problem, distance)
            whole = tape_at(problem, values)
            same = agrees(problem, whole, distance)[self._places]
            self._beside[distance] = _Place(self._evaluator(values), whole[:, self._places], same)
        return self._beside[distance]

    def directions(self, chosen: Array, seeds: tuple[int, ...]) -> SignedDirections:
        """Directions over some elements at the point, which `seeds` tell apart."""
        return self._directions(self._here, chosen, seeds)

    def _directions(self, evaluator: Evaluator, chosen: Array, seeds: tuple[int, ...]) -> SignedDirections:
        row, seeds = self._row, (self._row.problem.settings.seed, *seeds)
        return SignedDirections(
            evaluator, row.numbers, self._weighted, row.elements, chosen, seeds, self._count
        )

    def _slopes(
        self, evaluator: Evaluator, tape: Array, longest: float, chosen: Array, seeds: tuple[int, ...]
    ) -> Slopes:
        row, directions = self._row, self._directions(evaluator, chosen, seeds)
        enough = ENOUGH * float(np.min(row.tolerance[chosen] * row.elements.size[chosen]))
        if float(np.max(row.elements.gradient[chosen] * row.elements.size[chosen])) <= SPAN * row.noise:
            enough = max(enough, LOST * row.noise)
        return Slopes.along(directions, tape[:, chosen], longest, row.problem.noise.finest, enough)
