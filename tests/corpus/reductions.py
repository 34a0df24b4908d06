"""Sums, means, products, norms and running versions of them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.corpus.case import (
    Broken,
    among,
    distorted,
    draw,
    family,
    matrix,
    normal,
    scaled,
    signed,
    square,
    uniform,
)

right, wrong = family("reductions")

X = draw(x=normal(matrix))
SQUARE = draw(x=normal(square))
NONZERO = draw(x=signed(0.5, 1.5))
ONE_ZERO = draw(x=among([0.7, 0.0, -1.2], signed(0.5, 1.5)))


def mean(x: Any) -> Any:
    """Of each row"""
    return tf.reduce_mean(x, axis=1)


def variance(x: Any) -> Any:
    """Of each row, divided by n - 1"""
    return tf.reduce_sum((x - tf.reduce_mean(x, axis=1, keepdims=True)) ** 2, axis=1) / (x.shape[1] - 1)


def norm(x: Any) -> Any:
    """Euclidean, of each row"""
    return tf.norm(x, axis=1)


def logsumexp(x: Any) -> Any:
    """Of each row"""
    return tf.reduce_logsumexp(x, axis=1)


def row_sums_squared(x: Any) -> Any:
    """Square of each row's sum"""
    return tf.reduce_sum(x, axis=1) ** 2


RIGHT = (
    right("sum", lambda x: tf.reduce_sum(x, axis=1), X, "every slope is 1"),
    right("mean of everything", lambda x: tf.reduce_mean(x), X, "a scalar output"),
    right("variance", variance, X, "the path through the mean cancels"),
    right("standard deviation", lambda x: tf.math.reduce_std(x, axis=1), X, "divides by its own value"),
    right(
        "product",
        lambda x: tf.reduce_prod(x, keepdims=True),
        NONZERO,
        "each slope is the product of the others",
    ),
    right("product with a zero", lambda x: tf.reduce_prod(x), ONE_ZERO, "only the zero has a slope"),
    right("cumulative sum", lambda x: tf.cumsum(x, axis=1), X, "its gradient runs backwards"),
    right(
        "cumulative sum, exclusive and reversed",
        lambda x: tf.cumsum(x, axis=1, exclusive=True, reverse=True),
        X,
        "the first column moves nothing",
    ),
    right("cumulative product", lambda x: tf.math.cumprod(x), NONZERO, "no element is 0"),
    right(
        "logsumexp",
        logsumexp,
        draw(x=normal(matrix, shift=900.0)),
        "large enough for exp to overflow",
        step=1e-6,
    ),
    right("norm", norm, X, "away from 0"),
    right(
        "weighted mean",
        lambda x, w: tf.reduce_sum(x * w) / tf.reduce_sum(w),
        draw(x=normal(), w=uniform(0.5, 2)),
        "the weights move numerator and denominator",
    ),
    right(
        "harmonic mean",
        lambda x: 1 / tf.reduce_mean(1 / x, axis=1),
        draw(x=uniform(0.5, 3, matrix)),
        "nested reciprocals",
    ),
)

WRONG = (
    wrong(
        "mean as a sum",
        Broken(mean, lambda dy, x: dy[:, None] * tf.ones_like(x)),
        X,
        "1/n is missing",
        diagnosis="constant factor",
    ),
    wrong(
        "variance divided by n",
        distorted(variance, lambda g: g * (g.shape[1] - 1) / g.shape[1]),
        X,
        "n in the gradient, n - 1 in the function",
        diagnosis="constant factor",
    ),
    wrong(
        "cumulative sum forwards",
        Broken(lambda x: tf.cumsum(x, axis=1), lambda dy, x: tf.cumsum(dy, axis=1)),
        X,
        "its gradient is a cumulative sum from the end",
    ),
    wrong(
        "cumulative sum, exclusive",
        Broken(lambda x: tf.cumsum(x), lambda dy, x: tf.cumsum(dy, reverse=True, exclusive=True)),
        draw(x=normal()),
        "the element itself is left out",
    ),
    wrong(
        "product by division",
        Broken(lambda x: tf.reduce_prod(x), lambda dy, x: dy * tf.reduce_prod(x) / x),
        ONE_ZERO,
        "0/0 at the zero",
        diagnosis="not finite",
    ),
    wrong(
        "product of everything",
        Broken(lambda x: tf.reduce_prod(x), lambda dy, x: dy * tf.reduce_prod(x) * tf.ones_like(x)),
        NONZERO,
        "the element itself is not divided out",
    ),
    wrong(
        "logsumexp as a mean",
        Broken(logsumexp, lambda dy, x: dy[:, None] * tf.ones_like(x) / x.shape[1]),
        X,
        "equal shares where it is the softmax",
    ),
    wrong(
        "broadcast along the other axis",
        Broken(row_sums_squared, lambda dy, x: 2 * (dy * tf.reduce_sum(x, axis=1))[None] * tf.ones_like(x)),
        SQUARE,
        "each row's gradient is laid out as a column: the shapes fit, since x is square",
        diagnosis="transpose",
    ),
    wrong(
        "norm not divided by itself",
        Broken(norm, lambda dy, x: dy[:, None] * x),
        X,
        "x where it is x / |x|",
    ),
    wrong(
        "norm of the whole",
        Broken(norm, lambda dy, x: dy[:, None] * x / tf.norm(x)),
        X,
        "divided by the norm of all rows together",
    ),
    wrong(
        "mean over everything",
        distorted(mean, lambda g: g / g.shape[0]),
        X,
        "divided by the number of rows as well",
        diagnosis="batch size",
    ),
    wrong(
        "weighted mean with constant weights",
        lambda x, w: tf.reduce_sum(x * w) / tf.stop_gradient(tf.reduce_sum(w)),
        draw(x=normal(), w=uniform(0.5, 2)),
        "the normaliser moves with the weights",
        truth=lambda x, w: tf.reduce_sum(x * w) / tf.reduce_sum(w),
    ),
    wrong(
        "cumulative product at a zero",
        lambda x: tf.math.cumprod(x),
        ONE_ZERO,
        "TensorFlow divides by the element, and takes 0/0 as 0",
        diagnosis="not at this very point",
    ),
    wrong(
        "sum of squares, off by 1e-4",
        distorted(lambda x: tf.reduce_sum(x**2, axis=0), scaled(1 - 1e-4)),
        X,
        "an error in the fourth digit",
        diagnosis="constant factor",
    ),
)
