"""A given gradient at ties: alone each of two equal maxima may have the whole gradient, together once."""

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.problem import Problem
from gradcheck.verdicts.candidate import Examined
from gradcheck.verdicts.judgement import Opinion, Source
from gradcheck.verdicts.outcome import VariableOutcome
from gradcheck.verdicts.rule import tolerance_of
from gradcheck.verdicts.subgradients import SMOOTH, TIES, along_ties, direction_of
from gradcheck.verdicts.third_opinion import TIED
from gradcheck.verdicts.verdict import ElementVerdict, error_ratio


def held_at_ties(
    problem: Problem, number: int, outcome: VariableOutcome, examined: Examined
) -> VariableOutcome:
    """The outcome, with kinks as mismatches where moved together they contradict the given gradient."""
    given, judged = problem.target.given.get(outcome.name), outcome.judgement
    kinks = np.flatnonzero((judged.verdicts == ElementVerdict.KINK) & ~judged.along)
    if given is None or not kinks.size:
        return outcome
    rounding = tolerance_of(given.dtype.name) * judged.size
    for tie in TIES.values():
        direction = direction_of(examined, kinks, tie)
        if direction.any() and (off := _contradiction(problem, number, direction, given, rounding)):
            wrong = np.flatnonzero(direction)
            ratio = np.full(wrong.size, off)
            return outcome.revised([Opinion(Source.GIVEN, wrong, ElementVerdict.MISMATCH, TIED, ratio=ratio)])
    return outcome


def _contradiction(problem: Problem, number: int, direction: Array, given: Array, rounding: Array) -> float:
    """Error ÷ tolerance of the given gradient's slope along the direction; 0 where it agrees."""
    rise, fall, noise = along_ties(problem, {number: direction})
    size = (np.abs(rise) + np.abs(fall)) / 2
    if not (np.abs(rise - fall) <= SMOOTH * size + 2 * noise).all():
        return 0.0  # a corner in this direction as well: no slope is the only one
    upstream = problem.cotangents[0]
    slope = float((given.astype(np.float64) * direction).sum())
    bound = float(np.abs(upstream) @ (noise + (SMOOTH + problem.settings.rtol) * size))
    bound += float(rounding @ np.abs(direction).reshape(-1))
    error = abs(slope - float(upstream @ ((rise + fall) / 2)))
    return 0.0 if error <= bound else float(error_ratio(np.asarray(error), np.asarray(bound)))
