"""Which precision a function really computes in, and whether the user's own dtype spoils its gradient.

A function may accept float64 and still round to less inside (a cast, a Keras layer with a dtype policy of its
own). Its graph is then a staircase: fine steps see exactly 0, or one tall riser, and no noise at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gradcheck.forward import Forward
from gradcheck.targets import Array

FAR = 0.05
"""A relative move that leaves a step of any precision's staircase."""
LOWER = ("float32", "float16", "bfloat16")


def eps_of(dtype: str) -> float:
    """Distance from 1 to the next number of a TensorFlow dtype."""
    # 2^-7 for bfloat16, which numpy.finfo does not know.
    return 2.0**-7 if dtype == "bfloat16" else float(np.finfo(dtype).eps)


@dataclass(frozen=True)
class Effective:
    """The precision that outputs are really computed in."""

    name: str
    eps: float
    evaluations: int


def measure(forward: Forward, base: Array, seed: int) -> Effective:
    """Find the effective precision of a function that is run in float64; `base` is f(x), flat."""
    generator = np.random.default_rng([seed, 2])
    moves = [_direction(value, generator) for value in forward.values]
    far = _moved(forward, moves, FAR)
    reach = np.abs(far - base)
    usable = np.isfinite(far) & (reach > 0)
    name = _representable(far[usable])
    if name is not None:
        return Effective(name, eps_of(name), 1)
    near = _moved(forward, moves, 1e-10)
    # Only where a straight line would have moved the output by many units in its last place.
    visible = usable & (reach * (1e-10 / FAR) > 64 * eps_of("float64") * np.abs(base))
    still = near[visible] == base[visible]
    if still.size == 0 or still.mean() < 0.5:
        return Effective("float64", eps_of("float64"), 2)
    middle = _moved(forward, moves, 1e-5)
    share = float((middle[visible] == base[visible]).mean())
    name = "float32" if share < 0.5 else "float16" if share < 0.995 else "bfloat16"
    return Effective(name, eps_of(name), 3)


def _direction(value: tf.Tensor, generator: np.random.Generator) -> Array:
    """A relative move of every element, in its own sign so that domains such as x > 0 are kept."""
    array: Array = value.numpy().astype(np.float64)
    scale = float(np.sqrt(np.mean(array**2))) or 1.0
    moves: Array = generator.uniform(0.5, 1.0, array.shape) * np.where(array == 0, scale, array)
    return moves


def _moved(forward: Forward, moves: list[Array], share: float) -> Array:
    steps = [
        tf.constant(share * move, value.dtype) for value, move in zip(forward.values, moves, strict=True)
    ]
    values = [value + step for value, step in zip(forward.values, steps, strict=True)]
    try:
        outputs: Array = forward(values).numpy()
    except tf.errors.InvalidArgumentError:
        outputs = np.full(sum(output.size for output in forward.outputs), np.nan)
    return outputs


def _representable(outputs: Array) -> str | None:
    """The lowest precision that holds all outputs exactly, if that cannot be chance."""
    generic = outputs[outputs != np.rint(outputs)]
    if generic.size == 0:
        return None
    held = None
    for name in LOWER:
        with np.errstate(over="ignore"):
            rounded = tf.cast(tf.cast(tf.constant(generic), name), tf.float64).numpy()
        if (rounded == generic).all():
            held = name
    return held


def rounded(value: tf.Tensor, dtype: str, seed: int) -> tf.Tensor:
    """A tensor with every element moved by one rounding of `dtype`, up or down at random."""
    signs = np.random.default_rng([seed, 5]).choice([-1.0, 1.0], tuple(value.shape))
    return value * tf.constant(1 + signs * eps_of(dtype), value.dtype)


def nudged(value: tf.Tensor, seed: int) -> tf.Tensor:
    """A tensor moved to a point next to it: far from where it is for rounding, close for its gradient."""
    array: Array = value.numpy().astype(np.float64)
    scale = float(np.sqrt(np.mean(array**2))) or 1.0
    share = eps_of(value.dtype.name) ** 0.5 * scale
    move = share * np.random.default_rng([seed, 6]).standard_normal(array.shape)
    return value + tf.constant(move, value.dtype)
