"""Forward mode: tf.autodiff.ForwardAccumulator against differences along a direction, and against the tape.

J u for a seeded random direction u is compared, output by output, with the difference of the function along
u. The steps, the noise and the corners are judged as those of single elements are (`sweep`): here an
"element" is an output, and its slope is that of f_i along u. At a corner J u must lie between the one-sided
slopes, or between the slopes at points around this one.

What ForwardAccumulator differentiates (measured on TensorFlow 2.21): the operations that run eagerly, each by
its own backward pass transposed; those inside a custom gradient called eagerly one by one, so that the
gradient written by hand is not looked at; a call of a tf.function as a whole, by its backward pass, custom
gradients included. So a custom gradient that is wrong gives a right J u and breaks the identity with the tape
where it is called eagerly; inside a tf.function it makes J u wrong too, and the identity holds: only the
differences tell. For operations of TensorFlow itself the identity holds trivially.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import numpy as np
import tensorflow as tf

from gradcheck.arrays.scale import typical
from gradcheck.arrays.types import Array
from gradcheck.checks.backward_linearity import products
from gradcheck.differences.evaluator import evaluate
from gradcheck.differences.stencils import Level, Slopes
from gradcheck.differences.step_selection import settle
from gradcheck.differences.steps import SHORT
from gradcheck.differences.weights import Sums
from gradcheck.function.noise_level import rounded
from gradcheck.function.problem import Point
from gradcheck.function.tape import draw_cotangents, record
from gradcheck.report.comparison import Comparison
from gradcheck.verdicts.examine import CHUNK, LEVELS
from gradcheck.verdicts.own_dtype import CONDITIONING, TRIALS
from gradcheck.verdicts.rule import Judgement, Rule, judge
from gradcheck.verdicts.verdict import ElementVerdict

NEIGHBOURS = 24
WIDE = 0.01
"""Share of the slopes next to a point that they must differ by to tell of a corner."""

DIFFERENCES = "forward mode", "differences along u"
REVERSE = "forward mode, <r, J u>", "reverse mode, <Jᵀ r, u>"
UNSEEN = (
    "forward mode agrees with the differences, so the tape is wrong: a gradient written by hand "
    "(tf.custom_gradient) that is called eagerly is not looked at by forward mode"
)
RESOLVED = 1e-3
"""Bound as a share of the slope up to which a difference says something about an output."""


class Line:
    """The function along one direction of one variable, x + t u."""

    def __init__(self, point: Point, number: int, direction: Array) -> None:
        """`direction` has the variable's shape and is about as long as the variable, element by element."""
        self.origin, self.number = point, number
        self.forward, self.base, self.eps = point.forward, point.base, point.precision.coarsest
        self.point = self.forward.values[number]
        # What the variable's dtype makes of it: differences and J u go along the very same u.
        self.direction = tf.constant(direction, self.point.dtype)
        self.evaluations = 0

    def tangent(self, values: Sequence[tf.Tensor]) -> tuple[Array, bool]:
        """J u [outputs], zeros where forward mode returned None, and whether it returned anything."""
        with tf.autodiff.ForwardAccumulator(values[self.number], self.direction) as accumulator:
            outputs = self.forward(values)
        found = accumulator.jvp(outputs)
        if found is None:
            return np.zeros(self.base.size), False
        return np.asarray(tf.cast(found, tf.float64).numpy()), True

    def judge(self, tangent: Array) -> tuple[Judgement, Array]:
        """Verdicts of every output for J u, and half the width of its interval of slopes."""
        first = self.eps ** (1 / 3) if self.origin.settings.step is None else self.origin.settings.step
        rule = Rule.of(max(self.origin.settings.rtol, 64 * self.eps), self.origin.settings.atol, self.eps)
        slopes = self._slopes([first * share for share in SHORT], np.arange(self.base.size))
        known = slopes.size[np.isfinite(slopes.size)]
        rule = replace(rule, scale=float(np.sqrt(np.mean(known**2))) if known.size else 0.0)
        # An output that stands still may have a J u of the rounding of those that move.
        rounding = 16 * self.eps * rule.scale
        open_ = ~slopes.resolved(rule.rtol, rule.atol)
        open_ |= judge(slopes, tangent[None], rule, rounding).verdicts >= ElementVerdict.INCONCLUSIVE
        left = np.flatnonzero(open_)
        if left.size:
            ladder = np.geomspace(1.0, max(1e-12, 8 * self.eps), LEVELS)
            slopes = _put(slopes, left, self._slopes(list(ladder), left))
        # A difference of a function that is rounded to eps is good to eps^(2/3).
        rounding = rounding + self.eps ** (2 / 3) * slopes.size
        judged = judge(slopes, tangent[None], rule, rounding)
        if (judged.verdicts == ElementVerdict.MISMATCH).any():
            judged = judge(slopes, tangent[None], rule, rounding + self._scatter(slopes.size))
        self._look_around(judged, tangent)
        return judged, slopes.half[0]

    def _scatter(self, size: Array) -> Array:
        """How far rounding may move J u, from how far it moves with the inputs; ties are no rounding."""
        here, _ = self.tangent(self.forward.values)
        largest = np.zeros(here.shape)
        for trial in range(TRIALS):
            values = [rounded(value, self.origin.precision.name, trial) for value in self.forward.values]
            moved, _ = self.tangent(values)
            largest = np.fmax(largest, np.abs(moved - here))
        return np.where(largest <= WIDE * size, CONDITIONING * largest, 0.0)

    def _slopes(self, steps: list[float], chosen: Array) -> Slopes:
        """The settled slopes of the outputs at `chosen` from several steps t."""
        steps = [2.0 ** round(math.log2(step)) for step in steps]
        rows = [self._sides(step, chosen) for step in steps]
        parts = []
        for start in range(0, chosen.size, CHUNK):
            part = slice(start, start + CHUNK)
            levels = [
                self._level(step, rise[part], fall[part], chosen[part])
                for step, (rise, fall) in zip(steps, rows, strict=True)
            ]
            parts.append(settle(levels, np.ones(chosen[part].size)))
        columns = ([getattr(part, field.name) for part in parts] for field in fields(Slopes))
        return Slopes(*(np.concatenate(column, axis=-1) for column in columns))

    def _level(self, step: float, rise: Array, fall: Array, chosen: Array) -> Level:
        """One step for the outputs at `chosen`, each an element of its own with an upstream gradient of 1."""
        eps, noise = self.origin.precision.eps, self.origin.precision.noise[chosen]
        with np.errstate(invalid="ignore"):
            gap, size = np.abs(rise - fall), (np.abs(rise) + np.abs(fall)) / 2
        held = np.where((rise != 0) | (fall != 0), noise, 0.0)
        coarse = size * (eps if eps.size == 1 else eps[chosen])
        taken = np.full(rise.shape, step)
        return Level(Sums(rise[None], fall[None], gap[None], size, held, coarse), taken, taken)

    def _sides(self, step: float, chosen: Array) -> tuple[Array, Array]:
        """f(x + t u) − f(x) and f(x) − f(x − t u)."""
        up, down = (self._at(self.forward.values, side * step)[chosen] for side in (1.0, -1.0))
        with np.errstate(invalid="ignore"):
            return up - self.base[chosen], self.base[chosen] - down

    def _at(self, values: list[tf.Tensor], step: float) -> Array:
        self.evaluations += 1
        moved = list(values)
        moved[self.number] = moved[self.number] + tf.cast(step, self.point.dtype) * self.direction
        outputs: Array = evaluate(self.forward, moved, self.base.size).numpy()
        return outputs

    def _look_around(self, judged: Judgement, tangent: Array) -> None:
        """Where corners meet, a valid J u can lie beyond both slopes, but not beyond those of neighbours."""
        wrong = np.flatnonzero(judged.verdicts == ElementVerdict.MISMATCH)
        if not wrong.size:
            return
        slopes = np.stack([slope[wrong] for slope in self._neighbours()])
        low, high = slopes.min(axis=0), slopes.max(axis=0)
        size = np.maximum(np.abs(low), np.abs(high))
        slack = 1e-3 * (size + (high - low))
        inside = (tangent[wrong] >= low - slack) & (tangent[wrong] <= high + slack)
        # Around a point where the function is smooth all slopes are the same.
        inside &= high - low > WIDE * size
        judged.verdicts[wrong[inside]] = ElementVerdict.KINK
        judged.tolerance[wrong[inside]] = np.abs(tangent - judged.difference)[wrong[inside]]

    def _neighbours(self) -> Iterator[Array]:
        """Central differences along u at random points next to this one, the step far below the distance."""
        generator = np.random.default_rng([self.origin.settings.seed, 10])
        near, step = self.eps**0.375, self.eps**0.5625
        point = [value.numpy().astype(np.float64) for value in self.forward.values]
        for _ in range(NEIGHBOURS):
            moves = [near * _own(value) * generator.standard_normal(value.shape) for value in point]
            values = [
                value + tf.constant(move, value.dtype)
                for value, move in zip(self.forward.values, moves, strict=True)
            ]
            yield (self._at(values, step) - self._at(values, -step)) / (2 * step)


