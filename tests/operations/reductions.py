"""Reductions, cumulative operations, the softmax family, norms and losses."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.operations.operation import SINGLE, n, op, u

LABELS = np.array([1, 0, 2])


@tf.function  # type: ignore[untyped-decorator]
def _connectionist(x: object) -> object:
    labels, lengths = np.array([[1, 2], [2, 0]]), np.array([2, 1])
    return tf.nn.ctc_loss(labels, x, lengths, np.array([4, 3]), blank_index=0)


REDUCTIONS = (
    op("reduce_sum", lambda x: tf.reduce_sum(x, 1), x=n(3, 4)),
    op("reduce_mean", lambda x: tf.reduce_mean(x, 0), x=n(3, 4)),
    op("reduce_prod", lambda x: tf.reduce_prod(x, 1), x=n(3, 4)),
    op("reduce_max", lambda x: tf.reduce_max(x, 1), x=n(3, 4)),
    op("reduce_min", lambda x: tf.reduce_min(x, 0), x=n(3, 4)),
    op("reduce_logsumexp", lambda x: tf.reduce_logsumexp(x, 1), x=n(3, 4)),
    op("reduce_variance", lambda x: tf.math.reduce_variance(x, 1), x=n(3, 4)),
    op("reduce_std", lambda x: tf.math.reduce_std(x, 1), x=n(3, 4)),
    op("reduce_euclidean_norm", lambda x: tf.math.reduce_euclidean_norm(x, 1), x=n(3, 4)),
    op("norm", lambda x: tf.norm(x, axis=1), x=n(3, 4)),
    op("norm 1", lambda x: tf.norm(x, ord=1, axis=1), x=n(3, 4)),
    op("norm inf", lambda x: tf.norm(x, ord=np.inf, axis=1), x=n(3, 4)),
    op("norm 3", lambda x: tf.norm(x, ord=3, axis=1), x=n(3, 4)),
    op("cumsum", lambda x: tf.cumsum(x, 1, exclusive=True), x=n(2, 4)),
    op("cumsum reverse", lambda x: tf.cumsum(x, 1, reverse=True), x=n(2, 4)),
    op("cumprod", lambda x: tf.math.cumprod(x, 1), x=n(2, 4)),
    op("cumprod exclusive", lambda x: tf.math.cumprod(x, 1, exclusive=True, reverse=True), x=n(2, 4)),
    op("cumulative_logsumexp", lambda x: tf.math.cumulative_logsumexp(x, 1), x=n(2, 4)),
    op("softmax", lambda x: tf.nn.softmax(x), x=n(3, 4)),
    op("softmax along 0", lambda x: tf.nn.softmax(x, axis=0), x=n(3, 4)),
    op("log_softmax", lambda x: tf.nn.log_softmax(x), x=n(3, 4)),
    op("l2_normalize", lambda x: tf.math.l2_normalize(x, 1), x=n(3, 4)),
    op("moments", lambda x: tf.nn.moments(x, [0]), x=n(3, 4)),
    op("weighted_moments", lambda x, w: tf.nn.weighted_moments(x, [0], w), x=n(3, 4), w=u(0.3, 1, 3, 4)),
    op("sufficient_statistics", lambda x: tf.nn.sufficient_statistics(x, [0])[1:3], x=n(3, 4)),
    op("zero_fraction", lambda x: x * tf.cast(tf.nn.zero_fraction(tf.nn.relu(x)), x.dtype), x=n(5)),
    op("clip_by_norm", lambda x: tf.clip_by_norm(x, 1.0, axes=[1]), x=n(3, 4)),
    op("clip_by_global_norm", lambda x, y: tf.clip_by_global_norm([x, y], 0.5)[0][0], x=n(4), y=n(3)),
    op("global_norm", lambda x, y: tf.linalg.global_norm([x, y]), x=n(4), y=n(3)),
    op(
        "batch_normalization",
        lambda x, m, v, b, s: tf.nn.batch_normalization(x, m, v, b, s, 1e-3),
        x=n(4, 3),
        m=n(3),
        v=u(0.4, 2, 3),
        b=n(3),
        s=n(3),
    ),
    op(
        "layer normalisation",
        lambda x, s: (
            (x - tf.reduce_mean(x, 1, keepdims=True))
            * tf.math.rsqrt(tf.math.reduce_variance(x, 1, keepdims=True) + 1e-3)
            * s
        ),
        x=n(3, 4),
        s=n(4),
    ),
    op("segment_sum", lambda x: tf.math.segment_sum(x, np.array([0, 0, 1, 2, 2])), x=n(5, 2)),
    op("segment_mean", lambda x: tf.math.segment_mean(x, np.array([0, 0, 1, 2, 2])), x=n(5, 2)),
    op("segment_max", lambda x: tf.math.segment_max(x, np.array([0, 0, 1, 2, 2])), x=n(5, 2)),
    op("segment_min", lambda x: tf.math.segment_min(x, np.array([0, 0, 1, 2, 2])), x=n(5, 2)),
    op("segment_prod", lambda x: tf.math.segment_prod(x, np.array([0, 0, 1, 2, 2])), x=n(5, 2)),
    op("unsorted_segment_sum", lambda x: tf.math.unsorted_segment_sum(x, [2, 0, 2, 1, 0], 3), x=n(5, 2)),
    op("unsorted_segment_mean", lambda x: tf.math.unsorted_segment_mean(x, [2, 0, 2, 1, 0], 3), x=n(5, 2)),
    op("unsorted_segment_max", lambda x: tf.math.unsorted_segment_max(x, [2, 0, 2, 1, 0], 3), x=n(5, 2)),
    op("unsorted_segment_min", lambda x: tf.math.unsorted_segment_min(x, [2, 0, 2, 1, 0], 3), x=n(5, 2)),
    op("unsorted_segment_prod", lambda x: tf.math.unsorted_segment_prod(x, [2, 0, 2, 1, 0], 3), x=n(5, 2)),
    op(
        "unsorted_segment_sqrt_n", lambda x: tf.math.unsorted_segment_sqrt_n(x, [2, 0, 2, 1, 0], 3), x=n(5, 2)
    ),
    op("sparse.segment_sum", lambda x: tf.sparse.segment_sum(x, [0, 2, 4, 2], [0, 0, 1, 1]), x=n(5, 2)),
    op("sparse.segment_mean", lambda x: tf.sparse.segment_mean(x, [0, 2, 4, 2], [0, 0, 1, 1]), x=n(5, 2)),
    op("sparse.segment_sqrt_n", lambda x: tf.sparse.segment_sqrt_n(x, [0, 2, 4, 2], [0, 0, 1, 1]), x=n(5, 2)),
)

LOSSES = (
    op(
        "softmax_cross_entropy_with_logits",
        lambda p, x: tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(p), x),
        p=n(3, 4),
        x=n(3, 4),
    ),
    op(
        "sparse_softmax_cross_entropy_with_logits",
        lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, x),
        x=n(3, 4),
    ),
    op(
        "sigmoid_cross_entropy_with_logits",
        lambda p, x: tf.nn.sigmoid_cross_entropy_with_logits(tf.sigmoid(p), x),
        p=n(3, 4),
        x=n(3, 4),
    ),
    op(
        "weighted_cross_entropy_with_logits",
        lambda p, x: tf.nn.weighted_cross_entropy_with_logits(tf.sigmoid(p), x, 2.5),
        p=n(3, 4),
        x=n(3, 4),
    ),
    op("l2_loss", lambda x: tf.nn.l2_loss(x), x=n(3, 4)),
    op("log_poisson_loss", lambda t, x: tf.nn.log_poisson_loss(t, x, True), t=u(1.2, 3, 5), x=n(5)),
    op(
        "ctc_loss dense",
        lambda x: _connectionist(x),
        x=n(4, 2, 3),
        dtypes=SINGLE,
    ),
    op("keras mse", lambda y, x: tf.keras.losses.mse(y, x), y=n(3, 4), x=n(3, 4)),
    op("keras mae", lambda y, x: tf.keras.losses.mae(y, x), y=n(3, 4), x=n(3, 4)),
    op("keras huber", lambda y, x: tf.keras.losses.huber(y, x, 0.8), y=n(3, 4), x=n(3, 4)),
    op("keras poisson", lambda y, x: tf.keras.losses.poisson(y, x), y=u(0.3, 2, 3, 4), x=u(0.3, 2, 3, 4)),
    op("keras kld", lambda y, x: tf.keras.losses.kld(y, x), y=u(0.1, 0.9, 3, 4), x=u(0.1, 0.9, 3, 4)),
    op("keras cosine", lambda y, x: tf.keras.losses.cosine_similarity(y, x), y=n(3, 4), x=n(3, 4)),
    op("keras msle", lambda y, x: tf.keras.losses.msle(y, x), y=u(0.3, 2, 3, 4), x=u(0.3, 2, 3, 4)),
    op("keras mape", lambda y, x: tf.keras.losses.mape(y, x), y=u(0.3, 2, 3, 4), x=n(3, 4)),
    op(
        "keras binary_crossentropy",
        lambda y, x: tf.keras.losses.binary_crossentropy(y, x),
        y=u(0.1, 0.9, 3, 4),
        x=u(0.1, 0.9, 3, 4),
    ),
    op(
        "keras categorical_crossentropy",
        lambda x: tf.keras.losses.categorical_crossentropy(
            tf.one_hot(LABELS, 4, dtype=x.dtype), tf.nn.softmax(x)
        ),
        x=n(3, 4),
    ),
    op("keras hinge", lambda x: tf.keras.losses.hinge(tf.constant([[1, -1, 1, -1]], x.dtype), x), x=n(3, 4)),
    op(
        "keras squared_hinge",
        lambda x: tf.keras.losses.squared_hinge(tf.constant([[1, -1, 1, -1]], x.dtype), x),
        x=n(3, 4),
    ),
    op(
        "keras categorical_hinge",
        lambda x: tf.keras.losses.categorical_hinge(tf.one_hot(LABELS, 4, dtype=x.dtype), x),
        x=n(3, 4),
    ),
)
