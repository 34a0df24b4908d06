"""TensorFlow operations that compositions are made of: each takes tensors of any shape, right at any values.

Every step is total (no domain ends near any number it can meet) and keeps numbers at about 1, so that a
composition of any depth has a derivative that can be known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

LARGEST = 40
"""Elements a tensor may have before it is summed down."""


@dataclass(frozen=True)
class Constants:
    """The constants of one step, the same at every call."""

    seed: tuple[int, ...]

    def normal(self, shape: tuple[int, ...], like: Any) -> Any:
        """Standard normal numbers in the dtype of a tensor."""
        values = np.random.default_rng(self.seed).standard_normal(shape)
        return tf.constant(values, like.dtype)

    def integers(self, limit: int, shape: tuple[int, ...]) -> Any:
        """Whole numbers from 0 to limit − 1."""
        return np.random.default_rng(self.seed).integers(0, limit, shape)


Unary = Callable[[Any, Constants], Any]
Binary = Callable[[Any, Any, Constants], Any]


def _flat(x: Any) -> Any:
    return tf.reshape(x, [-1])


def _size(x: Any) -> int:
    return math.prod(x.shape)


def _matrix(x: Any) -> Any:
    """Two axes, as square as the size allows."""
    size = _size(x)
    rows = max(r for r in range(1, math.isqrt(size) + 1) if size % r == 0)
    return tf.reshape(x, [rows, size // rows])


def _square(x: Any) -> Any:
    """(3, 3) made of the first elements, repeated where there are not enough."""
    return tf.reshape(tf.gather(_flat(x), np.arange(9) % _size(x)), [3, 3])


def _safe(x: Any) -> Any:
    """(3, 3), well away from singular"""
    return tf.tanh(_square(x)) / 4 + tf.eye(3, dtype=x.dtype)


def _definite(x: Any) -> Any:
    """(3, 3), symmetric and positive definite"""
    square = tf.tanh(_square(x))
    return tf.matmul(square, square, transpose_b=True) + tf.eye(3, dtype=x.dtype)


def _series(x: Any) -> Any:
    """(1, n, 1)"""
    return tf.reshape(x, [1, -1, 1])


def _image(x: Any) -> Any:
    """(1, height, width, 1)"""
    matrix = _matrix(x)
    return matrix[None, :, :, None]


def _spectrum(x: Any) -> Any:
    transformed = tf.signal.rfft(_flat(x)) / math.sqrt(_size(x))
    return tf.concat([tf.math.real(transformed), tf.math.imag(transformed)], 0)


def _loop(x: Any, c: Constants) -> Any:
    return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.sin(y) + x / 2), [0, x])[1]


def _scan(x: Any, c: Constants) -> Any:
    flat = _flat(x)
    return tf.scan(lambda state, row: tf.tanh(state / 2 + row), flat, tf.zeros([], x.dtype))


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _written(x: Any) -> Any:
    return tf.math.log(2 + tf.sin(x)), lambda dy: dy * tf.cos(x) / (2 + tf.sin(x))


def _branch(x: Any, c: Constants) -> Any:
    return tf.cond(tf.constant(True), lambda: tf.sin(x), lambda: tf.cos(x))


@tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
def _compiled(x: Any) -> Any:
    return tf.sin(x) + x / 2


SMOOTH: dict[str, Unary] = {
    "sin": lambda x, c: tf.sin(x),
    "tanh": lambda x, c: tf.tanh(x),
    "sigmoid": lambda x, c: tf.sigmoid(x),
    "softplus": lambda x, c: tf.math.softplus(x),
    "softsign": lambda x, c: tf.nn.softsign(x),
    "gelu": lambda x, c: tf.nn.gelu(x),
    "swish": lambda x, c: tf.nn.silu(x),
    "elu": lambda x, c: tf.nn.elu(x),
    "erf": lambda x, c: tf.math.erf(x),
    "atan": lambda x, c: tf.atan(x),
    "asinh": lambda x, c: tf.asinh(x),
    "exp": lambda x, c: tf.exp(tf.sin(x)),
    "log1p": lambda x, c: tf.math.log1p(x**2),
    "square": lambda x, c: x**2 / 3,
    "cube": lambda x, c: tf.sin(x) * x**2 / 4,
    "sqrt": lambda x, c: tf.sqrt(1 + x**2),
    "rsqrt": lambda x, c: tf.math.rsqrt(1 + x**2),
    "reciprocal": lambda x, c: 1 / (1 + x**2),
    "pow": lambda x, c: tf.pow(1 + x**2, tf.constant(0.3, x.dtype)),
    "lgamma": lambda x, c: tf.math.lgamma(1.5 + tf.sigmoid(x)),
    "digamma": lambda x, c: tf.math.digamma(2 + tf.tanh(x)),
    "affine": lambda x, c: x * c.normal(tuple(x.shape), x) + 1,
    "negative": lambda x, c: -x,
    "transpose": lambda x, c: tf.transpose(x),
    "flatten": lambda x, c: _flat(x),
    "matrix": lambda x, c: _matrix(x),
    "every second": lambda x, c: _flat(x)[::2],
    "first half": lambda x, c: _flat(x)[: (_size(x) + 1) // 2],
    "reverse": lambda x, c: _flat(x)[::-1],
    "roll": lambda x, c: tf.roll(_flat(x), 1, 0),
    "repeat": lambda x, c: tf.repeat(_flat(x), 2),
    "tile": lambda x, c: tf.tile(_flat(x), [2]),
    "pad": lambda x, c: tf.pad(_flat(x), [[1, 2]]),
    "reflect": lambda x, c: tf.pad(tf.pad(_flat(x), [[1, 1]]), [[1, 1]], "REFLECT"),
    "gather": lambda x, c: tf.gather(_flat(x), c.integers(_size(x), (5,))),
    "gather_nd": lambda x, c: tf.gather_nd(_flat(x), c.integers(_size(x), (4, 1))),
    "scatter": lambda x, c: tf.scatter_nd(c.integers(4, (_size(x), 1)), _flat(x), [4]),
    "split": lambda x, c: tf.split(tf.repeat(_flat(x), 2), 2)[1],
    "sum": lambda x, c: tf.reduce_sum(x, axis=list(range(len(x.shape)))[-1:]) / 2,
    "mean": lambda x, c: tf.reduce_mean(x, axis=list(range(len(x.shape)))[:1], keepdims=True),
    "total": lambda x, c: tf.reduce_mean(x),
    "centred": lambda x, c: x - tf.reduce_mean(x),
    "product": lambda x, c: tf.reduce_prod(1 + tf.sin(_matrix(x)) / 4, axis=1),
    "variance": lambda x, c: tf.math.reduce_variance(_matrix(x), axis=0),
    "norm": lambda x, c: tf.sqrt(tf.reduce_sum(_matrix(x) ** 2, axis=1) + 1),
    "normalised": lambda x, c: x / tf.sqrt(tf.reduce_sum(x**2) + 1),
    "layer norm": lambda x, c: (x - tf.reduce_mean(x)) * tf.math.rsqrt(tf.math.reduce_variance(x) + 0.1),
    "logsumexp": lambda x, c: tf.reduce_logsumexp(_matrix(x), axis=1),
    "softmax": lambda x, c: tf.nn.softmax(_matrix(x)),
    "log softmax": lambda x, c: tf.nn.log_softmax(_matrix(x)) / 2,
    "cumsum": lambda x, c: tf.cumsum(_flat(x)) / 2,
    "cumprod": lambda x, c: tf.math.cumprod(1 + tf.sin(_flat(x)) / 4),
    "segments": lambda x, c: tf.math.unsorted_segment_sum(_flat(x), c.integers(3, (_size(x),)), 3),
    "dense": lambda x, c: tf.matmul(_matrix(x), c.normal((_matrix(x).shape[1], 3), x)) / 2,
    "gram": lambda x, c: tf.matmul(_matrix(x), _matrix(x), transpose_b=True) / 2,
    "einsum": lambda x, c: tf.einsum("ab,cb->ca", _matrix(x), c.normal((2, _matrix(x).shape[1]), x)) / 2,
    "conv1d": lambda x, c: tf.nn.conv1d(_series(x), c.normal((3, 1, 2), x) / 2, 1, "SAME"),
    "conv2d": lambda x, c: tf.nn.conv2d(_image(x), c.normal((2, 2, 1, 2), x) / 2, 1, "SAME"),
    "average pool": lambda x, c: tf.nn.avg_pool1d(_series(x), 2, 1, "SAME"),
    "inverse": lambda x, c: tf.linalg.inv(_safe(x)),
    "solve": lambda x, c: tf.linalg.solve(_safe(x), c.normal((3, 1), x)),
    "determinant": lambda x, c: tf.linalg.det(_safe(x)),
    "cholesky": lambda x, c: tf.linalg.cholesky(_definite(x)),
    "logdet": lambda x, c: tf.linalg.logdet(_definite(x)),
    "band": lambda x, c: tf.linalg.band_part(_matrix(x), 1, 0),
    "trace": lambda x, c: tf.linalg.trace(_square(x)),
    "spectrum": lambda x, c: _spectrum(x),
    "loop": _loop,
    "scan": _scan,
    "map": lambda x, c: tf.map_fn(lambda row: tf.sin(row) * row / 2, _flat(x)),
    "branch": _branch,
    "written": lambda x, c: _written(x),
    "compiled": lambda x, c: _compiled(x),
}


KINKED: dict[str, Unary] = {
    "relu": lambda x, c: tf.nn.relu(x),
    "relu6": lambda x, c: tf.nn.relu6(x * 3),
    "leaky relu": lambda x, c: tf.nn.leaky_relu(x),
    "selu": lambda x, c: tf.nn.selu(x),
    "abs": lambda x, c: tf.abs(x),
    "clip": lambda x, c: tf.clip_by_value(x, -0.7, 0.9),
    "floor": lambda x, c: tf.maximum(x, c.normal(tuple(x.shape), x)),
    "max": lambda x, c: tf.reduce_max(_matrix(x), axis=1),
    "min": lambda x, c: tf.reduce_min(_matrix(x), axis=0),
    "max pool": lambda x, c: tf.nn.max_pool1d(_series(x), 3, 2, "SAME"),
    "max pool 2d": lambda x, c: tf.nn.max_pool2d(_image(x), 2, 1, "SAME"),
    "sort": lambda x, c: tf.sort(_flat(x)),
    "top k": lambda x, c: tf.math.top_k(_flat(x), (_size(x) + 1) // 2).values,
    "sum of sizes": lambda x, c: tf.norm(_flat(x), ord=1) / _size(x),
    "largest size": lambda x, c: tf.reduce_max(tf.abs(_flat(x))),
    "segment max": lambda x, c: tf.math.segment_max(_flat(x), np.sort(c.integers(1, (_size(x),)))),
}


def _pairwise(combine: Callable[[Any, Any], Any]) -> Binary:
    """Of the leading elements of both, as many as the shorter one has."""

    def binary(a: Any, b: Any, c: Constants) -> Any:
        size = min(_size(a), _size(b))
        return combine(_flat(a)[:size], _flat(b)[:size])

    return binary


PAIRED: dict[str, Binary] = {
    "add": _pairwise(lambda a, b: a + b),
    "subtract": _pairwise(lambda a, b: a - b),
    "multiply": _pairwise(lambda a, b: a * tf.tanh(b)),
    "divide": _pairwise(lambda a, b: a / (1 + b**2)),
    "atan2": _pairwise(lambda a, b: tf.atan2(a, 1 + b**2)),
    "power": _pairwise(lambda a, b: tf.pow(1 + tf.sigmoid(a), b / 2)),
    "squared difference": _pairwise(lambda a, b: tf.math.squared_difference(a, b) / 4),
    "select": _pairwise(lambda a, b: tf.where(np.arange(_size(a)) % 2 == 0, a, b)),
    "outer": lambda a, b, c: tf.tensordot(_flat(a), tf.sin(_flat(b)), 0),
    "inner": _pairwise(lambda a, b: tf.tensordot(a, b, 1) / 2),
    "concat": lambda a, b, c: tf.concat([_flat(a), _flat(b)], 0),
    "stack": _pairwise(lambda a, b: tf.stack([a, b], axis=1)),
    "scaled by mean": lambda a, b, c: a * tf.sin(tf.reduce_mean(b)),
}

PAIRED_KINKED: dict[str, Binary] = {
    "maximum": _pairwise(lambda a, b: tf.maximum(a, b)),
    "minimum": _pairwise(lambda a, b: tf.minimum(a, b)),
    "distance": _pairwise(lambda a, b: tf.abs(a - b)),
}


def shortened(x: Any) -> Any:
    """At most LARGEST elements: the rest is added to the first ones."""
    size = _size(x)
    if size <= LARGEST:
        return x
    return tf.scatter_nd((np.arange(size) % LARGEST)[:, None], _flat(x), [LARGEST]) / 2
