"""Corners looked at together, and from next to them: what one element at a time cannot see.

Together: at a tie of two maxima each slope may be anything in [0, 1], but along a direction that keeps the
tie (all ones, the signs of x, or x itself, since max, abs and relu are homogeneous) the output is smooth, and
there the tape's slope Σ T_j d_j must equal the difference. Outputs that have a corner along the direction as
well say nothing: outside convex functions a valid subgradient may lie beyond both one-sided slopes.

From next to them: a subgradient is a mean of gradients at points around this one (Clarke 1983). Where several
corners meet in one output it can lie outside the interval of one-sided slopes at the point itself, so the
slopes at random neighbours widen the interval.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gradcheck.arrays.scale import typical
from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import Differences
from gradcheck.function.tape import record
from gradcheck.verdicts.examine import Examination
from gradcheck.verdicts.verdict import ElementVerdict

NEIGHBOURS = 24
NEAR = 1e-4
"""Distance of the neighbours relative to the tensor's scale: smooth slopes change as little."""


def judge_together(examinations: list[Examination], cotangents: Array, rtol: float) -> None:
    """Mark the corner elements as mismatches where the tape's slope along a smooth direction is wrong."""
    kinks = [np.flatnonzero(e.verdicts == ElementVerdict.KINK) for e in examinations]
    if not any(found.size for found in kinks):
        return
    for kind in ("ones", "signs", "scaling"):
        directions = [_direction(e, found, kind) for e, found in zip(examinations, kinks, strict=True)]
        if any(direction.any() for direction in directions) and _contradicts(
            examinations, directions, cotangents, rtol
        ):
            for examination, found, direction in zip(examinations, kinks, directions, strict=True):
                examination.verdicts[found[direction.reshape(-1)[found] != 0]] = ElementVerdict.MISMATCH


def _direction(examination: Examination, kinks: Array, kind: str) -> Array:
    """A direction on the corner elements of one variable, in its shape."""
    point = examination.steps.point.astype(np.float64)
    direction = np.zeros(point.size)
    values = point.reshape(-1)[kinks]
    direction[kinks] = {"ones": np.ones(kinks.size), "signs": np.sign(values), "scaling": values}[kind]
    return direction.reshape(point.shape)


def _contradicts(
    examinations: list[Examination], directions: list[Array], cotangents: Array, rtol: float
) -> bool:
    first = examinations[0].differences
    base = first.base
    reach = max(float(np.abs(direction).max()) for direction in directions)
    scale = min(e.steps.typical for e in examinations)
    # sqrt(eps): far below any distance that is not meant as a tie, far above rounding.
    precision = first.weights.precision
    step = precision.coarsest**0.5 * scale / reach
    up, down = (_along(examinations, directions, side * step) for side in (1.0, -1.0))
    rise, fall = (up - base) / step, (base - down) / step
    rounding = 4 * precision.noise / step
    size = (np.abs(rise) + np.abs(fall)) / 2
    with np.errstate(invalid="ignore"):
        smooth = (size > 0) & (np.abs(rise - fall) <= 1e-4 * size + 2 * rounding)
    if not smooth.any():
        return False
    masked = cotangents * smooth
    gradients = record(first.forward, masked).gradients
    for k, cotangent in enumerate(masked):
        slope = sum(float((g[k] * d).sum()) for g, d in zip(gradients, directions, strict=True))
        central = float((cotangent * np.where(smooth, (rise + fall) / 2, 0.0)).sum())
        slack = float((np.abs(cotangent) * np.where(smooth, rounding + (1e-4 + rtol) * size, 0.0)).sum())
        if not abs(slope - central) <= slack:
            return True
    return False


def _along(examinations: list[Examination], directions: list[Array], step: float) -> Array:
    differences = examinations[0].differences
    values = list(differences.forward.values)
    for examination, direction in zip(examinations, directions, strict=True):
        number = examination.differences.variable
        values[number] = values[number] + tf.constant(step * direction, values[number].dtype)
    outputs: Array = differences.at(values).numpy()
    return outputs


def look_around(examination: Examination, cotangents: Array, seed: int) -> None:
    """Turn corner mismatches into kinks where the slopes at neighbouring points reach the tape's value."""
    wrong = np.flatnonzero((examination.verdicts == ElementVerdict.MISMATCH) & examination.corner)
    if wrong.size == 0:
        return
    differences = examination.differences
    generator = np.random.default_rng([seed, 3])
    low, high = (np.full((len(cotangents), wrong.size), end) for end in (np.inf, -np.inf))
    # sqrt(eps): close to a neighbour for its corners, far above rounding for its slope.
    share = differences.weights.precision.coarsest ** (1 / 2)
    steps = (share * examination.steps.scale(wrong)).astype(examination.steps.point.dtype)
    for _ in range(NEIGHBOURS):
        values = []
        for value in differences.forward.values:
            move = NEAR * typical(value.numpy()) * generator.standard_normal(tuple(value.shape))
            values.append(value + tf.constant(move, value.dtype))
        around = Differences(differences.forward.at(values), differences.variable, differences.weights)
        sums = around.sweep(examination.grouping, wrong, steps, plain=False)
        low, high = (  # fmin and fmax: a neighbour outside the domain says nothing
            end(kept, (sums.up + sums.down) / (2 * steps.astype(np.float64)))
            for end, kept in ((np.fmin, low), (np.fmax, high))
        )
        differences.evaluation.count += around.evaluations
    tape = examination.tape[:, wrong]
    with np.errstate(invalid="ignore"):
        slack = 1e-3 * (examination.size[wrong] + np.abs(high - low))
        inside = (tape >= low - slack) & (tape <= high + slack)
        reached = inside.all(axis=0) & (inside & (high - low > slack)).any(axis=0)
    examination.verdicts[wrong[reached]] = ElementVerdict.KINK
    error = np.abs(examination.tape[0] - examination.difference)
    examination.tolerance[wrong[reached]] = error[wrong[reached]]
