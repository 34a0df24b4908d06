"""The check of every element: a problem → colourings → examined variables → outcome.

Where what fails has a term that is rounded inside, the check is made once more at that noise level. Where a
budget is too small for all elements, a sample is looked at, and the whole along random directions.
"""

import time
from collections.abc import Sequence

import numpy as np

from gradcheck.amounts import Budget
from gradcheck.arrays.streams import Stream, generator
from gradcheck.checks import directions
from gradcheck.checks.budget import Cost, along_directions, plan
from gradcheck.checks.random_directions import COUNT, along_all
from gradcheck.function.primal import Meter
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.progress import Progress, Stage
from gradcheck.settings import Method
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.sparsity.probing import colour
from gradcheck.verdicts import inner_rounding, subgradients
from gradcheck.verdicts.candidate import Candidate, Examined, candidate
from gradcheck.verdicts.examination import CONFIRMED, examine, settle
from gradcheck.verdicts.first_pass import first_pass
from gradcheck.verdicts.given_ties import held_at_ties
from gradcheck.verdicts.outcome import Outcome, conclude
from gradcheck.verdicts.summary import Summary
from gradcheck.verdicts.verdict import Comparison

QUICK = 64
"""Groups of a variable up to which a pilot would cost more than an estimate is worth."""
PILOT = 16
"""Groups that a pilot looks at: of fewer, none may ask for a ladder of steps where one in ten does."""
FEW_GROUPS = 4
"""Groups that a pilot looks at within a budget, which pays for the pilot too and ends it when spent."""
FEW_CONFIRMED = 4
"""Mismatches of a variable that are confirmed alone within a budget."""
DEAR = 8192
"""Evaluations by its pilots from which a check goes along directions after all: twice those that are counted
beforehand, since the pilots are made."""
UNTRACEABLE = "The function does not trace into a graph and was run eagerly, slower."


def check(problem: Problem, progress: Progress) -> Outcome:
    """Take the differences at a point and judge the tapes by them."""
    candidates = [candidate(problem, number) for number in range(len(problem.names))]
    colourings = [_colouring(problem, one, progress) for one in candidates]
    examined, comparisons, notes, summary = _look(problem, candidates, colourings, progress)
    shares = inner_rounding.shares(problem, examined)
    rounded = 0 if shares is None else int(np.count_nonzero(shares))
    progress.stage(Stage.ROUNDING, problem.meter.count, output_tensors=rounded)
    if shares is not None:
        problem = problem.rounded_to(shares)
        candidates = [candidate(problem, number) for number in range(len(problem.names))]
        again, comparisons, notes, summary = _look(problem, candidates, colourings, progress)
        examined = [inner_rounding.reconciled(*pair) for pair in zip(examined, again, strict=True)]
    variables = tuple(
        held_at_ties(problem, number, conclude(problem, number, one), one)
        for number, one in enumerate(examined)
    )
    if not all(one.confirmed.candidate.differences.evaluator.traces for one in examined):
        notes.append(Note(Kind.WARNING, UNTRACEABLE))
    progress.stage(Stage.VERDICTS, problem.meter.count, problem.in_words(), variables=len(variables))
    return Outcome(problem, variables, tuple(comparisons), tuple(notes), summary)


def _colouring(problem: Problem, candidate: Candidate, progress: Progress) -> Colouring:
    outputs = problem.exact.outputs
    if problem.settings.method is Method.ELEMENTWISE:
        return elementwise(candidate.shape, len(outputs))
    steps, differences = candidate.steps, candidate.differences
    far, near = differences.changed(steps.far(), steps.near())
    found = colour(candidate.shape, outputs, far, near)
    differences.forget()
    size, groups = steps.point.size, found.groups
    progress.stage(Stage.SPARSITY, problem.meter.count, candidate.name, elements=size, groups=groups)
    return found


