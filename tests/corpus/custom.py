"""Gradients written by hand, gradients that are stopped, and functions that do not need one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.corpus.case import (
    Broken,
    distorted,
    draw,
    family,
    matrix,
    normal,
    one_element,
    scaled,
    square,
    true_gradients,
    uniform,
)

right, wrong = family("custom gradients")

X = draw(x=normal())
ROWS = draw(x=normal(matrix))
PAIR = draw(x=normal(), y=normal())
SQUARE = draw(x=normal(square))


def log1pexp(x: Any) -> Any:
    """log(1 + e^x)"""
    return tf.math.log(1 + tf.exp(x))


def cubic(x: Any) -> Any:
    """x³ + x"""
    return x**3 + x


def product(x: Any, y: Any) -> Any:
    """x y²"""
    return x * y**2


def compiled(x: Any) -> Any:
    """A tf.function inside"""
    return _traced(x)


@tf.function  # type: ignore[untyped-decorator]
def _traced(x: Any) -> Any:
    return tf.sin(x) * x


def slope(x: Any) -> Any:
    """The gradient of Σ x⁴ sin x, by a tape of its own"""
    return true_gradients(lambda inner: inner**4 * tf.sin(inner), tf.ones_like(x), [x])[0]


def recomputed(x: Any) -> Any:
    """tf.recompute_grad"""
    return tf.recompute_grad(lambda inner: tf.tanh(inner) ** 2)(x)


def spectrum(x: Any) -> Any:
    """Power spectrum: complex in between"""
    return tf.abs(tf.signal.fft(tf.cast(x, tf.complex128 if x.dtype == tf.float64 else tf.complex64))) ** 2


RIGHT = (
    right(
        "stable log(1 + e^x)",
        Broken(lambda x: tf.math.softplus(x), lambda dy, x: dy * (1 - 1 / (1 + tf.exp(x)))),
        draw(x=uniform(-3, 3)),
        "the example of TensorFlow's manual",
        truth=None,
    ),
    right(
        "None for an input that moves nothing",
        Broken(lambda x, y: tf.sin(x) + 0 * y, lambda dy, x, y: (dy * tf.cos(x), None)),
        PAIR,
        "no gradient where every difference is 0",
        truth=None,
    ),
    right("input not used", lambda x, y: tf.sin(x), PAIR, "the tape gives None for y, and y moves nothing"),
    right("constant", lambda x: tf.ones_like(x), X, "no gradient, and nothing moves"),
    right(
        "stopped and unmoving",
        lambda x: tf.sin(x) + tf.stop_gradient(tf.sign(x)),
        draw(x=uniform(0.2, 1)),
        "a step function has slope 0 anyway",
        step=1e-4,
    ),
    right("recomputed", recomputed, X, "the forward runs again in the backward pass"),
    right("compiled inside", compiled, X, "a traced function within the function"),
    right("gradient of a gradient", slope, X, "second derivatives"),
    right("power spectrum", spectrum, X, "complex numbers in between", step=1e-3),
    right(
        "complex output", lambda x: tf.signal.rfft(x), X, "each output counts as two real numbers", step=1e-3
    ),
    right("scalar input", lambda x: tf.sin(x) * x, draw(x=normal(lambda size: ())), "a tensor of no axes"),
    right("vector to scalar", lambda x: tf.reduce_sum(cubic(x)), X, "an upstream gradient of no axes"),
    right(
        "one of several", lambda x: x[0] * tf.ones([3], x.dtype), X, "only the first element moves anything"
    ),
)

WRONG = (
    wrong(
        "straight-through rounding",
        lambda x: x + tf.stop_gradient(tf.round(x) - x),
        draw(x=uniform(0.6, 1.4)),
        "1 where the slope of a staircase is 0",
        truth=lambda x: tf.round(x) + 0 * x,
        step=1e-4,
    ),
    wrong(
        "stopped",
        lambda x: tf.stop_gradient(cubic(x)),
        X,
        "the tape gives None",
        diagnosis="no gradient",
        truth=cubic,
    ),
    wrong("stopped in part", lambda x: x + tf.stop_gradient(x**3), X, "1 where it is 3 x² + 1", truth=cubic),
    wrong(
        "None by hand",
        Broken(product, lambda dy, x, y: (dy * y**2, None)),
        PAIR,
        "y moves the output",
        diagnosis="no gradient",
    ),
    wrong("zeros by hand", distorted(product, tf.zeros_like), PAIR, "x moves the output", diagnosis="zero"),
    wrong(
        "not a number",
        Broken(cubic, lambda dy, x: dy * (x - x) / (x - x)),
        X,
        "0/0 in every element",
        diagnosis="not finite",
    ),
    wrong(
        "one element infinite",
        distorted(cubic, lambda g: g + 1 / (1 - tf.one_hot(0, g.shape[0], dtype=g.dtype)) - 1),
        X,
        "infinity in the first element",
        diagnosis="not finite",
    ),
    wrong(
        "scalar for a vector",
        Broken(cubic, lambda dy, x: tf.reduce_sum(dy * (3 * x**2 + 1))),
        X,
        "TensorFlow takes it and would broadcast it",
        diagnosis="shape",
    ),
    wrong(
        "one row for all",
        Broken(cubic, lambda dy, x: (dy * (3 * x**2 + 1))[:1]),
        ROWS,
        "a first axis of length 1",
        diagnosis="shape",
    ),
    wrong(
        "flattened",
        distorted(cubic, lambda g: tf.reshape(g, [-1])),
        ROWS,
        "the right numbers in another shape",
        diagnosis="shape",
    ),
    wrong(
        "transposed",
        distorted(cubic, tf.transpose),
        SQUARE,
        "the shapes fit, since x is square",
        diagnosis="transpose",
    ),
    wrong(
        "shifted",
        distorted(cubic, lambda g: tf.roll(g, -1, axis=0)),
        X,
        "by one, the other way",
        diagnosis="shift",
    ),
    wrong(
        "one element by a percent",
        distorted(cubic, one_element(1.01)),
        X,
        "the rest is exact",
        diagnosis="one element",
    ),
    wrong(
        "one element by 1e-5",
        distorted(cubic, one_element(1 + 1e-5)),
        X,
        "the rest is exact",
        diagnosis="one element",
    ),
    wrong(
        "reversed",
        distorted(cubic, scaled(-1)),
        X,
        "gradient reversal, as for domain adaptation",
        diagnosis="sign",
    ),
    wrong(
        "inputs swapped",
        Broken(product, lambda dy, x, y: (2 * dy * x * y, dy * y**2)),
        PAIR,
        "each input gets the other's",
    ),
    wrong("penalty added", distorted(cubic, lambda g: g + 1e-3), X, "weight decay inside the gradient"),
    wrong(
        "averaged over the elements",
        distorted(cubic, lambda g: tf.reduce_mean(g) * tf.ones_like(g)),
        X,
        "all elements get the mean",
    ),
    wrong(
        "batch size",
        distorted(cubic, lambda g: g / g.shape[0]),
        draw(x=normal(lambda size: (4, max(2, size // 4)))),
        "the mean belongs to the loss",
        diagnosis="batch size",
    ),
    wrong(
        "unstable log(1 + e^x)",
        lambda x: tf.where(x > 30, x, log1pexp(x)),
        draw(x=lambda size, rng: rng.uniform(-3, 3, size) + 800.0 * (rng.permutation(size) == 0)),
        "e^800 is infinite: 0 times NaN",
        diagnosis="not finite",
        truth=lambda x: tf.math.softplus(x),
    ),
    wrong(
        "clipped by norm",
        distorted(cubic, lambda g: tf.clip_by_norm(g, 1e-2)),
        X,
        "clipping belongs to the optimiser",
    ),
)
