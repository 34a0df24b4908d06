"""Other points: whether what holds of the failing elements at the point is so wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import typical
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.function import tape
from gradcheck.function.primal import Primal
from gradcheck.report.probe import Probe

SHARE = 0.25
"""Share of themselves by which numbers are changed for a point nearby: signs and most domains stay."""

ALIKE = 1e-6
"""Share up to which numbers for one value of an element are the same."""

Draw = Callable[[np.random.Generator, Array], Array]


@dataclass(frozen=True)
class Elsewhere:
    """Some elements of a variable at another point, [U] each."""

    values: Array
    tape: Array
    slope: Array
    bound: Array
    """How far the slope can be off; not finite where nothing is known."""

    @property
    def known(self) -> Array:
        """Mask of the elements that can be judged there."""
        return np.isfinite(self.bound) & np.isfinite(self.tape) & np.isfinite(self.slope)

    @property
    def wrong(self) -> Array:
        """Mask of the elements whose tape is wrong there."""
        size = np.maximum(np.abs(self.tape), np.abs(self.slope))
        with np.errstate(invalid="ignore"):
            off = np.abs(self.tape - self.slope) > 1e-3 * size + 10 * self.bound
        return np.asarray(self.known & off)

    @property
    def right(self) -> Array:
        """Mask of the elements whose tape is right there, and not 0."""
        size = np.maximum(np.abs(self.tape), np.abs(self.slope))
        with np.errstate(invalid="ignore"):
            near = np.abs(self.tape - self.slope) <= 1e-6 * size + 2 * self.bound
            return np.asarray(self.known & near & (size > 20 * self.bound))


def in_range(probe: Probe, flat: Array, trial: int) -> Elsewhere:
    """Elements at `flat` of a point where their variable has other values in its range, and the others
    theirs; for the upstream gradient that is shown."""

    def drawn(random: np.random.Generator, point: Array) -> Array:
        low, high = float(point.min()), float(point.max())
        # Beyond the range too, but never to another sign than all values have: a logarithm has none there.
        beyond = (high - low) / 2 or max(1.0, abs(high)) / 2
        lowest, highest = low / 2 if low > 0 else -np.inf, high / 2 if high < 0 else np.inf
        return random.uniform(max(low - beyond, lowest), min(high + beyond, highest), point.shape)

    return _at(probe, flat, drawn, [probe.number], trial, probe.problem.cotangents[:1])


def nearby(probe: Probe, flat: Array) -> Elsewhere:
    """Elements at `flat` where all variables have somewhat other values; for an upstream gradient of random
    numbers."""

    def drawn(random: np.random.Generator, point: Array) -> Array:
        changed = point * (1 + SHARE * random.uniform(-1, 1, point.shape))
        return np.where(point == 0, SHARE * typical(point) * random.random(point.shape), changed)

    every = list(range(len(probe.problem.exact.values)))
    return _at(probe, flat, drawn, every, 0, probe.problem.cotangents[-1:])


def _moved(primal: Primal, there: Mapping[int, Array]) -> Primal:
    """The function where some variables, by number, have other values."""
    values = [
        tf.cast(tf.constant(there[number]), value.dtype) if number in there else value
        for number, value in enumerate(primal.values)
    ]
    return primal.at(values)


def _at(probe: Probe, flat: Array, draw: Draw, numbers: list[int], trial: int, cotangent: Array) -> Elsewhere:
    problem, number = probe.problem, probe.number
    there = {
        n: draw(
            generator(Stream.ELSEWHERE, problem.settings.seed, trial, n),
            view(problem.exact.values[n]).astype(np.float64),
        )
        for n in numbers
    }

    try:
        exact = _moved(problem.exact, there)
        base = view(exact.evaluate(exact.values, problem.base.size))
        own = tape.record(_moved(problem.backward, there), cotangent).columns(number)[0, flat]
        (value,), (bound,) = probe.slopes_at(exact, base, flat, cotangent)
    except Exception:  # whatever a user's function does at another point
        own = value = bound = np.full(flat.size, np.nan)
    return Elsewhere(there[number].reshape(-1)[flat], own, value, bound)


def follows_values(probe: Probe) -> bool:
    """Whether each output and each tape gradient follows from the value of its element alone: where elements
    take the values of others, drawn at random, they are those of the others."""
    problem, number = probe.problem, probe.number
    point = view(problem.exact.values[number]).reshape(-1)
    random = generator(Stream.ELSEWHERE, problem.settings.seed, 0, number)
    source = random.integers(point.size, size=point.size)
    there = {number: point[source].reshape(probe.shape)}
    exact, backward = (_moved(primal, there) for primal in (problem.exact, problem.backward))
    ones = np.ones((1, problem.base.size))
    try:
        base = view(exact.evaluate(exact.values, problem.base.size))
        here, moved = (tape.record(one, ones).columns(number)[0] for one in (problem.backward, backward))
    except Exception:  # whatever a user's function does at another point
        return False
    pairs = ((base, problem.base), (moved, here))
    return all(np.allclose(found, known[source], rtol=ALIKE, atol=0.0) for found, known in pairs)
