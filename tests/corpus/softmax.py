"""Softmax, losses and normalisations: sums that cancel, paths through mean and variance."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.corpus.case import (
    Array,
    Broken,
    distorted,
    draw,
    family,
    integers,
    matrix,
    normal,
    scaled,
    uniform,
)

right, wrong = family("softmax and norms")

X = draw(x=normal(matrix))
PAIR = draw(x=normal(matrix), y=normal(matrix))
BATCH = draw(x=normal(lambda size: (4, max(3, size // 4)), shift=0.5))


def labels(size: int, rng: np.random.Generator) -> Array:
    """One class for each row of `matrix`."""
    rows, columns = matrix(size)
    return rng.integers(0, columns, rows).astype(np.int32)


LABELLED = draw(x=normal(matrix), labels=labels)


def layer_norm(x: Any) -> Any:
    """Rows with mean 0 and variance 1"""
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-5)


def batch_norm(x: Any) -> Any:
    """Columns with mean 0 and variance 1"""
    mean, variance = tf.nn.moments(x, axes=[0])
    return (x - mean) * tf.math.rsqrt(variance + 1e-3)


def constant_statistics(x: Any) -> Any:
    """Batch norm that differentiates neither mean nor variance"""
    mean, variance = tf.nn.moments(x, axes=[0])
    return (x - tf.stop_gradient(mean)) * tf.stop_gradient(tf.math.rsqrt(variance + 1e-3))


def constant_mean(x: Any) -> Any:
    """Layer norm whose mean, where it is subtracted, is not differentiated"""
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    return (x - tf.stop_gradient(mean)) / tf.sqrt(variance + 1e-5)


def constant_variance(x: Any) -> Any:
    """Layer norm whose variance is not differentiated"""
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    return (x - mean) / tf.stop_gradient(tf.sqrt(variance + 1e-5))


def rms_norm(x: Any) -> Any:
    """Rows divided by their root mean square"""
    return x * tf.math.rsqrt(tf.reduce_mean(x**2, axis=1, keepdims=True) + 1e-6)


def unit(x: Any) -> Any:
    """Rows of length 1"""
    return x / tf.norm(x, axis=1, keepdims=True)


def cosine(x: Any, y: Any) -> Any:
    """Cosine of the angle between rows"""
    return tf.reduce_sum(unit(x) * unit(y), axis=1)


def cross_entropy(x: Any, labels: Any) -> Any:
    """-log softmax(x)[label]"""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, x)


def one_hot(x: Any, labels: Any) -> Any:
    """Labels in the shape of the logits"""
    return tf.one_hot(labels, x.shape[1], dtype=x.dtype)


def of_logits(backward: Any) -> Broken:
    """Cross entropy with a gradient for the logits only: the labels are integers."""
    return Broken(cross_entropy, lambda dy, x, labels: (backward(dy, x, labels), None))


def entropy(x: Any) -> Any:
    """-Σ p log p of softmax(x)"""
    return -tf.reduce_sum(tf.nn.softmax(x) * tf.nn.log_softmax(x), axis=1)


RIGHT = (
    right(
        "softmax", lambda x: tf.nn.softmax(x), X, "every row sums to 1, so the gradient for ones is exactly 0"
    ),
    right(
        "softmax of large logits",
        lambda x: tf.nn.softmax(x),
        draw(x=normal(matrix, scale=3, shift=1e3)),
        "shifted",
        step=1e-6,
    ),
    right(
        "softmax at low temperature",
        lambda x: tf.nn.softmax(20 * x),
        X,
        "close to one-hot: tiny slopes",
        lossy=True,
    ),
    right("log softmax", lambda x: tf.nn.log_softmax(x), X, "sums over the classes"),
    right("cross entropy of labels", cross_entropy, LABELLED, "whole-number labels are passed through"),
    right(
        "cross entropy with probabilities",
        lambda x, p: tf.nn.softmax_cross_entropy_with_logits(p / tf.reduce_sum(p, 1, keepdims=True), x),
        draw(x=normal(matrix), p=uniform(0.1, 1, matrix)),
        "the labels are differentiated as well",
    ),
    right(
        "sigmoid cross entropy",
        lambda x, p: tf.nn.sigmoid_cross_entropy_with_logits(p, x),
        draw(x=normal(), p=uniform(0, 1)),
        "stable form made of a relu and an absolute value that is smooth",
    ),
    right("layer norm", layer_norm, X, "the gradient for ones is exactly 0"),
    right("batch norm", batch_norm, BATCH, "statistics of the batch"),
    right("rms norm", rms_norm, X, "no mean"),
    right(
        "unit vectors", lambda x: tf.math.l2_normalize(x, axis=1), X, "the radial part of the gradient is 0"
    ),
    right("cosine similarity", cosine, PAIR, "two normalisations"),
    right(
        "Kullback-Leibler divergence",
        lambda x, y: tf.reduce_sum(tf.nn.softmax(x) * (tf.nn.log_softmax(x) - tf.nn.log_softmax(y)), axis=1),
        PAIR,
        "terms that cancel",
    ),
    right(
        "softmax of equal logits",
        lambda x: tf.nn.softmax(x),
        draw(x=integers(2, 3, matrix)),
        "smooth at ties",
    ),
)

WRONG = (
    wrong(
        "softmax taken element by element",
        Broken(lambda x: tf.nn.softmax(x), lambda dy, x: dy * tf.nn.softmax(x) * (1 - tf.nn.softmax(x))),
        X,
        "s (1 - s) is the diagonal of the Jacobian only",
    ),
    wrong(
        "softmax with a gradient of zeros",
        Broken(lambda x: tf.nn.softmax(x), lambda dy, x: tf.zeros_like(x)),
        X,
        "right for ones, since the rows sum to 1, and for nothing else",
        diagnosis="zero",
    ),
    wrong(
        "log softmax without the sum of the upstream",
        Broken(lambda x: tf.nn.log_softmax(x), lambda dy, x: dy - tf.nn.softmax(x)),
        X,
        "dy - s where it is dy - s Σ dy",
    ),
    wrong(
        "cross entropy plus the labels",
        of_logits(lambda dy, x, labels: dy[:, None] * (tf.nn.softmax(x) + one_hot(x, labels))),
        LABELLED,
        "p + y where it is p - y",
    ),
    wrong(
        "cross entropy divided by the batch",
        of_logits(lambda dy, x, labels: dy[:, None] * (tf.nn.softmax(x) - one_hot(x, labels)) / x.shape[0]),
        LABELLED,
        "the function gives one loss per row, not their mean",
        diagnosis="batch size",
    ),
    wrong(
        "cross entropy that ignores its upstream gradient",
        of_logits(lambda dy, x, labels: tf.nn.softmax(x) - one_hot(x, labels)),
        LABELLED,
        "as in many textbooks, where the loss is the last layer",
        diagnosis="upstream",
    ),
    wrong(
        "layer norm without the path through the mean",
        constant_mean,
        X,
        "rows of the gradient no longer sum to 0",
        truth=layer_norm,
    ),
    wrong(
        "layer norm without the path through the variance",
        constant_variance,
        X,
        "a term of the same size is missing",
        truth=layer_norm,
    ),
    wrong(
        "batch norm with constant statistics", constant_statistics, BATCH, "as at inference", truth=batch_norm
    ),
    wrong(
        "unit vectors without the projection",
        Broken(unit, lambda dy, x: dy / tf.norm(x, axis=1, keepdims=True)),
        X,
        "the length is treated as a constant",
    ),
    wrong(
        "rms norm off by its epsilon",
        distorted(rms_norm, scaled(1.0005)),
        X,
        "5e-4, as from another epsilon",
        diagnosis="constant factor",
    ),
    wrong(
        "cosine without the projection",
        lambda x, y: tf.reduce_sum(x * unit(y), axis=1) / tf.stop_gradient(tf.norm(x, axis=1)),
        PAIR,
        "the length of x is treated as a constant; y is right",
        truth=cosine,
    ),
    wrong(
        "entropy without its second term",
        lambda x: -tf.reduce_sum(tf.stop_gradient(tf.nn.softmax(x)) * tf.nn.log_softmax(x), axis=1),
        X,
        "p is treated as a constant, which makes the gradient 0 up to rounding",
        truth=entropy,
    ),
)
