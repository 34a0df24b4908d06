"""Inputs of 32 and 16 bits, and functions that round inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.corpus.case import (
    Broken,
    Draw,
    among,
    distorted,
    draw,
    family,
    fixed,
    integers,
    matrix,
    normal,
    scaled,
    series,
    uniform,
)

right, wrong = family("low precision")

HALF, SINGLE = np.float16, np.float32
BRAIN = tf.bfloat16.as_numpy_dtype
X16 = draw(x=normal(dtype=HALF))
X32 = draw(x=normal(dtype=SINGLE))
AT = {"smooth": False}


def layer(dtype: Any) -> Draw:
    """Inputs of a small dense layer"""
    return draw(x=normal(matrix, dtype=dtype), w=normal(lambda size: (matrix(size)[1], 3), dtype=dtype))


def rows(size: int) -> tuple[int, ...]:
    """At least four columns, so that a normalisation leaves something to differentiate."""
    return (2, max(4, size // 4))


def product(x: Any, w: Any) -> Any:
    """x w"""
    return tf.matmul(x, w)


def layer_norm(x: Any) -> Any:
    """Rows with mean 0 and variance 1"""
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-5)


def single_only(x: Any) -> Any:
    """Adds a float32 constant, which float64 refuses"""
    return tf.sin(x) * tf.linspace(1.0, 2.0, x.shape[0])


def rounded(dtype: Any) -> Any:
    """tanh computed in a lower precision, whatever the input has"""
    return lambda x: tf.cast(tf.tanh(tf.cast(x, dtype)), x.dtype)


def differenced(upstream: Any, x: Any) -> Any:
    """A gradient by differences: good in float64, rounding noise in float32."""
    h = tf.cast(1e-6, x.dtype)
    return upstream * (tf.exp(x + h) - tf.exp(x - h)) / (2 * h)


def overflowing(upstream: Any, x: Any) -> Any:
    """e^x / (1 + e^x): infinite over infinite where e^x is beyond the largest number."""
    return upstream * tf.exp(x) / (1 + tf.exp(x))


def in_half(upstream: Any, x: Any) -> Any:
    """The gradient computed in float16"""
    return upstream * tf.cast(tf.cos(tf.cast(x, tf.float16)), x.dtype)


def of_dtype(dtype: Any) -> Any:
    """sin whose gradient comes back in a dtype of its own"""
    return Broken(lambda x: tf.sin(x), lambda dy, x: tf.cast(dy * tf.cos(x), dtype))


def sine(x: Any) -> Any:
    """sin"""
    return tf.sin(x)


RIGHT = (
    right("float32 dense", product, layer(SINGLE), "rounding of 1e-7"),
    right("float16 dense", product, layer(HALF), "rounding of 1e-3"),
    right("bfloat16 dense", product, layer(BRAIN), "rounding of 1e-2"),
    right("float16 sine", sine, X16, "steps of float16 are too coarse for any difference"),
    right("bfloat16 tanh", lambda x: tf.tanh(x), draw(x=normal(dtype=BRAIN)), "three digits"),
    right(
        "float16 softmax",
        lambda x: tf.nn.softmax(x),
        draw(x=normal(matrix, dtype=HALF)),
        "sums that cancel, at 1e-3",
    ),
    right(
        "bfloat16 softmax",
        lambda x: tf.nn.softmax(x),
        draw(x=normal(matrix, dtype=BRAIN)),
        "sums that cancel, at 1e-2",
    ),
    right(
        "float32 square at 1e4",
        lambda x: x**2,
        draw(x=normal(shift=1e4, dtype=SINGLE)),
        "a difference in float32 is off by 18 %",
    ),
    right(
        "float32 square at 1e6",
        lambda x: x**2,
        draw(x=normal(shift=1e6, dtype=SINGLE)),
        "a difference in float32 is lost",
    ),
    right("float32 layer norm", layer_norm, draw(x=normal(rows, dtype=SINGLE)), "cancels for ones"),
    right(
        "float32 layer norm far from 0",
        layer_norm,
        draw(x=normal(rows, shift=1e3, dtype=SINGLE)),
        "the tape is off by 1e-4, as much as one rounding of x moves it: conditioning, no mistake",
        step=1e-6,
        lossy=True,
    ),
    right(
        "float32 layer norm of pairs",
        layer_norm,
        draw(x=normal(fixed(3, 2), dtype=SINGLE)),
        "outputs are ±1 up to epsilon: terms of size 1 cancel to slopes of 1e-5",
        lossy=True,
    ),
    right(
        "float16 max pool of whole numbers",
        lambda x: tf.nn.max_pool1d(x, 3, 1, "VALID"),
        draw(x=integers(0, 6, series, dtype=HALF)),
        "ties in half precision",
        **AT,
    ),
    right(
        "float32 relu at 0",
        lambda x: tf.nn.relu(x),
        draw(x=among([0.0, 0.0], normal(dtype=SINGLE))),
        "a kink",
        **AT,
    ),
    right(
        "float32 only",
        single_only,
        X32,
        "refuses float64, so float32 has to do",
        native_only=True,
        step=3e-2,
        eps=2.0**-23,
    ),
    right(
        "float32 inside",
        rounded(tf.float32),
        draw(x=normal()),
        "a staircase of 1e-7 steps",
        step=3e-2,
        eps=2.0**-23,
    ),
    right(
        "bfloat16 inside",
        rounded(tf.bfloat16),
        draw(x=normal(scale=0.5)),
        "a staircase of 1e-2 steps",
        step=0.3,
        eps=2.0**-8,
    ),
    right(
        "resized image",
        lambda x: tf.image.resize(x, [5, 7]),
        draw(x=normal(fixed(1, 3, 4, 1), dtype=SINGLE)),
        "computes in float32 whatever it is given",
        step=0.1,
        eps=2.0**-23,
    ),
    right(
        "two precisions",
        lambda x, y: tf.cast(x, y.dtype) * y,
        draw(x=normal(dtype=SINGLE), y=normal()),
        "each gradient has the precision of its input",
    ),
)

WRONG = (
    wrong(
        "float32 factor 1.0001",
        distorted(sine, scaled(1.0001)),
        X32,
        "1e-4 is 1,000 roundings of float32",
        diagnosis="constant factor",
    ),
    wrong(
        "bfloat16 factor 1.002",
        distorted(sine, scaled(1.002)),
        draw(x=normal(dtype=BRAIN)),
        "less than a rounding of bfloat16, but wrong in the function",
        diagnosis="constant factor",
    ),
    wrong(
        "float16 sign of one half",
        distorted(sine, lambda g: tf.concat([g[:2], -g[2:]], 0)),
        X16,
        "the sign is lost from the third element on",
    ),
    wrong(
        "float32 differences",
        Broken(lambda x: tf.exp(x), differenced),
        X32,
        "right to 1e-10 in float64, to 10 % in float32",
    ),
    wrong(
        "float16 overflow",
        Broken(lambda x: tf.math.softplus(x), overflowing),
        draw(x=among([12.0, 14.0], uniform(-3, 3, dtype=HALF))),
        "e^12 is beyond float16: NaN, although float64 is right",
        diagnosis="not finite",
    ),
    wrong(
        "float32 overflow",
        Broken(lambda x: tf.math.softplus(x), overflowing),
        draw(x=among([100.0, 120.0], uniform(-3, 3, dtype=SINGLE))),
        "e^100 is beyond float32: NaN, although float64 is right",
        diagnosis="not finite",
    ),
    wrong("backward in float16", Broken(sine, in_half), X32, "three digits where float32 has seven"),
    wrong(
        "float64 gradient of float32", of_dtype(tf.float64), X32, "TensorFlow takes a gradient of any dtype"
    ),
    wrong(
        "float32 gradient of float64", of_dtype(tf.float32), draw(x=normal()), "half of the digits are gone"
    ),
    wrong(
        "float32 only, factor 1.01",
        distorted(single_only, scaled(1.01)),
        X32,
        "a difference in float32 sees a percent",
        diagnosis="constant factor",
        native_only=True,
        step=3e-2,
        eps=2.0**-23,
    ),
    wrong(
        "float32 inside, factor 1.01",
        distorted(rounded(tf.float32), scaled(1.01)),
        draw(x=normal()),
        "a percent is far above the staircase",
        diagnosis="constant factor",
        step=3e-2,
        eps=2.0**-23,
    ),
    wrong(
        "bfloat16 inside, sign",
        distorted(rounded(tf.bfloat16), scaled(-1)),
        draw(x=normal(scale=0.5)),
        "the staircase cannot hide a sign",
        step=0.3,
        eps=2.0**-8,
    ),
    wrong(
        "float16 dense, one weight",
        distorted(product, lambda g: tf.concat([g[:1] * 1.05, g[1:]], 0), which=1),
        layer(HALF),
        "the first row of weights is off by 5 %",
    ),
    wrong(
        "float32 x² at 1e6 with 1.999 x",
        Broken(lambda x: x**2, lambda dy, x: dy * 1.999 * x),
        draw(x=normal(shift=1e6, dtype=SINGLE)),
        "what a difference in float32 could not see",
        diagnosis="constant factor",
    ),
)
