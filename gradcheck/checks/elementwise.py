"""The check of every element: a problem → colourings → examined variables → outcome.

Where what fails has a term that is rounded inside, the check is made once more at that noise level. Where a
budget is too small for all elements, a sample is looked at, and the whole along random directions.
"""

import time
from collections.abc import Sequence

import numpy as np

from gradcheck.arrays.streams import Stream, generator
from gradcheck.checks.budget import Cost, along_all, plan
from gradcheck.function.primal import Meter
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.progress import Progress
from gradcheck.settings import Budget, Method
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.sparsity.probing import colour
from gradcheck.verdicts import inner_rounding, subgradients
from gradcheck.verdicts.candidate import Candidate, Examined, candidate
from gradcheck.verdicts.examination import CONFIRMED, examine, settle
from gradcheck.verdicts.first_pass import first_pass
from gradcheck.verdicts.outcome import Outcome, conclude
from gradcheck.verdicts.verdict import Comparison

QUICK = 64
"""Groups of a variable up to which a pilot would cost more than an estimate is worth."""
PILOT = 16
"""Groups that a pilot looks at: of fewer, none may ask for a ladder of steps where one in ten does."""
FEW_GROUPS = 4
"""Groups that a pilot looks at within a budget, which pays for the pilot too and ends it when spent."""
FEW_CONFIRMED = 4
"""Mismatches of a variable that are confirmed alone within a budget."""
UNTRACEABLE = "The function does not trace into a graph and was run eagerly, slower."


def check(problem: Problem, progress: Progress) -> Outcome:
    """Take the differences at a point and judge the tapes by them."""
    candidates = [candidate(problem, number) for number in range(len(problem.names))]
    colourings = [_colouring(problem, one) for one in candidates]
    examined, comparisons, notes = _look(problem, candidates, colourings, progress)
    shares = inner_rounding.shares(problem, examined)
    if shares is not None:
        problem = problem.rounded_to(shares)
        candidates = [candidate(problem, number) for number in range(len(problem.names))]
        again, comparisons, notes = _look(problem, candidates, colourings, progress)
        examined = [inner_rounding.reconciled(*pair) for pair in zip(examined, again, strict=True)]
    variables = tuple(conclude(problem, number, one) for number, one in enumerate(examined))
    if not all(one.confirmed.candidate.differences.evaluator.traces for one in examined):
        notes.append(Note(Kind.WARNING, UNTRACEABLE))
    return Outcome(problem, variables, tuple(comparisons), tuple(notes))


def _colouring(problem: Problem, candidate: Candidate) -> Colouring:
    outputs = problem.exact.outputs
    if problem.settings.method is Method.ELEMENTWISE:
        return elementwise(candidate.shape, len(outputs))
    steps, differences = candidate.steps, candidate.differences
    far, near = differences.changed(steps.far(), steps.near())
    found = colour(candidate.shape, outputs, far, near)
    differences.forget()
    return found


def _look(
    problem: Problem, candidates: Sequence[Candidate], colourings: Sequence[Colouring], progress: Progress
) -> tuple[list[Examined], list[Comparison], list[Note]]:
    """One look at all variables, with a comparison along random directions where a budget leaves some out."""
    settings = problem.settings
    for one in candidates:
        one.differences.join(colourings)
    pairs = list(zip(candidates, colourings, strict=True))
    costs = [_pilot(one, colouring, settings.budget, problem.meter) for one, colouring in pairs]
    planned = plan(colourings, costs, settings.budget, settings.seed)
    progress.start(planned.ahead)
    confirmed = FEW_CONFIRMED if planned.sampled else CONFIRMED
    found = [
        examine(one, colouring, chosen, progress, problem.meter, confirmed)
        for one, colouring, chosen in zip(candidates, colourings, planned.groups, strict=True)
    ]
    comparisons: list[Comparison] = []
    notes: list[Note] = []
    if planned.sampled:
        found, comparison, note = along_all(problem, found)
        comparisons, notes = [comparison], [note]
    examined = [Examined(one, tuple(subgradients.from_neighbours(problem, one))) for one in found]
    together = subgradients.together(problem, examined)
    examined = [one.also(opinions) for one, opinions in zip(examined, together, strict=True)]
    return examined, comparisons, notes


def _pilot(candidate: Candidate, colouring: Colouring, budget: Budget | None, meter: Meter) -> Cost:
    """What a group costs, by a few that are looked at and forgotten."""
    if colouring.groups <= QUICK:
        return Cost()
    counted = budget is not None and not budget.timed
    # A joined call takes as long for one group as for many, but each group is an evaluation.
    together = 1 if counted else candidate.differences.copies
    count = max(PILOT if budget is None else FEW_GROUPS, together)
    random = generator(Stream.PILOT, candidate.steps.seed, candidate.number)
    apart = np.sort(random.choice(colouring.groups, min(count, colouring.groups), replace=False))
    before, started, looked_at = meter.count, time.perf_counter(), 0
    for some in np.array_split(apart, apart.size if counted else 1):
        first = first_pass(candidate, colouring, some, Progress(), meter)
        if first is not None:
            settle(first)
        looked_at += some.size
        if budget is not None and counted and meter.count - before >= budget.amount:
            break
    spent, seconds = meter.count - before, time.perf_counter() - started
    return Cost(max(2.0, spent / looked_at), seconds / looked_at)
