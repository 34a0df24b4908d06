"""The steps of one check, with TensorFlow loaded: point, differences, judgement, conclusion, report."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.parallel import each, spans
from gradcheck.arrays.shared_memory import filled, view
from gradcheck.arrays.types import Array
from gradcheck.checks.directions import Directions
from gradcheck.checks.sampling import Plan, plan
from gradcheck.differences.compressed import Differences
from gradcheck.differences.joined import lanes
from gradcheck.differences.steps import Steps
from gradcheck.function.problem import Point
from gradcheck.render.progress import Progress
from gradcheck.report.blame import involved
from gradcheck.report.comparison import Comparison
from gradcheck.report.conclusion import conclude
from gradcheck.report.report import Report
from gradcheck.settings import Method
from gradcheck.sparsity.probing import Grouping, elementwise, find
from gradcheck.verdicts import inner_rounding, own_dtype, subgradients
from gradcheck.verdicts.examine import Examination
from gradcheck.verdicts.rule import Rule
from gradcheck.verdicts.verdict import ElementVerdict

QUICK = 64
"""Up to this many groups nobody waits for an estimate."""


@dataclass(frozen=True)
class Examined:
    """A point and, for each of its variables, what the differences say of the tape."""

    point: Point
    examinations: list[Examination]
    comparisons: tuple[Comparison, ...] = ()
    """Of the whole along random directions, where a budget left elements out."""


def examine(point: Point, progress: Progress) -> Examined:
    """Take the differences at a point and judge the tapes by them.

    Where what fails has stairs, a term of the function is rounded inside, and all is taken anew.
    """
    warned = list(point.warnings)
    found = _examine(point, progress)
    shares = inner_rounding.shares(found.examinations)
    if shares is None:
        return found
    point.evaluations += sum(e.differences.evaluations for e in found.examinations)
    point.warnings = warned
    point.round_to(shares)
    again = _examine(point, progress)
    for first, second in zip(found.examinations, again.examinations, strict=True):
        inner_rounding.reconcile(first, second)
    return again


def _examine(point: Point, progress: Progress) -> Examined:
    settings = point.settings
    examinations = [_examination(point, number, progress) for number in range(len(point.names))]
    groupings = [_grouping(point, e.differences, e.steps) for e in examinations]
    for number, (examination, grouping) in enumerate(zip(examinations, groupings, strict=True)):
        examination.differences.evaluation.join(grouping, lanes(point.forward, number, groupings))
    paces = [_pace(*pair) for pair in zip(examinations, groupings, strict=True)]
    planned = plan(groupings, paces, settings.budget, settings.seed)
    progress.start(planned, _elements(groupings, planned))
    for examination, grouping, chosen in zip(examinations, groupings, planned.groups, strict=True):
        examination.run(grouping, chosen)
    comparisons = (_along(point, examinations),) if planned.sampled else ()
    for examination in examinations:
        subgradients.look_around(examination, point.cotangents, settings.seed)
    subgradients.judge_together(examinations, point.cotangents, settings.rtol)
    return Examined(point, examinations, comparisons)


def report(examined: Examined) -> Report:
    """The report of what was found at a point."""
    point, examinations = examined.point, examined.examinations
    variables, diagnosis, outputs = [], [], []
    for number, examination in enumerate(examinations):
        variable, line = conclude(point, number, examination)
        variables.append(variable)
        if line is not None:
            diagnosis.append(line)
        outputs += involved(point, number, examination)
    return Report(
        point.target.name,
        tuple(variables),
        point.settings,
        point.evaluations + sum(e.differences.evaluations for e in examinations),
        0.0,
        point.in_words(),
        tuple(diagnosis),
        tuple(point.warnings),
        _sensitivity(examinations),
        involved=tuple(outputs),
        comparisons=examined.comparisons,
    )


def _along(point: Point, examinations: list[Examination]) -> Comparison:
    """The whole along random directions; an element to blame is then looked at by itself."""
    directions = Directions(
        point, Rule.of(point.settings.rtol, point.settings.atol, point.precision.coarsest)
    )
    found = directions.look(point.settings.seed)
    for along in found:
        if along.blamed is not None:
            number, flat = along.blamed
            examinations[number].look_at(np.array([flat]))
    point.evaluations += directions.evaluations
    budget = point.settings.budget
    assert budget is not None  # or nothing would have been left out
    checked = sum(int((e.verdicts != ElementVerdict.UNCHECKED).sum()) for e in examinations)
    size = sum(e.verdicts.size for e in examinations)
    point.warnings.insert(
        0,
        f"Within the budget of {budget.in_words}: checked {100 * checked / size:.3g} % of {size:,} "
        f"elements one by one, all of them along {len(found)} random directions.",
    )
    return Comparison.of(
        "tape along random directions",
        "difference",
        "all",
        np.array([along.error for along in found]),
        np.array([along.tolerance for along in found]),
        np.array([along.verdict for along in found], np.uint8),
    )


def _examination(point: Point, number: int, progress: Progress) -> Examination:
    """One variable, before any of its elements is looked at."""
    settings, forward = point.settings, point.forward
    differences = Differences(forward, number, point.weights, point.base, settings.memory)
    value = view(forward.values[number])
    steps = Steps(value, point.precision.finest, settings.step, settings.seed)
    gradients = point.exact.gradients[number].reshape(len(point.cotangents), -1)
    rtol = settings.rtol
    if point.exact is point.own and forward is not point.native:
        rtol = max(rtol, own_dtype.tolerance(point.native.values[number].dtype.name))

    moves = own_dtype.Scatter(point.backward, point.exact, point.cotangents, number)
    rule = Rule.of(rtol, settings.atol, point.precision.coarsest)
    return Examination(differences, steps, gradients, rule, moves, progress)


def _pace(examination: Examination, grouping: Grouping) -> float:
    """Seconds for one group, evaluated and contracted; only where that matters."""
    if grouping.groups <= QUICK:
        return 0.0
    ends = examination.steps.moved(1.0)
    started = time.perf_counter()
    groups = next(examination.differences.batches(grouping))[: examination.differences.evaluation.copies]
    for moved in examination.differences.first(grouping, groups, *ends):
        each(lambda part: part.rows(), moved.parts)
    return (time.perf_counter() - started) / len(groups)


def _elements(groupings: list[Grouping], planned: Plan) -> int:
    """How many elements the first pass looks at."""
    pairs = zip(groupings, planned.groups, strict=True)
    return sum(g.members * (g.groups if chosen is None else chosen.size) for g, chosen in pairs)


def _grouping(point: Point, differences: Differences, steps: Steps) -> Grouping:
    value, outputs = steps.point, point.forward.outputs
    if point.settings.method is Method.ELEMENTWISE:
        return elementwise(value.shape, len(outputs))
    far, near = differences.changed(_far(value, steps.typical, point.settings.seed), steps.near())
    found = find(value.shape, outputs, far, near)
    differences.forget()
    return found


def _far(value: Array, scale: float, seed: int) -> Array:
    """The point with every element moved by a good part of itself, in its own sign or against it: far enough
    to meet a maximum's other candidates."""

    def end(part: slice) -> Array:
        own = value.reshape(-1)[part]
        # From −1 … 1 to −½ … −¼ and ¼ … ½.
        uniform = np.random.default_rng([seed, 4, part.start]).uniform(-1, 1, own.size)
        share = np.copysign(0.25 + 0.25 * np.abs(uniform), uniform)
        return np.asarray(own + share * np.where(own == 0, scale, own))

    return filled(value.shape, value.dtype, end)


def _sensitivity(examinations: list[Examination]) -> tuple[float, float] | None:
    """Smallest error, as a share of S, that would have been seen: median and worst element."""
    shares = []
    for examination in examinations:
        seen = (examination.verdicts == ElementVerdict.MATCH) & (examination.size > 0)
        seen[examination.faint(examination.rule.limit)] = False
        for part in spans(seen.size):
            shown = seen[part]
            shares.append(examination.tolerance[part][shown] / examination.size[part][shown])
    every = np.concatenate(shares) if shares else np.zeros(0)
    return (float(np.median(every, overwrite_input=True)), float(every.max())) if every.size else None
