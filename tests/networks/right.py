"""Losses of networks by their weights, drawn at random: perceptrons, convolutions, recurrences, attention.

They have what real ones have: zero biases, padding rows, dead units, tied tables, normalisation, losses of
any size, terms of weight decay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from tests.corpus.case import Array, Function

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": tf.nn.relu,
    "tanh": tf.nn.tanh,
    "gelu": tf.nn.gelu,
    "silu": tf.nn.silu,
    "leaky": tf.nn.leaky_relu,
}


@dataclass(frozen=True)
class Network:
    """A loss of weights at a point."""

    name: str
    function: Function
    weights: dict[str, Array]

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(array.size for array in self.weights.values())


def drawn(seed: int) -> Network:
    """The network of a seed."""
    random = np.random.default_rng(seed)
    make = [perceptron, convolution, recurrence, attention, embedding][int(random.integers(5))]
    return make(random)


def _linear(random: np.random.Generator, rows: int, columns: int) -> Array:
    return np.asarray(random.standard_normal((rows, columns)) * np.sqrt(2 / rows))


def _activation(random: np.random.Generator) -> tuple[str, Callable[[Any], Any]]:
    name = str(random.choice(list(ACTIVATIONS)))
    return name, ACTIVATIONS[name]


def _loss(random: np.random.Generator, samples: int, classes: int) -> tuple[str, Callable[[Any], Any]]:
    """Cross-entropy or a mean square, of a size between 1e-6 and 1e6."""
    scale = 10.0 ** float(random.integers(-6, 7))
    if random.integers(2):
        labels = random.integers(0, classes, samples)
        name = f"cross-entropy × {scale:g}"
        return (
            name,
            lambda logits: (
                scale
                * tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
            ),
        )
    target = random.standard_normal((samples, classes))
    return f"mean square × {scale:g}", lambda found: scale * tf.reduce_mean((found - target) ** 2)


def perceptron(random: np.random.Generator) -> Network:
    """Dense layers, with biases that are often 0, sometimes padding rows, dead units or weight decay."""
    sizes = [int(random.integers(10, 40)) for _ in range(int(random.integers(2, 4)))] + [5]
    samples = int(random.integers(8, 40))
    x = random.standard_normal((samples, sizes[0]))
    if random.integers(3) == 0:
        x[: samples // 4] = 0
    weights: dict[str, Array] = {}
    zero_biases = bool(random.integers(2))
    for number, (rows, columns) in enumerate(pairwise(sizes)):
        weights[f"w{number}"] = _linear(random, rows, columns)
        weights[f"b{number}"] = np.zeros(columns) if zero_biases else 0.1 * random.standard_normal(columns)
    if random.integers(3) == 0:
        weights["b0"][:3] = -50
    decay = 1e-4 * float(random.integers(2))
    activation, act = _activation(random)
    loss_name, loss = _loss(random, samples, sizes[-1])

    def function(*values: Any) -> Any:
        hidden = tf.constant(x, values[0].dtype)
        for number in range(0, len(values), 2):
            hidden = hidden @ values[number] + values[number + 1]
            if number + 2 < len(values):
                hidden = act(hidden)
        return loss(hidden) + decay * tf.add_n([tf.reduce_sum(value**2) for value in values])

    return Network(f"perceptron {sizes} {activation} {loss_name}", function, weights)


def convolution(random: np.random.Generator) -> Network:
    """A convolution, max or average pooling and a dense layer; images may have a constant background."""
    side, filters, samples = (
        int(random.integers(6, 10)),
        int(random.integers(3, 7)),
        int(random.integers(2, 5)),
    )
    images = random.standard_normal((samples, side, side, 2))
    if random.integers(2):
        images[:, : side // 2] = 0
    activation, act = _activation(random)
    pooling = str(random.choice(["MAX", "AVG"]))
    loss_name, loss = _loss(random, samples, 4)
    flat = filters * (side // 2) ** 2
    weights = {
        "kernel": random.standard_normal((3, 3, 2, filters)) / 3,
        "bias": np.zeros(filters) if random.integers(2) else 0.1 * random.standard_normal(filters),
        "w": _linear(random, flat, 4),
        "b": np.zeros(4),
    }

    def function(kernel: Any, bias: Any, w: Any, b: Any) -> Any:
        hidden = act(tf.nn.conv2d(tf.constant(images, kernel.dtype), kernel, 1, "SAME") + bias)
        hidden = tf.nn.pool(hidden, [2, 2], pooling, strides=[2, 2])
        return loss(tf.reshape(hidden, [samples, flat]) @ w + b)

    return Network(f"convolution {pooling} {activation} {loss_name}", function, weights)


def recurrence(random: np.random.Generator) -> Network:
    """A recurrence of some steps."""
    units, width, steps, samples = (int(random.integers(*span)) for span in ((8, 20), (4, 8), (3, 8), (2, 6)))
    x = random.standard_normal((steps, samples, width))
    loss_name, loss = _loss(random, samples, 3)
    weights = {
        "inner": _linear(random, units, units) / 2,
        "outer": _linear(random, width, units),
        "bias": 0.1 * random.standard_normal(units),
        "head": _linear(random, units, 3),
    }

    def function(inner: Any, outer: Any, bias: Any, head: Any) -> Any:
        state = tf.zeros((samples, units), inner.dtype)
        for step in range(steps):
            state = tf.tanh(state @ inner + tf.constant(x[step], inner.dtype) @ outer + bias)
        return loss(state @ head)

    return Network(f"recurrence {steps} × {units} {loss_name}", function, weights)


def attention(random: np.random.Generator) -> Network:
    """Attention over a sequence, layer normalisation and a dense layer; scales are ones as at the start."""
    width, length, samples = int(random.integers(8, 16)), int(random.integers(4, 8)), 3
    x = random.standard_normal((samples, length, width))
    loss_name, loss = _loss(random, samples, 3)
    weights = {name: _linear(random, width, width) for name in ("q", "k", "v")}
    weights |= {"scale": np.ones(width), "shift": np.zeros(width), "head": _linear(random, width, 3)}

    def function(q: Any, k: Any, v: Any, scale: Any, shift: Any, head: Any) -> Any:
        tokens = tf.constant(x, q.dtype)
        scores = (tokens @ q) @ tf.linalg.matrix_transpose(tokens @ k) / np.sqrt(width)
        hidden = tokens + tf.nn.softmax(scores) @ (tokens @ v)
        mean, variance = tf.nn.moments(hidden, [-1], keepdims=True)
        hidden = (hidden - mean) * tf.math.rsqrt(variance + 1e-5) * scale + shift
        return loss(tf.reduce_mean(hidden, axis=1) @ head)

    return Network(f"attention {length} × {width} {loss_name}", function, weights)


def embedding(random: np.random.Generator) -> Network:
    """A table that is also the output layer (tied), of which most rows are not looked up."""
    rows, width, samples = int(random.integers(40, 100)), int(random.integers(6, 12)), 8
    words = random.integers(0, rows // 2, (samples, 3))
    labels = random.integers(0, rows, samples)
    tied = bool(random.integers(2))
    activation, act = _activation(random)
    weights = {"table": 0.5 * random.standard_normal((rows, width)), "w": _linear(random, width, width)}

    def function(table: Any, w: Any) -> Any:
        hidden = act(tf.reduce_mean(tf.gather(table, words), axis=1) @ w)
        logits = hidden @ tf.transpose(table) if tied else hidden
        if not tied:
            return tf.reduce_mean(logits**2)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    return Network(f"embedding {rows} × {width} {activation}{' tied' * tied}", function, weights)
