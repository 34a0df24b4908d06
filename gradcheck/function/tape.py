"""Tape gradients, one for each cotangent, and what is wrong with them as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.shared_memory import view
from gradcheck.arrays.types import Array
from gradcheck.function.primal import Primal
from gradcheck.targets import user_frames

LOUD = 4.0
"""Factor of the last cotangent, taken out of its gradient again: exact in binary floating point."""
NO_GRADIENT = "the tape returned no gradient (None)"


@dataclass(frozen=True)
class Tape:
    """Gradients of <r_k, f(x)> for the variables of a Primal."""

    gradients: tuple[Array, ...]
    """For each variable [K, *shape] float64; zeros where the tape returned None, NaN where it is unusable."""
    reasons: tuple[str | None, ...]
    """For each variable, what is wrong with its gradient as such."""

    def columns(self, number: int) -> Array:
        """The gradients of one variable, [K, elements]."""
        gradient = self.gradients[number]
        return gradient.reshape(len(gradient), -1)


def record(primal: Primal, cotangents: Array) -> Tape:
    """Record the gradient of every variable for every cotangent [K, outputs]."""
    gradients = [np.empty((len(cotangents), *value.shape)) for value in primal.values]
    reasons: list[str | None] = [None] * len(gradients)
    for k, cotangent in enumerate(cotangents):
        # A backward pass that clips its upstream gradient is right for small ones: so the last one is loud.
        loudness = LOUD if k == len(cotangents) - 1 > 0 else 1.0
        for number, (gradient, reason) in enumerate(_gradients(primal, loudness * cotangent)):
            gradients[number][k] = gradient if loudness == 1 else gradient / loudness
            reasons[number] = reasons[number] or reason
    return Tape(tuple(gradients), tuple(reasons))


def _gradients(primal: Primal, cotangent: Array) -> list[tuple[Array, str | None]]:
    with tf.GradientTape() as tape:
        for value in primal.values:
            tape.watch(value)
        outputs = primal.at_point()
    try:
        found = tape.gradient(outputs, primal.values, output_gradients=tf.constant(cotangent, tf.float64))
    except ValueError as error:
        if "custom_gradient" not in str(error) and "expected to return" not in str(error):
            raise
        reason = f"the tape refused the custom gradient: {user_frames.message(error)}"
        return [(np.full(value.shape, np.nan), reason) for value in primal.values]
    return [usable(gradient, value) for gradient, value in zip(found, primal.values, strict=True)]


def usable(gradient: Any, value: Any) -> tuple[Array, str | None]:
    """A gradient as float64 in the variable's shape, or NaN and the reason why it is none."""
    if gradient is None:
        return np.zeros(value.shape), NO_GRADIENT
    # Gather and embeddings give tf.IndexedSlices: rows with their indices, to be added up.
    dense = tf.convert_to_tensor(gradient)
    if dense.shape != value.shape:
        reason: str | None = (
            f"the tape returned a gradient of shape {_shape(dense)} for a variable of shape {_shape(value)}"
        )
        return np.full(value.shape, np.nan), reason
    reason = None
    if dense.dtype != value.dtype:
        reason = f"the tape returned a {dense.dtype.name} gradient for a {value.dtype.name} variable"
    return view(tf.cast(dense, tf.float64)), reason


def _shape(tensor: Any) -> str:
    return str(tuple(tensor.shape.as_list()))


def apart(first: Array, again: Array) -> Array | None:
    """How far two runs of one backward pass are apart for the first cotangent; None if they are the same."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(first[0] - again[0])
    return distance if np.nanmax(distance, initial=0.0) > 0 else None
