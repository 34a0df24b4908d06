"""Corners of one element: at the point, near the point, and gradients wrong on one side of one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.corpus.case import (
    Broken,
    among,
    distorted,
    draw,
    family,
    integers,
    normal,
    scaled,
    signed,
    uniform,
)

right, wrong = family("kinks")

ZEROS = draw(x=among([0.0, 0.0], signed(0.3, 2.0)))
"""Two exact zeros, the rest well away from it."""
SIGNS = draw(x=signed(0.3, 2.0))
TINY = draw(x=among([1e-9, -1e-9], signed(0.3, 2.0)))
SMALL = draw(x=among([1e-7, -1e-7], signed(0.3, 2.0)))
UNIT = draw(x=among([1.0, -1.0], signed(0.1, 0.9)))
BEYOND = draw(x=among([1.6, -1.6, 0.3, -0.3], signed(0.1, 2.0)))
AT = {"smooth": False}


def relu(x: Any) -> Any:
    """max(x, 0)"""
    return tf.nn.relu(x)


def leaky(x: Any) -> Any:
    """Slope 0.1 below 0"""
    return tf.nn.leaky_relu(x, alpha=0.1)


def clip(x: Any) -> Any:
    """Into [-1, 1]"""
    return tf.clip_by_value(x, -1.0, 1.0)


def huber(x: Any) -> Any:
    """x²/2 inside [-1, 1], |x| - 1/2 outside"""
    return tf.where(tf.abs(x) <= 1, 0.5 * x**2, tf.abs(x) - 0.5)


def step_of(condition: Any, x: Any) -> Any:
    """1 where true, in the dtype of x"""
    return tf.cast(condition, x.dtype)


RIGHT = (
    right("relu at 0", relu, ZEROS, "TensorFlow takes 0, an end of [0, 1]", **AT),
    right("absolute value at 0", lambda x: tf.abs(x), ZEROS, "0 is inside [-1, 1]", **AT),
    right("leaky relu at 0", leaky, ZEROS, "0.1 is an end of [0.1, 1]", **AT),
    right("hinge at the margin", lambda x: relu(1 - x), UNIT, "0 is an end of [-1, 0]", **AT),
    right("clip at its bounds", clip, UNIT, "1 is an end of [0, 1]", **AT),
    right(
        "relu6 at 0 and 6", lambda x: tf.nn.relu6(x), draw(x=among([0.0, 6.0], uniform(1, 9))), "ends", **AT
    ),
    right(
        "soft threshold at its corners", lambda x: tf.sign(x) * relu(tf.abs(x) - 1), UNIT, "0 in [0, 1]", **AT
    ),
    right("pinball loss at 0", lambda x: tf.maximum(0.3 * x, -0.7 * x), ZEROS, "an end of [-0.7, 0.3]", **AT),
    right(
        "squared relu at 0",
        lambda x: relu(x) ** 2,
        ZEROS,
        "a corner only of the slope: the slope is 0",
        step=1e-6,
        **AT,
    ),
    right("x |x| at 0", lambda x: x * tf.abs(x), ZEROS, "smooth although made of a corner", step=1e-6, **AT),
    right("elu at 0", lambda x: tf.nn.elu(x), ZEROS, "both sides have slope 1", step=1e-6, **AT),
    right("relu 1e-9 from its kink", relu, TINY, "differentiable there: 1 and 0", step=0.1),
    right("relu 1e-7 from its kink", relu, SMALL, "differentiable there: 1 and 0", step=0.1),
    right("kink of 1 on a slope of 1,000", lambda x: 1000 * x + tf.abs(x), ZEROS, "a small corner", **AT),
    right(
        "round",
        lambda x: x + tf.round(x),
        draw(x=uniform(0.6, 1.4)),
        "flat between its jumps; no gradient",
        step=1e-4,
    ),
    right("huber at its joints", huber, UNIT, "slope ±1 from both sides", step=1e-6, **AT),
    right(
        "dense after relu at 0",
        lambda x, w: tf.linalg.matvec(w, relu(x)),
        draw(x=among([0.0, 0.0, 0.0], signed(0.3, 2.0)), w=normal(lambda size: (2, size))),
        "several corners in one output, with weights of both signs: 0 is an end of each",
        **AT,
    ),
    right(
        "network at the origin",
        lambda x, w: tf.linalg.matvec(tf.constant([[1.0, -2.0]], x.dtype), relu(tf.linalg.matvec(w, x))),
        draw(x=integers(0, 1), w=normal(lambda size: (2, size))),
        "every unit is off in some region next to 0, so the slope 0 is a limit of true gradients",
        **AT,
    ),
)

WRONG = (
    wrong(
        "relu with its threshold below 0",
        Broken(relu, lambda dy, x: dy * step_of(x >= -0.5, x)),
        draw(x=among([-0.1, -0.3], signed(0.7, 2.0))),
        "passes the gradient for x in [-0.5, 0)",
    ),
    wrong(
        "leaky relu with another slope",
        Broken(leaky, lambda dy, x: dy * tf.where(x > 0, tf.ones_like(x), 0.2 * tf.ones_like(x))),
        SIGNS,
        "0.2 for 0.1, below 0 only",
        diagnosis="only where",
    ),
    wrong(
        "elu without the exponential",
        Broken(lambda x: tf.nn.elu(x), lambda dy, x: dy * tf.where(x > 0, tf.ones_like(x), tf.nn.elu(x))),
        SIGNS,
        "exp(x) - 1 where it is exp(x), below 0 only",
        diagnosis="only where",
    ),
    wrong(
        "absolute value as the identity",
        Broken(lambda x: tf.abs(x), lambda dy, x: dy),
        SIGNS,
        "the sign is forgotten, which shows below 0 only",
        diagnosis="only where",
    ),
    wrong(
        "relu6 that passes above 6",
        Broken(lambda x: tf.nn.relu6(x), lambda dy, x: dy * step_of(x > 0, x)),
        draw(x=among([6.5, 7.5, 2.0, 4.0], uniform(0.5, 9))),
        "the upper bound is forgotten",
        diagnosis="only where",
    ),
    wrong(
        "clip that passes outside",
        Broken(clip, lambda dy, x: dy),
        BEYOND,
        "straight through beyond the bounds",
    ),
    wrong(
        "huber without its linear part",
        Broken(huber, lambda dy, x: dy * x),
        BEYOND,
        "x where it is sign(x), outside [-1, 1]",
    ),
    wrong(
        "hinge that ignores its margin",
        Broken(lambda x: relu(1 - x), lambda dy, x: -dy * step_of(x < 2, x)),
        draw(x=among([0.5, 1.5], uniform(0.2, 3.0))),
        "passes the gradient up to 2 where it stops at 1",
    ),
    wrong(
        "relu at 0 with slope 2",
        Broken(relu, lambda dy, x: dy * (step_of(x > 0, x) + 2 * step_of(x == 0, x))),
        ZEROS,
        "2 is outside [0, 1]",
        **AT,
    ),
    wrong(
        "absolute value at 0 with slope 1.01",
        Broken(lambda x: tf.abs(x), lambda dy, x: dy * tf.where(x == 0, 1.01 * tf.ones_like(x), tf.sign(x))),
        ZEROS,
        "1.01 is outside [-1, 1]",
        **AT,
    ),
    wrong(
        "relu near 0 treated as 0",
        Broken(relu, lambda dy, x: dy * step_of(x > 1e-8, x)),
        TINY,
        "at 1e-9 the slope is 1, with no kink at the point to excuse 0",
        step=0.1,
    ),
    wrong(
        "relu near 0 on the wrong side",
        Broken(relu, lambda dy, x: dy * step_of(x > -1e-6, x)),
        SMALL,
        "at -1e-7 the slope is 0",
        step=0.1,
    ),
    wrong(
        "zero built of three parts",
        lambda x: relu(-x) + x - relu(x),
        ZEROS,
        "the function is 0 everywhere; the tape gives 1 at 0 and 0 elsewhere",
        diagnosis="not at this very point",
        truth=lambda x: 0 * x,
    ),
    wrong(
        "identity built of two parts",
        lambda x: relu(x) - relu(-x),
        ZEROS,
        "the function is x everywhere; the tape gives 0 at 0",
        diagnosis="not at this very point",
        truth=lambda x: tf.identity(x),
    ),
    wrong(
        "kink on a large slope",
        distorted(lambda x: 1000 * x + tf.abs(x), scaled(1.01)),
        ZEROS,
        "1,010 is outside [999, 1001]: a corner is no excuse for a factor",
        **AT,
    ),
    wrong(
        "wrong everywhere but at the kink",
        Broken(lambda x: tf.abs(x), lambda dy, x: 1.001 * dy * tf.sign(x)),
        ZEROS,
        "right at 0, a thousandth off elsewhere",
        **AT,
    ),
)
