"""Layers, losses and networks of 200 to 3,000 elements: right ones pass, wrong ones fail where they are.

The wrong gradient of each has one of the mistakes of practice: one element, a factor, a missing term, a
transposed product, in one variable. Which elements are wrong is known from TensorFlow's own gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gradcheck import ElementVerdict, Verdict, check
from tests.acceptance.test_keras_functions import function, of
from tests.corpus.case import Array, Broken, Case, Function, true_gradients
from tests.corpus.wrong_elements import Overheard, marked
from tests.parameters import named
from tests.saying import told

Gradient = Callable[[Any, Any], Any]
"""(gradient of a variable, the variable) → a wrong gradient of it."""


@dataclass(frozen=True)
class Network:
    """A function of several tensors, and a mistake in the gradient of one."""

    name: str
    make: Callable[[], tuple[Function, dict[str, Array]]]
    wrong: str
    """The variable whose gradient is wrong in the second check."""
    mistake: Gradient
    quick: bool = False
    """Whether every run has both checks: one that is wrong everywhere, and one in one element."""

    def broken(self) -> Case:
        """The network with its mistake, as a case of the corpus."""
        forward, inputs = self.make()
        which = list(inputs).index(self.wrong)

        def backward(upstream: Any, *tensors: Any) -> Any:
            gradients = true_gradients(forward, upstream, tensors)
            gradients[which] = self.mistake(gradients[which], tensors[which])
            return gradients

        wrong = Broken(forward, backward)
        return Case(self.name, "networks", "", lambda size, seed: (wrong, inputs), True, truth=forward)


# Mistakes.


def one_of(place: int, factor: float = 1.001) -> Gradient:
    """One element is off by a factor."""

    def mistake(gradient: Any, value: Any) -> Any:
        factors = np.ones(int(tf.size(gradient)))
        factors[place] = factor
        return gradient * tf.constant(factors.reshape(gradient.shape), gradient.dtype)

    return mistake


def by(factor: float) -> Gradient:
    """All are off by a factor."""
    return lambda gradient, value: factor * gradient


def without_penalty(strength: float) -> Gradient:
    """The term of strength · Σ w² is missing."""
    return lambda gradient, value: gradient - 2 * strength * value


def last_row_missing(gradient: Any, value: Any) -> Any:
    """What the last row contributes is missing."""
    return tf.concat([gradient[:-1], tf.zeros_like(gradient[-1:])], axis=0)


def transposed(gradient: Any, value: Any) -> Any:
    """The product is the other way round, which fits where the matrix is square."""
    return tf.transpose(gradient)


# Data and weights.


def drawn(**shapes: tuple[int, ...]) -> dict[str, Array]:
    """Inputs named x… of size 1, and weights that keep the size of what they multiply."""
    generator = np.random.default_rng(0)
    values = {}
    for name, shape in shapes.items():
        fan_in = np.prod(shape[:-1]) if len(shape) > 1 and not name.startswith("x") else 1
        values[name] = generator.standard_normal(shape) / np.sqrt(fan_in)
    return values


def labels(count: int, classes: int) -> Array:
    return np.random.default_rng(9).integers(0, classes, count)


def keras_layer(make: Callable[[], Any], shape: tuple[int, ...], training: bool = False) -> Any:
    """A maker of a Keras layer as a function of its input and weights."""
    layer = of(make, shape, training=training)
    return lambda: function(layer)


def made(forward: Function, **shapes: tuple[int, ...]) -> Any:
    """A maker of a function and its inputs."""
    return lambda: (forward, drawn(**shapes))


# Networks and losses by hand.


def perceptron(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return tf.tanh(x @ w1 + b1) @ w2 + b2


def cross_entropy(logits: Any) -> Any:
    classes = labels(logits.shape[0], logits.shape[1])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)


def squared_loss(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Mean squared error of a perceptron, and a penalty on the first weights"""
    return tf.reduce_mean((perceptron(x, w1, b1, w2, b2) - 1.0) ** 2) + 0.01 * tf.reduce_sum(w1**2)


