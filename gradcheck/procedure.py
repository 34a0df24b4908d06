"""The order of the checks: a target and its settings → the outcomes of all that was asked for → one
report."""

from collections.abc import Sequence

from gradcheck.arrays.types import Array
from gradcheck.checks import elementwise, execution, forward_mode, orders, pfor, where
from gradcheck.errors import GradcheckError, TargetError
from gradcheck.function.call_kind import CallKind
from gradcheck.function.primal import Meter
from gradcheck.function.problem import Problem, pose
from gradcheck.function.sharing import Sharing
from gradcheck.notes import Kind, Note
from gradcheck.progress import Progress
from gradcheck.report.assemble import assemble
from gradcheck.report.findings import Findings
from gradcheck.settings import Execution, Mode, Settings
from gradcheck.targets.function import Target
from gradcheck.verdicts.outcome import Outcome
from gradcheck.verdicts.part import Part
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
    sharing: Sharing | None = None,
) -> Findings:
    """Check the tape, forward mode, or both, then the executions, the Jacobians and the higher orders.

    Raises `GradcheckError` where the check cannot run, or where the settings leave it nothing to do.
    """
    _refuse_unfit(target, settings)
    problem = pose(target, settings, names, upstream, Meter())
    if settings.mode is Mode.FORWARD:
        return _forward_alone(problem)
    if sharing is not None:
        problem.exact.share(sharing, problem.base)
    first = elementwise.check(problem, progress)
    comparisons: list[Comparison] = []
    notes = [Note(Kind.WARNING, text) for text in target.said]
    if settings.mode is Mode.BOTH:
        comparisons += forward_mode.check(problem)
    for asked, check in ((settings.execution, execution.check), (settings.check_pfor, pfor.check)):
        if asked:
            found, said = check(first)
            comparisons += found
            notes += said
    outcomes, left_out = orders.climb(first, elementwise.check, progress)
    return assemble(outcomes, comparisons, [*notes, *left_out], _parts(outcomes, settings))


def _parts(outcomes: Sequence[Outcome], settings: Settings) -> tuple[Part, ...]:
    """The parts of the function, each by itself: looked at where it is asked for, or where it fails."""
    first, last = outcomes[0], outcomes[-1]
    first_fails, fails = (
        outcome.verdict >= ElementVerdict.MISMATCH and settings.budget is None for outcome in (first, last)
    )
    parts = where.functions(first.problem, elementwise.check) if first_fails or settings.where else ()
    if fails and not any(part.wrong and part.kind is CallKind.FUNCTION for part in parts):
        parts += where.operations(last.problem, elementwise.check)
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
    )
