"""Gradients that must agree with tape and difference: the textbook's, and one that a user gives."""

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.problem import Problem
from gradcheck.verdicts.judgement import Judgement, Opinion, Source
from gradcheck.verdicts.rule import ROUNDED, tolerance_of
from gradcheck.verdicts.verdict import ElementVerdict, error_ratio

TIED = "the given gradient counts a tie twice, or not once in all: moved together, the elements contradict it"
"""Why a variable fails where each element alone could be right (given_ties.py)."""


def opinions(problem: Problem, number: int, base: Judgement, natural: Array) -> list[Opinion]:
    """What both say of variable `number`; `natural` is Σ w |f| / |x| per element, flat."""
    name, found = problem.names[number], []
    # Where the function has saturated a formula still knows a slope that no difference can see.
    unseen = ROUNDED * problem.noise.coarsest * natural
    if (closed := problem.closed_forms.get(name)) is not None:
        wrong, ratio = _apart(problem, number, base, closed.reshape(-1), unseen)
        found.append(Opinion(Source.CLOSED_FORM, wrong, ElementVerdict.MISMATCH, ratio=ratio))
    if (given := problem.target.given.get(name)) is not None:
        values = given.astype(np.float64).reshape(-1)
        # As much as a tape of that dtype may be off.
        rounding = tolerance_of(given.dtype.name) * (base.size + natural)
        wrong, ratio = _apart(problem, number, base, values, unseen + rounding)
        found.append(Opinion(Source.GIVEN, wrong, ElementVerdict.MISMATCH, ratio=ratio))
    return found


def _apart(problem: Problem, number: int, base: Judgement, values: Array, more: Array) -> tuple[Array, Array]:
    """Flat indices of the elements whose difference is off `values` by the tolerance and `more`, and error ÷
    tolerance of those."""
    # Directions bound how far the tape is off.
    known = np.where(base.along, problem.exact_tape.columns(number)[0], base.difference)
    apart = np.abs(values - known)
    tolerance = base.tolerance + more
    wrong = np.flatnonzero(base.checked & ~(apart <= tolerance))
    return wrong, error_ratio(apart[wrong], tolerance[wrong])
