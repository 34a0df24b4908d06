"""Verdicts of a higher order that differences alone get wrong: at jumps, and below the rounding of f.

At a corner of f its gradient jumps and has no derivative of its own. There the tape's value is a valid one if
it lies among those at points around this one, where there are derivatives, and where it is checked too.

Where f has saturated, as a softmax may, its gradient is tiny and exact, but the terms that cancel in it are
not: an error that the rounding of f explains is no mistake, and no agreement either.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import magnitude
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array, eps_of
from gradcheck.errors import GradcheckError
from gradcheck.function import tape
from gradcheck.function.nearby import Draw, Size, nearby
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.progress import Progress
from gradcheck.targets.function import Target
from gradcheck.verdicts.judgement import Opinion, Source
from gradcheck.verdicts.outcome import Check, Outcome, VariableOutcome
from gradcheck.verdicts.subgradients import NEIGHBOURS, between, slack
from gradcheck.verdicts.verdict import ElementVerdict

NEAR = 1e-3
"""Distance of the neighbours relative to the tensor's scale: smooth derivatives change as little."""
POINTS = 3
"""Points around this one that are checked at most, until each element at a jump has been seen to agree."""
APART = 8
"""Roundings of a tensor that a neighbour is away at least: of 1, float16 has ties at every second point."""
JUMPS = (
    "Where the order before has a corner, the gradient jumps and has no derivative: there the tape was held "
    "against its values at points around this one, which agree with differences."
)


def judged(outcome: Outcome, before: Problem, corners: Mapping[str, Array], check: Check) -> Outcome:
    """The outcome for the gradient of `before`, which was found right.

    `corners` are masks [U] by name; `check` is what gave the outcome, for points around this one.
    """
    settled = _settled(outcome, before)
    open_ = [
        corners[variable.name] & (variable.judgement.verdicts >= ElementVerdict.INCONCLUSIVE)
        for variable in settled.variables
    ]
    if any(mask.any() for mask in open_):
        return _among_neighbours(settled, before, open_, check)
    return settled


def _settled(outcome: Outcome, before: Problem) -> Outcome:
    """The outcome without the mismatches that rounding explains."""
    variables, notes = [], list(outcome.notes)
    for number, variable in enumerate(outcome.variables):
        lost = np.flatnonzero(_lost(outcome.problem, number, variable, before))
        if lost.size:
            said = (
                f"{lost.size:,} of {variable.judgement.verdicts.size:,} elements differ by no more than the "
                "function's own rounding explains, and cannot be judged."
            )
            notes.append(Note(Kind.WARNING, said, variable.name))
        opinion = Opinion(Source.ORDER_ROUNDING, lost, ElementVerdict.INCONCLUSIVE)
        variables.append(variable.revised([opinion]))
    return replace(outcome, variables=tuple(variables), notes=tuple(notes))


def _lost(problem: Problem, number: int, variable: VariableOutcome, before: Problem) -> Array:
    """Elements [U] that disagree by less than the rounding of f over x², times the largest cotangent."""
    found = variable.judgement
    largest = float(np.abs(before.base).max()) * float(np.abs(problem.cotangents).max())
    scale = magnitude(view(problem.exact.values[number])).reshape(-1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        rounding = problem.noise.coarsest * largest / scale**2
        hidden = found.error_ratio * found.tolerance <= rounding
    # Not those that only the tensors' own dtype gets wrong.
    wrong = (found.verdicts == ElementVerdict.MISMATCH) & (found.error_ratio > 1)
    return np.asarray(wrong & hidden)


def _among_neighbours(outcome: Outcome, before: Problem, open_: list[Array], check: Check) -> Outcome:
    """Judge the elements at jumps by the points around this one."""
    problem = outcome.problem
    random = generator(Stream.ORDER_NEIGHBOURS, problem.settings.seed)
    seen = _seen_around(problem, before, open_, check, random)
    low, high = _range(problem, random)
    variables = []
    for number, (variable, mask) in enumerate(zip(outcome.variables, open_, strict=True)):
        gradients = problem.exact_tape.columns(number)
        ends = low[number], high[number]
        inside = between(gradients, *ends, slack(*ends, np.abs(gradients)))
        kinks = np.flatnonzero(mask & inside.all(axis=0) & seen[number])
        variables.append(variable.revised([Opinion(Source.ORDER_KINK, kinks, ElementVerdict.KINK)]))
    notes = (*outcome.notes, Note(Kind.WARNING, JUMPS))
    return replace(outcome, variables=tuple(variables), notes=notes)


def _seen_around(
    problem: Problem, before: Problem, open_: list[Array], check: Check, random: np.random.Generator
) -> list[Array]:
    """For each variable, the elements [U] whose tape agrees with differences at some point around this
    one."""
    seen = [np.zeros(mask.shape, bool) for mask in open_]
    for _ in range(POINTS):
        if all(found[mask].all() for found, mask in zip(seen, open_, strict=True)):
            break
        try:
            around = problem.of(
                _beside(problem, random), problem.upstream, Progress(), problem.noise.coarsest
            )
            beside = _settled(check(around, Progress()), before)
        except GradcheckError:  # not every function goes on around the point
            continue
        for found, variable in zip(seen, beside.variables, strict=True):
            found |= variable.judgement.verdicts <= ElementVerdict.KINK
    return seen


def _beside(problem: Problem, random: np.random.Generator) -> Target:
    # At least some roundings of its own dtype, or a tie would stay one.
    shares = [max(NEAR, APART * eps_of(value.dtype.name)) for value in problem.own.values]
    moved = nearby(problem.own.values, shares, Size.TENSOR, Draw.NORMAL, random)
    inputs = {name: value.numpy() for name, value in zip(problem.names, moved, strict=True)}
    return replace(problem.target, inputs={**problem.target.inputs, **inputs})


def _range(problem: Problem, random: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """Smallest and largest tape gradient over the neighbours, [K, elements] for each variable."""
    found = []
    for _ in range(NEIGHBOURS):
        around = problem.exact.at(nearby(problem.exact.values, NEAR, Size.TENSOR, Draw.NORMAL, random))
        tapes = tape.record(around, problem.cotangents)
        found.append([tapes.columns(number) for number in range(len(problem.names))])
    columns = [np.stack(column) for column in zip(*found, strict=True)]
    return [column.min(axis=0) for column in columns], [column.max(axis=0) for column in columns]
