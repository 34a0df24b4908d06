"""The whole tensor along random directions: the tape's slope Σ_j T_j d_j against the difference along d.

One direction takes a few evaluations whatever the size, but sees an error only as a share of all that moves:
it is for what a budget leaves out. Where a direction disagrees, halving it finds an element to blame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gradcheck.arrays.scale import typical
from gradcheck.arrays.shared_memory import view
from gradcheck.arrays.types import Array
from gradcheck.differences.evaluator import evaluate
from gradcheck.differences.stencils import Level
from gradcheck.differences.step_selection import settle
from gradcheck.differences.steps import SHORT
from gradcheck.function.problem import Point
from gradcheck.verdicts.rule import Judgement, Rule, judge
from gradcheck.verdicts.verdict import ElementVerdict

COUNT = 8
"""Directions of a check."""
LEVELS = 28
"""Steps of the full ladder, from the scale of the tensors down to a trillionth of it."""


@dataclass(frozen=True)
class Along:
    """What one direction says."""

    error: float
    """|tape slope − difference| for the cotangent that is shown."""
    tolerance: float
    verdict: ElementVerdict
    blamed: tuple[int, int] | None = None
    """Variable and flat index of an element that moves the slope off, where one was found."""


class Directions:
    """Slopes of all variables together."""

    def __init__(self, point: Point, rule: Rule) -> None:
        self.point, self.rule = point, rule
        self.values = [value.numpy() for value in point.forward.values]
        self.sizes = [value.size for value in self.values]
        self.evaluations = 0

    def look(self, seed: int, count: int = COUNT) -> list[Along]:
        """The verdict along `count` seeded random directions."""
        generator = np.random.default_rng([seed, 8])
        found = []
        for _ in range(count):
            direction = [_draw(value, generator) for value in self.values]
            judged = self._judge(direction)
            verdict = ElementVerdict(int(judged.verdicts[0]))
            wrong = verdict is ElementVerdict.MISMATCH
            blamed = self._blame(direction) if wrong else None
            error = abs(self._tape(direction)[0] - judged.difference[0])
            found.append(Along(float(error), float(judged.tolerance[0]), verdict, blamed))
        return found

    def _tape(self, direction: Sequence[Array]) -> Array:
        """Σ_j T_j d_j for every cotangent, [K]."""
        gradients = self.point.exact.gradients
        parts = [g.reshape(len(g), -1) @ d.reshape(-1) for g, d in zip(gradients, direction, strict=True)]
        return np.asarray(sum(parts))

    def _judge(self, direction: Sequence[Array]) -> Judgement:
        eps = self.point.precision.finest
        tape = self._tape(direction)[:, None]
        short = settle([self._level(direction, eps ** (1 / 3) * share) for share in SHORT], np.ones(1))
        if short.resolved(self.rule.rtol, self.rule.atol).all():
            return judge(short, tape, self.rule)
        steps = np.geomspace(1.0, max(1e-12, 8 * eps), LEVELS)
        return judge(settle([self._level(direction, step) for step in steps], np.ones(1)), tape, self.rule)

    def _level(self, direction: Sequence[Array], step: float) -> Level:
        sides = []
        for side in (step, -step):
            moved = [
                tf.constant(value + (side * d).astype(value.dtype))
                for value, d in zip(self.values, direction, strict=True)
            ]
            sides.append(view(evaluate(self.point.forward, moved, self.point.base.size))[None])
        self.evaluations += 2
        sums = self.point.weights.of_elements(sides[0], sides[1], self.point.base)
        return Level(sums, np.full(1, step), np.full(1, step))

    def _blame(self, direction: Sequence[Array]) -> tuple[int, int] | None:
        """Halve the direction as long as one half disagrees: the element at the end, if there is one."""
        start, stop = 0, sum(self.sizes)
        while stop - start > 1:
            middle = (start + stop) // 2
            halves = [(start, middle), (middle, stop)]
            wrong = next((half for half in halves if self._disagrees(direction, *half)), None)
            if wrong is None:
                return None
            start, stop = wrong
        variable = int(np.searchsorted(np.cumsum(self.sizes), start, side="right"))
        return variable, start - sum(self.sizes[:variable])

    def _disagrees(self, direction: Sequence[Array], start: int, stop: int) -> bool:
        part, offset = [], 0
        for d in direction:
            kept = np.zeros(d.size)
            inside = slice(max(start - offset, 0), max(stop - offset, 0))
            kept[inside] = d.reshape(-1)[inside]
            part.append(kept.reshape(d.shape))
            offset += d.size
        return bool(self._judge(part).verdicts[0] == ElementVerdict.MISMATCH)


def _draw(value: Array, generator: np.random.Generator) -> Array:
    """± (½ … 1) times max(|x_j|, rms(x)): no element far behind the others."""
    size = np.maximum(np.abs(value.astype(np.float64)), typical(value))
    uniform = generator.uniform(-1, 1, value.shape)
    return np.asarray(size * np.copysign(0.5 + 0.5 * np.abs(uniform), uniform))
