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
from gradcheck.arrays.scale import magnitude, typical
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
from gradcheck.function.stopped import Stop, stops
from gradcheck.sparsity.colouring import elementwise

FAR = (0.7, -0.9, 1.9, -2.3)
"""Moves of an element, relative to its scale or 1, after which a function of steps has another value."""


@dataclass(frozen=True)
class Probe:
    """One variable of a problem, to be asked."""

    problem: Problem
    number: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the variable."""
        return tuple(self.problem.exact.values[self.number].shape.as_list())

    def backward(self, cotangents: Sequence[Array]) -> Array:
        """The tape gradient for each cotangent [outputs], [K, n]; NaN where the backward pass refuses one."""
        return np.stack([self._backward(np.asarray(cotangent)) for cotangent in cotangents])

    def _backward(self, cotangent: Array) -> Array:
        try:
            # One by one: of several the last is taken louder.
            return np.asarray(tape.record(self.problem.backward, cotangent[None]).columns(self.number)[0])
        except Exception:  # whatever a user's backward pass does with another upstream gradient
            return np.full(int(np.prod(self.shape)), np.nan)

    def slopes(self, flat: Array, cotangents: Array) -> tuple[Array, Array]:
        """Differences of the elements at `flat` for cotangents [K, outputs], and how far they can be off,
        [K, U] each; not finite where nothing is known."""
        return self.slopes_at(self.problem.exact, self.problem.base, flat, cotangents)

    def slopes_at(self, primal: Primal, base: Array, flat: Array, cotangents: Array) -> tuple[Array, Array]:
        """Differences at the point of `primal`, where f is `base`."""
        problem, number = self.problem, self.number
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

    def neighbour(self) -> Array:
        """The tape gradients for the upstream gradients tried, at a point next to this one, [K, n]."""
        primal, random = self.problem.backward, generator(Stream.NEIGHBOUR, self.problem.settings.seed)
        # Far from where the point is for rounding, close for its gradient.
        shares = [eps_of(value.dtype.name) ** 0.5 for value in primal.values]
        values = nearby(primal.values, shares, Size.TENSOR, Draw.NORMAL, random)
        return tape.record(primal.at(values), self.problem.cotangents).columns(self.number)

    def outputs(self, change: Array) -> Array:
        """f where the elements of the variable are moved by `change` [n], [outputs]; NaN where it refuses."""
        problem = self.problem
        value = problem.exact.values[self.number]
        problem.meter.add()
        values = list(problem.exact.values)
        values[self.number] = value + tf.constant(change.reshape(self.shape), value.dtype)
        try:
            return np.asarray(problem.exact.evaluate(values, problem.base.size))
        except Exception:  # whatever a user's function does there
            return np.full(problem.base.size, np.nan)

    def step(self, flat: int, power: float) -> float:
        """A step of an element: its own scale times a power of the rounding of the outputs."""
        point = view(self.problem.exact.values[self.number])
        return float(self.problem.noise.finest**power * magnitude(point).reshape(-1)[flat])

    def moving(self, flat: int) -> tuple[Array, Array]:
        """What an element moves: f(x + h) − f(x) and f(x) − f(x − h) divided by h, [outputs] each."""
        step, change = self.step(flat, 1 / 2), np.zeros(int(np.prod(self.shape)))
        change[flat] = step
        base = self.problem.base
        return (self.outputs(change) - base) / step, (base - self.outputs(-change)) / step

    def far(self, flat: int) -> tuple[bool, bool]:
        """Whether any far move of an element changes an output, and whether the function is flat wherever
        the moves end."""
        scale = max(1.0, typical(view(self.problem.exact.values[self.number])))
        change = np.zeros(int(np.prod(self.shape)))
        moves, flat_there = False, True
        for share in FAR:
            change[flat] = share * scale
            there = self.outputs(change)
            change[flat] += 1e-6 * scale
            moves |= bool((there != self.problem.base).any())
            flat_there &= np.array_equal(there, self.outputs(change))
        return moves, flat_there

    def operations(self) -> tuple[Operation, ...]:
        """The TensorFlow operations of one evaluation at the point."""
        self.problem.meter.add()
        return operations(self.problem.exact)

    def stops(self) -> tuple[list[Stop], bool]:
        """What stops the gradient of the variable, and whether any operation takes it."""
        self.problem.meter.add()
        return stops(self.problem.exact, self.number, self.problem.cotangents[0])
