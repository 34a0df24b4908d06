"""Two identities that hold between derivatives of every function, and need no differences.

Forward and reverse mode multiply one Jacobian from two sides: <r, J u> = <Jᵀ r, u> for all r and u (the
adjoint identity; Griewank and Walther, *Evaluating Derivatives*, 2008). And a backward pass B(r) = Jᵀ r is
linear in its upstream gradient r, so that the tape's derivative of <s, B(r)> by r, which gradients of
gradients need, multiplied by d is <s, B(d)>.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.problem import Point
from gradcheck.function.tape import NO_GRADIENT, draw_cotangents
from gradcheck.report.comparison import Comparison
from gradcheck.targets.user_frames import refusal
from gradcheck.verdicts.verdict import ElementVerdict

PROBES = 2


def products(
    names: tuple[str, str], variable: str, pairs: list[tuple[Array, Array, float]], rtol: float
) -> Comparison:
    """Compare pairs of arrays by their sums, with a third number that the sums may differ by besides.

    Rounding is a share of the sizes that are added up, not of the sum.
    """
    error = np.array([abs(float(one.sum()) - float(other.sum())) for one, other, _ in pairs])
    size = np.array([max(float(np.abs(a).sum()) for a in pair[:2]) for pair in pairs])
    slack = np.array([pair[2] for pair in pairs])
    shown = Comparison.of(*names, variable, error, rtol * size + slack)
    kink = shown.verdict is ElementVerdict.MATCH and bool((error > rtol * size).any())
    return replace(shown, verdict=ElementVerdict.KINK if kink else shown.verdict, where=None)


def upstream(point: Point) -> list[Comparison]:
    """Hold the tape's derivative by the upstream gradient against the linearity of the backward pass.

    A gradient that stops there, as one computed in NumPy, is right by itself and spoils every gradient of a
    gradient of a function that has it inside.
    """
    try:
        return [_linear(point, number) for number in range(len(point.names))]
    except Exception as error:  # whatever a backward pass raises that nobody has differentiated before
        raise refusal(f"the gradient of {point.target.name}", error, "in its backward pass") from error


def _linear(point: Point, number: int) -> Comparison:
    forward = point.forward
    names = "tape by its upstream gradient", "backward pass, which is linear"
    generator = np.random.default_rng([point.settings.seed, 9, number])
    cotangents = draw_cotangents(point.base.size, None, point.settings.seed + 1, 2 * PROBES)[1:]
    pairs: list[tuple[Array, Array, float]] = []
    note = ""
    for at, along in zip(cotangents[:PROBES], cotangents[PROBES:], strict=True):
        weights = tf.constant(generator.standard_normal(tuple(forward.values[number].shape)))
        r, d = tf.constant(at, tf.float64), tf.constant(along, tf.float64)
        with tf.GradientTape() as outer:
            outer.watch(r)
            gradient = _backward(point, number, r)
            product = None if gradient is None else weights * tf.cast(gradient, tf.float64)
        if gradient is None or product is None:
            continue
        slope = outer.gradient(product, r)
        if slope is None:
            note, slope = NO_GRADIENT, tf.zeros_like(r)
        straight = weights * tf.cast(_backward(point, number, d), tf.float64)
        pairs.append(((slope * d).numpy(), straight.numpy(), 0.0))
    if not pairs:
        return Comparison(*names, point.names[number], 0.0, 0.0, ElementVerdict.MATCH)
    rtol = max(point.settings.rtol, 64 * point.precision.coarsest)
    found = products(names, point.names[number], pairs, rtol)
    return replace(found, note=note) if found.verdict >= ElementVerdict.MISMATCH else found


def _backward(point: Point, number: int, cotangent: Any) -> Any:
    forward = point.forward.at(point.forward.values)
    with tf.GradientTape() as inner:
        inner.watch(forward.values[number])
        outputs = forward.at_point()
    gradient = inner.gradient(outputs, forward.values[number], output_gradients=cotangent)
    return None if gradient is None else tf.convert_to_tensor(gradient)
