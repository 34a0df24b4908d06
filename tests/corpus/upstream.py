"""The upstream gradient: how it enters, and over how many outputs."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.corpus.case import Broken, draw, family, matrix, normal, true_gradients

right, wrong = family("upstream")

X = draw(x=normal())
ROWS = draw(x=normal(matrix))
PAIR = draw(x=normal(), y=normal())


def sine(x: Any) -> Any:
    """sin"""
    return tf.sin(x)


def square(x: Any) -> Any:
    """x²"""
    return x**2


def sine_and_cosine(x: Any) -> Any:
    """Two outputs"""
    return tf.sin(x), tf.cos(x)


def seen_as(change: Any, forward: Any = sine) -> Broken:
    """`forward` whose upstream gradient goes through `change` first"""
    return Broken(forward, lambda dy, x: true_gradients(forward, change(dy), [x])[0])


def swapped(first: Any, second: Any, x: Any) -> Any:
    """Each output's upstream gradient meets the slope of the other"""
    return -first * tf.sin(x) + second * tf.cos(x)


RIGHT = (
    right("tuple of outputs", sine_and_cosine, X, "the gradients of both add up"),
    right("dict of outputs", lambda x, y: {"sum": x + y, "product": x * y}, PAIR, "by name"),
    right(
        "nested outputs",
        lambda x, y: [tf.sin(x), {"a": (x * y, tf.reduce_sum(y**2))}],
        PAIR,
        "of several shapes",
    ),
    right(
        "outputs of two sizes",
        lambda x: (tf.reduce_sum(x), x[:1] ** 2, x**3),
        X,
        "a scalar, one element, all",
    ),
    right("an output that nothing moves", lambda x: (tf.exp(x), tf.ones([2], x.dtype)), X, "its slope is 0"),
    right(
        "output beside whole numbers",
        lambda x: (tf.sin(x), tf.argsort(x), x > 0),
        X,
        "only the first has a gradient",
    ),
    right(
        "custom gradient, linear in its upstream",
        Broken(square, lambda dy, x: 2 * dy * x),
        X,
        "written by hand, and right",
        truth=None,
    ),
    right(
        "custom gradient of two outputs",
        Broken(sine_and_cosine, lambda first, second, x: first * tf.cos(x) - second * tf.sin(x)),
        X,
        "one upstream tensor for each",
        truth=None,
    ),
)

WRONG = (
    wrong("ignored", seen_as(tf.ones_like), X, "right for ones and for nothing else", diagnosis="upstream"),
    wrong("squared", seen_as(tf.square), X, "right for ones", diagnosis="upstream"),
    wrong("absolute", seen_as(tf.abs), X, "right for ones: the sign is lost", diagnosis="upstream"),
    wrong("its sign only", seen_as(tf.sign), X, "right for ones: the size is lost", diagnosis="upstream"),
    wrong(
        "averaged over the batch",
        seen_as(lambda dy: tf.reduce_mean(dy, axis=0, keepdims=True) * tf.ones_like(dy)),
        ROWS,
        "right for ones: every row gets the mean",
        diagnosis="upstream",
    ),
    wrong(
        "clipped to 1",
        seen_as(lambda dy: tf.clip_by_value(dy, -1, 1)),
        X,
        "right for ones",
        diagnosis="upstream",
    ),
    wrong(
        "negative part dropped",
        seen_as(tf.nn.relu),
        X,
        "guided backpropagation: right for ones",
        diagnosis="upstream",
    ),
    wrong(
        "scaled by its size",
        seen_as(lambda dy: dy / tf.reduce_max(tf.abs(dy))),
        X,
        "right for ones",
        diagnosis="upstream",
    ),
    wrong(
        "ignored by a product",
        Broken(lambda x, y: x * y, lambda dy, x, y: (y, x)),
        PAIR,
        "both gradients",
        diagnosis="upstream",
    ),
    wrong(
        "squared root",
        seen_as(lambda dy: tf.sqrt(tf.abs(dy)) * tf.sign(dy), square),
        X,
        "right for ones",
        diagnosis="upstream",
    ),
    wrong(
        "first output only",
        Broken(sine_and_cosine, lambda first, second, x: first * tf.cos(x)),
        X,
        "the second output's share is missing",
    ),
    wrong("outputs swapped", Broken(sine_and_cosine, swapped), X, "right for ones"),
    wrong(
        "first row for all",
        seen_as(lambda dy: dy[:1] * tf.ones_like(dy)),
        ROWS,
        "right for ones",
        diagnosis="upstream",
    ),
    wrong(
        "order reversed",
        seen_as(lambda dy: tf.reverse(dy, [0])),
        X,
        "right for ones: each element gets another's upstream gradient",
    ),
)
