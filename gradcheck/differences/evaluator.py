"""The function at many points that differ in one variable: batched, in a compiled graph, or one by one.

Groups are moved in copies side by side where that is possible (copies.py). Otherwise small evaluations are
batched with `tf.vectorized_map`, which turns thin products into large ones; larger ones run in a compiled
loop; a function that does not trace is called eagerly. Every way also evaluates the point itself, since
rounding may differ between them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.shared_memory import tensor, view
from gradcheck.arrays.types import Array
from gradcheck.differences.joined import Copies, Lane
from gradcheck.function.primal import Forward
from gradcheck.runtime import held_back, quiet
from gradcheck.sparsity.probing import Grouping

WORTH_TRACING = 64
"""Below this many evaluations tracing a graph costs more than it saves."""
FEW = 4
"""Up to this many groups it is not worth to join copies."""
THIN = 2**15
"""Up to this many numbers in and out, calling an operation costs more than what it does."""
BATCH = 2**22
"""Numbers that one batch may hold."""
JOINED = 2**20
"""Numbers in and out of copies that are evaluated together: they stay in the processor's cache."""

Make = Callable[..., Any]


def evaluate(forward: Forward, values: list[Any], outputs: int) -> Any:
    """f at `values`, flat; NaN where f refuses them, as a matrix that is not positive definite, or where it
    returns another number of outputs, as a mask of its values does."""
    refused = tf.fill([outputs], tf.constant(np.nan, tf.float64))
    try:
        found = forward(values)
    except tf.errors.InvalidArgumentError:
        return refused
    return found if not tf.executing_eagerly() or found.shape[0] == outputs else refused


