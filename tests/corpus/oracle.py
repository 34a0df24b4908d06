"""What is known of a case without the checker: plain differences with a step that the case itself gives.

Every element is moved alone, in eager TensorFlow and Python loops, to x ± h, … x ± 4h. Central weights
give the slope of a smooth function with an error of h⁸, one-sided weights the two slopes at a corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from ml_dtypes import finfo

from tests.corpus.case import Array, Case, Function

# Fornberg (1988), tables 1 and 3: first derivative at 0 from equally spaced points.
CENTRAL = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])
ONE_SIDED = np.array([-25 / 12, 4.0, -3.0, 4 / 3, -1 / 4])

RTOL = 1e-6
"""Share of the size of an element's contributions that tape and difference may be apart."""


def is_floating(array: Array) -> bool:
    """Whether TensorFlow can differentiate by it (NumPy does not know bfloat16)."""
    return array.dtype.name == "bfloat16" or bool(np.issubdtype(array.dtype, np.floating))


def promoted(array: Array) -> Array:
    """Floating arrays as float64, others as they are."""
    return array.astype(np.float64) if is_floating(array) else array


def floating_outputs(outputs: Any) -> list[Any]:
    """Tensors of an output that can have a gradient."""
    flat: list[Any] = tf.nest.flatten(outputs)
    return [tensor for tensor in flat if tensor.dtype.is_floating or tensor.dtype.is_complex]


def values(function: Function, arrays: Sequence[Array]) -> Array:
    """All outputs in one float64 vector; a complex number counts as two."""
    parts = []
    for tensor in floating_outputs(function(*map(tf.constant, arrays))):
        array = tensor.numpy().reshape(-1)
        parts += [array.real, array.imag] if tensor.dtype.is_complex else [array.astype(np.float64)]
    return np.concatenate(parts).astype(np.float64)


def tape(function: Function, arrays: Sequence[Array], upstream: Array) -> list[Any]:
    """Tape gradients for an upstream vector laid out as `values`: arrays, or None."""
    tensors = [tf.constant(array) for array in arrays]
    watched = [tensor for tensor in tensors if tensor.dtype.is_floating]
    with tf.GradientTape() as recording:
        recording.watch(watched)
        outputs = floating_outputs(function(*tensors))
    cotangents, used = [], 0
    for tensor in outputs:
        count = int(tf.size(tensor))
        part = upstream[used : used + count]
        used += count
        if tensor.dtype.is_complex:
            part = part + 1j * upstream[used : used + count]
            used += count
        cotangents.append(tf.cast(tf.constant(part.reshape(tensor.shape)), tensor.dtype))
    found = recording.gradient(outputs, watched, output_gradients=cotangents)
    return [None if gradient is None else tf.convert_to_tensor(gradient).numpy() for gradient in found]


@dataclass(frozen=True)
class Slopes:
    """Slopes of every output along every element (or along one direction): arrays of (elements, outputs)."""

    central: Array
    left: Array
    right: Array
    noise: Array
    """Rounding error of `central`; the one-sided slopes have a few times as much."""


def slopes_along(
    function: Function, arrays: Sequence[Array], moves: Sequence[Array | None], size: float
) -> Array:
    """(9, outputs): change of the values at −4 … 4 times `moves`, divided by their `size`."""
    points = []
    for k in range(-4, 5):
        moved = [a if d is None else a + k * d for a, d in zip(arrays, moves, strict=True)]
        points.append(values(function, moved))
    return (np.stack(points) - points[4]) / size


def stencils(points: Array) -> tuple[Array, Array, Array]:
    """Central, left and right slope from nine values."""
    after, before = points[4:], points[4::-1]
    central = np.einsum("k,ko->o", CENTRAL, after[1:] - before[1:])
    return central, -np.einsum("k,ko->o", ONE_SIDED, before), np.einsum("k,ko->o", ONE_SIDED, after)


def slopes(case: Case, function: Function, arrays: Sequence[Array]) -> Slopes:
    """Slopes along every element of every floating input, in order."""
    rows: list[tuple[Array, Array, Array]] = []
    steps, positions = [], []
    for number, array in enumerate(arrays):
        if not is_floating(array):
            continue
        other_scale = float(np.sqrt(np.mean(np.square(array)))) or 1.0
        for index in np.ndindex(array.shape):
            step = case.step * (abs(float(array[index])) or other_scale)
            step = float(array[index] + step) - float(array[index])
            move = np.zeros_like(array)
            move[index] = step
            moves = [move if other == number else None for other in range(len(arrays))]
            rows.append(stencils(slopes_along(function, arrays, moves, step)))
            steps.append(step)
            positions.append(float(array[index]))
    central, left, right = (np.array(column) for column in zip(*rows, strict=True))
    # Rounding of the outputs and of everything of the size of an input's contribution on the way to them.
    size = np.abs(values(function, arrays)) + np.abs(np.array(positions)) @ np.abs(central)
    moved = (central != 0) | (left != 0) | (right != 0)
    return Slopes(central, left, right, 8 * case.eps * size * moved / np.array(steps)[:, None])


