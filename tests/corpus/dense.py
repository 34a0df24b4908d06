"""Products of matrices: dense layers, einsum, attention, quadratic forms."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.corpus.case import (
    Broken,
    Draw,
    distorted,
    draw,
    family,
    fixed,
    matrix,
    normal,
    one_element,
    scaled,
)

right, wrong = family("dense")


def wide(size: int) -> tuple[int, ...]:
    """Weights that take the columns of `matrix` to twice as many and one more."""
    columns = matrix(size)[1]
    return (columns, 2 * columns + 1)


def same(size: int) -> tuple[int, ...]:
    """Square weights for the columns of `matrix`, at least 3 by 3."""
    return (max(3, matrix(size)[1]),) * 2


def batch(size: int) -> tuple[int, ...]:
    """Rows that fit `same`."""
    return (matrix(size)[0], same(size)[0])


XWB = draw(x=normal(matrix), w=normal(wide), b=normal(lambda size: wide(size)[1:]))
SQUARE = draw(x=normal(batch), w=normal(same))
QKV: Draw = draw(q=normal(batch), k=normal(batch), v=normal(batch))


def dense(x: Any, w: Any, b: Any) -> Any:
    """x w + b"""
    return tf.matmul(x, w) + b


def product(x: Any, w: Any) -> Any:
    """x w"""
    return tf.matmul(x, w)


def quadratic(x: Any, a: Any) -> Any:
    """xᵀ A x of every row"""
    return tf.reduce_sum(tf.matmul(x, a) * x, axis=1)


def attention(q: Any, k: Any, v: Any) -> Any:
    """softmax(q kᵀ / sqrt(d)) v"""
    scores = tf.matmul(q, k, transpose_b=True) / float(q.shape[1]) ** 0.5
    return tf.matmul(tf.nn.softmax(scores), v)


def first_row_bias(upstream: Any, x: Any, w: Any, b: Any) -> Any:
    """The bias gets the upstream gradient of the first row only."""
    return tf.matmul(upstream, w, transpose_b=True), tf.matmul(x, upstream, transpose_a=True), upstream[0]


def stopped_first_use(x: Any, w: Any) -> Any:
    """w is used twice and differentiated once."""
    return tf.matmul(tf.matmul(x, tf.stop_gradient(w)), w)


RIGHT = (
    right("dense", dense, XWB, "the layer itself"),
    right("tanh dense", lambda x, w, b: tf.tanh(dense(x, w, b)), XWB, "a bounded activation on top"),
    right(
        "transposed weights",
        lambda x, w: tf.matmul(x, w, transpose_b=True),
        draw(x=normal(matrix), w=normal(lambda size: wide(size)[::-1])),
        "the second factor enters transposed",
    ),
    right(
        "batched matmul that broadcasts",
        lambda x, w: tf.matmul(x, w),
        draw(x=normal(lambda size: (2, *batch(size))), w=normal(same)),
        "one matrix serves a batch, so its gradient is a sum over it",
    ),
    right(
        "bilinear einsum",
        lambda x, t, y: tf.einsum("bi,ijk,bj->bk", x, t, y),
        draw(x=normal(batch), t=normal(lambda size: (*same(size), 2)), y=normal(batch)),
        "three factors",
    ),
    right("quadratic form", quadratic, SQUARE, "the input enters twice, the matrix is not symmetric"),
    right("weights used twice", lambda x, w: x @ w @ w, SQUARE, "both uses add to the gradient"),
    right("outer product", lambda x, w: tf.tensordot(x[0], w[0], axes=0), SQUARE, "most rows are not used"),
    right("attention", attention, QKV, "products, softmax and a product"),
)

WRONG = (
    wrong(
        "input gradient without the transpose",
        Broken(product, lambda dy, x, w: (tf.matmul(dy, w), tf.matmul(x, dy, transpose_a=True))),
        SQUARE,
        "dx = dy w where it is dy wᵀ: the shapes fit, since w is square",
    ),
    wrong(
        "weight gradient transposed",
        distorted(product, tf.transpose, which=1),
        SQUARE,
        "dw = dyᵀ x where it is xᵀ dy",
        diagnosis="transpose",
    ),
    wrong("bias of the first row", Broken(dense, first_row_bias), XWB, "the sum over the batch is missing"),
    wrong(
        "bias averaged over the batch",
        distorted(dense, lambda g: g / float(3), which=2),
        draw(x=normal(fixed(3, 4)), w=normal(fixed(4, 5)), b=normal(fixed(5))),
        "a mean over the three rows where it is a sum",
        diagnosis="batch size",
    ),
    wrong(
        "weights divided by the batch",
        Broken(
            product,
            lambda dy, x, w: (
                tf.matmul(dy, w, transpose_b=True),
                tf.matmul(x, dy, transpose_a=True) / float(x.shape[0]),
            ),
        ),
        SQUARE,
        "the mean belongs to the loss, not to the layer",
        diagnosis="batch size",
    ),
    wrong(
        "weights twice too large",
        distorted(dense, scaled(2.0), which=1),
        XWB,
        "a factor 2 left over from the square of a loss",
        diagnosis="constant factor",
    ),
    wrong("input with the wrong sign", distorted(dense, scaled(-1.0)), XWB, "-dx", diagnosis="sign"),
    wrong(
        "one weight off by a percent",
        distorted(dense, one_element(1.01), which=1),
        XWB,
        "a single wrong entry must not drown among the others",
        diagnosis="one element",
    ),
    wrong(
        "weights get zeros",
        distorted(dense, tf.zeros_like, which=1),
        XWB,
        "frozen by mistake",
        diagnosis="zero",
    ),
    wrong(
        "bias not connected",
        lambda x, w, b: tf.matmul(x, w) + tf.stop_gradient(b),
        XWB,
        "the output moves with b but the tape gives None",
        diagnosis="no gradient",
        truth=dense,
    ),
    wrong(
        "second use of the weights only",
        stopped_first_use,
        SQUARE,
        "x w w is differentiated as if the first w were a constant",
        truth=lambda x, w: x @ w @ w,
    ),
    wrong(
        "quadratic form taken as symmetric",
        Broken(
            quadratic,
            lambda dy, x, a: (
                2 * dy[:, None] * tf.matmul(x, a),
                tf.einsum("b,bi,bj->ij", dy, x, x),
            ),
        ),
        SQUARE,
        "2 A x holds only for a symmetric A",
    ),
    wrong(
        "attention without the scale",
        distorted(attention, lambda g: g * float(g.shape[1]) ** 0.5),
        QKV,
        "the gradient of q forgets 1 / sqrt(d)",
        diagnosis="constant factor",
    ),
    wrong(
        "bilinear with swapped gradients",
        Broken(lambda x, y: x * y, lambda dy, x, y: (dy * x, dy * y)),
        draw(x=normal(matrix), y=normal(matrix)),
        "each factor gets its own value where it gets the other's",
    ),
)
