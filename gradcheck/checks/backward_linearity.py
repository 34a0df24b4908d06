"""An identity that every backward pass obeys, and that needs no differences.

A backward pass B(r) = Jᵀ r is linear in its upstream gradient r, so that the tape's derivative of <s, B(r)>
by r, which gradients of gradients need, multiplied by d is <s, B(d)> (Griewank and Walther, *Evaluating
Derivatives*, 2008). A gradient that stops at r, as one computed in NumPy, is right by itself and spoils every
gradient of a gradient of a function that has it inside.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.function.problem import Problem
from gradcheck.function.tape import NO_GRADIENT, draw_cotangents
from gradcheck.targets.user_frames import refusal
from gradcheck.verdicts.rule import LOSS_OF_DTYPE
from gradcheck.verdicts.verdict import Comparison, ElementVerdict

PROBES = 2
"""Pairs of upstream gradients that the identity is held against."""
SIDES = "tape by its upstream gradient", "backward pass, which is linear"


def check(problem: Problem) -> list[Comparison]:
    """Hold the tape's derivative by the upstream gradient against the linearity of the backward pass."""
    try:
        return [_linear(problem, number) for number in range(len(problem.names))]
    except Exception as error:  # whatever a backward pass raises that nobody has differentiated before
        raise refusal(f"the gradient of {problem.target.name}", error, "in its backward pass") from error


def _linear(problem: Problem, number: int) -> Comparison:
    name, outputs, settings = problem.names[number], problem.base.size, problem.settings
    random = generator(Stream.LINEARITY_WEIGHTS, settings.seed, number)
    drawn = draw_cotangents(outputs, None, settings.seed, 2 * PROBES, Stream.BACKWARD_LINEARITY)[1:]
    errors, sizes, note = [], [], ""
    for at, along in zip(drawn[:PROBES], drawn[PROBES:], strict=True):
        weights = tf.constant(random.standard_normal(tuple(problem.exact.values[number].shape)))
        r, d = tf.constant(at, tf.float64), tf.constant(along, tf.float64)
        with tf.GradientTape() as outer:
            outer.watch(r)
            gradient = _backward(problem, number, r)
            product = None if gradient is None else weights * tf.cast(gradient, tf.float64)
        if product is None:
            return Comparison(*SIDES, name, 0.0, 0.0, ElementVerdict.MATCH)
        slope = outer.gradient(product, r)
        if slope is None:
            note, slope = NO_GRADIENT, tf.zeros_like(r)
        straight = (weights * tf.cast(_backward(problem, number, d), tf.float64)).numpy()
        sides = (slope * d).numpy(), straight
        # Rounding is a share of the sizes that are added up, not of the sum.
        errors.append(abs(float(sides[0].sum()) - float(sides[1].sum())))
        sizes.append(max(float(np.abs(side).sum()) for side in sides))
    rtol = max(settings.rtol, LOSS_OF_DTYPE * problem.noise.coarsest)
    found = Comparison.of(*SIDES, name, np.array(errors), rtol * np.array(sizes))
    wrong = found.verdict >= ElementVerdict.MISMATCH
    return replace(found, where=None, note=note if wrong else "")


def _backward(problem: Problem, number: int, cotangent: Any) -> Array | None:
    primal = problem.exact.at(problem.exact.values)
    with tf.GradientTape() as inner:
        inner.watch(primal.values[number])
        outputs = primal.at_point()
    gradient = inner.gradient(outputs, primal.values[number], output_gradients=cotangent)
    return None if gradient is None else tf.convert_to_tensor(gradient)
