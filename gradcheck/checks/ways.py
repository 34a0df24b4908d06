"""The ways to a gradient that the settings ask for, each held against another: one report."""

from __future__ import annotations

from dataclasses import replace

from gradcheck.arrays.types import Array
from gradcheck.checks import elementwise, execution, forward_mode, orders, pfor
from gradcheck.errors import GradcheckError
from gradcheck.function.problem import Point
from gradcheck.render.progress import Progress
from gradcheck.report.report import Report
from gradcheck.settings import Mode, Settings
from gradcheck.targets.target import Target

ONLY = (
    "Only forward mode was checked, which does not look at a gradient written by hand (tf.custom_gradient) "
    "that is called eagerly; mode both also checks the tape."
)


def check(
    target: Target,
    settings: Settings,
    names: tuple[str, ...],
    upstream: Array | None,
    progress: Progress,
) -> Report:
    """Check the tape, forward mode, or both, then the executions, the Jacobians and the higher orders.

    Raises `GradcheckError` where the check cannot run, or where the settings leave it nothing to do.
    """
    point = Point(target, settings, names, upstream)
    if settings.mode is Mode.FORWARD:
        return _forward(point)
    first = elementwise.examine(point, progress)
    report = elementwise.report(first)
    if settings.mode is Mode.BOTH:
        found, evaluations = forward_mode.compare(point, reverse=True)
        report = replace(
            report,
            comparisons=(*report.comparisons, *found),
            evaluations=report.evaluations + evaluations,
        )
    chosen = [execution.compare] if settings.execution else []
    for compare in [*chosen, *([pfor.compare] if settings.check_pfor else [])]:
        found, warnings = compare(first)
        report = replace(
            report,
            comparisons=(*report.comparisons, *found),
            warnings=(*report.warnings, *warnings),
        )
    return orders.climb(first, report, progress)


def _forward(point: Point) -> Report:
    """The report of forward mode alone, which has no variables since no tape gradient is judged."""
    settings = point.settings
    if settings.order > 1 or settings.execution or settings.check_pfor:
        raise GradcheckError(
            "Mode forward checks no tape gradient, so there is none for order, execution or pfor.",
            "Use mode both (--mode both), or leave the other options out.",
        )
    found, evaluations = forward_mode.compare(point, reverse=False)
    return Report(
        point.target.name,
        (),
        settings,
        point.evaluations + evaluations,
        0.0,
        point.in_words().replace("tape", "forward mode", 1).partition(", tape")[0],
        warnings=(*point.warnings, ONLY),
        comparisons=tuple(found),
    )
