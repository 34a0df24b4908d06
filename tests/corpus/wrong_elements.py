"""Which elements of a gradient are wrong: the tape of a case against its truth, for given upstream gradients.

An element is surely wrong if its tape gradient is off the true one by MARGIN tolerances or more for one of
the upstream gradients, and surely right if it is off by no more than a MARGIN-th of a tolerance for all of
them. What lies between may be judged either way, and so may an element at a corner whose gradient lies
between the one-sided slopes. Nothing here uses the checker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from ml_dtypes import finfo

from tests.corpus.case import Array, Case, Function
from tests.corpus.oracle import (
    RTOL,
    Slopes,
    flat,
    floating_outputs,
    is_floating,
    promoted,
    slopes,
    tape,
    values,
)

MARGIN = 4.0
"""Factor around a tolerance within which an element may be judged either way: noise and S are estimates."""
ROUNDED = 64
"""Roundings of S that a tape at its inputs' own dtype may be off."""


@dataclass
class Overheard:
    """A function whose upstream gradients are kept: an identity follows each of its floating outputs."""

    function: Function
    upstreams: list[Array] = field(default_factory=list)
    """Flat, laid out as `oracle.values`; those of graphs are not numbers and are left out."""
    size: int = 0
    """Numbers in such a vector."""

    def __call__(self, *tensors: Any) -> Any:
        """The outputs of the function."""
        outputs = self.function(*tensors)
        leaves = tf.nest.flatten(outputs)
        places = [n for n, leaf in enumerate(leaves) if leaf.dtype.is_floating or leaf.dtype.is_complex]
        self.size = sum(leaves[n].shape.num_elements() * (1 + leaves[n].dtype.is_complex) for n in places)

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def listened(*floating: Any) -> Any:
            def gradient(*upstream: Any) -> Any:
                if tf.executing_eagerly():
                    self.upstreams.append(vector([part.numpy() for part in upstream]))
                return upstream if len(upstream) > 1 else upstream[0]

            kept = tuple(tf.identity(leaf) for leaf in floating)
            return (kept if len(kept) > 1 else kept[0]), gradient

        passed = listened(*(leaves[n] for n in places))
        for n, leaf in zip(places, passed if len(places) > 1 else [passed], strict=True):
            leaves[n] = leaf
        return tf.nest.pack_sequence_as(outputs, leaves)

    def distinct(self) -> Array:
        """The upstream gradients by which elements are judged, [K, outputs]; all ones if none was heard.

        Those with zeros pick single outputs: they serve the explanation of a failure.
        """
        judging = [upstream for upstream in self.upstreams if upstream.all()]
        return np.unique(np.stack(judging), axis=0) if judging else np.ones((1, self.size))


def vector(parts: Sequence[Array]) -> Array:
    """Tensors in one float64 vector; of complex ones the real parts and then the imaginary ones."""
    rows: list[Array] = []
    for part in parts:
        rows += [part.real, part.imag] if part.dtype.kind == "c" else [part]
    return np.concatenate([row.astype(np.float64).reshape(-1) for row in rows])


def contributions(function: Function, arrays: Sequence[Array]) -> Array:
    """S = Σ_i |∂f_i/∂x_j| of every element of the floating inputs, by one tape gradient for each output."""
    tensors = [tf.constant(array) for array in arrays]
    watched = [tensor for tensor in tensors if tensor.dtype.is_floating]
    with tf.GradientTape(persistent=True) as recording:
        recording.watch(watched)
        single: list[Any] = []
        for output in floating_outputs(function(*tensors)):
            real = [tf.math.real(output), tf.math.imag(output)] if output.dtype.is_complex else [output]
            single += [entry for part in real for entry in tf.unstack(tf.reshape(part, [-1]))]
    total = np.zeros(sum(int(tf.size(tensor)) for tensor in watched))
    for entry in single:
        found = [
            None if gradient is None else tf.convert_to_tensor(gradient).numpy()
            for gradient in recording.gradient(entry, watched)
        ]
        total += np.abs(flat(found, arrays))
    return total


