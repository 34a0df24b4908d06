"""Convolutions: borders, strides, channels."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.corpus.case import (
    Broken,
    distorted,
    draw,
    family,
    fixed,
    image,
    normal,
    one_element,
    scaled,
    series,
    true_gradients,
)

right, wrong = family("convolution")

SERIES = draw(x=normal(series), w=normal(fixed(3, 2, 2)))
IMAGE = draw(x=normal(image), w=normal(fixed(3, 3, 1, 2)))
MAPS = draw(x=normal(lambda size: (*image(size)[:3], 2)), w=normal(fixed(3, 2, 2, 1)))


def valid(x: Any, w: Any) -> Any:
    """Stride 1, no padding"""
    return tf.nn.conv1d(x, w, stride=1, padding="VALID")


def padded(x: Any, w: Any) -> Any:
    """Stride 1, padded so that the length stays"""
    return tf.nn.conv1d(x, w, stride=1, padding="SAME")


def flat(x: Any, w: Any) -> Any:
    """Two dimensions, padded"""
    return tf.nn.conv2d(x, w, strides=1, padding="SAME")


def depthwise(x: Any, w: Any) -> Any:
    """Each channel with its own filter"""
    return tf.nn.depthwise_conv2d(x, w, strides=[1, 1, 1, 1], padding="SAME")


def without_borders(gradient: Any) -> Any:
    """Zeros in the first and last position of axis 1"""
    return tf.pad(gradient[:, 1:-1], [[0, 0], [1, 1], [0, 0]])


def unflipped(upstream: Any, x: Any, w: Any) -> Any:
    """The input gradient is a convolution with the flipped filter; here it is not flipped."""
    back = tf.nn.conv1d(upstream, tf.transpose(w, [0, 2, 1]), stride=1, padding="SAME")
    return back, true_gradients(padded, upstream, (x, w))[1]


def bias_first(upstream: Any, x: Any, w: Any, b: Any) -> Any:
    """The bias gets the sum over the batch at the first position only."""
    dx, dw = true_gradients(valid, upstream, (x, w))
    return dx, dw, tf.reduce_sum(upstream[:, 0], axis=0)


RIGHT = (
    right("conv1d", valid, SERIES, "windows inside only"),
    right("conv1d, padded", padded, SERIES, "border windows hold zeros"),
    right(
        "conv1d, stride 2",
        lambda x, w: tf.nn.conv1d(x, w, stride=2, padding="SAME"),
        SERIES,
        "windows overlap by one",
    ),
    right(
        "causal conv1d",
        lambda x, w: valid(tf.pad(x, [[0, 0], [2, 0], [0, 0]]), w),
        SERIES,
        "padded on the left only",
    ),
    right("conv2d", flat, IMAGE, "two axes"),
    right(
        "conv2d, stride larger than the filter",
        lambda x, w: tf.nn.conv2d(x, w[:1, :1], strides=2, padding="VALID"),
        IMAGE,
        "most inputs and weights move nothing: their gradient is exactly 0",
    ),
    right("depthwise", depthwise, MAPS, "channels do not mix"),
    right(
        "conv2d transposed",
        lambda x, w: tf.nn.conv2d_transpose(x, w, [1, 2 * x.shape[1], 2 * x.shape[2], 2], strides=2),
        draw(x=normal(image), w=normal(fixed(3, 3, 2, 1))),
        "the gradient of a strided convolution, differentiated",
    ),
    right(
        "conv2d then relu then conv2d",
        lambda x, w: tf.nn.conv2d(tf.nn.relu(flat(x, w)), tf.transpose(w, [0, 1, 3, 2]), 1, "SAME"),
        IMAGE,
        "the same filter twice, with kinks near but not at the point",
        step=1e-6,
    ),
)

WRONG = (
    wrong(
        "filter not flipped",
        Broken(padded, unflipped),
        SERIES,
        "correlation and convolution confused in the input gradient",
    ),
    wrong(
        "filter gradient reversed",
        distorted(valid, lambda g: tf.reverse(g, [0]), which=1),
        SERIES,
        "the taps of the filter come in the opposite order",
    ),
    wrong(
        "borders cut",
        distorted(padded, without_borders),
        SERIES,
        "positions reached by padded windows get nothing",
        diagnosis="border",
    ),
    wrong(
        "shifted by one",
        distorted(padded, lambda g: tf.roll(g, 1, axis=1)),
        SERIES,
        "off by one in the padding",
        diagnosis="shift",
    ),
    wrong(
        "bias without the sum over positions",
        Broken(lambda x, w, b: valid(x, w) + b, bias_first),
        draw(x=normal(series), w=normal(fixed(3, 2, 2)), b=normal(fixed(2))),
        "db is summed over the batch but not along the series",
    ),
    wrong(
        "channels swapped",
        distorted(depthwise, lambda g: tf.reverse(g, [2]), which=1),
        MAPS,
        "each filter gets the gradient of the other",
    ),
    wrong(
        "one tap off by a thousandth",
        distorted(flat, one_element(1.001), which=1),
        IMAGE,
        "a single weight",
        diagnosis="one element",
    ),
    wrong(
        "divided by the size of the filter",
        distorted(flat, scaled(1 / 9)),
        IMAGE,
        "a mean over the window where it is a sum",
        diagnosis="constant factor",
    ),
)
