"""What a diagnosis asks of the function besides: tapes and differences for other upstream gradients.

A problem and the number of a variable → tape gradients for any cotangents, one backward pass each, and
differences of a few elements for them, four evaluations each. All are counted by the meter of the check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import typical
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array, eps_of
from gradcheck.differences.compressed import Differences, levels_of
from gradcheck.differences.stencils import richardson
from gradcheck.differences.steps import Steps
from gradcheck.function import tape
from gradcheck.function.nearby import Draw, Size, nearby
from gradcheck.function.operations import Operation, operations
from gradcheck.function.primal import Primal
from gradcheck.function.problem import Problem
from gradcheck.sparsity.colouring import elementwise

FAR = (0.7, -0.9, 1.9, -2.3)
"""Moves of an element, relative to its scale or 1, after which a function of steps has another value."""


@dataclass(frozen=True)
class Probe:
    """One variable of a problem, to be asked."""

    problem: Problem
    number: int

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(self.problem.exact.values[self.number].shape.as_list())

    def backward(self, cotangents: Sequence[Array]) -> Array:
        """The tape gradient for each cotangent [outputs], [K, n]; NaN where the backward pass refuses one."""
        return np.stack([self._backward(np.asarray(cotangent)) for cotangent in cotangents])

    def _backward(self, cotangent: Array) -> Array:
        try:
            # One by one: of several the last is taken louder.
            return np.asarray(tape.record(self.problem.backward, cotangent[None]).columns(self.number)[0])
        except Exception:  # whatever a user's backward pass does with another upstream gradient
            return np.full(int(np.prod(self._shape)), np.nan)

    def slopes(self, flat: Array, cotangents: Array) -> tuple[Array, Array]:
        """Differences of the elements at `flat` for cotangents [K, outputs], and how far they can be off,
        [K, U] each; not finite where nothing is known."""
        return _slopes(self, self.problem.exact, self.problem.base, flat, cotangents)

    def elsewhere(self, flat: Array, trial: int) -> tuple[Array, Array, Array]:
        """Elements at `flat` of a point where the variable has other values in its range: the values, and
        masks of those whose tape is wrong there and of those whose tape is right and not 0, each [U]."""
        problem, number = self.problem, self.number
        point = view(problem.exact.values[number])
        random = generator(Stream.ELSEWHERE, problem.settings.seed, trial)
        low, high = float(point.min()), float(point.max())
        # Beyond the range too, but never to another sign than all values have: a logarithm has none there.
        beyond = (high - low) / 2
        lowest, highest = low / 2 if low > 0 else -np.inf, high / 2 if high < 0 else np.inf
        there = random.uniform(max(low - beyond, lowest), min(high + beyond, highest), point.shape)

        def moved(primal: Primal) -> Primal:
            value = primal.values[number]
            other = tf.cast(tf.constant(there), value.dtype)
            return primal.at([*primal.values[:number], other, *primal.values[number + 1 :]])

        try:
            exact = moved(problem.exact)
            base = view(exact.evaluate(exact.values, problem.base.size))
            own = tape.record(moved(problem.backward), problem.cotangents[:1]).columns(number)[0, flat]
            (value,), (bound,) = _slopes(self, exact, base, flat, problem.cotangents[:1])
        except Exception:  # whatever a user's function does at another point
            nothing = np.zeros(flat.size, bool)
            return there.reshape(-1)[flat], nothing, nothing
        with np.errstate(all="ignore"):
            known = np.isfinite(bound) & np.isfinite(own)
            size, error = np.maximum(np.abs(own), np.abs(value)), np.abs(own - value)
            wrong = known & (error > 1e-3 * size + 10 * bound)
            right = known & (error <= 1e-6 * size + 2 * bound) & (size > 20 * bound)
        return there.reshape(-1)[flat], wrong, right

    def neighbour(self) -> Array:
        """The tape gradient for the upstream gradient that is shown, at a point next to this one, [n]."""
        primal, random = self.problem.backward, generator(Stream.NEIGHBOUR, self.problem.settings.seed)
        # Far from where the point is for rounding, close for its gradient.
        shares = [eps_of(value.dtype.name) ** 0.5 for value in primal.values]
        values = nearby(primal.values, shares, Size.TENSOR, Draw.NORMAL, random)
        return np.asarray(tape.record(primal.at(values), self.problem.cotangents[:1]).columns(self.number)[0])

    def far(self, flat: int) -> tuple[bool, bool]:
        """Whether any far move of an element changes an output, and whether the function is flat wherever
        the moves end."""
        problem = self.problem
        value = problem.exact.values[self.number]
        point = np.array(value.numpy(), copy=True).reshape(-1)
        here, scale = float(point[flat]), max(1.0, typical(point))

        def outputs(place: float) -> Array:
            problem.meter.add()
            point[flat] = place
            values = list(problem.exact.values)
            values[self.number] = tf.constant(point.reshape(self._shape), value.dtype)
            try:
                return np.asarray(problem.exact.evaluate(values, problem.base.size))
            except Exception:  # whatever a user's function does far from the point
                return np.full(problem.base.size, np.nan)

        moves, flat_there = False, True
        for share in FAR:
            there = outputs(here + share * scale)
            moves |= bool((there != problem.base).any())
            flat_there &= np.array_equal(there, outputs(here + (share + 1e-6) * scale))
        return moves, flat_there

    def operations(self) -> tuple[Operation, ...]:
        """The TensorFlow operations of one evaluation at the point."""
        self.problem.meter.add()
        return operations(self.problem.exact)

    def taken(self, ran: tuple[Operation, ...]) -> bool:
        """Whether any of the operations takes the variable itself."""
        return any(id(self.problem.exact.values[self.number]) in operation.takes for operation in ran)


def _slopes(probe: Probe, primal: Primal, base: Array, flat: Array, cotangents: Array) -> tuple[Array, Array]:
    """Differences at the point of `primal`, where f is `base`."""
    problem, number = probe.problem, probe.number
    point = view(primal.values[number])
    steps = Steps(point, problem.noise.finest, problem.settings.step, problem.settings.seed)
    differences = Differences(
        primal, number, cotangents, problem.noise, base, problem.meter, problem.settings.memory
    )
    alone = elementwise(tuple(point.shape), len(problem.exact.outputs))
    with np.errstate(all="ignore"):
        levels = levels_of(differences, alone, flat, islice(steps.short_ladder(flat), 2), plain=False)
        found = richardson(*levels)
    return found.value, found.bound
