"""Edges of a domain, poles, fast oscillation."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tests.corpus.case import (
    Broken,
    among,
    cycle,
    distorted,
    draw,
    family,
    matrix,
    normal,
    scaled,
    signed,
    uniform,
)

right, wrong = family("domain edges")

POSITIVE = draw(x=uniform(0.3, 3.0))
HALF_ZERO = draw(x=among([0.0, 4.0, 0.0], uniform(0.5, 2)))
FAST = draw(x=normal())


def oscillation(x: Any) -> Any:
    """sin(10,000 x)"""
    return tf.sin(1e4 * x)


def safe_root(x: Any) -> Any:
    """sqrt where x > 0, else 0, guarded on both sides of the selection"""
    positive = x > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, tf.ones_like(x))), tf.zeros_like(x))


def guarded_log(x: Any) -> Any:
    """log(x) where x > 0, else x"""
    positive = x > 0
    return tf.where(positive, tf.math.log(tf.where(positive, x, tf.ones_like(x))), x)


def half_guarded_log(x: Any) -> Any:
    """The same, guarded on the outside only"""
    return tf.where(x > 0, tf.math.log(x), x)


def reciprocal(x: Any) -> Any:
    """1/x"""
    return 1 / x


RIGHT = (
    right(
        "logarithm at 1e-5",
        lambda x: tf.math.log(x),
        draw(x=cycle([1e-5, 1.0])),
        "a step of 1e-6 is a tenth of x",
        step=1e-4,
    ),
    right("logarithm at 1e-200", lambda x: tf.math.log(x), draw(x=cycle([1e-200])), "slope 1e200"),
    right(
        "square root at 1e-12",
        lambda x: tf.sqrt(x),
        draw(x=cycle([1e-12, 1e-8, 1.0])),
        "slope 5e5, and NaN below 0",
    ),
    right(
        "acosh near 1",
        lambda x: tf.acosh(1 + x),
        draw(x=cycle([1e-6, 1e-4, 1.0])),
        "slope 700, and NaN below 1",
        step=1e-2,
    ),
    right(
        "arc sine near 1",
        lambda x: tf.asin(1 - x),
        draw(x=cycle([1e-6, 1e-3, 0.5])),
        "vertical tangent at 1",
        step=1e-2,
    ),
    right(
        "atanh near 1",
        lambda x: tf.atanh(1 - x),
        draw(x=cycle([1e-6, 1e-3, 0.5])),
        "infinite at 1",
        step=1e-2,
    ),
    right("reciprocal at 1e-3", reciprocal, draw(x=cycle([1e-3, -2e-3, 1.0])), "a pole nearby"),
    right(
        "reciprocal at 1e-9", reciprocal, draw(x=cycle([1e-9, -1e-9])), "a step of 1e-6 jumps over the pole"
    ),
    right(
        "tangent near its pole",
        lambda x: tf.tan(math.pi / 2 - x),
        draw(x=cycle([1e-4, 1e-2, 1.0])),
        "slope -1e8",
        step=1e-2,
    ),
    right("digamma near 0", lambda x: tf.math.digamma(x), draw(x=cycle([1e-4, 1.0])), "slope 1e8"),
    right("power 0.1 near 0", lambda x: x**0.1, draw(x=cycle([1e-10, 1.0])), "slope 1e8"),
    right("x log x near 0", lambda x: tf.math.xlogy(x, x), draw(x=cycle([1e-8, 1.0])), "both arguments move"),
    right(
        "log1p near -1",
        lambda x: tf.math.log1p(x - 1),
        draw(x=cycle([1e-4, 1.0])),
        "the rounding of x - 1 shows",
        step=1e-2,
    ),
    right("expm1 near 0", lambda x: tf.math.expm1(x), draw(x=cycle([1e-10, -1e-4, 1.0])), "slope 1"),
    right("sin(10,000 x)", oscillation, FAST, "six periods within a step of 1e-3", step=1e-6),
    right(
        "sin(1/x) at 1e-2", lambda x: tf.sin(1 / x), draw(x=cycle([1e-2, 0.5])), "faster towards 0", step=1e-4
    ),
    right("guarded square root", safe_root, draw(x=cycle([-1.0, 4.0])), "the branch not taken is harmless"),
    right("guarded logarithm", guarded_log, draw(x=cycle([-1.0, 1e-3])), "the branch not taken is harmless"),
    right(
        "norm near 0",
        lambda x: tf.norm(x, axis=1),
        draw(x=normal(matrix, scale=1e-8)),
        "a cone, away from its tip",
    ),
    right(
        "elu at -40",
        lambda x: tf.nn.elu(x) + x,
        draw(x=cycle([-40.0, 1.0])),
        "one part has saturated, the other has not",
    ),
)

WRONG = (
    wrong(
        "logarithm with an epsilon",
        Broken(lambda x: tf.math.log(x), lambda dy, x: dy / (x + 1e-3)),
        draw(x=cycle([1e-2, 1.0])),
        "1/(x + 0.001)",
    ),
    wrong(
        "logarithm near 0 with a tiny epsilon",
        Broken(lambda x: tf.math.log(x), lambda dy, x: dy / (x + 1e-7)),
        draw(x=cycle([1e-5, 1.0])),
        "a percent at 1e-5, 1e-7 at 1",
        step=1e-4,
    ),
    wrong(
        "power guarded on the outside only",
        lambda x: tf.where(x > 0, tf.pow(x, 0.5), tf.zeros_like(x)),
        draw(x=cycle([-1.0, 4.0])),
        "0 times NaN is NaN where x < 0",
        diagnosis="not finite",
        truth=safe_root,
    ),
    wrong(
        "logarithm guarded on the outside only",
        half_guarded_log,
        HALF_ZERO,
        "0 times infinity is NaN at 0",
        diagnosis="not finite",
        smooth=False,
    ),
    wrong(
        "norm at 0",
        lambda x: tf.norm(x, axis=1),
        draw(x=lambda size, rng: 0 * rng.standard_normal(matrix(size))),
        "0/0 at the tip of the cone, where 0 is a subgradient",
        diagnosis="not finite",
        smooth=False,
    ),
    wrong(
        "absolute value by a root of a square",
        lambda x: tf.sqrt(x**2),
        HALF_ZERO,
        "0 times infinity at 0",
        diagnosis="not finite",
        smooth=False,
    ),
    wrong(
        "reciprocal without the square",
        Broken(reciprocal, lambda dy, x: -dy / x),
        draw(x=cycle([1e-3, 2.0])),
        "-1/x where it is -1/x²",
    ),
    wrong(
        "arc sine without the root",
        Broken(lambda x: tf.asin(x), lambda dy, x: dy / (1 - x**2)),
        draw(x=uniform(-0.9, 0.9)),
        "1/(1 - x²) where it is 1/sqrt(1 - x²)",
    ),
    wrong(
        "log1p as a logarithm",
        Broken(lambda x: tf.math.log1p(x), lambda dy, x: dy / x),
        POSITIVE,
        "1/x where it is 1/(1 + x)",
    ),
    wrong(
        "fast oscillation without its frequency",
        Broken(oscillation, lambda dy, x: dy * tf.cos(1e4 * x)),
        FAST,
        "the factor 10,000 is missing",
        diagnosis="constant factor",
        step=1e-6,
    ),
    wrong(
        "fast oscillation, factor 1.001",
        distorted(oscillation, scaled(1.001)),
        FAST,
        "where a step of 1e-3 sees noise",
        diagnosis="constant factor",
        step=1e-6,
    ),
    wrong(
        "near a pole, factor 1.01",
        distorted(reciprocal, scaled(1.01)),
        draw(x=cycle([1e-9, -1e-9])),
        "where a step of 1e-6 jumps over the pole",
        diagnosis="constant factor",
    ),
    wrong(
        "near the edge, factor 1.001",
        distorted(lambda x: tf.acosh(1 + x), scaled(1.001)),
        draw(x=cycle([1e-4, 1.0])),
        "where a step of 1e-3 leaves the domain",
        diagnosis="constant factor",
        step=1e-2,
    ),
    wrong(
        "exponent without the logarithm",
        Broken(lambda x, p: x**p, lambda dy, x, p: (dy * p * x ** (p - 1), dy * x**p)),
        draw(x=uniform(0.3, 3), p=signed(0.5, 2)),
        "log x is missing in the gradient of the exponent",
    ),
    wrong(
        "safe quotient with an epsilon",
        Broken(lambda x, y: x / y, lambda dy, x, y: (dy / (y + 1e-4), -dy * x / (y + 1e-4) ** 2)),
        draw(x=normal(), y=uniform(0.5, 2)),
        "an epsilon in the gradient and none in the function",
    ),
    wrong(
        "square root at a tiny number, halved twice",
        distorted(lambda x: tf.sqrt(x), scaled(0.5)),
        draw(x=cycle([1e-12, 1.0])),
        "1/4 where it is 1/2",
        diagnosis="constant factor",
    ),
)
