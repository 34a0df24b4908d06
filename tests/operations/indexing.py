"""Selecting, moving and joining elements; sorting; control flow."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.operations.operation import SINGLE, n, op, u

INDEXING = (
    op("gather", lambda x: tf.gather(x, [2, 0, 2]), x=n(4, 2)),
    op("gather along an axis", lambda x: tf.gather(x, [[1, 0], [2, 2]], axis=1, batch_dims=1), x=n(2, 3, 2)),
    op("gather_nd", lambda x: tf.gather_nd(x, [[0, 1], [2, 0], [0, 1]]), x=n(3, 2)),
    op("embedding_lookup", lambda x: tf.nn.embedding_lookup(x, [1, 1, 3]), x=n(5, 2)),
    op(
        "embedding_lookup_sparse",
        lambda x: tf.nn.embedding_lookup_sparse(
            x, tf.sparse.from_dense([[1, 2], [3, 0]]), None, combiner="mean"
        ),
        x=n(5, 2),
    ),
    op(
        "safe_embedding_lookup_sparse",
        lambda x: tf.nn.safe_embedding_lookup_sparse(
            x, tf.sparse.from_dense(np.array([[1, 2], [3, 0]])), None
        ),
        x=n(5, 2),
    ),
    op("scatter_nd", lambda x: tf.scatter_nd([[1], [3], [1]], x, [5, 2]), x=n(3, 2)),
    op(
        "tensor_scatter_nd_update", lambda x, y: tf.tensor_scatter_nd_update(x, [[1], [3]], y), x=n(5), y=n(2)
    ),
    op("tensor_scatter_nd_add", lambda x, y: tf.tensor_scatter_nd_add(x, [[1], [1]], y), x=n(5), y=n(2)),
    op("tensor_scatter_nd_sub", lambda x, y: tf.tensor_scatter_nd_sub(x, [[1], [1]], y), x=n(5), y=n(2)),
    op("tensor_scatter_nd_max", lambda x, y: tf.tensor_scatter_nd_max(x, [[1], [3]], y), x=n(5), y=n(2)),
    op("tensor_scatter_nd_min", lambda x, y: tf.tensor_scatter_nd_min(x, [[1], [3]], y), x=n(5), y=n(2)),
    op("boolean_mask", lambda x: tf.boolean_mask(x, [True, False, True, True]), x=n(4, 2)),
    op("slice", lambda x: tf.slice(x, [1, 0], [2, 2]), x=n(4, 3)),
    op("strided_slice", lambda x: x[::-2, tf.newaxis, 1:], x=n(4, 3)),
    op(
        "tensor_strided_slice_update",
        lambda x, y: tf.raw_ops.TensorStridedSliceUpdate(input=x, begin=[1], end=[4], strides=[2], value=y),
        x=n(5),
        y=n(2),
    ),
    op("dynamic_partition", lambda x: tf.dynamic_partition(x, [1, 0, 1, 0, 1], 2)[1], x=n(5, 2)),
    op("dynamic_stitch", lambda x, y: tf.dynamic_stitch([[0, 2], [1, 3]], [x, y]), x=n(2, 2), y=n(2, 2)),
    op("concat", lambda x, y: tf.concat([x, y], 1), x=n(3, 2), y=n(3, 1)),
    op("stack", lambda x, y: tf.stack([x, y], 1), x=n(4), y=n(4)),
    op("unstack", lambda x: tf.unstack(x, axis=1)[1], x=n(4, 3)),
    op("split", lambda x: tf.split(x, [1, 3], 1)[1], x=n(2, 4)),
    op("tile", lambda x: tf.tile(x, [2, 3]), x=n(2, 2)),
    op("repeat", lambda x: tf.repeat(x, [1, 3, 2], axis=0), x=n(3, 2)),
    op("pad constant", lambda x: tf.pad(x, [[1, 0], [2, 1]], constant_values=2), x=n(2, 3)),
    op("pad reflect", lambda x: tf.pad(x, [[1, 1], [2, 1]], "REFLECT"), x=n(2, 3)),
    op("pad symmetric", lambda x: tf.pad(x, [[1, 1], [2, 1]], "SYMMETRIC"), x=n(2, 3)),
    op("reverse", lambda x: tf.reverse(x, [1]), x=n(2, 3)),
    op("reverse_sequence", lambda x: tf.reverse_sequence(x, [2, 3], seq_axis=1), x=n(2, 4)),
    op("roll", lambda x: tf.roll(x, [1, 2], [0, 1]), x=n(3, 4)),
    op("transpose", lambda x: tf.transpose(x, [2, 0, 1]), x=n(2, 3, 2)),
    op("reshape", lambda x: tf.reshape(x, [4, 3]), x=n(2, 6)),
    op("broadcast_to", lambda x: tf.broadcast_to(x, [2, 3, 4]), x=n(3, 1)),
    op("expand_dims and squeeze", lambda x: tf.squeeze(tf.expand_dims(x, 1), [1, 2]), x=n(3, 1)),
    op("meshgrid", lambda x, y: tf.meshgrid(x, y)[1] * tf.meshgrid(x, y)[0], x=n(3), y=n(2)),
    op("ragged to dense", lambda x: tf.RaggedTensor.from_row_lengths(x, [2, 0, 3]).to_tensor(), x=n(5)),
    op(
        "ragged reduce_sum",
        lambda x: tf.reduce_sum(tf.RaggedTensor.from_row_lengths(x, [2, 1, 2]), 1),
        x=n(5),
    ),
    op("sort", lambda x: tf.sort(x, direction="DESCENDING"), x=n(2, 4)),
    op("top_k", lambda x: tf.math.top_k(x, 2).values, x=n(2, 4)),
    op("approx_max_k", lambda x: tf.math.approx_max_k(x, 2)[0], x=n(2, 6), dtypes=SINGLE),
    op("gather by argsort", lambda x: tf.gather(x, tf.argsort(x)), x=n(5)),
    op(
        "searchsorted weights",
        lambda x: x * tf.cast(tf.searchsorted([0.0, 1.0], tf.cast(x, tf.float32)), x.dtype),
        x=n(5),
    ),
    op("in_top_k mask", lambda x: x * tf.cast(x > tf.reduce_min(x), x.dtype), x=n(5)),
    op("one_hot product", lambda x: tf.matmul(tf.one_hot([2, 0], 4, dtype=x.dtype), x), x=n(4, 2)),
    op(
        "histogram by hand",
        lambda x: (
            tf.math.bincount([0, 1, 1, 2], weights=[1.0, 2.0, 3.0, 4.0])
            * tf.cast(tf.reduce_sum(x), tf.float32)
        ),
        x=n(3),
    ),
    op("fill", lambda x: tf.fill([2, 3], x), x=n()),
    op("linspace", lambda x, y: tf.linspace(x, y, 5), x=n(), y=n()),
)


def _while(x: object) -> object:
    return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.sin(y) * x), [0, x])[1]


def _lstm(x: object, w: object) -> object:
    def step(state: tuple[object, object], row: object) -> tuple[object, object]:
        h, c = state
        i, f, g, o = tf.split(tf.matmul(tf.concat([row, h], 1), w), 4, 1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    zero = tf.zeros([2, 2], x.dtype)  # type: ignore[attr-defined]  # a tensor
    return tf.scan(step, x, (zero, zero))[0]


@tf.function  # type: ignore[untyped-decorator]
def _graph(x: object) -> object:
    total = tf.zeros_like(x)
    for power in tf.range(1, 4):
        total += x ** tf.cast(power, x.dtype)  # type: ignore[attr-defined]  # a tensor
    return total


def _array(x: object) -> object:
    array = tf.TensorArray(x.dtype, 3)  # type: ignore[attr-defined]  # a tensor
    for i in range(3):
        array = array.write(i, tf.sin(x) * (i + 1))
    return array.stack()


@tf.function  # type: ignore[untyped-decorator]
def _jacobian(x: object) -> object:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.sin(x) * tf.reverse(x, [0])
    return tape.jacobian(y, x)


CONTROL = (
    op("while_loop", _while, x=n(4)),
    op("scan", lambda x: tf.scan(lambda a, row: tf.tanh(a) + row, x), x=n(4, 2)),
    op("foldl", lambda x: tf.foldl(lambda a, row: a * tf.cos(row) + row, x), x=n(4, 2)),
    op("foldr", lambda x: tf.foldr(lambda a, row: a * tf.cos(row) + row, x), x=n(4, 2)),
    op("map_fn", lambda x: tf.map_fn(lambda row: tf.reduce_sum(row) * row, x), x=n(3, 2)),
    op("vectorized_map", lambda x: tf.vectorized_map(lambda row: tf.reduce_sum(row) * row, x), x=n(3, 2)),
    op("cond", lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: tf.sin(x), lambda: tf.exp(x)), x=u(0.1, 1, 4)),
    op("switch_case", lambda x: tf.switch_case(tf.constant(1), [lambda: x, lambda: x**2]), x=n(4)),
    op("an LSTM by scan", _lstm, x=n(2, 2, 1), w=n(3, 8)),
    op("a loop in a graph", lambda x: _graph(x), x=n(4)),
    op("TensorArray", _array, x=n(3)),
    op("a Jacobian", lambda x: _jacobian(x), x=n(3)),
    op("py_function", lambda x: tf.py_function(lambda y: tf.sin(y) * y, [x], x.dtype), x=n(4)),
    op("grad_pass_through of the identity", lambda x: tf.grad_pass_through(tf.identity)(x) * 2, x=n(4)),
    op("ensure_shape", lambda x: tf.ensure_shape(x, [4]), x=n(4)),
    op("check_numerics", lambda x: tf.debugging.check_numerics(x, "finite"), x=n(4)),
)