def _put(slopes: Slopes, places: Array, other: Slopes) -> Slopes:
    """The slopes with those at `places` replaced."""
    columns = []
    for field in fields(Slopes):
        column = getattr(slopes, field.name).copy()
        column[..., places] = getattr(other, field.name)
        columns.append(column)
    return Slopes(*columns)


def compare(point: Point, reverse: bool) -> tuple[list[Comparison], int]:
    """Forward mode of each variable against differences, and with `reverse` against the tape; evaluations."""
    found: list[Comparison] = []
    evaluations = 0
    for number, name in enumerate(point.names):
        lines = [Line(point, number, direction) for direction in _directions(point, number)]
        try:
            tangents = [line.tangent(line.forward.values) for line in lines]
        except Exception as error:  # an operation without forward mode says so in its own way
            found.append(_refused(name, error))
            continue
        judged = [line.judge(tangent) for line, (tangent, _) in zip(lines, tangents, strict=True)]
        known = all(connected for _, connected in tangents)
        found.append(
            _against_differences(
                point, name, [part for part, _ in judged], [tangent for tangent, _ in tangents], known
            )
        )
        if reverse:
            halves = [half for _, half in judged]
            held = _against_reverse(point, number, lines, [tangent for tangent, _ in tangents], halves)
            parted = held.verdict is ElementVerdict.MISMATCH and found[-1].verdict <= ElementVerdict.KINK
            found.append(replace(held, note=UNSEEN) if parted else held)
        evaluations += sum(line.evaluations for line in lines)
    return found, evaluations


