"""The order of the checks: a target and its settings → the outcomes of all that was asked for → one
report."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.checks import elementwise, execution, forward_mode, orders, pfor, sweep, where
from gradcheck.errors import GradcheckError, TargetError
from gradcheck.function.call_kind import CallKind
from gradcheck.function.primal import Meter
from gradcheck.function.problem import Problem, pose
from gradcheck.function.sharing import Sharing
from gradcheck.notes import Kind, Note
from gradcheck.progress import Progress, Stage
from gradcheck.report.assemble import assemble
from gradcheck.report.findings import Findings
from gradcheck.settings import Execution, Mode, Settings
from gradcheck.targets.defined import defined
from gradcheck.targets.function import Target
from gradcheck.verdicts.outcome import Outcome
from gradcheck.verdicts.part import Part
from gradcheck.verdicts.sweep import Sweep
from gradcheck.verdicts.verdict import Comparison, ElementVerdict

ONLY = (
    "Only forward mode was checked, which does not look at a gradient written by hand (tf.custom_gradient) "
    "that is called eagerly; mode both also checks the tape."
)


def run(
    target: Target,
    settings: Settings,
    names: tuple[str, ...],
    upstream: Array | None,
    progress: Progress,
    *,
    curve: bool = False,
    sharing: Sharing | None = None,
) -> Findings:
    """Check the tape, forward mode, or both, then the executions, the Jacobians and the higher orders; with
    `curve`, sweep the worst element as well.

    Raises `GradcheckError` where the check cannot run, or where the settings leave it nothing to do.
    """
    _refuse_unfit(target, settings)
    problem = pose(target, settings, names, upstream, Meter(), progress)
    if settings.mode is Mode.FORWARD:
        found = _forward_alone(problem)
        progress.stage(Stage.FORWARD, problem.meter.count, variables=len(names))
        return found
    if sharing is not None:
        problem.exact.share(sharing, problem.base)
    first = elementwise.check(problem, progress)
    comparisons, notes = _compared(problem, first, progress)
    outcomes, left_out = orders.climb(first, elementwise.check, progress)
    parts = _parts(outcomes, settings, progress)
    found = assemble(outcomes, comparisons, [*notes, *left_out], parts)
    progress.stage(Stage.DIAGNOSIS, problem.meter.count, notes=len(found.notes))
    return replace(found, sweep=_worst_swept(first.problem, found, progress)) if curve else found


def _compared(problem: Problem, first: Outcome, progress: Progress) -> tuple[list[Comparison], list[Note]]:
    """The tape against forward mode, other executions and Jacobians, as far as they are asked for."""
    settings = problem.settings
    comparisons: list[Comparison] = []
    notes = [Note(Kind.WARNING, text) for text in problem.target.said]
    if settings.mode is Mode.BOTH:
        comparisons += forward_mode.check(problem)
        progress.stage(Stage.FORWARD, problem.meter.count, variables=len(problem.names))
    for stage, asked, check in (
        (Stage.EXECUTIONS, settings.execution, execution.check),
        (Stage.JACOBIANS, settings.check_pfor, pfor.check),
    ):
        if asked:
            compared, said = check(first)
            comparisons += compared
            notes += said
            progress.stage(stage, problem.meter.count, comparisons=len(compared))
    return comparisons, notes


def _worst_swept(problem: Problem, found: Findings, progress: Progress) -> Sweep | None:
    """The sweep of the worst element of the first order; None where the function cannot be evaluated so."""
    worst = next(variable for variable in found.worst_variables if variable.order == 1)
    flat = int(np.ravel_multi_index(worst.worst_index, worst.shape)) if worst.shape else 0
    try:
        swept = sweep.sweep(problem, problem.names.index(worst.name), flat)
    except GradcheckError:  # the check itself is done, and its report is not lost for a picture
        swept = None
    progress.stage(Stage.SWEEP, problem.meter.count, worst.name)
    return swept


def _parts(outcomes: Sequence[Outcome], settings: Settings, progress: Progress) -> tuple[Part, ...]:
    """The parts of the function, each by itself: looked at where it is asked for, or where it fails."""
    first, last = outcomes[0], outcomes[-1]
    first_fails, fails = (
        outcome.verdict >= ElementVerdict.MISMATCH and settings.budget is None for outcome in (first, last)
    )
    parts = where.functions(first.problem, elementwise.check) if first_fails or settings.where else ()
    if fails and not any(part.wrong and part.kind is CallKind.FUNCTION for part in parts):
        parts += where.operations(last.problem, elementwise.check)
    progress.stage(Stage.WHERE, first.problem.meter.count, parts=len(parts))
    return parts


def _refuse_unfit(target: Target, settings: Settings) -> None:
    """Raise `GradcheckError` where a setting asks for what cannot be done with the target."""
    if target.tape_only and (settings.order > 1 or settings.mode is not Mode.REVERSE):
        raise GradcheckError(
            f"The backward pass of {target.name} touches its own variables: only the first gradient of its "
            "tape can be checked.",
            "Leave out order and mode, or check the custom gradient by itself as a function.",
        )
    asked = {
        f"mode {settings.mode.value}": settings.mode is not Mode.REVERSE,
        f"order {settings.order}": settings.order > 1,
        "check_pfor": settings.check_pfor,
        **{f"execution {e.value}": True for e in settings.execution if e is not Execution.EAGER},
    }
    for option, given in asked.items():
        if given and not target.traceable:
            raise TargetError(
                f"{target.name} is NumPy code, which TensorFlow neither traces nor differentiates: there is "
                f"nothing to check for {option}.",
                "Leave the option out.",
            )


def _forward_alone(problem: Problem) -> Findings:
    """What forward mode alone found, which has no variables since no tape gradient is judged."""
    settings = problem.settings
    if settings.order > 1 or settings.execution or settings.check_pfor:
        raise GradcheckError(
            "Mode forward checks no tape gradient, so there is none for order, execution or pfor.",
            "Use mode both (--mode both), or leave the other options out.",
        )
    comparisons = tuple(forward_mode.check(problem))
    return Findings(
        problem.target.name,
        (),
        settings,
        problem.meter.count,
        0.0,
        f"forward mode and differences in {problem.precision_in_words()}",
        notes=(*problem.notes, Note(Kind.WARNING, ONLY)),
        comparisons=comparisons,
        source=defined(problem.target.origin),
    )