def flat(gradients: Sequence[Any], arrays: Sequence[Array]) -> Array:
    """Gradients of all floating inputs in one float64 vector; None counts as zeros."""
    shaped = [array for array in arrays if is_floating(array)]
    parts = [np.zeros(a.shape) if g is None else g for g, a in zip(gradients, shaped, strict=True)]
    return np.concatenate([part.astype(np.float64).reshape(-1) for part in parts])


def misshapen(gradients: Sequence[Any], arrays: Sequence[Array]) -> bool:
    """Whether a gradient has another shape or dtype than its input."""
    shaped = [array for array in arrays if is_floating(array)]
    pairs = [(g, a) for g, a in zip(gradients, shaped, strict=True) if g is not None]
    return any(g.shape != a.shape or g.dtype != a.dtype for g, a in pairs)


def is_right(case: Case, size: int, seed: int) -> bool:
    """Whether the tape's gradient is a valid one, as far as plain differences can tell."""
    function, inputs = case.make(size, seed)
    native = list(inputs.values())
    arrays = native if case.native_only else [promoted(array) for array in native]
    base = values(function, arrays)
    upstream = np.random.default_rng(seed + 100).standard_normal(base.size)
    exact, rough = tape(function, arrays, upstream), tape(function, native, upstream)
    if misshapen(exact, arrays) or misshapen(rough, native):
        return False
    found, used = flat(exact, arrays), flat(rough, native)
    if not (np.isfinite(found).all() and np.isfinite(used).all()):
        return False
    known = slopes(case, function, arrays)
    scale = np.abs(known.central) @ np.abs(upstream)
    bound = RTOL * scale + known.noise @ np.abs(upstream)
    if case.lossy:  # backward sums that cancel round at the size of the upstream gradient
        bound = bound + 16 * case.eps * np.abs(upstream).sum()
    loss = max(float(finfo(array.dtype).eps) ** 0.5 for array in native if is_floating(array))
    if not case.lossy and np.any(np.abs(used - found) > loss * scale + bound):
        return False
    if case.smooth:
        return bool(np.all(np.abs(found - known.central @ upstream) <= bound))
    between = in_intervals(found, known, upstream, 20 * bound)
    if between and balanced(case, function, arrays, found, upstream):
        return True
    return is_limit(case, function, arrays, found, upstream)


def in_intervals(found: Array, known: Slopes, upstream: Array, bound: Array) -> bool:
    """Whether every element lies between its one-sided slopes, summed over the outputs."""
    left, right = known.left * upstream, known.right * upstream
    low, high = np.minimum(left, right).sum(axis=1), np.maximum(left, right).sum(axis=1)
    return bool(np.all((low - bound <= found) & (found <= high + bound)))


def balanced(case: Case, function: Function, arrays: Sequence[Array], found: Array, upstream: Array) -> bool:
    """Whether the slope along all elements together lies between the one-sided slopes: a tie counts once."""
    floating = [array.reshape(-1) for array in arrays if is_floating(array)]
    step = case.step * (float(np.sqrt(np.mean(np.concatenate(floating) ** 2))) or 1.0)
    moves = [np.full_like(array, step) if is_floating(array) else None for array in arrays]
    _, left, right = stencils(slopes_along(function, arrays, moves, step))
    low, high = np.minimum(left * upstream, right * upstream), np.maximum(left * upstream, right * upstream)
    slack = 1e-5 * np.abs(np.stack([low, high])).sum() + 1e-9 * np.abs(found).sum()
    return bool(low.sum() - slack <= found.sum() <= high.sum() + slack)


def is_limit(case: Case, function: Function, arrays: Sequence[Array], found: Array, upstream: Array) -> bool:
    """Whether the gradient is that of points arbitrarily near: an element of Clarke's generalised gradient.

    At a corner that is neither convex nor concave the one-sided slopes along the axes do not bound it.
    """
    rng = np.random.default_rng(7)
    for attempt in range(34):
        near = []
        for array in arrays:
            order: Array = np.asarray(rng.standard_normal(array.shape))
            if attempt < 2:  # every tie broken the same way, as code that takes the first or last one does
                order = (1.0 - 2.0 * attempt) * np.arange(1, array.size + 1).reshape(array.shape)
            near.append(array + 1e-6 * order if is_floating(array) else array)
        known = slopes(replace(case, step=1e-9), function, near)
        scale = np.abs(known.central) @ np.abs(upstream)
        bound = 1e-4 * scale.max() + known.noise @ np.abs(upstream)
        if np.all(np.abs(found - known.central @ upstream) <= bound):
            return True
    return False