def rectified_loss(x: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Mean cross entropy of three rectified layers"""
    return tf.reduce_mean(cross_entropy(tf.nn.relu(tf.nn.relu(x @ w1) @ w2) @ w3))


def residual(x: Any, w1: Any, w2: Any) -> Any:
    """Two layers around which x goes"""
    return x + tf.nn.silu(x @ w1) @ w2


def convolutional(x: Any, k: Any, w: Any) -> Any:
    """Convolution, rectifier, max pooling, dense: a loss for each image"""
    y = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, k, 1, "SAME")), 2, 2, "VALID")
    return cross_entropy(tf.reshape(y, [x.shape[0], -1]) @ w)


def separable(x: Any, d: Any, p: Any) -> Any:
    return tf.nn.elu(tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "VALID"))


def upsampled(x: Any, k: Any) -> Any:
    """Transposed convolution"""
    return tf.nn.conv2d_transpose(x, k, [1, 8, 8, 2], 2, "SAME")


def attention(x: Any, q: Any, k: Any, v: Any) -> Any:
    scores = tf.einsum("bik,bjk->bij", x @ q, x @ k) / q.shape[1] ** 0.5
    return tf.nn.softmax(scores) @ (x @ v)


def normalised(x: Any, gamma: Any, beta: Any) -> Any:
    mean = tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean((x - mean) ** 2, -1, keepdims=True)
    return gamma * (x - mean) * tf.math.rsqrt(variance + 1e-3) + beta


def transformer(x: Any, q: Any, k: Any, v: Any, w1: Any, w2: Any, gamma: Any, beta: Any) -> Any:
    """A block of attention, normalisation and two layers, its squares averaged"""
    y = normalised(x + attention(x, q, k, v), gamma, beta)
    return tf.reduce_mean((y + tf.nn.gelu(y @ w1) @ w2) ** 3)


def gated(x: Any, wz: Any, wh: Any) -> Any:
    """A minimal gated unit over the steps of x: (batch, steps, channels)"""
    h = tf.zeros([x.shape[0], wz.shape[1]], x.dtype)
    for step in range(x.shape[1]):
        z = tf.sigmoid(tf.concat([x[:, step], h], 1) @ wz)
        h = z * h + (1 - z) * tf.tanh(tf.concat([x[:, step], h], 1) @ wh)
    return h


def embedded(table: Any, w: Any) -> Any:
    """Rows of a table, averaged over words, and a dense layer"""
    words = np.random.default_rng(3).integers(0, 40, (6, 7))
    return tf.tanh(tf.reduce_mean(tf.gather(table, words), axis=1) @ w)


def autoencoder(x: Any, w: Any, b: Any) -> Any:
    """Tied weights: the decoder is the encoder's transpose"""
    return tf.reduce_mean((tf.tanh(x @ w + b) @ tf.transpose(w) - x) ** 2, axis=1)


def variational(x: Any, wm: Any, ws: Any, wd: Any) -> Any:
    """The loss of a variational autoencoder for fixed noise"""
    mean, logs = x @ wm, x @ ws
    noise = np.random.default_rng(4).standard_normal((x.shape[0], wm.shape[1]))
    rebuilt = (mean + tf.exp(0.5 * logs) * noise) @ wd
    divergence = 0.5 * tf.reduce_sum(mean**2 + tf.exp(logs) - logs - 1, axis=1)
    return tf.reduce_mean(tf.reduce_sum((rebuilt - x) ** 2, axis=1) + divergence)


def mixture(x: Any, means: Any, logs: Any, w: Any) -> Any:
    """Negative log likelihood of each point under a mixture of normal distributions"""
    apart = (x[:, None] - means) * tf.exp(-logs)
    each = -0.5 * tf.reduce_sum(apart**2, -1) - tf.reduce_sum(logs, -1)
    return -tf.reduce_logsumexp(tf.nn.log_softmax(w) + each, axis=1)


def contrastive(x: Any, y: Any) -> Any:
    """Cross entropy of the cosines of all pairs"""
    cosines = tf.math.l2_normalize(x, 1) @ tf.transpose(tf.math.l2_normalize(y, 1))
    return tf.nn.sparse_softmax_cross_entropy_with_logits(np.arange(x.shape[0]), 5 * cosines)


def focal(x: Any, w: Any) -> Any:
    """(1 − p)² times the cross entropy"""
    p = tf.nn.softmax(x @ w)
    mine = tf.gather(p, labels(x.shape[0], w.shape[1]), batch_dims=1)
    return -((1 - mine) ** 2) * tf.math.log(mine)


def triplet(x: Any, w: Any) -> Any:
    """Distances to one that is alike and one that is not, with a margin that all are within"""
    a, b, c = tf.split(x @ w, 3)
    return tf.nn.relu(tf.reduce_sum((a - b) ** 2, 1) - tf.reduce_sum((a - c) ** 2, 1) + 30.0)


def chain(x: Any, transitions: Any) -> Any:
    """Logarithm of the sum over all paths of a conditional random field, for x of (batch, steps, states)"""
    total = x[:, 0]
    for step in range(1, x.shape[1]):
        total = x[:, step] + tf.reduce_logsumexp(total[:, :, None] + transitions, axis=1)
    return tf.reduce_logsumexp(total, axis=1)


def determinant(x: Any) -> Any:
    """Logarithms of the determinants of x xᵀ + 1: a Gaussian process's"""
    return tf.linalg.logdet(x @ tf.linalg.matrix_transpose(x) + tf.eye(x.shape[1], dtype=x.dtype))


def hyper(x: Any, w: Any, v: Any) -> Any:
    """A layer whose weights are made by another"""
    return tf.einsum("bi,bij->bj", x, tf.reshape(tf.tanh(x @ w) @ v, [x.shape[0], x.shape[1], -1]))


NETWORKS = (
    Network(
        "perceptron",
        made(perceptron, x=(6, 20), w1=(20, 16), b1=(16,), w2=(16, 8), b2=(8,)),
        "w1",
        one_of(70),
    ),
    Network(
        "penalised loss of a perceptron",
        made(squared_loss, x=(6, 8), w1=(8, 12), b1=(12,), w2=(12, 4), b2=(4,)),
        "w1",
        without_penalty(0.01),
    ),
    Network(
        "loss of three rectified layers",
        made(rectified_loss, x=(8, 10), w1=(10, 16), w2=(16, 16), w3=(16, 5)),
        "w2",
        transposed,
    ),
    Network("residual block", made(residual, x=(8, 16), w1=(16, 16), w2=(16, 16)), "w2", transposed),
    Network(
        "convolutional network",
        made(convolutional, x=(3, 8, 8, 2), k=(3, 3, 2, 4), w=(64, 5)),
        "k",
        one_of(31),
    ),
    Network(
        "separable convolution",
        made(separable, x=(1, 9, 9, 3), d=(3, 3, 3, 2), p=(1, 1, 6, 2)),
        "d",
        one_of(20, 0.0),
    ),
    Network("transposed convolution", made(upsampled, x=(1, 4, 4, 6), k=(3, 3, 2, 6)), "x", by(1.0001)),
    Network("attention", made(attention, x=(2, 6, 12), q=(12, 6), k=(12, 6), v=(12, 6)), "k", by(6**0.5)),
    Network(
        "layer normalisation", made(normalised, x=(8, 24), gamma=(24,), beta=(24,)), "x", last_row_missing
    ),
    Network(
        "transformer block",
        made(
            transformer,
            x=(2, 4, 8),
            q=(8, 8),
            k=(8, 8),
            v=(8, 8),
            w1=(8, 16),
            w2=(16, 8),
            gamma=(8,),
            beta=(8,),
        ),
        "v",
        transposed,
    ),
    Network("gated unit", made(gated, x=(4, 5, 6), wz=(14, 8), wh=(14, 8)), "wh", last_row_missing),
    Network("embedding", made(embedded, table=(40, 12), w=(12, 6)), "table", by(7.0), True),
    Network(
        "autoencoder of tied weights",
        made(autoencoder, x=(10, 16), w=(16, 10), b=(10,)),
        "w",
        one_of(3),
        True,
    ),
    Network(
        "variational autoencoder",
        made(variational, x=(6, 12), wm=(12, 5), ws=(12, 5), wd=(5, 12)),
        "ws",
        by(2.0),
    ),
    Network(
        "mixture of distributions",
        made(mixture, x=(40, 6), means=(8, 6), logs=(8, 6), w=(8,)),
        "logs",
        one_of(11, 1.01),
    ),
    Network("contrastive loss", made(contrastive, x=(12, 10), y=(12, 10)), "y", by(1.01)),
    Network("focal loss", made(focal, x=(16, 12), w=(12, 6)), "w", one_of(0, -1.0)),
    Network("triplet loss", made(triplet, x=(18, 12), w=(12, 5)), "x", last_row_missing),
    Network(
        "conditional random field", made(chain, x=(5, 8, 6), transitions=(6, 6)), "transitions", transposed
    ),
    Network("determinants", made(determinant, x=(6, 6, 6)), "x", one_of(50, 1.0001)),
    Network("weights made by a layer", made(hyper, x=(5, 8), w=(8, 6), v=(6, 48)), "v", one_of(200)),
    Network(
        "keras Dense", keras_layer(lambda: layers.Dense(24, activation="gelu"), (8, 16)), "x0", one_of(5)
    ),
    Network(
        "keras Conv1D",
        keras_layer(lambda: layers.Conv1D(8, 3, padding="causal", activation="tanh"), (2, 12, 6)),
        "w0_kernel",
        by(1.001),
    ),
    Network(
        "keras LSTM", keras_layer(lambda: layers.LSTM(6), (3, 4, 5)), "w1_recurrent_kernel", last_row_missing
    ),
    Network(
        "keras BatchNormalization",
        keras_layer(lambda: layers.BatchNormalization(), (12, 16), training=True),
        "w0_gamma",
        by(-1.0),
    ),
)


def sizes() -> Iterator[int]:
    for network in NETWORKS:
        yield sum(array.size for array in network.make()[1].values())


def test_the_networks_are_of_middle_size() -> None:
    assert len(NETWORKS) >= 25
    assert all(200 <= size <= 3000 for size in sizes())


by_name = pytest.mark.parametrize(
    "network", named(NETWORKS, lambda network: network.name, lambda number, network: network.quick)
)


@by_name
def test_a_right_gradient_passes(network: Network) -> None:
    forward, inputs = network.make()

    report = check(forward, inputs)

    assert report.verdict is Verdict.PASS, told(report)
    assert not any(variable.counts["kink"] for variable in report.variables)


@by_name
def test_a_wrong_gradient_fails_where_it_is_wrong(network: Network) -> None:
    case = network.broken()
    function, inputs = case.make(0, 0)
    overheard = Overheard(function)

    report = check(overheard, inputs)

    marks = marked(case, inputs, overheard.distinct())
    failed = np.concatenate([v.verdicts.reshape(-1) for v in report.variables]) > ElementVerdict.KINK
    assert report.verdict is Verdict.FAIL, told(report)
    assert marks.wrong.any()
    assert np.flatnonzero(marks.wrong & ~failed).tolist() == [], told(report)
    assert np.flatnonzero(marks.right & failed).tolist() == [], told(report)
    # Nearly every element is one or the other.
    assert np.count_nonzero(marks.wrong | marks.right) >= 0.97 * failed.size