def _look(
    problem: Problem, candidates: Sequence[Candidate], colourings: Sequence[Colouring], progress: Progress
) -> tuple[list[Examined], list[Comparison], list[Note], Summary | None]:
    """One look at all variables: many groups along directions, few by themselves, or a sample where a budget
    leaves some out."""
    settings = problem.settings
    along, share, costs = _divided(problem, candidates, colourings, progress)
    alone = [number for number in range(len(candidates)) if number not in along]
    pairs = [(candidates[number], colourings[number]) for number in alone]
    planned = plan([colouring for _, colouring in pairs], costs, settings.budget, settings.seed)
    progress.start(directions.ahead(planned.ahead, [candidates[number] for number in along]))
    confirmed = FEW_CONFIRMED if planned.sampled else directions.CLOSELY if along else CONFIRMED
    found = [
        examine(one, colouring, chosen, progress, problem.meter, confirmed)
        for (one, colouring), chosen in zip(pairs, planned.groups, strict=True)
    ]
    comparisons: list[Comparison] = []
    notes: list[Note] = []
    summary = None
    if planned.sampled:
        found, comparison, note = along_all(problem, found)
        comparisons, notes = [comparison], [note]
        progress.stage(Stage.RANDOM, problem.meter.count, directions=COUNT)
    by_number = dict(zip(alone, found, strict=True))
    if along:
        chosen = [candidates[number] for number in along]
        others, comparison, summary, fewer = directions.check(problem, chosen, progress, share)
        comparisons.append(comparison)
        notes += fewer
        by_number |= dict(zip(along, others, strict=True))
    found = [confirmed for _, confirmed in sorted(by_number.items())]
    examined = [Examined(one, tuple(subgradients.from_neighbours(problem, one))) for one in found]
    together = subgradients.together(problem, examined)
    examined = [one.also(opinions) for one, opinions in zip(examined, together, strict=True)]
    progress.stage(Stage.CORNERS, problem.meter.count, variables=sum(bool(o.opinions) for o in examined))
    return examined, comparisons, notes, summary


def _divided(
    problem: Problem, candidates: Sequence[Candidate], colourings: Sequence[Colouring], progress: Progress
) -> tuple[tuple[int, ...], float, list[Cost]]:
    """The variables that go along directions, by number, the share of that check that the budget pays for,
    and what a group of each other variable costs."""
    settings, everything = problem.settings, tuple(range(len(candidates)))
    if settings.method is Method.DIRECTIONS:
        return everything, _share_of_directions(problem), []
    choice = settings.method is Method.AUTO
    along = along_directions(colourings) if choice else ()
    share = _share_of_directions(problem) if along else 1.0
    if share < directions.LEAST:
        choice, along = False, ()
    alone = [number for number in everything if number not in along]
    for number in alone:
        candidates[number].differences.join(colourings)
    pilots = [_pilot(candidates[n], colourings[n], settings.budget, problem.meter) for n in alone]
    costs = [cost for cost, _ in pilots]
    progress.stage(Stage.PILOT, problem.meter.count, groups=sum(groups for _, groups in pilots))
    if choice and not along and (dear := along_directions(colourings, costs, DEAR)):
        share = _share_of_directions(problem)
        if share >= directions.LEAST:
            return dear, share, [costs[number] for number in alone if number not in dear]
    return along, share, costs


def _share_of_directions(problem: Problem) -> float:
    """The share of a check along directions that the budget pays for, at the pace of one evaluation where it
    is in seconds."""
    budget, seconds = problem.settings.budget, 0.0
    if budget is None:
        return 1.0
    if budget.timed:
        started = time.perf_counter()
        problem.exact.evaluate(problem.exact.values, problem.base.size)
        seconds = time.perf_counter() - started
        problem.meter.add()
    return min(1.0, budget.share(directions.USUAL, directions.USUAL * seconds))


def _pilot(
    candidate: Candidate, colouring: Colouring, budget: Budget | None, meter: Meter
) -> tuple[Cost, int]:
    """What a group costs, by a few that are looked at and forgotten, and how many those were."""
    if colouring.groups <= QUICK:
        return Cost(), 0
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
    return Cost(max(2.0, spent / looked_at), seconds / looked_at), looked_at
