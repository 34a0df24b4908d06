"""Forward mode: tf.autodiff.ForwardAccumulator against differences along a direction.

J u for a seeded random direction u is compared, output by output, with the difference of the function along
u: here an "element" is an output, and its slope is that of f_i along u. At a corner J u must lie between the
one-sided slopes, or between the slopes at points around this one.

What ForwardAccumulator differentiates (measured on TensorFlow 2.21): the operations that run eagerly, each by
its own backward pass transposed; those inside a custom gradient called eagerly one by one, so that the
gradient written by hand is not looked at; a call of a tf.function as a whole, by its backward pass, custom
gradients included.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.arrays.scale import magnitude
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array, eps_of
from gradcheck.differences.contraction import EachOutput, Weighted
from gradcheck.differences.rays import Ray, full_ladder, short_ladder
from gradcheck.differences.stencils import Estimate
from gradcheck.differences.step_selection import by_ladders
from gradcheck.function.nearby import CONDITIONING, TRIALS, Draw, Size, nearby, own_size
from gradcheck.function.primal import jvp
from gradcheck.function.problem import Problem
from gradcheck.targets.user_frames import brief
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.rule import LOSS_OF_DTYPE, Rule, judge
from gradcheck.verdicts.subgradients import NEIGHBOURS, between, slack
from gradcheck.verdicts.verdict import Comparison, ElementVerdict

WIDE = 0.01
"""Share of the slopes next to a point that they must differ by to tell of a corner."""
RESOLVED = 1e-3
"""Bound as a share of the slope up to which a difference says something about an output."""
CHUNK = 2**16
"""Outputs that a ladder is settled for at once: bounds the memory."""
SIDES = "forward mode", "differences along u"


def check(problem: Problem) -> list[Comparison]:
    """Forward mode of each variable against differences."""
    return [_compared(problem, number) for number in range(len(problem.names))]


def _compared(problem: Problem, number: int) -> Comparison:
    name, values = problem.names[number], problem.exact.values
    lines = [_Line(problem, number, direction) for direction in _directions(problem, number)]
    try:
        tangents = [line.tangent(values) for line in lines]
    except Exception as error:  # an operation without forward mode says so in its own way
        note = f"forward mode raised {brief(error)}"
        return Comparison.without(*SIDES, name, note, ElementVerdict.INCONCLUSIVE)
    known = all(tangent is not None for tangent in tangents)
    dense = [np.zeros(problem.base.size) if tangent is None else tangent for tangent in tangents]
    judged = [line.judge(tangent) for line, tangent in zip(lines, dense, strict=True)]
    return _worst(problem, name, judged, dense, known=known)


def _directions(problem: Problem, number: int) -> Iterator[Array]:
    """Random directions, each element in proportion to its own size or, in the second one, its tensor's.

    Only powers of two, as the steps are, so that x + t u is exact.
    """
    random = generator(Stream.JVP_DIRECTIONS, problem.settings.seed, number)
    values = problem.exact.values[number].numpy().astype(np.float64)
    for size in (own_size(values), magnitude(values)):
        exponents = np.floor(np.log2(size)) - random.integers(0, 3, values.shape)
        yield np.exp2(exponents) * random.choice([-1.0, 1.0], values.shape)


def _worst(
    problem: Problem, name: str, judged: list[Judgement], tangents: list[Array], *, known: bool
) -> Comparison:
    outputs = problem.exact.outputs
    shape = outputs[0].shape if len(outputs) == 1 else (problem.base.size,)
    # The second direction, which is as long as the tensor is at every element, may leave the function's
    # domain at small ones: then the first one decides alone.
    own, whole = judged
    vague = whole.bound > RESOLVED * whole.size
    judged = [own, replace(whole, verdicts=np.where(vague, ElementVerdict.UNCHECKED, whole.verdicts))]
    found = [
        Comparison.of(
            *SIDES,
            name,
            np.maximum(np.abs(tangent - part.difference) - part.half, 0.0).reshape(shape),
            (part.tolerance - part.half).reshape(shape),
            part.verdicts.reshape(shape),
        )
        for part, tangent in zip(judged, tangents, strict=True)
    ]
    worst = max(found, key=lambda comparison: comparison.verdict)
    none = not known and worst.verdict >= ElementVerdict.INCONCLUSIVE
    return replace(worst, note="forward mode returned None") if none else worst


class _Line:
    """The function along one direction of one variable, x + t u."""

    def __init__(self, problem: Problem, number: int, direction: Array) -> None:
        """`direction` has the variable's shape and is about as long as the variable, element by element."""
        self.problem, self.number, self.eps = problem, number, problem.noise.coarsest
        self.ray = Ray(problem.exact, problem.base, {number: direction}, problem.meter)
        ones = np.ones((1, problem.base.size))
        self.weighted = Weighted(ones, ones[0], problem.noise.noise, problem.noise.eps)

    def tangent(self, values: Sequence[Any]) -> Array | None:
        """J u at some values of the variables, [outputs]; None where forward mode returned none."""
        return jvp(self.problem.exact, values, self.number, self.ray.direction[self.number])

    def judge(self, tangent: Array) -> Judgement:
        settings, eps = self.problem.settings, self.eps
        rule = Rule.of(max(settings.rtol, LOSS_OF_DTYPE * eps), settings.atol, eps)
        first = eps ** (1 / 3) if settings.step is None else settings.step
        short = self._estimate(short_ladder(first), np.arange(tangent.size))
        known = short.size[np.isfinite(short.size)]
        rule = replace(rule, scale=float(np.sqrt(np.mean(known**2))) if known.size else 0.0)
        # An output that stands still may have a J u of the rounding of those that move.
        rounding = 16 * eps * rule.scale

        def unsettled(found: Estimate) -> Array:
            judged = judge(found, tangent[None], rule, rounding)
            open_ = ~found.resolved(rule.rtol, rule.atol)
            return np.flatnonzero(open_ | (judged.verdicts >= ElementVerdict.INCONCLUSIVE))

        found = by_ladders(
            tangent.size, lambda _: short, lambda left: self._estimate(full_ladder(eps), left), unsettled
        )
        # A difference of a function that is rounded to eps is good to eps^(2/3).
        allowed = rounding + eps ** (2 / 3) * found.size
        judged = judge(found, tangent[None], rule, allowed)
        if (judged.verdicts == ElementVerdict.MISMATCH).any():
            judged = judge(found, tangent[None], rule, allowed + self._conditioning(found.size))
        return self._with_kinks(judged, tangent)

    def _estimate(self, steps: list[float], chosen: Array) -> Estimate:
        sides = [self.ray.sides(step) for step in steps]
        chunks = [chosen[start : start + CHUNK] for start in range(0, chosen.size, CHUNK)]
        found = [self.ray.settled(steps, sides, self.weighted.at(c), EachOutput(), c) for c in chunks]
        return Estimate.joined(found)

    def _conditioning(self, size: Array) -> Array:
        """How far rounding may move J u, from how far J u moves with the inputs; ties are no rounding."""
        values = self.problem.exact.values
        here = self.tangent(values)
        largest = np.zeros(size.shape)
        share = eps_of(self.problem.noise.dtype)
        for trial in range(TRIALS):
            random = generator(Stream.JVP_ROUNDED_INPUTS, self.problem.settings.seed, trial)
            moved = self.tangent(nearby(values, share, Size.ITSELF, Draw.HALF_TO_WHOLE, random))
            if here is not None and moved is not None:
                largest = np.fmax(largest, np.abs(moved - here))
        return np.where(largest <= WIDE * size, CONDITIONING * largest, 0.0)

    def _with_kinks(self, judged: Judgement, tangent: Array) -> Judgement:
        """Where corners meet, a valid J u can lie beyond both slopes, but not beyond those of neighbours."""
        wrong = judged.having(ElementVerdict.MISMATCH)
        if not wrong.size:
            return judged
        slopes = np.stack([slope[wrong] for slope in self._neighbours()])
        low, high = slopes.min(axis=0), slopes.max(axis=0)
        size = np.maximum(np.abs(low), np.abs(high))
        inside = between(tangent[wrong], low, high, slack(low, high, size))
        # Around a point where the function is smooth all slopes are the same.
        inside &= high - low > WIDE * size
        kinks = wrong[inside]
        verdicts, tolerance = judged.verdicts.copy(), judged.tolerance.copy()
        verdicts[kinks] = ElementVerdict.KINK
        tolerance[kinks] = np.abs(tangent - judged.difference)[kinks]
        return replace(judged, verdicts=verdicts, tolerance=tolerance)

    def _neighbours(self) -> Iterator[Array]:
        """Central differences along u at random points next to this one, the step far below the distance."""
        random = generator(Stream.JVP_NEIGHBOURS, self.problem.settings.seed)
        near, step = self.eps**0.375, self.eps**0.5625
        for _ in range(NEIGHBOURS):
            values = nearby(self.problem.exact.values, near, Size.ELEMENT, Draw.NORMAL, random)
            yield (self.ray.at(step, values) - self.ray.at(-step, values)) / (2 * step)
