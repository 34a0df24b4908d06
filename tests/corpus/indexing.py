"""Moving elements: gather, slices, padding, transposes, masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.corpus.case import Array, Broken, distorted, draw, family, integers, matrix, normal, square

right, wrong = family("indexing")

X = draw(x=normal())
ROWS = draw(x=normal(matrix))
PAIR = draw(x=normal(), y=normal())
SQUARE = draw(x=normal(square))


def duplicates(size: int, rng: np.random.Generator) -> Array:
    """Row numbers, the first of which comes three times."""
    return np.array([1, 0, 1, 2, 1], dtype=np.int32)


def half(size: int, rng: np.random.Generator) -> Array:
    """True, False, True, …"""
    return np.resize([True, False], size)


LOOKED_UP = draw(table=normal(matrix), ids=duplicates)


def lookup(table: Any, ids: Any) -> Any:
    """Rows of the table, squared so that the gradient depends on them"""
    return tf.gather(table, ids) ** 2


def overwritten(upstream: Any, table: Any, ids: Any) -> Any:
    """Each row keeps the gradient of its last use."""
    later_use = tf.linalg.band_part(tf.cast(ids[:, None] == ids, table.dtype), 0, -1)
    is_last = tf.cast(tf.reduce_sum(later_use, axis=1) == 1, table.dtype)
    rows = 2 * upstream * tf.gather(table, ids) * is_last[:, None]
    return tf.math.unsorted_segment_sum(rows, ids, table.shape[0]), None


def concatenated(x: Any, y: Any) -> Any:
    """x, then y"""
    return tf.concat([x, y], axis=0) ** 3


RIGHT = (
    right("gather with duplicates", lookup, LOOKED_UP, "gradients of a row used three times add up"),
    right(
        "embedding lookup",
        lambda table, ids: tf.nn.embedding_lookup(table, ids),
        LOOKED_UP,
        "the tape gives IndexedSlices with duplicate indices",
    ),
    right(
        "gather of single elements",
        lambda x, i: tf.gather_nd(x, i),
        draw(x=normal(matrix), i=lambda size, rng: np.array([[0, 1], [1, 0], [0, 1]], dtype=np.int64)),
        "most elements move nothing",
    ),
    right("slices", lambda x: x[1:, ::2] * x[:-1, ::2], ROWS, "overlapping slices with a stride"),
    right(
        "concatenate and reverse",
        lambda x, y: tf.reverse(concatenated(x, y), [0]),
        PAIR,
        "two inputs end to end",
    ),
    right("roll", lambda x: tf.roll(x, 2, axis=0) * x, X, "each element meets its neighbour"),
    right(
        "pad by reflection", lambda x: tf.pad(x, [[1, 2]], mode="REFLECT") ** 2, X, "borders are used twice"
    ),
    right("transpose", lambda x: tf.transpose(x) @ x, ROWS, "both orders of the axes"),
    right("tile", lambda x: tf.tile(x, [3]) ** 2, X, "three copies"),
    right(
        "scatter into zeros",
        lambda x: tf.scatter_nd([[4], [1]], x[:2], [6]),
        X,
        "the rest of x moves nothing",
    ),
    right(
        "update of a tensor",
        lambda x, y: tf.tensor_scatter_nd_update(x, [[0], [3]], y[:2] ** 2),
        PAIR,
        "overwritten elements of x move nothing",
    ),
    right(
        "mask",
        lambda x, mask: tf.where(mask, tf.sin(x), 2 * x),
        draw(x=normal(), mask=half),
        "a boolean input, passed through",
    ),
    right(
        "power by a whole-number input",
        lambda x, n: x ** tf.cast(n, x.dtype),
        draw(x=lambda size, rng: rng.uniform(0.5, 2, size), n=integers(1, 4, dtype=np.int32)),
        "whole numbers are passed through and not differentiated",
    ),
)

WRONG = (
    wrong(
        "duplicates overwritten",
        Broken(lookup, overwritten),
        LOOKED_UP,
        "a row used three times keeps one gradient",
    ),
    wrong(
        "transposed back once too often",
        Broken(lambda x: tf.transpose(x) ** 2, lambda dy, x: 2 * dy * tf.transpose(x)),
        SQUARE,
        "the gradient stays in the order of the output: the shapes fit, since x is square",
        diagnosis="transpose",
    ),
    wrong(
        "roll in the same direction",
        Broken(lambda x: tf.roll(x, 1, axis=0), lambda dy, x: tf.roll(dy, 1, axis=0)),
        X,
        "the gradient goes on where it should go back",
    ),
    wrong(
        "shifted by one",
        distorted(lambda x: x**3, lambda g: tf.roll(g, 1, axis=0)),
        draw(x=normal(shift=0.5)),
        "every element gets its neighbour's gradient",
        diagnosis="shift",
    ),
    wrong(
        "rows shifted by one",
        distorted(lambda x: tf.exp(x), lambda g: tf.roll(g, 1, axis=1)),
        SQUARE,
        "off by one along the second axis",
        diagnosis="shift",
    ),
    wrong(
        "padding not skipped",
        Broken(lambda x: tf.pad(x, [[1, 1]]), lambda dy, x: dy[:-2]),
        X,
        "starts at the padding: right for ones",
    ),
    wrong(
        "reverse not reversed",
        Broken(lambda x: tf.reverse(x, [0]), lambda dy, x: dy),
        X,
        "right for ones",
    ),
    wrong(
        "tile counted once",
        Broken(lambda x: tf.tile(x, [3]) ** 2, lambda dy, x: 2 * dy[: x.shape[0]] * x),
        X,
        "only the first of three copies gives a gradient",
    ),
    wrong(
        "halves of a concatenation swapped",
        Broken(concatenated, lambda dy, x, y: (3 * dy[: x.shape[0]] * y**2, 3 * dy[x.shape[0] :] * x**2)),
        PAIR,
        "each input gets the slope at the other",
    ),
    wrong(
        "mask inverted",
        Broken(
            lambda x, mask: tf.where(mask, x**2, tf.zeros_like(x)),
            lambda dy, x, mask: (tf.where(mask, tf.zeros_like(x), 2 * dy * x), None),
        ),
        draw(x=normal(), mask=half),
        "the gradient goes to the elements that were masked out",
    ),
    wrong(
        "slice laid out at the start",
        Broken(lambda x: x[2:] ** 2, lambda dy, x: tf.pad(2 * dy * x[2:], [[0, 2]])),
        X,
        "the gradient of x[2:] put at x[:-2]",
    ),
)
