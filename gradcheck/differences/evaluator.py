"""f at moved points: the one place that evaluates for differences, in the way that suits their number.

Many small evaluations run at once, many larger ones in a compiled loop, and few, or those of a function that
does not trace, one by one (ways.py); groups of elements also in joined copies (group_evaluator.py). A way
whose outputs at the point itself are not those of the function is given up.
"""

import os
from collections.abc import Sequence
from typing import Any

from gradcheck.arrays.scale import alike
from gradcheck.arrays.types import Array
from gradcheck.differences.points import Points, elements, values
from gradcheck.differences.ways import Way, Ways
from gradcheck.function.primal import Meter, Primal

WORTH_TRACING = 64
"""Evaluations below which tracing a graph costs more than it saves."""
WORTH_VECTORISING = 1024
"""Evaluations of a function that is in a graph already from which it pays to run many at once: tracing that
takes as long as some hundred calls."""
LOOPED = 150
"""Operations of a function from which it has loops, or is no quicker when many of it run at once."""
THIN = 2**15
"""Numbers in and out up to which calling an operation costs more than what the operation does."""
BATCH = 2**22
"""Numbers that one batch may hold."""
HELD = 8 * 8
"""Bytes held for a number: inputs, outputs, differences and what the function makes, some eight arrays."""


def free_memory() -> int:
    """Bytes of memory that are free, by the operating system; much where it does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 2**40


class Evaluator:
    """f with some of its variables moved."""

    def __init__(
        self, primal: Primal, moving: Sequence[int], base: Array, meter: Meter, memory: int | None = None
    ) -> None:
        """`moving` are the variables that move, by number; `base` is f at the point, [outputs]; `memory`
        bounds a batch, in bytes."""
        self.memory = free_memory() // 2 if memory is None else memory
        self.primal, self.base = primal, base
        self.numbers = base.size + sum(int(primal.values[n].shape.num_elements()) for n in moving)
        """Numbers that go in and come out of one evaluation."""
        self.traces = True
        """Whether the function has traced into a graph wherever that was tried."""
        self._meter, self._evaluated = meter, 0
        self._ways = Ways(primal, base.size)
        self._at_once = self._thin

    @property
    def _thin(self) -> bool:
        """Whether calls cost more than what they do; loops are not run at once."""
        return self.numbers <= THIN and self.primal.operations <= LOOPED

    @property
    def _worth_vectorising(self) -> bool:
        """Whether so much has been evaluated that running many at once pays."""
        return self.primal.graph is None or self._evaluated > WORTH_VECTORISING

    @property
    def batch(self) -> int:
        """How many evaluations one call should be asked for: in a loop only the outputs are held."""
        held = self.numbers if self._at_once else self.base.size
        return max(1, min(BATCH, self.memory // HELD) // held)

    def give_up_tracing(self) -> None:
        """The function does not trace into a graph, which it should: from now on it is called eagerly."""
        self.traces = not self.primal.target.compiles

    def count(self, evaluations: int) -> None:
        """So many evaluations are made."""
        self._evaluated += evaluations
        self._meter.add(evaluations)

    def place(self, moved: dict[int, Any]) -> Any:
        """f with some variables elsewhere, [outputs], not counted."""
        return self._ways.place(moved)

    def evaluate(self, points: Points, *, plain: bool) -> Array:
        """f at the points, [points, outputs].

        `plain` evaluations are never batched: nothing but the function itself has a part in them.
        """
        self.count(points.count)
        if self.primal.target.compiles and self.traces and self._evaluated > WORTH_TRACING:
            if self._at_once and not plain and self._worth_vectorising:
                found = self._ways(Way.AT_ONCE, points)
                if found is not None and alike(found[-1], self.base):
                    return found
                self._at_once = False
            if (found := self._ways(Way.LOOP, points)) is not None:
                return found
            self.give_up_tracing()
        found = self._ways(Way.ONE_BY_ONE, points)
        assert found is not None
        return found


class VariableEvaluator(Evaluator):
    """f with one variable moved."""

    def __init__(
        self, primal: Primal, variable: int, base: Array, meter: Meter, memory: int | None = None
    ) -> None:
        super().__init__(primal, [variable], base, meter, memory)
        self.variable = variable
        self.point = primal.values[variable]

    def moved(self, value: Any) -> Any:
        """f with the variable at `value`, eagerly, [outputs]."""
        self.count(1)
        return self.place({self.variable: value})

    def values(self, moved: Array, *, plain: bool) -> Array:
        """f with the variable at each of some values [values, *shape], and at the point,
        [values + 1, outputs]."""
        return self.evaluate(values(self.variable, self.point, moved), plain=plain)

    def elements(self, flat: Array, steps: Array, *, plain: bool) -> tuple[Array, Array]:
        """f with each element at `flat` moved by its step alone [U, outputs], and f at the point."""
        found = self.evaluate(elements(self.variable, flat, steps), plain=plain)
        return found[:-1], found[-1]
