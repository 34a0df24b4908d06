"""Gradients that must agree with tape and difference: the textbook's, and one that a user gives."""

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.problem import Problem
from gradcheck.verdicts.candidate import Examined
from gradcheck.verdicts.judgement import Judgement, Opinion, Source
from gradcheck.verdicts.rule import ROUNDED, tolerance_of
from gradcheck.verdicts.subgradients import SMOOTH, TIES, along_ties, direction_of
from gradcheck.verdicts.verdict import ElementVerdict

TIED = "the given gradient counts a tie twice, or not once in all: moved together, the elements contradict it"
"""Why a variable fails where each element alone could be right."""


def opinions(problem: Problem, number: int, examined: Examined, natural: Array) -> list[Opinion]:
    """What both say of variable `number`; `natural` is Σ w |f| / |x| per element, flat."""
    name, found = problem.names[number], []
    # Where the function has saturated a formula still knows a slope that no difference can see.
    unseen = ROUNDED * problem.noise.coarsest * natural
    if (closed := problem.closed_forms.get(name)) is not None:
        wrong = _apart(problem, number, examined.judgement, closed.reshape(-1), unseen)
        found.append(Opinion(Source.CLOSED_FORM, wrong, ElementVerdict.MISMATCH))
    if (given := problem.target.given.get(name)) is not None:
        values = given.astype(np.float64).reshape(-1)
        # As much as a tape of that dtype may be off.
        rounding = tolerance_of(given.dtype.name) * (examined.judgement.size + natural)
        wrong = _apart(problem, number, examined.judgement, values, unseen + rounding)
        tied = _contradicted_at_ties(problem, number, examined, values, rounding)
        found += [
            Opinion(Source.GIVEN, wrong, ElementVerdict.MISMATCH),
            Opinion(Source.GIVEN, tied, ElementVerdict.MISMATCH, TIED if tied.size else None),
        ]
    return found


def _apart(problem: Problem, number: int, base: Judgement, values: Array, more: Array) -> Array:
    """Flat indices of the elements whose difference is off `values` by the tolerance and `more`."""
    # Directions bound how far the tape is off.
    known = np.where(base.along, problem.exact_tape.columns(number)[0], base.difference)
    apart = np.abs(values - known)
    return np.flatnonzero(base.checked & ~(apart <= base.tolerance + more))


def _contradicted_at_ties(
    problem: Problem, number: int, examined: Examined, values: Array, rounding: Array
) -> Array:
    """Flat indices of the kinks at which `values` contradict a difference along a direction that keeps ties.

    One element at a time each of two equal maxima may have the whole gradient, together they have it once.
    """
    base = examined.judgement
    kinks = np.flatnonzero((base.verdicts == ElementVerdict.KINK) & ~base.along)
    none = kinks[:0]
    if not kinks.size:
        return none
    for tie in TIES.values():
        direction = direction_of(examined, kinks, tie)
        if not direction.any():
            continue
        rise, fall, noise = along_ties(problem, {number: direction})
        size = (np.abs(rise) + np.abs(fall)) / 2
        if not (np.abs(rise - fall) <= SMOOTH * size + 2 * noise).all():
            continue  # a corner in this direction as well: no slope is the only one
        upstream, flat = problem.cotangents[0], direction.reshape(-1)
        slope, allowed = float(values @ flat), noise + (SMOOTH + problem.settings.rtol) * size
        bound = float(np.abs(upstream) @ allowed) + float(rounding @ np.abs(flat))
        if not abs(slope - float(upstream @ ((rise + fall) / 2))) <= bound:
            return np.flatnonzero(flat)
    return none
