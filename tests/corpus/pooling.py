"""Pooling: windows that overlap, borders, ties between whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.corpus.case import (
    Array,
    Broken,
    Source,
    among,
    distinct,
    distorted,
    draw,
    family,
    fixed,
    image,
    integers,
    normal,
    scaled,
    series,
)

right, wrong = family("pooling")

POOL = 3
WHOLE = draw(x=integers(0, 10, series))
CLEAR = draw(x=distinct(0.5, series))
TIED = draw(x=among([9.0, 0.0, 9.0, 0.0, 9.0], integers(0, 9, series)))
IMAGE = draw(x=integers(0, 5, image))
AT = {"smooth": False}


def textbook(size: int, rng: np.random.Generator) -> Array:
    """One tie: 8 comes twice in the first window of the last three columns."""
    return np.array([[[1, 3, 4, 2, 5, 2], [4, 2, 5, 6, 8, 3], [5, 3, 7, 8, 9, 3]]], dtype=np.float64)


def near_ties(gap: float) -> Source:
    """Whole numbers, each moved by its own small multiple of `gap`: equal ones are then that far apart."""
    whole, order = integers(0, 4, series), distinct(gap, series)
    return lambda size, rng: whole(size, rng) + order(size, rng)


def max_pool(x: Any) -> Any:
    """Windows of 3, stride 1"""
    return tf.nn.max_pool1d(x, POOL, strides=1, padding="VALID")


def mean_pool(x: Any) -> Any:
    """Windows of 3, stride 1; those at the borders count only what they hold"""
    return tf.nn.avg_pool1d(x, POOL, strides=1, padding="SAME")


def windows(x: Any) -> Any:
    """(batch, window, place in it, channel)"""
    starts = np.arange(x.shape[1] - POOL + 1)
    return tf.gather(x, starts[:, None] + np.arange(POOL), axis=1)


def added(shares: Any, x: Any) -> Any:
    """Shares per window back at their positions, added up where windows overlap."""
    return tf.add_n(
        [tf.pad(shares[:, :, place], [[0, 0], [place, POOL - 1 - place], [0, 0]]) for place in range(POOL)]
    )


def largest(x: Any) -> Any:
    """1 for every largest element of each window"""
    inside = windows(x)
    return tf.cast(inside == tf.reduce_max(inside, axis=2, keepdims=True), x.dtype)


def overwritten(upstream: Any, x: Any) -> Any:
    """Every window assigns its gradient, so only the last window at a position counts."""
    chosen = largest(x)
    result = tf.zeros_like(x)
    for start in range(chosen.shape[1]):
        after = x.shape[1] - POOL - start
        here = tf.pad(chosen[:, start], [[0, 0], [start, after], [0, 0]])
        result = tf.where(here > 0, here * upstream[:, start : start + 1], result)
    return result


def all_tied(upstream: Any, x: Any) -> Any:
    """Every tied element gets the whole gradient of its window."""
    return added(largest(x) * upstream[:, :, None], x)


def none_tied(upstream: Any, x: Any) -> Any:
    """Only windows with one largest element pass their gradient on."""
    chosen = largest(x)
    single = tf.cast(tf.reduce_sum(chosen, axis=2, keepdims=True) == 1, x.dtype)
    return added(chosen * single * upstream[:, :, None], x)


def last_place(upstream: Any, x: Any) -> Any:
    """Every window passes its gradient to its last element, whichever is the largest."""
    place = tf.reshape(tf.one_hot(POOL - 1, POOL, dtype=x.dtype), [1, 1, POOL, 1])
    return added(place * upstream[:, :, None] * tf.ones_like(windows(x)), x)


def spread(upstream: Any, x: Any) -> Any:
    """Every window spreads its gradient as if it were a mean."""
    return added(tf.ones_like(windows(x)) * upstream[:, :, None] / POOL, x)


def constant_count(upstream: Any, x: Any) -> Any:
    """Every padded window divides by 3, also the ones at the borders that hold 2."""
    first, last = upstream[:, :-1], upstream[:, 1:]
    side = [[0, 0], [1, 0], [0, 0]], [[0, 0], [0, 1], [0, 0]]
    return (upstream + tf.pad(first, side[0]) + tf.pad(last, side[1])) / POOL


RIGHT = (
    right("one tie", max_pool, draw(x=textbook), "which of the two tied elements gets it is arbitrary", **AT),
    right("max pool of whole numbers", max_pool, WHOLE, "overlapping windows with ties", **AT),
    right(
        "max pool of whole numbers, padded",
        lambda x: tf.nn.max_pool1d(x, POOL, strides=2, padding="SAME"),
        draw(x=integers(-3, 1, series)),
        "the padding is never the maximum, not even of negative numbers",
        **AT,
    ),
    right(
        "max pool2d of whole numbers",
        lambda x: tf.nn.max_pool2d(x, 3, strides=1, padding="SAME"),
        IMAGE,
        "an element belongs to up to nine windows",
        **AT,
    ),
    right("max pool, distinct", max_pool, CLEAR, "smooth: no two elements closer than 0.5"),
    right("max pool, gaps of 1e-9", max_pool, draw(x=near_ties(1e-9)), "nearly tied is not tied", step=1e-11),
    right("max pool, gaps of 1e-7", max_pool, draw(x=near_ties(1e-7)), "nearly tied is not tied", step=1e-9),
    right(
        "mean pool, padded",
        mean_pool,
        draw(x=normal(series)),
        "windows at the border divide by what they hold",
    ),
    right(
        "mean pool2d",
        lambda x: tf.nn.avg_pool2d(x, 2, strides=1, padding="SAME"),
        draw(x=normal(image)),
        "overlap and borders",
    ),
    right("global maximum", lambda x: tf.reduce_max(x, axis=[1, 2]), IMAGE, "ties split evenly", **AT),
    right(
        "dense after max pool of whole numbers",
        lambda x, w: tf.tensordot(max_pool(x)[0, :, 0], w, axes=1),
        draw(x=integers(0, 4, fixed(1, 10, 1)), w=normal(fixed(8, 2))),
        "ties of several windows meet in one output, with weights of both signs",
        **AT,
    ),
    right(
        "max pool of a relu of zeros",
        lambda x: max_pool(tf.nn.relu(x)),
        draw(x=lambda size, rng: -integers(0, 3, series)(size, rng)),
        "every window is 0, some elements at the kink themselves",
        **AT,
    ),
)

WRONG = (
    wrong(
        "overlap overwritten",
        Broken(max_pool, overwritten),
        CLEAR,
        "an element that is the largest of several windows keeps one of their gradients",
    ),
    wrong(
        "tie counted twice",
        Broken(max_pool, all_tied),
        TIED,
        "all tied get everything",
        diagnosis="tie",
        **AT,
    ),
    wrong(
        "tie not counted", Broken(max_pool, none_tied), TIED, "no tied one gets any", diagnosis="tie", **AT
    ),
    wrong("last of the window", Broken(max_pool, last_place), CLEAR, "argmax replaced by the last place"),
    wrong("spread like a mean", Broken(max_pool, spread), CLEAR, "each of the window gets a third"),
    wrong(
        "shifted by one",
        distorted(lambda x: max_pool(x) ** 2, lambda g: tf.roll(g, 1, axis=1)),
        CLEAR,
        "argmax counted from 1",
        diagnosis="shift",
    ),
    wrong(
        "border divided by the pool size",
        Broken(mean_pool, constant_count),
        draw(x=normal(series)),
        "the padded positions are counted",
        diagnosis="border",
    ),
    wrong(
        "mean without its division",
        distorted(mean_pool, scaled(POOL)),
        draw(x=normal(series)),
        "a sum",
        diagnosis="constant factor",
    ),
    wrong(
        "first channel for all",
        distorted(lambda x: max_pool(x) ** 2, lambda g: tf.repeat(g[..., :1], g.shape[-1], axis=-1)),
        CLEAR,
        "the channel index is dropped",
    ),
    wrong(
        "global maximum spread over the image",
        Broken(
            lambda x: tf.reduce_max(x, axis=[1, 2]),
            lambda dy, x: tf.ones_like(x) * dy[:, None, None] / float(x.shape[1] * x.shape[2]),
        ),
        draw(x=distinct(0.5, image)),
        "the gradient of the mean",
    ),
    wrong(
        "maximum off by a thousandth at ties",
        Broken(
            max_pool,
            lambda dy, x: (
                1.001 * added(largest(x) * dy[:, :, None] / tf.reduce_sum(largest(x), 2, keepdims=True), x)
            ),
        ),
        TIED,
        "split evenly, but each window sums to 1.001",
        **AT,
    ),
)
