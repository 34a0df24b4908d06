"""Equal elements: maxima, minima, sorting; and elements that are nearly equal."""

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
    integers,
    matrix,
    scaled,
    signed,
    uniform,
)

right, wrong = family("ties")

TIED = draw(x=among([5.0, 1.0, 5.0], integers(0, 5)))
"""The largest element comes twice."""
TRIPLE = draw(x=among([5.0, 5.0, 1.0, 5.0], integers(0, 5)))
ROWS = draw(x=integers(0, 3, matrix))
CLEAR = draw(x=distinct(0.5))
EQUAL = draw(x=integers(0, 3), y=integers(0, 3))
NEAR = draw(x=among([2.0, 2.0 + 1e-9], uniform(-1, 1)))
NEARLY = draw(x=among([2.0, 2.0 + 1e-7, 0.0], uniform(-1, 1)))
AT = {"smooth": False}


def equal_pairs(size: int, rng: Any) -> Array:
    """A vector of random numbers, each of which comes twice."""
    array: Array = rng.permutation(rng.standard_normal(size // 2).repeat(2))
    return array


PAIRS: Source = equal_pairs


def alternating(size: int, rng: Any) -> Array:
    """Segments 0, 1, 0, 1, …"""
    return np.arange(size, dtype=np.int32) % 2


def largest(x: Any) -> Any:
    """The maximum, kept as one element"""
    return tf.reduce_max(x, axis=-1, keepdims=True)


def is_largest(x: Any, within: float = 0.0) -> Any:
    """1 where x is the maximum"""
    return tf.cast(x >= largest(x) - within, x.dtype)


def ascending(x: Any) -> Any:
    """Sorted"""
    return tf.sort(x)


def strictly_largest(x: Any) -> Any:
    """1 where x is the maximum and no other element equals it"""
    found = is_largest(x)
    return found * tf.cast(tf.reduce_sum(found, axis=-1, keepdims=True) == 1, x.dtype)


RIGHT = (
    right("maximum, tied", largest, TIED, "split evenly: a point of the simplex", **AT),
    right("maximum, tied three ways", largest, TRIPLE, "split evenly", **AT),
    right("maximum of rows", largest, ROWS, "ties in some rows and not in others", **AT),
    right("maximum, all equal", largest, draw(x=integers(2, 3)), "every element is tied", **AT),
    right("minimum, tied", lambda x: tf.reduce_min(x, axis=-1), ROWS, "split evenly", **AT),
    right("larger of two, equal", lambda x, y: tf.maximum(x, y), EQUAL, "all of it goes to the first", **AT),
    right("smaller of two, equal", lambda x, y: tf.minimum(x, y), EQUAL, "all of it goes to the first", **AT),
    right("maximum, 1e-9 from a tie", largest, NEAR, "one largest element: no tie", step=1e-10),
    right("maximum, 1e-7 from a tie", largest, NEARLY, "one largest element: no tie", step=1e-8),
    right("sort, distinct", ascending, CLEAR, "a permutation"),
    right(
        "sort, pairs of equal elements",
        ascending,
        draw(x=PAIRS),
        "a permutation at each tie",
        step=1e-9,
        **AT,
    ),
    right(
        "first of the tied",
        lambda x: tf.gather(x, tf.argmax(x)),
        TIED,
        "all of it goes to the first: a corner of the simplex",
        **AT,
    ),
    right(
        "two largest",
        lambda x: tf.math.top_k(x, k=2).values,
        TRIPLE,
        "which of three equals is an arbitrary choice",
        **AT,
    ),
    right(
        "maximum of segments",
        lambda x, s: tf.math.unsorted_segment_max(x, s, num_segments=2),
        draw(x=among([1.0, 1.0, 0.0, 0.0], integers(0, 2)), s=alternating),
        "split evenly; the segments are integers and get no gradient",
        **AT,
    ),
    right(
        "largest absolute value",
        lambda x: largest(tf.abs(x)),
        draw(x=among([3.0, -3.0], signed(0.1, 2))),
        "a tie between different signs",
        **AT,
    ),
    right(
        "difference of two maxima",
        lambda x, y: tf.gather(x, tf.argmax(x)) - tf.gather(y, tf.argmax(y)),
        draw(x=among([5.0, 5.0], integers(0, 5)), y=among([5.0, 5.0], integers(0, 5))),
        "ties of opposite sign in one output; the inputs are separate, so any choice for each is valid",
        **AT,
    ),
    right(
        "largest minus smallest",
        lambda x: largest(x) - tf.reduce_min(x, keepdims=True),
        TIED,
        "a tie on one end",
        **AT,
    ),
)

WRONG = (
    wrong(
        "tie counted twice",
        Broken(largest, lambda dy, x: dy * is_largest(x)),
        TIED,
        "each of the two tied elements gets the whole gradient",
        diagnosis="tie",
        **AT,
    ),
    wrong(
        "ties of rows counted in full",
        Broken(largest, lambda dy, x: dy * is_largest(x)),
        draw(x=among([2.0, 2.0], integers(0, 3, matrix))),
        "every tied element gets the whole gradient",
        diagnosis="tie",
        **AT,
    ),
    wrong(
        "tie not counted",
        Broken(largest, lambda dy, x: dy * strictly_largest(x)),
        TIED,
        "nobody gets the gradient, since nobody is strictly the largest",
        diagnosis="tie",
        **AT,
    ),
    wrong(
        "tie divided by the length of the row",
        Broken(largest, lambda dy, x: dy * is_largest(x) / float(x.shape[-1])),
        TIED,
        "a mean over all elements where it is one over the tied",
        **AT,
    ),
    wrong(
        "three tied, divided by two",
        Broken(largest, lambda dy, x: dy * is_largest(x) / 2),
        TRIPLE,
        "sums to 1.5",
        diagnosis="tie",
        **AT,
    ),
    wrong(
        "gradient to the smallest",
        Broken(largest, lambda dy, x: dy * tf.cast(x == tf.reduce_min(x, axis=-1, keepdims=True), x.dtype)),
        CLEAR,
        "the position of the minimum",
    ),
    wrong(
        "both of two equals",
        Broken(
            lambda x, y: tf.maximum(x, y),
            lambda dy, x, y: (dy * tf.cast(x >= y, x.dtype), dy * tf.cast(y >= x, x.dtype)),
        ),
        draw(x=among([1.0, 2.0], integers(0, 3)), y=among([1.0, 2.0], integers(0, 3))),
        "each is in its interval, but together they get twice the gradient",
        **AT,
    ),
    wrong(
        "near tie split",
        Broken(largest, lambda dy, x: dy * is_largest(x, 1e-6) / 2),
        NEARLY,
        "1e-7 apart is not a tie: the larger gets everything",
        step=1e-8,
    ),
    wrong(
        "sort without the permutation",
        Broken(ascending, lambda dy, x: dy),
        CLEAR,
        "the gradient stays in sorted order; right for ones",
    ),
    wrong(
        "sorted in the other direction",
        distorted(ascending, lambda g: tf.reverse(g, [0])),
        draw(x=distinct(0.5)),
        "the gradients of largest and smallest swapped",
    ),
    wrong(
        "minimum by the maximum of the negative",
        Broken(lambda x: tf.reduce_min(x, axis=-1, keepdims=True), lambda dy, x: -dy * is_largest(-x)),
        draw(x=distinct(0.5, matrix)),
        "one of the two signs is forgotten",
        diagnosis="sign",
    ),
    wrong(
        "tied and a factor",
        distorted(largest, scaled(1.001)),
        TIED,
        "split evenly, but sums to 1.001: a tie is no excuse for a factor",
        **AT,
    ),
)