def free_memory() -> int:
    """Bytes of memory that are free, by the operating system; much where it does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 2**40


class Evaluation:
    """f with one variable moved, and how often it was evaluated."""

    def __init__(self, forward: Forward, variable: int, base: Array, memory: int | None = None) -> None:
        """`base` is f at the point, [outputs]; `memory` bounds a batch, in bytes."""
        self.memory = free_memory() // 2 if memory is None else memory
        self.forward, self.variable, self.outputs = forward, variable, base.size
        self.point = forward.values[variable]
        self.base = base
        self.count = 0
        self.traces = True
        self.vectorizes = self.point.shape.num_elements() + base.size <= THIN
        self._graphs: dict[tuple[Any, bool], Any] = {}
        self._copies: tuple[Grouping, Copies] | None = None
        self._ends: list[tuple[Array, Any]] = []

    @property
    def numbers(self) -> int:
        """Numbers that go in and come out of one evaluation."""
        return int(self.point.shape.num_elements()) + self.outputs

    @property
    def batch(self) -> int:
        """How many evaluations one call should be asked for."""
        # Moved inputs, outputs, differences and what the function holds in between: some eight arrays.
        return max(1, min(BATCH, self.memory // (8 * 8)) // self.numbers)

    def together(self, grouping: Grouping) -> int:
        """How many groups one call should be asked for."""
        return self.batch if self._of(grouping) is None else max(1, self._room // self.outputs)

    @property
    def _room(self) -> int:
        """Numbers that may go in and come out of copies at once."""
        return min(JOINED, self.memory // (8 * 8))

    def join(self, grouping: Grouping, lanes: Iterable[Lane]) -> None:
        """Evaluate the groups in copies side by side, where a lane allows it, or one by one in a graph."""
        most = min(grouping.groups, max(1, self._room // self.numbers))
        tried: list[tuple[Lane, int]] = []
        if most > 1 and grouping.groups > FEW:
            tried += [(lane, most) for lane in lanes]
        if self.numbers > THIN and 2 * grouping.groups > WORTH_TRACING:
            tried.append((Lane(), 1))
        for lane, count in tried:
            compiled = 2 * grouping.groups > WORTH_TRACING * count
            copies = Copies(self.forward, self.variable, lane, count, compiled)
            self.count += 4
            # TensorFlow logs shapes that do not go together, though nothing comes of it.
            with held_back():
                holds = copies.holds(self.base, self._at)
            if holds:
                self._copies = grouping, copies
                self.traces = not compiled or copies.compiled
                return

    def forget(self) -> None:
        """Give back the memory that only evaluations of groups need."""
        self._ends, self._copies = [], None

    @property
    def copies(self) -> int:
        """How many groups are evaluated at once in copies side by side."""
        return self._copies[1].count if self._copies else 1

    def _of(self, grouping: Grouping) -> Copies | None:
        """The copies for a grouping."""
        return self._copies[1] if self._copies and self._copies[0] == grouping else None

    def at(self, values: list[Any]) -> Any:
        """f at other values of all variables, eagerly, [outputs]."""
        self.count += 1
        return evaluate(self.forward, values, self.outputs)

    def moved(self, value: Any) -> Any:
        """f with the variable at `value`, eagerly, [outputs]."""
        self.count += 1
        return self._at(value)

    def _at(self, value: Any) -> Any:
        values = list(self.forward.values)
        values[self.variable] = value
        return evaluate(self.forward, values, self.outputs)

    def groups(
        self, grouping: Grouping, groups: list[int], ends: Sequence[Array]
    ) -> tuple[list[Array], Array]:
        """f with each group of elements at their place in each of the `ends` [groups, outputs], and f at the
        point as it comes out beside them, [groups, outputs] or [1, outputs]."""
        copies = self._of(grouping)
        if copies is not None:
            joined = self._joined(copies, grouping, groups, ends)
            if joined is not None:
                return joined
            self._copies = None
        if len(groups) == 1:
            residues = _residues(grouping, groups)[0]
            moved = (_masked(grouping, self.point, residues, True, self._constant(end)) for end in ends)
            return [view(self.moved(value))[None] for value in moved], self.base[None]
        if len(groups) > self.batch:
            first, others = groups[: self.batch], groups[self.batch :]
            one, other = self.groups(grouping, first, ends), self.groups(grouping, others, ends)
            bases = [np.broadcast_to(base, found[0].shape) for found, base in (one, other)]
            return [np.concatenate(pair) for pair in zip(one[0], other[0], strict=True)], np.concatenate(
                bases
            )
        residues = _residues(grouping, [*groups, 0])
        moving = np.arange(len(residues)) < len(groups)

        def make(residues: Any, moving: Any, end: Any) -> Any:
            return _masked(grouping, self.point, residues, moving, end)

        rows, fixed = (residues, moving), ((self._constant(end),) for end in ends)
        found = [self._stack(grouping, make, rows, end, plain=False) for end in fixed]
        base = found[0][-1]
        # Rounding may differ between two calls of a batch: each is measured from its own base.
        return [found[0][:-1], *(f[:-1] + (base - f[-1]) for f in found[1:])], base[None]

    def _joined(
        self, copies: Copies, grouping: Grouping, groups: list[int], ends: Sequence[Array]
    ) -> tuple[list[Array], Array] | None:
        """The same from copies side by side, as many at a time as there are; None where some are refused."""
        self.count += len(ends) * len(groups)
        parts = [groups[start : start + copies.count] for start in range(0, len(groups), copies.count)]
        sides = []
        for end in ends:
            found = [copies.groups(grouping, part, end) for part in parts]
            known = [rows for rows in found if rows is not None]
            if len(known) < len(found):
                return None
            sides.append(known[0] if len(known) == 1 else np.concatenate(known))
        if len(parts) == 1 or copies.count == 1:
            return sides, copies.base[: len(groups)]
        return sides, np.concatenate([copies.base] * len(parts))[: len(groups)]

    def _constant(self, end: Array) -> Any:
        """A tensor of it, copied once for all groups."""
        for known, made in self._ends:
            if known is end:
                return made
        # One upwards and one downwards.
        self._ends = [*self._ends[-1:], (end, tensor(end))]
        return self._ends[-1][1]

    def elements(self, flat: Array, steps: Array, plain: bool) -> tuple[Array, Array]:
        """f with each element at `flat` moved by its step alone [U, outputs], and f at the point.

        `plain` evaluations are never batched: nothing but the function itself has a part in them.
        """
        rows = np.append(flat, 0), np.append(steps, np.zeros(1, steps.dtype))

        def make(place: Any, step: Any) -> Any:
            shape = self.point.shape
            numbers = tf.reshape(tf.range(shape.num_elements(), dtype=tf.int64), shape)
            return tf.where(numbers == place, self.point + step, self.point)

        found = self._stack("element", make, rows, (), plain)
        return found[:-1], found[-1]

    def _stack(
        self, kind: Any, make: Make, rows: tuple[Array, ...], fixed: tuple[Any, ...], plain: bool
    ) -> Array:
        """f at make(*row, *fixed) for every row, [rows, outputs]."""
        count = len(rows[0])
        self.count += count
        tensors = tuple(tf.constant(row) for row in rows)
        if self.traces and self.count > WORTH_TRACING:
            if self.vectorizes and not plain:
                found = self._traced((kind, True), make, tensors, fixed)
                if found is not None and self._like_base(found[-1]):
                    return found
                self.vectorizes = False
            found = self._traced((kind, False), make, tensors, fixed)
            if found is not None:
                return found
            self.traces = False
        return np.stack([view(self._at(make(*(part[i] for part in tensors), *fixed))) for i in range(count)])

    def _like_base(self, found: Array) -> bool:
        """Whether a batch gives at the point what the function itself gives there, but for rounding."""
        scale = np.abs(self.base).max(initial=0.0)
        return bool((np.abs(found - self.base) <= 1e-6 * scale).all())

    def _traced(self, key: tuple[Any, bool], make: Make, rows: Any, fixed: Any) -> Array | None:
        """The stack from a graph, or None where the function does not trace or run in one."""
        if key not in self._graphs:

            def many(rows: Any, fixed: Any) -> Any:
                def one(row: Any) -> Any:
                    return self._at(make(*row, *fixed))

                if key[1]:
                    return tf.vectorized_map(one, rows)
                return _loop(one, rows)

            # Not rewritten by AutoGraph: the same Python as runs eagerly.
            self._graphs[key] = tf.function(many, reduce_retracing=True, autograph=False)
        try:
            with quiet():
                return view(self._graphs[key](rows, fixed))
        except Exception:  # whatever a user's function does when it is traced
            return None


def _loop(one: Callable[[Any], Any], rows: tuple[Any, ...]) -> Any:
    """one(row) for every row, stacked, in a compiled loop.

    Not `tf.map_fn`: where its body fails to trace it leaves the variable scope with a caching device, and
    variables can no longer be made.
    """
    count = tf.shape(rows[0])[0]

    def step(number: Any, found: Any) -> tuple[Any, Any]:
        return number + 1, found.write(number, one(tuple(part[number] for part in rows)))

    start = tf.constant(0), tf.TensorArray(tf.float64, count)
    _, found = tf.while_loop(lambda number, _: number < count, step, start, parallel_iterations=1)
    return found.stack()


def _masked(grouping: Grouping, point: Any, residues: Any, moving: Any, end: Any) -> Any:
    """`end` where the indices have these residues modulo the periods and something moves, else `point`."""
    mask, shape = tf.constant(True) & moving, grouping.shape
    for axis, (size, period) in enumerate(zip(shape, grouping.periods, strict=True)):
        if period > 1:
            hit = tf.equal(tf.range(size) % period, residues[axis])
            mask &= tf.reshape(hit, [-1 if a == axis else 1 for a in range(len(shape))])
    return tf.where(mask, end, point)


def _residues(grouping: Grouping, groups: list[int]) -> Array:
    """Residue of each group along every axis, [groups, axes]."""
    return np.stack(np.unravel_index(np.asarray(groups), grouping.periods or (1,)), axis=1).astype(np.int32)
