"""Keras' functions by name, and derivatives of its elementwise activations, in NumPy, at their defaults."""

import inspect
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.targets.keras_names import NO_FUNCTIONS

Derivative = Callable[[Array], Array]
"""Pre-activation as float64 → derivative there, of the same shape."""

# Klambauer et al., Self-Normalizing Neural Networks (2017): the fixed point of mean 0 and variance 1.
SELU_ALPHA: Final = 1.6732632423543772
SELU_SCALE: Final = 1.0507009873554805
# TensorFlow keeps it as float32 even where it computes in float64 (1e-8 off).
LEAKY_SLOPE: Final = float(np.float32(0.2))
SHRINK: Final = 0.5

_erfc = np.vectorize(math.erfc, otypes=[float])


def functions(module: Any) -> dict[str, Any]:
    """The activations of `keras.activations`, or the losses of `keras.losses` that are functions."""
    found = {name: value for name, value in vars(module).items() if inspect.isfunction(value)}
    return {name: value for name, value in found.items() if name not in NO_FUNCTIONS}


def _sigmoid(z: Array) -> Array:
    # exp of −|z| only: never overflows.
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def _step(inside: Array, below: float = 0.0) -> Array:
    return np.where(inside, 1.0, below)


def _elu(z: Array) -> Array:
    return np.where(z > 0, 1.0, np.exp(np.minimum(z, 0.0)))


def _selu(z: Array) -> Array:
    return SELU_SCALE * np.where(z >= 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0.0)))


def _silu(z: Array) -> Array:
    """σ(z) (1 + z σ(−z)), for silu(z) = z σ(z), since 1 − σ(z) = σ(−z)."""
    return _sigmoid(z) * (1.0 + z * _sigmoid(-z))


def _root_half() -> float:
    """The √½ of TensorFlow's gelu, kept as float32: where the derivative passes through 0 that counts."""
    import tensorflow as tf

    # 1.7e-8 too small; up to 2.18, which divides by √2, as much too large (changed by their commit 456e2640).
    divides = tuple(map(int, tf.__version__.split(".")[:2])) < (2, 19)
    return 1 / float(np.float32(math.sqrt(2))) if divides else float(np.float32(math.sqrt(0.5)))


def _gelu(z: Array) -> Array:
    """½ erfc(−u) + u exp(−u²) / √π with u = z √½, for gelu(z) = z erfc(−u) / 2 (not the tanh one)."""
    u = z * _root_half()
    return np.asarray(0.5 * _erfc(-u) + u * np.exp(-u * u) / math.sqrt(math.pi))


def _mish(z: Array) -> Array:
    """t + z σ(z) (1 − t²) with t = tanh(softplus(z)), for mish(z) = z t."""
    t = np.tanh(np.logaddexp(0.0, z))
    return t + z * _sigmoid(z) * (1.0 - t * t)


def _hard_silu(z: Array) -> Array:
    """(2z + 3) / 6 inside (−3, 3), for z · relu6(z + 3) / 6."""
    return np.where(z >= 3.0, 1.0, np.where(z <= -3.0, 0.0, (2.0 * z + 3.0) / 6.0))


# At a corner each takes the value that TensorFlow's own gradient takes there.
DERIVATIVES: Final[dict[str, Derivative]] = {
    "linear": np.ones_like,
    "relu": lambda z: _step(z > 0),
    "leaky_relu": lambda z: _step(z > 0, LEAKY_SLOPE),
    "relu6": lambda z: _step((z > 0) & (z < 6)),
    "sigmoid": lambda z: _sigmoid(z) * _sigmoid(-z),
    "tanh": lambda z: 4.0 * _sigmoid(2.0 * z) * _sigmoid(-2.0 * z),
    "softplus": _sigmoid,
    "softsign": lambda z: 1.0 / (1.0 + np.abs(z)) ** 2,
    "elu": _elu,
    "celu": _elu,
    "selu": _selu,
    "exponential": np.exp,
    "silu": _silu,
    "swish": _silu,
    "gelu": _gelu,
    "mish": _mish,
    "log_sigmoid": lambda z: _sigmoid(-z),
    "hard_sigmoid": lambda z: _step((z > -3) & (z < 3)) / 6.0,
    "hard_silu": _hard_silu,
    "hard_swish": _hard_silu,
    "hard_tanh": lambda z: _step((z >= -1) & (z <= 1)),
    "hard_shrink": lambda z: _step(np.abs(z) > SHRINK),
    "soft_shrink": lambda z: _step(np.abs(z) > SHRINK),
    "tanh_shrink": lambda z: np.tanh(z) ** 2,
    "squareplus": lambda z: 0.5 * (1.0 + z / np.sqrt(z * z + 4.0)),
    "sparse_plus": lambda z: np.clip(0.5 * (z + 1.0), 0.0, 1.0),
    "sparse_sigmoid": lambda z: 0.5 * _step((z > -1) & (z < 1)),
}