def _directions(point: Point, number: int) -> Iterator[Array]:
    """Random directions, each element in proportion to its own size or, in the second one, its tensor's.

    Only powers of two, as the steps are, so that x + t u is exact: next to a pole the finest steps count.
    """
    generator = np.random.default_rng([point.settings.seed, 11, number])
    values = point.forward.values[number].numpy().astype(np.float64)
    for size in (_own(values), np.maximum(np.abs(values), typical(values))):
        exponents = np.floor(np.log2(size)) - generator.integers(0, 3, values.shape)
        yield np.exp2(exponents) * generator.choice([-1.0, 1.0], values.shape)


def _own(point: Array) -> Array:
    """Size of each element, for zeros that of the tensor."""
    return np.where(point == 0, typical(point), np.abs(point))


def _refused(name: str, error: Exception) -> Comparison:
    said = " ".join(str(error).split())
    note = f"forward mode raised {type(error).__name__}: {said[:300]}"
    return Comparison.without(*DIFFERENCES, name, note, ElementVerdict.INCONCLUSIVE)


def _against_differences(
    point: Point, name: str, judged: list[Judgement], tangents: list[Array], known: bool
) -> Comparison:
    """The worst direction's worst output."""
    outputs = point.forward.outputs
    shape = outputs[0].shape if len(outputs) == 1 else (point.base.size,)
    # The second direction, which is as long as the tensor is at every element, may leave the function's
    # domain at small ones: then the first one decides alone.
    vague = judged[-1].bound > RESOLVED * judged[-1].size
    judged[-1].verdicts[vague] = ElementVerdict.UNCHECKED
    found = [
        Comparison.of(
            *DIFFERENCES,
            name,
            np.abs(tangent - part.difference).reshape(shape),
            part.tolerance.reshape(shape),
            part.verdicts.reshape(shape),
        )
        for part, tangent in zip(judged, tangents, strict=True)
    ]
    worst = max(found, key=lambda comparison: comparison.verdict)
    none = not known and worst.verdict >= ElementVerdict.INCONCLUSIVE
    return replace(worst, note="forward mode returned None") if none else worst


def _against_reverse(
    point: Point, number: int, lines: list[Line], tangents: list[Array], halves: list[Array]
) -> Comparison:
    """<r, J u> against <Jᵀ r, u> for several r and u; at a corner two valid derivatives may differ."""
    cotangents = draw_cotangents(point.base.size, None, point.settings.seed + 1)[1:]
    gradients = record(point.forward, cotangents).gradients[number]
    pairs = []
    for line, tangent, half in zip(lines, tangents, halves, strict=True):
        along = tf.cast(line.direction, tf.float64).numpy()
        for cotangent, gradient in zip(cotangents, gradients, strict=True):
            slack = float((2 * np.abs(cotangent) * half).sum())
            pairs.append((cotangent * tangent, gradient * along, slack))
    rtol = max(point.settings.rtol, 64 * point.precision.coarsest)
    return products(REVERSE, point.names[number], pairs, rtol)
