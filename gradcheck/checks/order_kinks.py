"""Verdicts of a higher order that differences alone get wrong: at jumps, and below the rounding of f.

At a corner of f its gradient jumps and has no derivative of its own. There the tape's value is a valid one if
it lies among those at points around this one, where there are derivatives, and where it is checked too.

Where f has saturated, as a softmax may, its gradient is tiny and exact, but the terms that cancel in it are
not: an error that the rounding of f explains is no mistake, and no agreement either.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from gradcheck.arrays.scale import typical
from gradcheck.arrays.types import Array
from gradcheck.checks import elementwise
from gradcheck.checks.elementwise import Examined
from gradcheck.errors import GradcheckError
from gradcheck.function import tape
from gradcheck.function.problem import Point
from gradcheck.render.progress import Progress
from gradcheck.report.report import Report, Variable
from gradcheck.targets.target import Target
from gradcheck.verdicts.examine import Examination
from gradcheck.verdicts.verdict import ElementVerdict

NEIGHBOURS = 24
NEAR = 1e-3
"""Distance of the neighbours relative to the tensor's scale: smooth derivatives change as little."""
JUMPS = (
    "Where the order before has a corner, the gradient jumps and has no derivative: there the tape was held "
    "against its values at points around this one, which agree with differences."
)


def judged(examined: Examined, before: Examined, corners: dict[str, Array]) -> Report:
    """The report of the gradient that was found right at `before`; `corners` are masks by name."""
    report = _settled(examined, before)
    open_ = [
        corners[variable.name] & (variable.verdicts >= ElementVerdict.INCONCLUSIVE)
        for variable in report.variables
    ]
    if any(mask.any() for mask in open_):
        report = _among_neighbours(examined.point, before, report, open_)
    return report


def _settled(examined: Examined, before: Examined) -> Report:
    """The report without the mismatches that rounding explains."""
    report = elementwise.report(examined)
    variables, lines = [], []
    for number, variable in enumerate(report.variables):
        examination = examined.examinations[number]
        lost = _lost(examination, examined.point, before.point)
        verdicts = np.where(lost, ElementVerdict.INCONCLUSIVE, examination.verdicts).astype(np.uint8)
        if lost.any():
            lines.append(
                f"{variable.name}: {int(lost.sum()):,} elements differ by no more than the function's own "
                "rounding explains, and cannot be judged."
            )
        variables.append(replace(variable, verdicts=verdicts.reshape(variable.shape)))
    wrong = {variable.name for variable in variables if variable.verdict >= ElementVerdict.MISMATCH}
    return replace(
        report,
        variables=tuple(variables),
        diagnosis=tuple(line for line in report.diagnosis if line.partition(":")[0] in wrong),
        warnings=(*report.warnings, *lines),
    )


def _lost(found: Examination, point: Point, before: Point) -> Array:
    """Elements [U] that disagree by less than the rounding of f over x², times the largest cotangent."""
    largest = float(np.abs(before.base).max()) * float(np.abs(point.cotangents).max())
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        rounding = point.precision.coarsest * largest / found.steps.scale(np.arange(found.size.size)) ** 2
        hidden = found.share * found.tolerance <= rounding
    # Not those that only the tensors' own dtype gets wrong.
    return np.asarray((found.verdicts == ElementVerdict.MISMATCH) & (found.share > 1) & hidden)


def _among_neighbours(point: Point, before: Examined, report: Report, open_: list[Array]) -> Report:
    """Judge the elements at jumps by the points around this one."""
    generator = np.random.default_rng([point.settings.seed, 8])
    try:
        around = Point(
            _at(point, generator), point.settings, point.names, point.upstream, point.precision.coarsest
        )
        beside = _settled(elementwise.examine(around, Progress()), before)
    except GradcheckError:  # not every function goes on around the point
        return report
    low, high = _range(point, generator)
    variables: list[Variable] = []
    for number, (variable, mask) in enumerate(zip(report.variables, open_, strict=True)):
        gradients = point.exact.gradients[number]
        slack = 1e-3 * (np.abs(gradients) + np.abs(high[number] - low[number]))
        inside = (gradients >= low[number] - slack) & (gradients <= high[number] + slack)
        seen = beside.variables[number].verdicts <= ElementVerdict.KINK
        verdicts = np.where(mask & inside.all(axis=0) & seen, ElementVerdict.KINK, variable.verdicts)
        variables.append(replace(variable, verdicts=verdicts.astype(np.uint8)))
    return replace(
        report,
        variables=tuple(variables),
        evaluations=report.evaluations + beside.evaluations,
        warnings=(*report.warnings, JUMPS),
    )


def _at(point: Point, generator: np.random.Generator) -> Target:
    """The same target at a random point around this one."""
    inputs = dict(point.target.inputs)
    for name in point.names:
        array = inputs[name]
        move = NEAR * typical(array) * generator.standard_normal(array.shape)
        inputs[name] = np.asarray(array + move.astype(array.dtype))
    return replace(point.target, inputs=inputs)


def _range(point: Point, generator: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """Smallest and largest tape gradient over the neighbours, [K, *shape] for each variable."""
    found = []
    for _ in range(NEIGHBOURS):
        around = _at(point, generator).inputs
        values = [
            tf.cast(tf.constant(around[name]), value.dtype)
            for name, value in zip(point.names, point.forward.values, strict=True)
        ]
        found.append(tape.record(point.forward.at(values), point.cotangents).gradients)
    columns = [np.stack(column) for column in zip(*found, strict=True)]
    return [column.min(axis=0) for column in columns], [column.max(axis=0) for column in columns]