@dataclass(frozen=True)
class Marks:
    """What is known of every element of the floating inputs, flat and in order."""

    wrong: Array
    right: Array


def marked(case: Case, inputs: dict[str, Array], upstreams: Array) -> Marks:
    """The elements of a case that are surely wrong, and those that are surely right."""
    function, _ = case.make(6, 0)
    native = list(inputs.values())
    wide = native if case.native_only else [promoted(array) for array in native]
    plain = None if case.smooth and case.truth is not None else slopes(case, function, wide)
    size = contributions(case.truth, wide) if case.truth else np.abs(plain_of(plain).central).sum(axis=1)
    allowed = max(RTOL, 4 * case.eps ** (2 / 3)) * size + stairs(case, function, wide)
    coarse = min(0.25, ROUNDED * max(float(finfo(array.dtype).eps) for array in native if is_floating(array)))
    share, corner = np.zeros(size.size), np.zeros(size.size, bool)
    for upstream in upstreams:
        # A louder upstream gradient is divided out again.
        loudness = max(1.0, float(np.abs(upstream).max()))
        known = true(case.truth, wide, upstream) if case.truth else plain_of(plain).central @ upstream
        off = error(function, wide, upstream, known)
        if not case.smooth:
            off, met = beyond(off, function, wide, upstream, plain_of(plain))
            corner |= met
        share = np.maximum(share, ratio(off / loudness, allowed))
        if coarse > RTOL and not case.native_only:
            rough = np.where(corner, 0.0, error(function, native, upstream, known))
            share = np.maximum(share, ratio(rough / loudness, coarse * size))
    return Marks(share >= MARGIN, (share <= 1 / MARGIN) & ~corner)


def stairs(case: Case, function: Function, arrays: Sequence[Array]) -> Array | float:
    """What rounding hides in a function that is rounded to ε inside: a slope of ε^(2/3) max |f| / |x|."""
    if case.eps <= 2.0**-52:
        return 0.0
    sizes = [np.maximum(np.abs(a), np.sqrt(np.mean(a**2))).reshape(-1) for a in arrays if is_floating(a)]
    largest = float(np.abs(values(function, arrays)).max())
    return np.asarray(4 * case.eps ** (2 / 3) * largest / np.concatenate(sizes))


def plain_of(plain: Slopes | None) -> Slopes:
    """Plain differences, where they were taken."""
    assert plain is not None
    return plain


def true(function: Function, arrays: Sequence[Array], upstream: Array) -> Array:
    """TensorFlow's own gradient, flat."""
    return flat(tape(function, arrays, upstream), arrays)


def error(function: Function, arrays: Sequence[Array], upstream: Array, known: Array) -> Array:
    """How far the tape is off in each element: infinite where not finite, or of another shape or dtype."""
    found = tape(function, arrays, upstream)
    shaped = [array for array in arrays if is_floating(array)]
    parts = [
        np.full(array.shape, np.nan)
        if gradient is not None and (gradient.shape, gradient.dtype) != (array.shape, array.dtype)
        else gradient
        for gradient, array in zip(found, shaped, strict=True)
    ]
    with np.errstate(invalid="ignore"):
        off = np.abs(flat(parts, arrays) - known)
    return np.where(np.isfinite(off), off, np.inf)


def ratio(off: Array, allowed: Array) -> Array:
    """off / allowed, 0 where nothing is off."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(off == 0, 0.0, off / allowed)


def beyond(
    off: Array, function: Function, arrays: Sequence[Array], upstream: Array, plain: Slopes
) -> tuple[Array, Array]:
    """At corners how far the tape lies outside of the one-sided slopes, and where there are corners."""
    left, right = plain.left * upstream, plain.right * upstream
    low, high = np.minimum(left, right).sum(axis=1), np.maximum(left, right).sum(axis=1)
    noise = 20 * (plain.noise @ np.abs(upstream)) + 1e-5 * np.maximum(np.abs(low), np.abs(high))
    corner = high - low > noise
    middle = (low + high) / 2
    outside = error(function, arrays, upstream, middle) - (high - low) / 2 - noise
    return np.where(corner, np.maximum(outside, 0.0), off), corner
