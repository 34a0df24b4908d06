"""Tape gradients, one for each cotangent r, the upstream gradient of L = <r, f(x)>, and what is wrong with
them as such."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import view
from gradcheck.arrays.types import Array
from gradcheck.errors import text_of
from gradcheck.function.primal import Primal, is_elsewhere, refusals
from gradcheck.function.wording import in_one_line, listed, of_another_shape
from gradcheck.targets import user_frames
from gradcheck.targets.function import Target

LOUD = 4.0
"""Factor of the last cotangent, taken out of its gradient again: exact in binary floating point."""
NO_GRADIENT = Target.no_gradient


@dataclass(frozen=True)
class Tape:
    """Gradients of <r_k, f(x)> for the variables of a Primal."""

    gradients: tuple[Array, ...]
    """For each variable [K, *shape] float64; zeros where the tape returned None; where it has another shape,
    summed to that of the variable, or NaN."""
    reasons: tuple[str | None, ...]
    """For each variable, what is wrong with its gradient as such."""
    unchecked: tuple[str, ...] = ()
    """Names of trainable `tf.Variable`s that the function used, none of which is among its inputs."""

    def columns(self, number: int) -> Array:
        """The gradients of one variable, [K, elements]."""
        gradient = self.gradients[number]
        return gradient.reshape(len(gradient), -1)


def record(primal: Primal, cotangents: Array) -> Tape:
    """Record the gradient of every variable for every cotangent [K, outputs]."""
    gradients = [np.empty((len(cotangents), *value.shape)) for value in primal.values]
    reasons: list[str | None] = [None] * len(gradients)
    used: list[str] = []
    for k, cotangent in enumerate(cotangents):
        # A backward pass that clips its upstream gradient is right for small ones: so the last one is loud.
        loudness = LOUD if k == len(cotangents) - 1 > 0 else 1.0
        for number, (gradient, reason) in enumerate(_gradients(primal, loudness * cotangent, used)):
            gradients[number][k] = gradient if loudness == 1 else gradient / loudness
            reasons[number] = reasons[number] or reason
    return Tape(tuple(gradients), tuple(reasons), tuple(dict.fromkeys(used)))


def _gradients(primal: Primal, cotangent: Array, used: list[str]) -> list[tuple[Array, str | None]]:
    """The gradient of each variable, and what is wrong with it; NaN where f refuses another point than the
    user's own."""
    try:
        return _recorded(primal, cotangent, used)
    except refusals(primal):
        if not is_elsewhere(primal):
            raise
        return [(np.full(value.shape, np.nan), None) for value in primal.values]


def _recorded(primal: Primal, cotangent: Array, used: list[str]) -> list[tuple[Array, str | None]]:
    with tf.GradientTape() as tape:
        for value in primal.values:
            tape.watch(value)
        outputs = primal.at_point()
    known = {id(variable) for variable in primal.target.variables}
    unknown = [variable for variable in tape.watched_variables() if id(variable) not in known]
    used += [variable.name.removesuffix(":0") for variable in unknown]
    try:
        found = tape.gradient(outputs, primal.values, output_gradients=tf.constant(cotangent, tf.float64))
    except ValueError as error:
        if "custom_gradient" not in text_of(error) and "expected to return" not in text_of(error):
            raise
        reason = f"the tape refused the custom gradient: {in_one_line(user_frames.message(error))}"
        return [(np.full(value.shape, np.nan), reason) for value in primal.values]
    return [usable(gradient, value) for gradient, value in zip(found, primal.values, strict=True)]


def usable(gradient: Any, value: Any) -> tuple[Array, str | None]:
    """A gradient as float64 in the variable's shape, and the reason why it is none; NaN where it cannot be
    brought to that shape."""
    if gradient is None:
        return np.zeros(value.shape), NO_GRADIENT
    # Gather and embeddings give tf.IndexedSlices: rows with their indices, to be added up.
    dense = tf.convert_to_tensor(gradient)
    reason: str | None = None
    if dense.shape != value.shape:
        mended, reason = of_another_shape(view(tf.cast(dense, tf.float64)), tuple(value.shape.as_list()))
        return mended, f"the tape returned a gradient {reason}"
    if dense.dtype != value.dtype:
        reason = f"the tape returned a {dense.dtype.name} gradient for a {value.dtype.name} variable"
    return view(tf.cast(dense, tf.float64)), reason


def apart(first: Array, again: Array) -> Array | None:
    """How far two runs of one backward pass are apart for the first cotangent; None if they are the same."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(first[0] - again[0])
    return distance if np.nanmax(distance, initial=0.0) > 0 else None


@contextlib.contextmanager
def noting_ignored() -> Iterator[list[str]]:
    """Names of the functions whose custom gradient is never called while the context is open.

    TensorFlow 2.21 records the positional arguments of a `tf.custom_gradient` alone (`_eager_mode_decorator`
    in ops/custom_gradient.py). Where there are none it differentiates the operations inside, without a word,
    and a check would pass that never looked at the gradient it was asked about.
    """
    from tensorflow.python.ops import custom_gradient as module

    names: list[str] = []
    original = getattr(module, "_eager_mode_decorator", None)
    if original is None:  # a private name: another TensorFlow may not have it, and nothing is noted
        yield names
        return

    def noting(f: Any, args: Any, kwargs: Any) -> Any:
        if kwargs and not tf.nest.flatten(args):
            names.append(getattr(f, "__name__", "a function"))
        return original(f, args, kwargs)

    with mock.patch.object(module, "_eager_mode_decorator", noting):
        yield names


def ignored_in_words(names: list[str]) -> str:
    """Why a check that passed over these gradients cannot pass."""
    called = " and ".join(f"`{name}`" for name in sorted(set(names)))
    return (
        f"the custom gradient of {called} was never called: called with keyword arguments only, TensorFlow "
        "ignores it and differentiates the operations inside; pass the tensors by position"
    )


def unchecked_in_words(names: Sequence[str]) -> str:
    """What a check that passed over these variables should say."""
    quoted = listed([f"`{name}`" for name in names])
    return (
        f"Used but not checked: the trainable variables {quoted}, which are no inputs. Pass their values as "
        "inputs to check their gradients too."
    )
