"""Wrong gradients of networks: which weights are wrong, and by how much, is known from TensorFlow's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tests.corpus.case import Array, Broken, Function, true_gradients
from tests.networks.right import Network

Mistake = Callable[[Array, Array, np.random.Generator], Array]
"""(gradients g of all weights in one row, their scales a, random numbers) → errors e, in a row: g + e is what
the tape says."""


@dataclass(frozen=True)
class WrongNetwork:
    """A network whose gradient has known errors."""

    function: Function
    weights: dict[str, Array]
    errors: dict[str, Array]
    """Tape less truth, for an upstream gradient of 1."""


def broken(network: Network, mistake: Mistake, seed: int) -> WrongNetwork:
    """The network with a mistake in its gradient, in proportion to the upstream gradient."""
    values = [tf.constant(array) for array in network.weights.values()]
    true = [part.numpy() for part in true_gradients(network.function, tf.ones([], tf.float64), values)]
    scales = [
        np.maximum(np.abs(array), np.sqrt(np.mean(array**2)) or 1.0) for array in network.weights.values()
    ]
    gradient, scale = (np.concatenate([part.reshape(-1) for part in parts]) for parts in (true, scales))
    row = mistake(gradient, scale, np.random.default_rng(seed))
    ends = np.cumsum([part.size for part in true])[:-1]
    errors = [e.reshape(g.shape) for e, g in zip(np.split(row, ends), true, strict=True)]

    def backward(upstream: Any, *tensors: Any) -> Any:
        found = true_gradients(network.function, upstream, tensors)
        return [g + tf.cast(upstream * e, g.dtype) for g, e in zip(found, errors, strict=True)]

    names = dict(zip(network.weights, errors, strict=True))
    return WrongNetwork(Broken(network.function, backward), network.weights, names)


def factor(by: float, count: int = 1) -> Mistake:
    """Some weights are off by a factor."""

    def mistake(gradient: Array, scale: Array, random: np.random.Generator) -> Array:
        moving = np.flatnonzero(gradient)
        where = random.choice(moving, min(count, moving.size), replace=False)
        return put(where, (by - 1) * gradient[where], gradient.size)

    return mistake


def put(where: Array, values: Array, size: int) -> Array:
    """Values at some places of a row of zeros."""
    row = np.zeros(size)
    row[where] = values
    return row


def small_ones(by: float) -> Mistake:
    """The tenth of the weights that move the loss least is off by a factor."""

    def mistake(gradient: Array, scale: Array, random: np.random.Generator) -> Array:
        weight = np.abs(gradient) * scale
        moving = np.flatnonzero(weight)
        where = moving[np.argsort(weight[moving])[: max(1, moving.size // 10)]]
        return put(where, (by - 1) * gradient[where], gradient.size)

    return mistake


def cancelling(gradient: Array, scale: Array, random: np.random.Generator) -> Array:
    """Two weights are off by as much of their scale: along half of all sign patterns the errors cancel."""
    moving = np.flatnonzero(gradient)
    first, second = random.choice(moving, 2, replace=False)
    size = 0.01 * abs(gradient[first]) * scale[first]
    return put(np.array([first, second]), size / np.array([scale[first], -scale[second]]), gradient.size)


def unseen(gradient: Array, scale: Array, random: np.random.Generator) -> Array:
    """A weight that moves nothing has a gradient, a hundredth of a usual one."""
    still = np.flatnonzero(gradient == 0)
    where = random.choice(still if still.size else np.arange(gradient.size), 1)
    usual = np.sqrt(np.mean((gradient * scale) ** 2))
    return put(where, 0.01 * usual / scale[where], gradient.size)


def everywhere(by: float) -> Mistake:
    """All weights are off by a factor."""
    return lambda gradient, scale, random: (by - 1) * gradient


MISTAKES: dict[str, Mistake] = {
    "one × 1.01": factor(1.01),
    "one × 1.001": factor(1.001),
    "one × 0.99": factor(0.99),
    "one dropped": factor(0),
    "one sign": factor(-1),
    "two × 1.01": factor(1.01, 2),
    "ten × 1.01": factor(1.01, 10),
    "a hundred × 1.01": factor(1.01, 100),
    "two that cancel": cancelling,
    "one that moves nothing": unseen,
    "small ones × 1.01": small_ones(1.01),
    "small ones dropped": small_ones(0),
    "all × 1.0001": everywhere(1.0001),
}
