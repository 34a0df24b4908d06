"""Loops over time: recurrent cells, scans, iterations."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.corpus.case import Broken, Shape, distorted, draw, family, normal, scaled, uniform

right, wrong = family("recurrences")

STEPS = 4


def width(size: int) -> int:
    """Units: 2 of 6 elements, 6 of 60."""
    return max(2, min(6, size // 8))


SEQUENCE: Shape = lambda size: (STEPS, width(size))  # noqa: E731
STATE: Shape = lambda size: (width(size),)  # noqa: E731
WEIGHTS: Shape = lambda size: (width(size),) * 2  # noqa: E731

NETWORK = draw(x=normal(SEQUENCE), h=normal(STATE), w=normal(WEIGHTS, scale=0.7))
GATED = draw(x=normal(SEQUENCE), w=normal(lambda size: (width(size), 3 * width(size)), scale=0.7))
START = draw(x=uniform(0.2, 0.8))
SERIES = draw(x=normal(SEQUENCE))


def elman(x: Any, h: Any, w: Any, passed: Any = tf.identity) -> Any:
    """h ← tanh(x + h w); `passed` is what happens to h between two steps"""
    states = []
    for step in range(STEPS):
        h = tf.tanh(x[step] + tf.linalg.matvec(w, passed(h), transpose_a=True))
        states.append(h)
    return tf.stack(states)


def detached(x: Any, h: Any, w: Any) -> Any:
    """The state is a constant for the next step"""
    return elman(x, h, w, tf.stop_gradient)


def truncated(x: Any, h: Any, w: Any) -> Any:
    """The state is a constant once, half way"""
    for step in range(STEPS):
        h = tf.tanh(x[step] + tf.linalg.matvec(w, tf.stop_gradient(h) if step == 2 else h, transpose_a=True))
    return h


def last_state(x: Any, h: Any, w: Any) -> Any:
    """The state after the last step"""
    return elman(x, h, w)[-1]


def gated(x: Any, w: Any, forget: Any = tf.identity) -> Any:
    """c ← f c + (1 - f) tanh(z), h = o tanh(c); `forget` is what happens to the gate f"""
    c = tf.zeros_like(x[0])
    h = tf.zeros_like(c)
    for step in range(STEPS):
        f, o, z = tf.split(tf.linalg.matvec(w, x[step] + h, transpose_a=True), 3)
        gate = forget(tf.sigmoid(f))
        c = gate * c + (1 - gate) * tf.tanh(z)
        h = tf.sigmoid(o) * tf.tanh(c)
    return h


def constant_gate(x: Any, w: Any) -> Any:
    """The forget gate is a constant"""
    return gated(x, w, tf.stop_gradient)


def average(x: Any) -> Any:
    """m ← 0.9 m + 0.1 x"""
    m = tf.zeros_like(x[0])
    for step in range(STEPS):
        m = 0.9 * m + 0.1 * x[step]
    return m


def decayed(rate: float, reverse: bool = False) -> Any:
    """The gradient of an average of decay `rate`, the last step first or last"""

    def backward(upstream: Any, x: Any) -> Any:
        ages = range(STEPS) if reverse else range(STEPS - 1, -1, -1)
        return tf.stack([0.1 * rate**age * upstream for age in ages])

    return backward


def logistic(x: Any) -> Any:
    """x ← 3.7 x (1 - x), six times"""
    for _ in range(6):
        x = 3.7 * x * (1 - x)
    return x


def newton(x: Any, passed: Any = tf.identity) -> Any:
    """Three steps of y ← (y + x / y) / 2 from 1: nearly the square root, and not yet converged"""
    y = tf.ones_like(x)
    for _ in range(3):
        y = 0.5 * (passed(y) + x / passed(y))
    return y


def detached_newton(x: Any) -> Any:
    """Every step from a constant"""
    return newton(x, tf.stop_gradient)


def while_loop(x: Any) -> Any:
    """y ← sin(y) + x, four times"""
    start = tf.constant(0), tf.zeros_like(x)
    return tf.while_loop(lambda i, y: i < STEPS, lambda i, y: (i + 1, tf.sin(y) + x), start)[1]


def scan(x: Any) -> Any:
    """Running y ← tanh(y) + x over the first axis"""
    return tf.scan(lambda y, row: tf.tanh(y) + row, x)


RIGHT = (
    right("recurrent layer", elman, NETWORK, "the weights are used at every step"),
    right("last state", last_state, NETWORK, "early inputs matter less and less"),
    right("gated cell", gated, GATED, "two states, three gates"),
    right("moving average", average, SERIES, "linear, with decaying weights"),
    right("logistic map", logistic, START, "chaotic: slopes of all sizes", step=1e-4),
    right("Newton's iteration", newton, draw(x=uniform(0.5, 3)), "differentiated through its steps"),
    right("while_loop", while_loop, SERIES, "TensorFlow's own loop"),
    right("scan", scan, SERIES, "TensorFlow's own scan"),
    right(
        "stopped where it does not matter",
        lambda x, h, w: elman(x, tf.stop_gradient(h) * 0, w),
        NETWORK,
        "no gradient for a state that is multiplied by 0",
    ),
)

WRONG = (
    wrong("hidden state detached", detached, NETWORK, "each step is differentiated alone", truth=elman),
    wrong(
        "truncated backpropagation",
        truncated,
        NETWORK,
        "nothing from before the third step",
        truth=last_state,
    ),
    wrong("forget gate detached", constant_gate, GATED, "the gate is a constant", truth=gated),
    wrong(
        "first state not connected",
        lambda x, h, w: elman(x, tf.stop_gradient(h), w),
        NETWORK,
        "the tape gives None although the output moves",
        diagnosis="no gradient",
        truth=elman,
    ),
    wrong(
        "average with another decay",
        Broken(average, decayed(0.89)),
        SERIES,
        "0.89 for 0.9: right at the last step",
    ),
    wrong(
        "average backwards in time",
        Broken(average, decayed(0.9, reverse=True)),
        SERIES,
        "the first step as the last",
    ),
    wrong(
        "gradient clipped",
        distorted(last_state, lambda g: tf.clip_by_norm(g, 0.01), which=2),
        NETWORK,
        "clipping belongs to the optimiser",
    ),
    wrong(
        "a thousandth per step",
        distorted(elman, scaled(1.001**STEPS), which=1),
        NETWORK,
        "a factor that compounds over the steps, seen in the first state only",
        diagnosis="constant factor",
    ),
    wrong(
        "iteration detached",
        detached_newton,
        draw(x=uniform(0.5, 3)),
        "only the last step is differentiated",
        truth=newton,
    ),
    wrong(
        "scan summed forwards",
        distorted(scan, lambda g: tf.reverse(g, [0])),
        SERIES,
        "gradients come in the opposite order of time",
    ),
)
