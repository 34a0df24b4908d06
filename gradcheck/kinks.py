"""All corners of a variable moved together: what one element at a time cannot see.

At a tie of two maxima each slope may be anything in [0, 1], but together they must add up to 1. So along
a direction d on the corner elements the tape's slope Σ T_j d_j must lie between the one-sided slopes of
L = <r, f(x + t d)>. Summed over a whole tensor one wrong tie could hide behind many right ones; so the sums
are taken separately for each index of the axes along which the function is independent.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gradcheck.differences import Differences
from gradcheck.structure import Grouping
from gradcheck.targets import Array

DIRECTIONS = 4


def contradicted(
    differences: Differences,
    grouping: Grouping,
    kinks: Array,
    tape: Array,
    cotangents: Array,
    scale: Array,
    rtol: float,
    seed: int,
) -> Array:
    """Which of the corner elements (flat indices `kinks`) belong to a slope the tape [K, elements] gets wrong."""
    generator = np.random.default_rng([seed, 3])
    element_segment, output_segment, count = _segments(differences, grouping)
    # sqrt(eps): far below any distance that is not meant as a tie, far above rounding.
    step = float(np.median(scale.reshape(-1)[kinks])) * differences.eps**0.5
    wrong = np.zeros(count, bool)
    for number in range(DIRECTIONS):
        direction = np.ones(kinks.size) if number == 0 else generator.standard_normal(kinks.size)
        sides = [
            _interval(differences, kinks, direction, size, cotangents, output_segment, count)
            for size in (step, step / 8)
        ]
        (low, high, size), (finer_low, finer_high, finer_size) = sides
        slack = np.abs(low - finer_low) + np.abs(high - finer_high) + rtol * np.maximum(size, finer_size)
        part = tape[:, kinks] * direction
        slope = np.stack([np.bincount(element_segment[kinks], row, count) for row in part])
        inside = (slope >= finer_low - slack) & (slope <= finer_high + slack)
        wrong |= ~inside.all(axis=0) & np.isfinite(slack).all(axis=0)
    hit: Array = wrong[element_segment[kinks]]
    return hit


def _interval(
    differences: Differences,
    kinks: Array,
    direction: Array,
    step: float,
    cotangents: Array,
    segment: Array,
    count: int,
) -> tuple[Array, Array, Array]:
    """Least and greatest slope per unit of direction and its noise and size, each [K, segments]."""
    point = differences.point.numpy()
    move = np.zeros(point.shape, point.dtype)
    move.reshape(-1)[kinks] = direction * step
    base = differences.base(False)
    values = [[*differences.forward.values] for _ in range(2)]
    values[0][differences.variable] = tf.constant(point + move)
    values[1][differences.variable] = tf.constant(point - move)
    rise = (differences.outputs(values[0], base) - base).numpy()
    fall = (base - differences.outputs(values[1], base)).numpy()
    differences.evaluations += 2
    kept = np.flatnonzero((rise != 0) | (fall != 0))
    rise, fall, rounding = rise[kept], fall[kept], 4 * differences.eps * np.abs(base.numpy()[kept])
    rows = []
    for cotangent in cotangents[:, kept]:
        up, down, weight = cotangent * rise, cotangent * fall, np.abs(cotangent)
        size = weight * ((np.abs(rise) + np.abs(fall)) / 2)
        noise = weight * rounding
        rows.append(
            [
                np.bincount(segment[kept], numbers, count)
                for numbers in (np.minimum(up, down) - noise, np.maximum(up, down) + noise, size)
            ]
        )
    low, high, size = (np.stack(part) / step for part in zip(*rows, strict=True))
    return low, high, size


def _segments(differences: Differences, grouping: Grouping) -> tuple[Array, Array, int]:
    """Segment of every element and of every output, and their number."""
    free = [axis for axis, period in enumerate(grouping.periods) if period == 1 and grouping.shape[axis] > 1]
    sizes = [grouping.shape[axis] for axis in free]
    count = int(np.prod(sizes, dtype=np.int64))
    element = np.zeros(grouping.shape, np.int64)
    parts = [np.zeros(output.shape, np.int64) for output in differences.forward.outputs]
    for axis, size in zip(free, sizes, strict=True):
        spread = [-1 if a == axis else 1 for a in range(len(grouping.shape))]
        element = element * size + np.arange(size).reshape(spread)
        for number, (windows, output) in enumerate(
            zip(grouping.windows, differences.forward.outputs, strict=True)
        ):
            window = windows[axis]
            assert window is not None  # an axis of period 1 has an owner for every output
            owner = np.maximum(window.blocks(1, size, output.shape[window.axis])[0], 0)
            spread = [-1 if a == window.axis else 1 for a in range(len(output.shape))]
            parts[number] = parts[number] * size + owner.reshape(spread)
    return element.reshape(-1), np.concatenate([part.reshape(-1) for part in parts]), count
