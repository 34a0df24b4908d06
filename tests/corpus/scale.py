"""Large, tiny and mixed numbers."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.corpus.case import cycle, distorted, draw, family, matrix, normal, one_element, scaled, signed

right, wrong = family("mixed scale")

MIXED = draw(x=cycle([1e10, 1e-12, 1.0, -1e-6, -3e4]))
"""Twenty-two decades in one tensor."""
X = draw(x=normal())
AWAY = draw(x=signed(0.5, 2.0))


def square(x: Any) -> Any:
    """x²"""
    return x**2


def offset(x: Any) -> Any:
    """A small signal on a constant of 1e8"""
    return tf.sin(x) + 1e8


def tiny(x: Any) -> Any:
    """A layer whose output is scaled by 1e-6"""
    return 1e-6 * tf.tanh(x)


def two_sizes(x: Any, y: Any) -> Any:
    """A large and a small output in one tensor"""
    return tf.concat([1e6 * tf.sin(x), 1e-6 * tf.sin(y)], axis=0)


RIGHT = (
    right(
        "square at 1e10", square, draw(x=normal(scale=1e9, shift=1e10)), "a fixed step vanishes in rounding"
    ),
    right("square at 1e-12", square, draw(x=normal(scale=1e-12)), "a fixed step is larger than x by orders"),
    right("square at all scales", square, MIXED, "each element needs its own step"),
    right(
        "sine at all small scales", lambda x: tf.sin(x), draw(x=cycle([1.0, 1e-12, 1e-4, -1e-8])), "slope 1"
    ),
    right("scaled by 1e-12", lambda x: 1e-12 * tf.exp(x), X, "gradients below any absolute tolerance"),
    right("scaled by 1e12", lambda x: 1e12 * tf.exp(x), X, "rounding of the output is 1e-4"),
    right("constant of 1e8", offset, X, "rounding of the output is 1e-8"),
    right("exponential at 30", lambda x: tf.exp(x), draw(x=normal(shift=30)), "slopes of 1e13"),
    right(
        "logarithm at 1e-12 and 1e12",
        lambda x: tf.math.log(x),
        draw(x=cycle([1e-12, 1e12, 1.0])),
        "slopes of 1e12 and 1e-12",
    ),
    right(
        "large times tiny",
        lambda x, y: x * y,
        draw(x=normal(scale=1e10), y=normal(scale=1e-10)),
        "each slope is the other's size",
    ),
    right("outputs of two sizes", two_sizes, draw(x=normal(), y=normal()), "gradients of 1e6 and 1e-6"),
    right(
        "dense with columns of two scales",
        lambda x, w: tf.matmul(x * tf.constant([[1e3, 1e-3]], x.dtype), w),
        draw(x=normal(lambda size: (3, 2)), w=normal(lambda size: (2, 3))),
        "large terms beside small ones in every output",
    ),
    right(
        "root of a sum of squares at 1e100",
        lambda x: 1e100 * tf.norm(x / 1e100),
        draw(x=normal(scale=1e100)),
        "scaled so that nothing overflows",
    ),
    right(
        "quotient of large numbers",
        lambda x: x[:, 0] / tf.reduce_sum(x, axis=1),
        draw(x=lambda size, rng: rng.uniform(1e11, 1e12, matrix(size))),
        "slopes of 1e-12",
    ),
    right(
        "constant output of 1e10", lambda x: 1e10 + 0 * x, X, "every slope is 0, and so is every difference"
    ),
)

WRONG = (
    wrong(
        "tiny layer with gradient times -5",
        distorted(tiny, scaled(-5)),
        X,
        "below every absolute tolerance in use",
        diagnosis="constant factor",
    ),
    wrong(
        "sign at 1e-8",
        distorted(lambda x: 1e-8 * tf.sin(x), scaled(-1)),
        X,
        "too small for an absolute tolerance",
        diagnosis="sign",
    ),
    wrong(
        "factor 1.001 at 1e10",
        distorted(square, scaled(1.001)),
        draw(x=normal(scale=1e9, shift=1e10)),
        "large gradients need a relative tolerance too",
        diagnosis="constant factor",
    ),
    wrong(
        "factor 1.001 at 1e-12",
        distorted(square, scaled(1.001)),
        draw(x=normal(scale=1e-12)),
        "small ones do as well",
        diagnosis="constant factor",
    ),
    wrong(
        "factor 1.001 at all scales",
        distorted(square, scaled(1.001)),
        MIXED,
        "in every decade",
        diagnosis="constant factor",
    ),
    wrong(
        "one tiny element",
        distorted(square, lambda g: g * (1 + tf.one_hot(1, g.shape[0], dtype=g.dtype))),
        MIXED,
        "twice too large at 1e-12, beside 1e10",
        diagnosis="one element",
    ),
    wrong(
        "tiny elements dropped",
        distorted(square, lambda g: tf.where(tf.abs(g) < 1e-10, tf.zeros_like(g), g)),
        MIXED,
        "gradients below 1e-10 set to 0",
    ),
    wrong(
        "large elements clipped",
        distorted(square, lambda g: tf.clip_by_value(g, -1e6, 1e6)),
        MIXED,
        "gradients above 1e6 clipped",
    ),
    wrong(
        "constant of 1e8, factor 1.01",
        distorted(offset, scaled(1.01)),
        X,
        "the constant is no excuse for a percent",
        diagnosis="constant factor",
    ),
    wrong(
        "epsilon added to a tiny gradient",
        distorted(lambda x: 1e-8 * x**2, lambda g: g + 1e-9),
        AWAY,
        "1e-9 beside 1e-8",
    ),
    wrong(
        "small output not differentiated",
        lambda x, y: two_sizes(x, tf.stop_gradient(y)),
        draw(x=normal(), y=normal()),
        "the tape gives None for y, whose gradient is 1e-12 of x's",
        diagnosis="no gradient",
        truth=two_sizes,
    ),
    wrong(
        "small output with the wrong sign",
        distorted(two_sizes, scaled(-1), which=1),
        draw(x=normal(), y=normal()),
        "beside a gradient 1e12 times larger",
        diagnosis="sign",
    ),
    wrong(
        "zero for a tiny gradient",
        distorted(lambda x: 1e-12 * tf.exp(x), tf.zeros_like),
        X,
        "1e-12 is not 0",
        diagnosis="zero",
    ),
    wrong(
        "one of many at 1e10",
        distorted(square, one_element(1.01)),
        draw(x=normal(scale=1e9, shift=1e10)),
        "a percent in one element",
        diagnosis="one element",
    ),
)
