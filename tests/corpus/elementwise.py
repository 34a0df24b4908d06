"""Functions of one element (or of two at the same place): chain and product rules."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tests.corpus.case import Broken, distorted, draw, family, matrix, normal, scaled, signed, uniform

right, wrong = family("elementwise")

X = draw(x=normal())
POSITIVE = draw(x=uniform(0.3, 3.0))
PAIR = draw(x=normal(matrix), y=signed(0.5, 2.0, matrix))


def gelu_slope(x: Any, constant: float) -> Any:
    """Slope of 0.5 x (1 + tanh(c (x + 0.044715 x³)))"""
    tanh = tf.tanh(constant * (x + 0.044715 * x**3))
    return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh**2) * constant * (1 + 3 * 0.044715 * x**2)


def gelu(x: Any) -> Any:
    """The tanh approximation"""
    return tf.nn.gelu(x, approximate=True)


def exact_gelu(x: Any) -> Any:
    """x Φ(x)"""
    return tf.nn.gelu(x, approximate=False)


def sine(x: Any) -> Any:
    """sin(3 x)"""
    return tf.sin(3 * x)


RIGHT = (
    right("sigmoid", lambda x: tf.sigmoid(x), X, "s (1 - s)"),
    right("tanh", lambda x: tf.tanh(x), X, "1 - tanh²"),
    right("softplus", lambda x: tf.math.softplus(x), X, "the sigmoid"),
    right("gelu, tanh", gelu, X, "the approximation and its own gradient"),
    right("gelu, erf", exact_gelu, X, "the exact function and its own gradient"),
    right("swish", lambda x: tf.nn.silu(x), X, "TensorFlow gives it a custom gradient"),
    right("cubic", lambda x: x**3 - 2 * x, X, "slopes of both signs, and near 0 for some"),
    right("quotient", lambda x, y: x / y, PAIR, "two inputs at the same place"),
    right("atan2", lambda x, y: tf.atan2(x, y), PAIR, "all four quadrants"),
    right(
        "special functions", lambda x: tf.math.lgamma(x) + tf.math.erf(x), POSITIVE, "digamma and exp(-x²)"
    ),
    right("power of power", lambda x, y: tf.pow(x, y), draw(x=uniform(0.3, 3.0), y=normal()), "both move"),
    right(
        "broadcast product",
        lambda x, y: x[:, :1] * y[:1],
        draw(x=normal(matrix), y=normal(matrix)),
        "sums over both axes",
    ),
    right("identity", lambda x: tf.identity(x), X, "slope exactly 1"),
    right(
        "degree 9 polynomial",
        lambda x: tf.math.polyval([x * 0 + c for c in (1.0, -3, 2, 0.5)], x**3),
        draw(x=uniform(-1.2, 1.2)),
        "Horner's scheme, with terms that cancel",
    ),
)

WRONG = (
    wrong(
        "tanh of the input",
        Broken(lambda x: tf.tanh(x), lambda dy, x: dy * (1 - x**2)),
        X,
        "1 - x² where it is 1 - tanh(x)²",
    ),
    wrong(
        "sigmoid without its second factor",
        Broken(lambda x: tf.sigmoid(x), lambda dy, x: dy * tf.sigmoid(x)),
        X,
        "s where it is s (1 - s)",
    ),
    wrong(
        "softplus mirrored",
        Broken(lambda x: tf.math.softplus(x), lambda dy, x: dy * tf.sigmoid(-x)),
        X,
        "1 - s where it is s",
    ),
    wrong(
        "gelu with a rounded constant",
        Broken(gelu, lambda dy, x: dy * gelu_slope(x, 0.79)),
        X,
        "0.79 for sqrt(2/π) = 0.797885",
    ),
    wrong(
        "gelu, exact forward and approximate backward",
        Broken(exact_gelu, lambda dy, x: dy * gelu_slope(x, math.sqrt(2 / math.pi))),
        X,
        "the two differ by up to 1e-3",
    ),
    wrong(
        "factor 1.00001",
        distorted(lambda x: tf.sin(x), scaled(1 + 1e-5)),
        X,
        "an error in the fifth digit of every element",
        diagnosis="constant factor",
    ),
    wrong(
        "factor 1.0001",
        distorted(gelu, scaled(1 + 1e-4)),
        X,
        "an error in the fourth digit",
        diagnosis="constant factor",
    ),
    wrong(
        "factor 1.001",
        distorted(lambda x: tf.exp(x), scaled(1.001)),
        X,
        "an error in the third digit",
        diagnosis="constant factor",
    ),
    wrong(
        "square without its 2",
        Broken(lambda x: x**2, lambda dy, x: dy * x),
        X,
        "x where it is 2 x",
        diagnosis="constant factor",
    ),
    wrong(
        "reciprocal with the wrong sign",
        Broken(lambda x: 1 / x, lambda dy, x: dy / x**2),
        POSITIVE,
        "1/x² where it is -1/x²",
        diagnosis="sign",
    ),
    wrong(
        "cosine with the wrong sign",
        Broken(lambda x: tf.cos(x), lambda dy, x: dy * tf.sin(x)),
        X,
        "sin where it is -sin",
        diagnosis="sign",
    ),
    wrong(
        "inner derivative forgotten",
        Broken(sine, lambda dy, x: dy * tf.cos(3 * x)),
        X,
        "cos(3x) where it is 3 cos(3x)",
        diagnosis="constant factor",
    ),
    wrong(
        "product rule with one term",
        lambda x: tf.stop_gradient(x) * tf.sin(x),
        X,
        "x cos x where it is x cos x + sin x",
        truth=lambda x: x * tf.sin(x),
    ),
    wrong(
        "swish without the sigmoid's slope",
        Broken(lambda x: tf.nn.silu(x), lambda dy, x: dy * tf.sigmoid(x)),
        X,
        "s where it is s + x s (1 - s)",
    ),
    wrong(
        "square root without its half",
        Broken(lambda x: tf.sqrt(x), lambda dy, x: dy / tf.sqrt(x)),
        POSITIVE,
        "1/sqrt(x) where it is 1/(2 sqrt(x))",
        diagnosis="constant factor",
    ),
    wrong(
        "logarithm to base 10 as the natural one",
        Broken(lambda x: tf.math.log(x) / math.log(10), lambda dy, x: dy / x),
        POSITIVE,
        "1/ln(10) is missing",
        diagnosis="constant factor",
    ),
    wrong(
        "erf with a constant misremembered",
        Broken(lambda x: tf.math.erf(x), lambda dy, x: dy * 2 / math.pi * tf.exp(-(x**2))),
        X,
        "2/π where it is 2/sqrt(π)",
        diagnosis="constant factor",
    ),
    wrong(
        "arc tangent without the square",
        Broken(lambda x: tf.atan(x), lambda dy, x: dy / (1 + x)),
        POSITIVE,
        "1/(1 + x) where it is 1/(1 + x²)",
    ),
    wrong(
        "power with its old exponent",
        Broken(lambda x: x**3, lambda dy, x: 3 * dy * x**3),
        X,
        "3 x³ where it is 3 x²",
    ),
    wrong(
        "quotient rule with a plus",
        Broken(lambda x, y: x / y, lambda dy, x, y: (dy / y, dy * x / y**2)),
        PAIR,
        "the denominator's gradient has the wrong sign, the numerator's is right",
        diagnosis="sign",
    ),
)
