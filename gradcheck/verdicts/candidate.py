"""The candidate, the tape gradient of one variable with all that it is held against, and what is known of it.

The stages of an examination are values: first pass → settled → confirmed → examined. A `FirstPass` may have
elements left open, a `Confirmed` has had its worst mismatches moved by themselves, and an `Examined` has the
opinions on corners that follow from differences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradcheck.arrays.large import spans, view
from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import Differences
from gradcheck.differences.stencils import Estimate
from gradcheck.differences.steps import Steps
from gradcheck.function.nearby import Conditioning
from gradcheck.function.problem import Problem
from gradcheck.sparsity.colouring import Colouring, Rows
from gradcheck.verdicts.judgement import Judgement, Opinion, Record, combined
from gradcheck.verdicts.rule import Rule, tolerance_of


@dataclass(frozen=True)
class Candidate:
    """One variable of a problem."""

    number: int
    differences: Differences
    steps: Steps
    tape: Array
    """[K, elements] float64."""
    rule: Rule
    conditioning: Conditioning

    @property
    def name(self) -> str:
        """Name of the variable."""
        return self.differences.primal.names[self.number]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the variable."""
        return tuple(self.steps.point.shape)

    def at_scale(self, scale: float) -> Candidate:
        """The same candidate, with the typical S of the tensor known."""
        return replace(self, rule=replace(self.rule, scale=scale))

    def natural(self, colouring: Colouring, flat: Array) -> Array:
        """Σ w |f| / max(|x_j|, rms(x)) over as many outputs as an element moves: a slope's natural size."""
        width = Rows(colouring, self.differences.primal.outputs).width
        return np.asarray(width * self._mean_output / self.steps.scale(flat))

    @cached_property
    def _mean_output(self) -> float:
        shown, base = self.differences.weighted.shown, self.differences.base
        return math.fsum(float(np.sum(shown[p] * np.abs(base[p]))) for p in spans(base.size)) / base.size


def candidate(problem: Problem, number: int) -> Candidate:
    """Variable `number` before any of its elements is looked at."""
    settings, exact = problem.settings, problem.exact
    differences = Differences(
        exact, number, problem.cotangents, problem.noise, problem.base, problem.meter, settings.memory
    )
    steps = Steps(view(exact.values[number]), problem.noise.finest, settings.step, settings.seed)
    least = 0.0
    if problem.backward is problem.own and exact is not problem.own:
        # The only tape there is has the tensors' own dtype.
        least = tolerance_of(problem.own.values[number].dtype.name)
    return Candidate(
        number,
        differences,
        steps,
        problem.exact_tape.columns(number),
        Rule.of(settings.rtol, settings.atol, problem.noise.coarsest, least),
        problem.conditioning,
    )


@dataclass(frozen=True)
class FirstPass:
    """What the first pass over a colouring found."""

    candidate: Candidate
    colouring: Colouring
    record: Record
    left: Array
    """Flat indices of the elements whose slope is not settled."""
    near: Estimate
    """What is known of those."""
    lost: Array
    """Places in `left` where rounding, not curvature, is why that is too little."""


@dataclass(frozen=True)
class Settled:
    """Every element with the best look that its first one asked for."""

    candidate: Candidate
    colouring: Colouring
    record: Record


@dataclass(frozen=True)
class Confirmed:
    """What the differences say of a variable, its worst mismatches confirmed."""

    candidate: Candidate
    colouring: Colouring
    """The one that stood."""
    judgement: Judgement


@dataclass(frozen=True)
class Examined:
    """One variable with all that differences tell of it."""

    confirmed: Confirmed
    opinions: tuple[Opinion, ...] = ()

    @cached_property
    def judgement(self) -> Judgement:
        """The judgement with the opinions on it."""
        return combined(self.confirmed.judgement, self.opinions)

    def also(self, opinions: list[Opinion]) -> Examined:
        """The same with further opinions."""
        return replace(self, opinions=(*self.opinions, *opinions))
