"""Orders: the gradient of order N is held against differences of the one of order N − 1, which was checked.

The function of order 2 is g(v) = ∇<r, f(v)>, itself a tape gradient, for two upstream gradients r: the one
that is shown, and a seeded random one, for a second derivative may vanish for the first (the outputs of a
softmax add up to 1, so that ones see nothing of them). Then g is checked as any function is. With r = 1 the
number shown for x_j is Σ_i ∂²L/∂x_i∂x_j, the product of the Hessian with a vector (Pearlmutter, *Fast exact
multiplication by the Hessian*, 1994).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.checks import backward_linearity, order_kinks
from gradcheck.checks.elementwise import Examined, examine
from gradcheck.function.problem import Point
from gradcheck.render.progress import Progress
from gradcheck.report.report import Report, Variable
from gradcheck.settings import Settings
from gradcheck.targets.target import Target
from gradcheck.verdicts.verdict import ElementVerdict, Verdict


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


def climb(first: Examined, report: Report, progress: Progress) -> Report:
    """Add the orders up to the one in the settings to the report of the first; stop at one that fails."""
    settings, examined = first.point.settings, first
    found = replace(report, comparisons=())
    for order in range(2, settings.order + 1):
        if found.verdict is Verdict.FAIL:
            left = "was" if order == settings.order else "and those above were"
            line = f"Order {order} {left} not checked, since order {order - 1} fails."
            return replace(report, warnings=(*report.warnings, line))
        # A gradient that jumps looks like one that is rounded: the precision is that of the function.
        eps = first.point.precision.coarsest
        before, examined = examined, examine(Point(*_next(examined.point, order), eps), progress)
        found = order_kinks.judged(examined, before, _corners(found.variables))
        if order == 2:
            found = replace(found, comparisons=tuple(backward_linearity.upstream(first.point)))
        report = _joined(report, found, order)
    return report


def _next(point: Point, order: int) -> tuple[Target, Settings, tuple[str, ...], Array]:
    """What to check after `point`: the gradient that was found right there, and its upstream gradient."""
    outputs = point.base.size
    cotangents = point.cotangents[:1]
    if outputs > 1:
        # Seeded apart from those that a check draws. For a single output it would say nothing new.
        generator = np.random.default_rng([point.settings.seed, 7, order])
        cotangents = np.concatenate([cotangents, generator.standard_normal((1, outputs))])
    target = point.target
    places = tuple(list(target.inputs).index(name) for name in point.names)
    # A copy, since join notes what it finds.
    join = point.native.at(point.native.values).join
    slope = Slope(target.function, join, places, cotangents)
    size = sum(target.inputs[name].size for name in point.names)
    upstream: Array = np.repeat([1.0, 0.0], [size, size * (len(cotangents) - 1)])
    if len(places) == len(cotangents) == 1:
        upstream = upstream.reshape(target.inputs[point.names[0]].shape)
    return (
        Target(f"the gradient of {target.name}", slope, target.inputs),
        point.settings,
        point.names,
        upstream,
    )


def _corners(variables: tuple[Variable, ...]) -> dict[str, Array]:
    """Where each variable is at a corner."""
    return {variable.name: variable.verdicts == ElementVerdict.KINK for variable in variables}


def _joined(report: Report, found: Report, order: int) -> Report:
    """Both reports as one, the variables of `found` marked with their order."""
    names = {variable.name: replace(variable, order=order).label for variable in found.variables}

    def marked(lines: tuple[str, ...]) -> tuple[str, ...]:
        parts = [line.partition(":") for line in lines]
        return tuple(
            f"{names[name]}:{rest}" if name in names else f"Order {order}: {line}"
            for line, (name, _, rest) in zip(lines, parts, strict=True)
        )

    sensitivity = report.sensitivity
    if sensitivity is not None and found.sensitivity is not None:
        sensitivity = max(sensitivity[0], found.sensitivity[0]), max(sensitivity[1], found.sensitivity[1])
    return replace(
        report,
        variables=report.variables + tuple(replace(variable, order=order) for variable in found.variables),
        evaluations=report.evaluations + found.evaluations,
        diagnosis=report.diagnosis + marked(found.diagnosis),
        warnings=report.warnings + marked(found.warnings),
        sensitivity=sensitivity or found.sensitivity,
        comparisons=report.comparisons + found.comparisons,
    )
