"""Outcomes → findings: variables as they are shown, what explains failures, and what would have been seen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcheck.arrays.large import view
from gradcheck.arrays.types import Array
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.report.applied import applied
from gradcheck.report.blame import blamed_outputs
from gradcheck.report.diagnosis import diagnose
from gradcheck.report.evidence import Evidence
from gradcheck.report.findings import Findings
from gradcheck.report.probe import Probe
from gradcheck.report.suggestion import suggest
from gradcheck.report.swapped import swapped
from gradcheck.report.variable import Variable, labelled
from gradcheck.targets.defined import defined
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.outcome import Outcome, VariableOutcome
from gradcheck.verdicts.part import Part
from gradcheck.verdicts.verdict import Comparison, ElementVerdict

UNMOVED = "Nothing depends on this variable here: moving its elements changes no output, and the tape is 0."
"""Said of a variable that passes."""


def assemble(
    outcomes: Sequence[Outcome],
    comparisons: Sequence[Comparison],
    notes: Sequence[Note],
    parts: Sequence[Part] = (),
) -> Findings:
    """The findings of one check: outcomes of orders 1, 2 …, and the comparisons and notes that belong to
    none.

    Differences that a diagnosis takes are counted as well.
    """
    first = outcomes[0].problem
    variables: list[Variable] = []
    said: list[Note] = []
    higher = (comparison for outcome in outcomes[1:] for comparison in outcome.comparisons)
    sensitivities = []
    for order, outcome in enumerate(outcomes, start=1):
        found = [_variable(outcome.problem, *pair, order) for pair in enumerate(outcome.variables)]
        variables += found
        said += _of_order(_explained(outcome, found), order)
        sensitivities.append(_sensitivity(outcome))
    return Findings(
        first.target.name,
        tuple(variables),
        first.settings,
        first.meter.count,
        0.0,
        first.in_words(),
        (*said, *notes),
        _least(sensitivities),
        comparisons=(*outcomes[0].comparisons, *comparisons, *higher),
        directions=next((outcome.directions for outcome in outcomes if outcome.directions), None),
        parts=tuple(parts),
        tolerance=applied(outcomes),
        source=next(((part.file, part.line) for part in parts if part.wrong and part.line), None)
        or defined(first.target.origin),
    )


def _variable(problem: Problem, number: int, outcome: VariableOutcome, order: int) -> Variable:
    judged, name = outcome.judgement, outcome.name
    given = problem.target.given.get(name)
    checked = judged.checked
    difference = judged.difference if checked.all() else np.where(checked, judged.difference, np.nan)
    if outcome.jumps:
        # Whatever the last step makes of a jump is no number to show.
        difference = difference.copy()
        difference[list(outcome.jumps)] = np.nan
    tolerance, low, high = _corners(outcome)
    variable = Variable(
        name,
        problem.target.inputs[name].dtype.name,
        problem.exact_tape.gradients[number][0],
        difference.reshape(outcome.shape),
        tolerance.reshape(outcome.shape),
        judged.verdicts.reshape(outcome.shape),
        problem.closed_forms.get(name),
        outcome.reason,
        *_along(judged, outcome.shape),
        None if given is None else given.astype(np.float64),
        None,
        order,
        None if low is None else low.reshape(outcome.shape),
        None if high is None else high.reshape(outcome.shape),
        None if outcome.ratio is None else outcome.ratio.reshape(outcome.shape),
    )
    return replace(variable, untold=_untold(outcome, variable))


def _untold(outcome: VariableOutcome, variable: Variable) -> str | None:
    """Which element could not be judged, the worst that has a row if any does, and why."""
    if variable.verdict is not ElementVerdict.INCONCLUSIVE:
        return None
    flat = int(variable.worst_first()[0])
    verdicts = outcome.judgement.verdicts
    if verdicts[flat] != ElementVerdict.INCONCLUSIVE:
        flat = int(np.flatnonzero(verdicts == ElementVerdict.INCONCLUSIVE)[0])
    index = [int(i) for i in np.unravel_index(flat, outcome.shape)]
    return f"{index if index else ''}, {outcome.untold(flat)}"


def _corners(outcome: VariableOutcome) -> tuple[Array, Array | None, Array | None]:
    """The tolerances of all elements, at a corner those beyond its interval, and the ends of the intervals;
    None where there are no corners."""
    tolerance, found = outcome.judgement.tolerance, outcome.intervals
    if found is None:
        return tolerance, None, None
    tolerance, low, high = tolerance.copy(), *np.full((2, tolerance.size), np.nan)
    tolerance[found.where], low[found.where], high[found.where] = found.slack, found.low, found.high
    return tolerance, low, high


def _along(judged: Judgement, shape: tuple[int, ...]) -> tuple[Array | None, Array | None]:
    """The mask of the elements whose verdict comes from directions, and the sensitivity of all; None where
    there are no such elements."""
    if not judged.along.any():
        return None, None
    each = np.full(judged.verdicts.size, np.nan)
    each[judged.seen()] = judged.sensitivity()
    return judged.along.reshape(shape), each.reshape(shape)


def _explained(outcome: Outcome, variables: Sequence[Variable]) -> list[Note]:
    """The notes of an outcome, with what can be said of its failures."""
    problem = outcome.problem
    notes = list(outcome.notes)
    pairs = list(zip(outcome.variables, variables, strict=True))
    evidence = [_evidence(problem, number, *pair) for number, pair in enumerate(pairs)]
    swaps = swapped(evidence)
    for number, (found, variable) in enumerate(pairs):
        diagnosis = diagnose(evidence[number], swaps.get(found.name))
        notes += [] if diagnosis is None else [diagnosis]
        if variable.verdict >= ElementVerdict.MISMATCH:
            notes += blamed_outputs(problem, number, found, variable.worst_first())
        notes += found.notes
        notes += _unmoved(problem, number, found)
    return [*problem.notes, *notes, *suggest(problem, outcome.variables)]


def _unmoved(problem: Problem, number: int, outcome: VariableOutcome) -> list[Note]:
    """A note where nothing depends on a variable, so that there was nothing to check."""
    judged = outcome.judgement
    matches = judged.verdicts == ElementVerdict.MATCH
    if not matches.all() or judged.seen().any() or problem.exact_tape.gradients[number].any():
        return []
    return [Note(Kind.WARNING, UNMOVED, outcome.name)]


def _evidence(problem: Problem, number: int, outcome: VariableOutcome, variable: Variable) -> Evidence:
    return Evidence(
        variable,
        problem.exact_tape.columns(number),
        view(problem.exact.values[number]).astype(np.float64, copy=False).reshape(-1),
        outcome.judgement,
        problem.cotangents,
        problem.exact.outputs[0].shape,
        Probe(problem, number),
    )


def _of_order(notes: Sequence[Note], order: int) -> list[Note]:
    """Notes that say which order they are about."""
    if order == 1:
        return list(notes)
    return [
        replace(note, text=f"Order {order}: {note.text}")
        if note.variable is None
        else replace(note, variable=labelled(note.variable, order))
        for note in notes
    ]


def _sensitivity(outcome: Outcome) -> tuple[float, float] | None:
    """Smallest error, as a share of S, that would have been seen: median and worst element."""
    every = np.concatenate([variable.judgement.sensitivity() for variable in outcome.variables])
    return (float(np.median(every, overwrite_input=True)), float(every.max())) if every.size else None


def _least(found: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    known = [pair for pair in found if pair is not None]
    if not known:
        return None
    return max(median for median, _ in known), max(worst for _, worst in known)
