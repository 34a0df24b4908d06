"""What to try where a check could not tell: another tolerance, more digits, elements alone, another point."""

import math
from collections.abc import Sequence

import numpy as np

from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.verdicts.outcome import VariableOutcome
from gradcheck.verdicts.verdict import ElementVerdict

LOOSEST = 0.01
"""The largest relative tolerance that is worth passing: beyond that, agreement tells little."""
MARGIN = 2.0
"""Times the bound that a tolerance should have: another run of steps knows a slope a little less well."""


def suggest(problem: Problem, outcomes: Sequence[VariableOutcome]) -> list[Note]:
    """One note where some element could not be judged and none is wrong; what it says follows from the bounds
    of those elements."""
    worst = max((outcome.verdict for outcome in outcomes), default=ElementVerdict.UNCHECKED)
    if worst is not ElementVerdict.INCONCLUSIVE:
        return []
    open_ = [outcome for outcome in outcomes if outcome.verdict is worst]
    found = [*_tolerance(problem, open_), *_digits(problem), *_one_by_one(open_), *_elsewhere(open_)]
    return [Note(Kind.WARNING, f"To settle it: {'; or '.join(found)}.")] if found else []


def _tolerance(problem: Problem, open_: Sequence[VariableOutcome]) -> list[str]:
    """The tolerance up to which all bounds would do, as a share of the size of each element."""
    shares = [_share(outcome) for outcome in open_]
    wanted = max(shares)
    if not problem.settings.rtol < wanted <= LOOSEST:
        return []
    # Rounded up to one digit.
    power = 10.0 ** math.floor(math.log10(wanted))
    return [
        f"pass rtol {math.ceil(wanted / power) * power:.1g} (--rtol), if errors of that share do not matter"
    ]


def _share(outcome: VariableOutcome) -> float:
    judged, where = outcome.judgement, outcome.judgement.having(ElementVerdict.INCONCLUSIVE)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = judged.bound[where] / judged.size[where]
    return MARGIN * float(np.nan_to_num(share, nan=math.inf, posinf=math.inf).max())


def _digits(problem: Problem) -> list[str]:
    if not problem.exact.in_float64:
        return ["let the function run in float64, which tells errors a million times smaller"]
    if problem.noise.dtype != "float64":
        return [
            f"compute in the dtype of the inputs throughout: something is rounded to {problem.noise.dtype}"
        ]
    return []


def _one_by_one(open_: Sequence[VariableOutcome]) -> list[str]:
    """Along directions what is large hides what is small, which by itself may be told."""
    along = [
        outcome.name
        for outcome in open_
        if outcome.judgement.along[outcome.judgement.having(ElementVerdict.INCONCLUSIVE)].any()
    ]
    names = ",".join(along)
    return [f"move the elements of {names} one by one (--wrt {names} --method elementwise)"] if along else []


def _elsewhere(open_: Sequence[VariableOutcome]) -> list[str]:
    """A corner at the point is left by moving the point."""
    corners = [
        outcome.judgement.corner[outcome.judgement.having(ElementVerdict.INCONCLUSIVE)].any()
        for outcome in open_
    ]
    return ["check at another point, off the corner"] if any(corners) else []
