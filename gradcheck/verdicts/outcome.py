"""The outcome of a check of tape gradients: what is known of every element, read-only, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function import tape
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.progress import Progress
from gradcheck.verdicts import own_dtype, third_opinion
from gradcheck.verdicts.candidate import Examined
from gradcheck.verdicts.intervals import Intervals
from gradcheck.verdicts.judgement import Judgement, Opinion, Source, combined, reason, refuted_by
from gradcheck.verdicts.jumps import jumps
from gradcheck.verdicts.summary import Summary
from gradcheck.verdicts.verdict import Comparison, ElementVerdict


@dataclass(frozen=True)
class VariableOutcome:
    """What is known of one variable."""

    name: str
    shape: tuple[int, ...]
    judgement: Judgement
    """Flat over the elements."""
    reason: str | None
    """Why the variable as a whole fails, such as `the tape returned no gradient`."""
    limit: float
    """Bound on a difference, as a share of S, up to which the element is resolved."""
    said: tuple[Note, ...] = ()
    """What the opinions say of the variable."""
    jumps: tuple[int, ...] = ()
    """Flat indices of elements that could not be judged since the function jumps there."""
    ratio: Array | None = None
    """Error ÷ tolerance by which each element fails, the largest of all upstream gradients and opinions, 0
    where it does not; None where none fails."""
    intervals: Intervals | None = None
    """The right values at corners; None where there are none."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a user should know of the variable."""
        return (*self.said, *_notes(self))

    @property
    def verdict(self) -> ElementVerdict:
        """The worst verdict of any element."""
        return ElementVerdict(int(self.judgement.verdicts.max()))

    def untold(self, flat: int) -> str:
        """Why an element could not be judged."""
        return "the function jumps there" if flat in self.jumps else _uncertain(self.judgement, flat)

    def revised(self, opinions: Sequence[Opinion]) -> Self:
        """The same variable after further opinions, which overrule what it was."""
        judgement = combined(self.judgement, opinions)
        fails = bool((judgement.verdicts >= ElementVerdict.MISMATCH).any())
        why = reason(judgement, opinions) or self.reason
        ratios = [ratio for ratio in (self.ratio, refuted_by(self.judgement, opinions)) if ratio is not None]
        ratio = np.maximum.reduce(ratios) if ratios else None
        return replace(self, judgement=judgement, reason=why if fails else None, ratio=ratio)


@dataclass(frozen=True)
class Outcome:
    """What a check of one problem found."""

    problem: Problem
    variables: tuple[VariableOutcome, ...]
    comparisons: tuple[Comparison, ...] = ()
    notes: tuple[Note, ...] = ()
    """What is said of the check as a whole."""
    directions: Summary | None = None
    """How much was checked along signed directions."""

    @property
    def verdict(self) -> ElementVerdict:
        """The worst verdict of any variable or comparison."""
        found: list[VariableOutcome | Comparison] = [*self.variables, *self.comparisons]
        return max((one.verdict for one in found), default=ElementVerdict.UNCHECKED)


Check = Callable[[Problem, Progress], Outcome]
"""A check of the tape gradients at a point, such as checks/elementwise.py makes it."""


def conclude(problem: Problem, number: int, examined: Examined) -> VariableOutcome:
    """All opinions on one variable, combined."""
    confirmed, base = examined.confirmed, examined.judgement
    candidate, name = confirmed.candidate, problem.names[number]
    natural = candidate.natural(confirmed.colouring, np.arange(base.size.size))
    nonfinite = np.flatnonzero(~np.isfinite(candidate.tape).all(axis=0))
    opinions = [Opinion(Source.NONFINITE_TAPE, nonfinite, ElementVerdict.NONFINITE)]
    unusable = problem.own_tape.reasons[number]
    notes: list[Note] = []
    if unusable is None and problem.exact_tape is not problem.own_tape:
        found, said = own_dtype.opinions(problem, number, base.size, natural)
        opinions, notes = opinions + found, notes + said
    elif unusable is not None:
        # A gradient of None is a gradient of 0, which differences judge; what has no place fails everywhere.
        none = unusable is tape.NO_GRADIENT
        everywhere = np.arange(0 if none else base.size.size)
        unusable = problem.target.no_gradient if none else unusable
        opinions.append(Opinion(Source.UNUSABLE_TAPE, everywhere, ElementVerdict.MISMATCH, unusable))
    found, said = own_dtype.repeats(problem, number, base.size, natural)
    opinions, notes = opinions + found, notes + said
    opinions += third_opinion.opinions(problem, number, base, natural)
    judgement = combined(base, opinions)
    return VariableOutcome(
        name,
        candidate.shape,
        judgement,
        reason(judgement, opinions),
        candidate.rule.limit,
        tuple(notes),
        tuple(int(flat) for flat in jumps(candidate.differences, candidate.steps, judgement)),
        refuted_by(base, [*examined.opinions, *opinions]),
        Intervals.of(confirmed.judgement, examined.opinions, judgement.verdicts),
    )


def _notes(outcome: VariableOutcome) -> list[Note]:
    judged = outcome.judgement

    def index(flat: Array) -> list[int]:
        return [int(i) for i in np.unravel_index(int(flat[0]), outcome.shape)]

    said, corners = [], []
    if (kinks := judged.having(ElementVerdict.KINK)).size:
        verb = "is" if kinks.size == 1 else "are"
        text = (
            f"{kinks.size:,} of {_elements(judged.verdicts.size)} {verb} at a kink (first: {index(kinks)}), "
            "a corner, where there is no single derivative and the tape's value is a valid one."
        )
        corners.append(Note(Kind.WARNING, text, outcome.name, topic=ElementVerdict.KINK.label))
    if one_sided := int(judged.one_sided.sum()):
        said.append(
            f"{_elements(one_sided)} at the edge of the function's domain, differenced on one side only, by "
            "a one-sided formula of second order."
        )
    untold = judged.having(ElementVerdict.INCONCLUSIVE)
    if (jumping := np.intersect1d(untold, np.array(outcome.jumps, int))).size:
        said.append(
            f"{_elements(jumping.size)} {'is' if jumping.size == 1 else 'are'} at a jump of the function "
            f"(first: {index(jumping)}), where differences grow as 1 / step and there is no derivative."
        )
    if (untold := np.setdiff1d(untold, jumping)).size:
        said.append(
            f"{_elements(untold.size)} could not be judged (first: {index(untold)}): "
            f"{_uncertain(judged, int(untold[0]))}."
        )
    if (faint := judged.faint(outcome.limit)).size:
        said.append(
            f"{_elements(faint.size)} {'is' if faint.size == 1 else 'are'} below what differences can "
            f"resolve (an error up to {float(judged.bound[faint].max()):.2g} could not be seen)."
        )
    return [*corners, *(Note(Kind.WARNING, text, outcome.name) for text in said)]


def _elements(count: int) -> str:
    return "1 element" if count == 1 else f"{count:,} elements"


def _uncertain(judged: Judgement, flat: int) -> str:
    bound = float(judged.bound[flat])
    if judged.along[flat] and not np.isfinite(bound) and not judged.corner[flat]:
        return "along directions it is hidden by others, most of which are wrong"
    if judged.along[flat] and not np.isfinite(bound):
        return "along directions there is a corner, and they were too many to be moved one by one"
    if judged.along[flat]:
        return f"an error of up to {bound:.2g} would not have been seen along directions"
    return f"the difference there is known to ± {bound:.2g} only"
