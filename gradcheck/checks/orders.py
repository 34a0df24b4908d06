"""Orders: the gradient of order N is held against differences of the one of order N − 1, which was checked.

The function of order 2 is g(v) = ∇<r, f(v)>, itself a tape gradient, for two upstream gradients r: the one
that is shown, and a seeded random one, for a second derivative may vanish for the first (the outputs of a
softmax add up to 1, so that ones see nothing of them). Then g is checked as any function is. With r = 1 the
number shown for x_j is Σ_i ∂²L/∂x_i∂x_j, the product of the Hessian with a vector (Pearlmutter, *Fast exact
multiplication by the Hessian*, 1994).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.cotangents import draw_cotangents
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.checks.order_kinks import judged
from gradcheck.function.problem import Problem
from gradcheck.function.tape import NO_GRADIENT
from gradcheck.notes import Kind, Note
from gradcheck.progress import Progress, Stage
from gradcheck.targets.function import Target
from gradcheck.targets.user_frames import refusal
from gradcheck.verdicts.outcome import Check, Outcome
from gradcheck.verdicts.rule import LOSS_OF_DTYPE
from gradcheck.verdicts.verdict import Comparison, ElementVerdict

PROBES = 2
"""Pairs of upstream gradients that the identity is held against."""
SIDES = "tape by its upstream gradient", "backward pass, which is linear"


def backward_is_linear(problem: Problem) -> list[Comparison]:
    """Hold the tape's derivative by the upstream gradient against the linearity of the backward pass.

    A backward pass B(r) = Jᵀ r is linear in its upstream gradient r, so that the tape's derivative of
    <s, B(r)> by r, which gradients of gradients need, multiplied by d is <s, B(d)> (Griewank and Walther,
    *Evaluating Derivatives*, 2008). A gradient that stops at r, as one computed in NumPy, is right by itself
    and spoils every gradient of a gradient of a function that has it inside.
    """
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


@dataclass(frozen=True)
class Slope:
    """The tape gradient of a target, as a function of the same arguments."""

    function: Callable[..., Any]
    join: Callable[[Any], Any]
    """What the function returned → flat float64 tensor [outputs]."""
    variables: tuple[int, ...]
    """Places of the variables among the arguments."""
    cotangents: Array
    """Upstream gradients [K, outputs]; the first is the one that is shown."""

    def __call__(self, *arguments: Any) -> tuple[Any, ...]:
        """K gradients of every variable, those for the first upstream gradient first; zeros for None."""
        values = [arguments[place] for place in self.variables]
        with tf.GradientTape(persistent=True) as inner:
            inner.watch(values)
            outputs = self.join(self.function(*arguments))
        gradients: list[Any] = []
        for cotangent in self.cotangents:
            found = inner.gradient(outputs, values, output_gradients=tf.constant(cotangent, tf.float64))
            # None is a zero here: the order before has found that it is one.
            gradients += [
                tf.zeros_like(value) if gradient is None else tf.convert_to_tensor(gradient)
                for gradient, value in zip(found, values, strict=True)
            ]
        return tuple(gradients)


def climb(first: Outcome, check: Check, progress: Progress) -> tuple[list[Outcome], list[Note]]:
    """The outcomes of orders 1, 2 … up to the one in the settings, as far as the order before is right, and a
    note on those that were left out; `check` is what gave the first outcome."""
    found, settings = [first], first.problem.settings
    for order in range(2, settings.order + 1):
        before = found[-1]
        if fails(before, strict=settings.strict):
            left = "was" if order == settings.order else "and those above were"
            line = f"Order {order} {left} not checked, since order {order - 1} fails."
            return found, [Note(Kind.WARNING, line)]
        # A gradient that jumps looks like one that is rounded: the noise level is that of the function.
        problem = _next(before.problem, order, first.problem.noise.coarsest, progress)
        corners = {v.name: v.judgement.verdicts == ElementVerdict.KINK for v in before.variables}
        outcome = judged(check(problem, progress), before.problem, corners, check)
        if order == 2:
            outcome = replace(outcome, comparisons=tuple(backward_is_linear(first.problem)))
        progress.stage(Stage.ORDER, problem.meter.count, str(order))
        found.append(outcome)
    return found, []


def fails(outcome: Outcome, *, strict: bool) -> bool:
    """Whether anything disagrees; `strict` counts kinks."""
    kinks = any((v.judgement.verdicts == ElementVerdict.KINK).any() for v in outcome.variables)
    return outcome.verdict >= ElementVerdict.MISMATCH or (strict and kinks)


def _next(problem: Problem, order: int, eps: float, progress: Progress) -> Problem:
    """What to check after a problem: its gradient, and the upstream gradient of that."""
    outputs = problem.base.size
    cotangents = problem.cotangents[:1]
    if outputs > 1:
        # For a single output another upstream gradient would say nothing new.
        random = generator(Stream.ORDER_COTANGENTS, problem.settings.seed, order)
        cotangents = np.concatenate([cotangents, random.standard_normal((1, outputs))])
    target = problem.target
    places = tuple(list(target.inputs).index(name) for name in problem.names)
    slope = Slope(target.function, problem.own.join, places, cotangents)
    size = sum(target.inputs[name].size for name in problem.names)
    upstream: Array = np.repeat([1.0, 0.0], [size, size * (len(cotangents) - 1)])
    if len(places) == len(cotangents) == 1:
        upstream = upstream.reshape(target.inputs[problem.names[0]].shape)
    gradient = Target(f"the gradient of {target.name}", slope, target.inputs)
    return problem.of(gradient, upstream, progress, eps)
