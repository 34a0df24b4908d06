"""f at moved points: the one place that evaluates for differences, in the way that suits their number.

Many small evaluations run at once, many larger ones in a compiled loop, and few, or those of a function that
does not trace, one by one (ways.py); groups of elements also in joined copies (group_evaluator.py). A way
whose outputs at the point itself are not those of the function is given up.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import alike
from gradcheck.arrays.types import Array
from gradcheck.differences.points import Points, elements, values
from gradcheck.differences.ways import Batch, Unable, Way, Ways
from gradcheck.function.primal import Meter, Primal, is_elsewhere
from gradcheck.runtime import free_memory

WORTH_TRACING = 64
"""Evaluations up to which tracing a graph costs more than it saves."""
WORTH_VECTORISING = 1024
"""Evaluations of a function that is in a graph already from which it pays to run many at once: tracing that
takes as long as some hundred calls."""
LOOPED = 150
"""Operations of a function above which it has loops, or is no quicker when many of it run at once."""
THIN = 2**15
"""Numbers in and out up to which calling an operation costs more than what the operation does."""
BATCH = 2**22
"""Numbers that one batch may hold."""
AT_ONCE = 2**20
"""Numbers that are run at once, 8 MiB: of more, each part has an origin of its own, whoever evaluates it."""
PART = 2**20
"""Numbers, some 30 ms, from which to have another process evaluate them costs little."""
OPERATION, EAGER = 2**8, 2**15
"""Numbers that an operation of a graph takes as long as, and an eager call, some milliseconds."""
PARTS = 2
"""Parts for each process that evaluates: where one is slower the others take more of them."""
HELD = 8 * 8
"""Bytes held for a number: inputs, outputs, differences and what the function makes, some eight arrays."""


_SITES = itertools.count(1)


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
        self._ways = Ways(self.place, primal.values)
        self._at_once = self._thin
        self._site = next(_SITES) if is_elsewhere(primal) else 0

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
        return self.primal.with_moved(moved, self.base.size)

    def evaluate(self, points: Points, *, plain: bool) -> Array:
        """f at the points, [points, outputs].

        `plain` evaluations are never batched: nothing but the function itself has a part in them.
        """
        self.count(points.count)
        if self.primal.target.compiles and self.traces and self._evaluated > WORTH_TRACING:
            if self._at_once and not plain and self._worth_vectorising:
                if (found := self._many_at_once(points)) is not None:
                    return found
                self._at_once = False
            if not isinstance(looped := self._by_itself(Way.LOOP, points), Unable):
                return looped
            if looped is Unable.UNTRACEABLE:
                self.give_up_tracing()
        return self._one_by_one(points)

    def _many_at_once(self, points: Points) -> Array | None:
        """f at the points, from batches with an origin each; None where those are not f at the point."""
        batches = points.batches(max(1, AT_ONCE // self.numbers))
        self.count(len(batches) - 1)
        found: list[Array] = []
        for batch in self._each(Way.AT_ONCE, batches):
            if batch is Unable.REFUSED:
                return self._one_by_one(points)
            if isinstance(batch, Unable) or not alike(batch[-1], self.base):
                return None
            found.append(batch)
        if len(found) == 1:
            return found[0]
        origin = found[0][-1:]
        return np.concatenate([*(batch[:-1] + (origin - batch[-1:]) for batch in found), origin])

    def _one_by_one(self, points: Points) -> Array:
        found = self._by_itself(Way.ONE_BY_ONE, points)
        assert not isinstance(found, Unable)  # which is possible for every function
        return found

    def _by_itself(self, way: Way, points: Points) -> Array | Unable:
        """f at the points in a way in which what comes out at one does not depend on the others: in parts
        where others evaluate too."""
        count = self.pieces(points.count, self.numbers + EAGER * (way is Way.ONE_BY_ONE))
        if count == 1:
            return self._ways(way, points)
        found = np.empty((points.count, self.base.size))
        chosen, parts = zip(*points.parts(count), strict=True)
        for where, part in zip(chosen, self._each(way, parts), strict=True):
            if isinstance(part, Unable):
                return self._ways(way, points)
            found[where] = part
        return found

    def pieces(self, evaluations: int, numbers: int) -> int:
        """In how many pieces to share evaluations of so many numbers out; 1 where that costs more than it
        saves, by count."""
        sharing, numbers = self.primal.sharing, numbers + OPERATION * self.primal.operations
        most = 1 if sharing is None else PARTS * sharing.workers
        return max(1, min(evaluations * numbers // PART, evaluations, most))

    def _each(self, way: Way, parts: Sequence[Points]) -> Iterator[Array | Unable]:
        """f at the points of each part, by others where there are several."""
        sharing = self.primal.sharing if len(parts) > 1 else None
        if sharing is None:
            yield from (self._ways(way, part) for part in parts)
            return
        values = tuple(map(view, self.primal.values)) if self._site else None
        batches = [Batch(way, part, self._site, values) for part in parts]
        yield from sharing.results(batches, lambda batch: self._ways(batch.way, batch.points))


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
