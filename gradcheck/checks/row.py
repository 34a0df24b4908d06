"""The variables that are checked along directions, with their elements in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gradcheck.arrays.scale import magnitude, typical
from gradcheck.arrays.types import Array
from gradcheck.differences.strata import Elements
from gradcheck.function.problem import Problem
from gradcheck.sparsity.colouring import elementwise
from gradcheck.verdicts.candidate import Candidate, Confirmed
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.verdict import ElementVerdict
from gradcheck.verdicts.widening import Widening, widening

LITTLE = 1e-3
"""Share of L up to which noise may hide what an element does: in bfloat16 it hides as much as L itself."""
SMALL = 1e-9
"""Share of how much L moves along a direction, by a third of each scale, up to which a gradient that is not
told from 0 need be known."""


@dataclass(frozen=True)
class Row:
    """n elements of several candidates."""

    problem: Problem
    candidates: tuple[Candidate, ...]
    elements: Elements
    tape: Array
    """[cotangents, n]."""
    tolerance: Array
    """atol + rtol · max_k |g_k|: the error that counts as agreement, [n]."""
    known: Array
    """The bound on an error from which an element is known as well as one difference has to be, [n]."""
    zero: Array
    """The same for an element whose gradient is not told from 0, [n]."""
    little: float
    """What is little beside L, or beside the largest move of L by the scale of an element."""

    @staticmethod
    def of(problem: Problem, candidates: Sequence[Candidate]) -> Row:
        """The candidates in their order."""
        tape = np.concatenate([one.tape for one in candidates], axis=1)
        size = np.concatenate([magnitude(one.steps.point).reshape(-1) for one in candidates])
        gradient = np.abs(tape).max(axis=0)
        elements = Elements(tuple(one.shape for one in candidates), size, gradient)
        scaled = [
            one.at_scale(_scale(gradient[start:stop]))
            for one, (start, stop) in zip(candidates, pairwise(elements.starts), strict=True)
        ]
        counts = np.diff(elements.starts)

        def each(numbers: Sequence[float]) -> Array:
            return np.repeat(np.asarray(numbers), counts)

        rules = [one.rule for one in scaled]
        noise = _noise(problem)
        return Row(
            problem,
            tuple(scaled),
            elements,
            tape,
            each([rule.atol for rule in rules]) + each([rule.rtol for rule in rules]) * gradient,
            np.maximum(
                each([rule.limit for rule in rules]) * gradient,
                each([rule.floor * rule.scale for rule in rules]),
            ),
            each([rule.reach * noise for rule in rules]) / size,
            max(
                LITTLE * float(np.abs(problem.cotangents[0]) @ np.abs(problem.base)),
                max(rule.limit for rule in rules) * float(np.nan_to_num(gradient * size).max(initial=0.0)),
            ),
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """The number of each candidate among the variables of the problem."""
        return tuple(one.number for one in self.candidates)

    @property
    def places(self) -> Array:
        """Where the elements are among those of all variables, [n]."""
        sizes = [int(value.shape.num_elements()) for value in self.problem.exact.values]
        return np.flatnonzero(np.isin(np.repeat(np.arange(len(sizes)), sizes), self.numbers))

    def resolved(self, bound: Array, moved: Array) -> Array:
        """Whether an error of up to `bound` [n] leaves the elements known well enough, [n]; L moves along
        directions by slopes `moved` of each element, [n]."""
        nothing = self.elements.gradient <= 4 * bound
        # What noise hides must be little beside L or what other elements do: else nothing has been seen.
        hidden = (bound <= self.zero) & (bound * self.elements.size <= self.little)
        return np.asarray((bound <= self.known) | (nothing & (hidden | (bound <= SMALL * moved))))

    @property
    def noise(self) -> float:
        """Σ w σ, the noise of L."""
        return _noise(self.problem)

    def confirmed(
        self, bound: Array, moved: Array, kinks: Array, beside: Array, corners: Array, alone: Judgement
    ) -> list[Confirmed]:
        """What is known of each candidate, from the bounds of its elements by directions, [n], where they are
        at a corner, were looked at beside one, or were not for their `corners`, [n], and from the elements
        that were moved `alone`."""
        known = self.resolved(bound, moved)
        # Where a difference of one element tells nothing, directions may; and where one-sided slopes refuse a
        # tape, it may be the limit of gradients that directions have shown to be right.
        limits = (alone.verdicts == ElementVerdict.MISMATCH) & alone.corner & beside
        untold = (alone.verdicts == ElementVerdict.INCONCLUSIVE) | limits
        mine = alone.checked & ~(untold & known)
        whole = self._judgement(bound, known, kinks, corners, alone).where(mine, alone)
        found = []
        for candidate, (start, stop) in zip(self.candidates, pairwise(self.elements.starts), strict=True):
            colouring = elementwise(candidate.shape, len(self.problem.exact.outputs))
            part = whole.take(slice(int(start), int(stop))).read_only()
            found.append(Confirmed(candidate, colouring, part))
        return found

    def _judgement(
        self, bound: Array, known: Array, kinks: Array, corners: Array, alone: Judgement
    ) -> Judgement:
        """What the bounds [n] say of all elements."""
        verdicts = np.where(known, ElementVerdict.MATCH, ElementVerdict.INCONCLUSIVE)
        verdicts[kinks & (verdicts == ElementVerdict.MATCH)] = ElementVerdict.KINK
        verdicts[~np.isfinite(self.tape).all(axis=0)] = ElementVerdict.NONFINITE
        nothing = np.zeros(bound.size, bool)
        return Judgement(
            verdicts.astype(np.uint8),
            np.full(bound.size, np.nan),
            self.tolerance,
            np.zeros(bound.size, np.float32),
            bound,
            np.where(_really_zero(self.elements, alone), _natural(self), self.elements.gradient),
            corners,
            nothing,
            ~nothing,
            np.zeros(bound.size),
            widening(self.tolerance, {Widening.DIFFERENCE: np.maximum(bound - self.tolerance, 0.0)}),
            np.zeros(bound.size, np.float32),
        )


def _really_zero(elements: Elements, alone: Judgement) -> Array:
    """Mask of the elements whose gradient is 0, in variables none of whose such elements is seen to have
    saturated when moved alone, [n]."""
    zero = np.asarray(elements.gradient == 0)
    for start, stop in pairwise(elements.starts):
        part = slice(int(start), int(stop))
        if (zero[part] & alone.checked[part] & (alone.size[part] == 0) & (alone.bound[part] > 0)).any():
            zero[part] = False
    return zero


def _natural(row: Row) -> Array:
    """|L| / a, [n]: the size of a gradient of an element that L goes with."""
    size = float(np.abs(row.problem.cotangents[0]) @ np.abs(row.problem.base))
    natural: Array = size / row.elements.size
    return natural


def _noise(problem: Problem) -> float:
    return float(np.sum(np.abs(problem.cotangents[0]) * problem.noise.noise))


def _scale(gradient: Array) -> float:
    known = np.isfinite(gradient)
    return typical(gradient, known) if gradient[known].any() else 0.0
