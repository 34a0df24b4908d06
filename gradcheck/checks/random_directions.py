"""The whole tensor along random directions, for what a budget leaves out: tape against difference along d.

One direction takes a few evaluations whatever the size, but sees an error only as a share of all that moves.
The first directions that disagree are halved, and halved again, until one element is left to blame: the half
that is off by more goes on.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import magnitude
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import AllOutputs, Weighted
from gradcheck.differences.rays import Ray, full_ladder, short_ladder
from gradcheck.differences.step_selection import by_ladders
from gradcheck.function.nearby import Draw
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.verdicts.candidate import Confirmed
from gradcheck.verdicts.ladders import look_thoroughly
from gradcheck.verdicts.rule import Rule, judge
from gradcheck.verdicts.verdict import Comparison, ElementVerdict

COUNT = 8
"""Directions of a check."""
BLAMED = 2
"""Directions that are halved at most: what one wrong element does to one direction it does to all."""


def along_all(problem: Problem, found: Sequence[Confirmed]) -> tuple[list[Confirmed], Comparison, Note]:
    """The whole along random directions; an element to blame is then looked at by itself."""
    rule = Rule.of(problem.settings.rtol, problem.settings.atol, problem.noise.coarsest)
    directions, confirmed = _Directions(problem, rule), list(found)
    said: list[tuple[float, float, int]] = []
    random = generator(Stream.DIRECTIONS, problem.settings.seed)
    blamed = 0
    for _ in range(COUNT):
        direction = [
            magnitude(view(value)) * Draw.HALF_TO_WHOLE.numbers(random, tuple(value.shape))
            for value in problem.exact.values
        ]
        said.append(directions.judge(direction))
        if said[-1][-1] == ElementVerdict.MISMATCH and blamed < BLAMED:
            blamed += 1
            number, flat = directions.blame(direction)
            confirmed[number] = _looked_at(confirmed[number], np.array([flat]))
    budget = problem.settings.budget
    assert budget is not None  # or nothing would have been left out
    checked = sum(int(one.judgement.checked.sum()) for one in confirmed)
    size = sum(one.judgement.verdicts.size for one in confirmed)
    what, against = "tape along random directions", "difference"
    errors, tolerances, verdicts = map(np.array, zip(*said, strict=True))
    comparison = Comparison.of(what, against, "all", errors, tolerances, verdicts)
    text = (
        f"Within the budget of {budget.in_words}: checked {100 * checked / size:.3g} % of {size:,} elements "
        f"one by one, all of them along {len(said)} random directions."
    )
    return confirmed, comparison, Note(Kind.WARNING, text)


def _looked_at(confirmed: Confirmed, flat: Array) -> Confirmed:
    """The same after a thorough look at some elements, each by itself."""
    candidate = confirmed.candidate
    judged = confirmed.judgement.put(flat, look_thoroughly(candidate, confirmed.colouring.alone(), flat))
    return replace(confirmed, judgement=judged.read_only())


class _Directions:
    def __init__(self, problem: Problem, rule: Rule) -> None:
        self.problem, self.rule = problem, rule
        self.sizes = [int(value.shape.num_elements()) for value in problem.exact.values]
        self.weighted = Weighted.of(problem.cotangents, problem.noise.noise, problem.noise.eps)

    def judge(self, direction: Sequence[Array]) -> tuple[float, float, int]:
        """|tape slope − difference| for the cotangent that is shown, its tolerance, and the verdict."""
        ray, eps = self._ray(direction), self.problem.noise.finest
        found = by_ladders(
            1,
            lambda _: ray.estimate(short_ladder(eps ** (1 / 3)), self.weighted, AllOutputs()),
            lambda _: ray.estimate(full_ladder(eps), self.weighted, AllOutputs()),
            lambda found: np.flatnonzero(~found.resolved(self.rule.rtol, self.rule.atol)),
        )
        tape = self._tape(direction)
        judged = judge(found, tape[:, None], self.rule)
        error = abs(float(tape[0]) - float(judged.difference[0]))
        return error, float(judged.tolerance[0]), int(judged.verdicts[0])

    def _tape(self, direction: Sequence[Array]) -> Array:
        """Σ_j T_j d_j for every cotangent, [K]."""
        numbers = range(len(self.sizes))
        columns = (self.problem.exact_tape.columns(number) for number in numbers)
        return np.asarray(sum(g @ d.reshape(-1) for g, d in zip(columns, direction, strict=True)))

    def _ray(self, direction: Sequence[Array]) -> Ray:
        problem = self.problem
        return Ray(problem.exact, problem.base, dict(enumerate(direction)), problem.meter)

    def blame(self, direction: Sequence[Array]) -> tuple[int, int]:
        """Variable and flat index of an element that moves the slope off: the half that is off by more, and
        half of that, and so on; 4 log₂ n evaluations."""
        start, stop = 0, sum(self.sizes)
        while stop - start > 1:
            middle = (start + stop) // 2
            first, second = (self._off(direction, *half) for half in ((start, middle), (middle, stop)))
            start, stop = (start, middle) if first >= second else (middle, stop)
        variable = int(np.searchsorted(np.cumsum(self.sizes), start, side="right"))
        return variable, start - sum(self.sizes[:variable])

    def _off(self, direction: Sequence[Array], start: int, stop: int) -> float:
        """How far the slope along the elements from start to stop is off, the worst over the cotangents."""
        part, offset = [], 0
        for d in direction:
            kept = np.zeros(d.size)
            inside = slice(max(start - offset, 0), max(stop - offset, 0))
            kept[inside] = d.reshape(-1)[inside]
            part.append(kept.reshape(d.shape))
            offset += d.size
        step = self.problem.noise.coarsest ** (1 / 3)
        up, down = self._ray(part).sides(step)
        slopes = self.problem.cotangents @ ((up - down) / (2 * step))
        return float(np.abs(slopes - self._tape(part)).max())
