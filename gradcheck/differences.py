"""Compressed differences: one pair of evaluations for each group, contracted with the cotangents at once.

For a group of elements moved together by steps h⁺_j and h⁻_j, with Δ⁺ = f(x + h⁺) − f(x) and
Δ⁻ = f(x) − f(x − h⁻), every output i belongs to the one element j of the group that it can depend on. So

    Σ_{i of j} r_i Δ⁺_i / h⁺_j   and   Σ_{i of j} r_i Δ⁻_i / h⁻_j

are the one-sided slopes of L = <r, f(x)> along x_j, and no Jacobian is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.contraction import Contraction, evaluate
from gradcheck.forward import Forward
from gradcheck.structure import Grouping
from gradcheck.targets import Array

# Below this many evaluations tracing a graph costs more than it saves.
WORTH_TRACING = 96
# Numbers that one call may bring back to NumPy at once.
BATCH_NUMBERS = 2**23


@dataclass(frozen=True)
class Sums:
    """Contractions for U elements, not yet divided by a step."""

    up: Array
    """Σ r_k Δ⁺, [K, U]."""
    down: Array
    """Σ r_k Δ⁻, [K, U]."""
    gap: Array
    """Σ |r_k| |Δ⁺ − Δ⁻|, [K, U]; for equal steps h times the width of the interval of slopes.
    [0, U] outside a sweep."""
    size: Array
    """Σ w (|Δ⁺| + |Δ⁻|) / 2, [U], with w the size of the cotangent that is shown."""
    output: Array
    """Σ w |f(x)| over the outputs that moved, [U]: what rounding is a share of."""

    @staticmethod
    def of(rows: Array, cotangents: int) -> Sums:
        """Name the rows of a contraction."""
        up, down, gap, (size, output) = np.split(rows, [cotangents, 2 * cotangents, len(rows) - 2])
        return Sums(up, down, gap, size, output)

    def take(self, members: Array | slice) -> Sums:
        """Only some elements."""
        parts = (self.up, self.down, self.gap, self.size, self.output)
        return Sums(*(part[..., members] for part in parts))

    def crop(self, grouping: Grouping, group: int) -> Sums:
        """A whole group without the members that fall off the tensor's end."""
        parts = (self.up, self.down, self.gap, self.size, self.output)
        return Sums(*(grouping.crop(group, part) for part in parts))


class Differences:
    """The contracted differences of one variable at one point."""

    def __init__(self, forward: Forward, variable: int, cotangents: Array, eps: float) -> None:
        """`cotangents` is [K, outputs]; `eps` the relative rounding of the outputs."""
        self.forward, self.variable, self.cotangents, self.eps = forward, variable, cotangents, eps
        self.evaluations = 0
        self.traces = True
        self._contractions: dict[Grouping, Contraction] = {}
        self._graphs: dict[tuple[Grouping, bool], Any] = {}
        self._base: dict[bool, Any] = {}

    def first(
        self, grouping: Grouping, groups: Sequence[int], up: Array, down: Array
    ) -> Iterator[tuple[int, Sums | None]]:
        """Each group moved by its part of `up` and `down`, arrays of the variable's shape.

        None instead of the sums where an output moved that no element of the group owns.
        """
        traced = 2 * len(groups) > WORTH_TRACING
        steps = self._steps(up), self._steps(down)
        batch = max(1, BATCH_NUMBERS // ((2 * len(self.cotangents) + 2) * grouping.members))
        for start in range(0, len(groups), batch):
            chosen = groups[start : start + batch]
            found = self._each(grouping, False, traced, (_residues(grouping, chosen),), steps)
            for group, (rows, leak) in zip(chosen, found, strict=True):
                yield group, None if leak else Sums.of(rows.numpy(), len(self.cotangents))

    def sweep(self, grouping: Grouping, groups: Array, places: Array, members: Array, steps: Array) -> Sums:
        """U elements, ordered by group, moved by `steps` up and down."""
        rows = np.empty((3 * len(self.cotangents) + 2, groups.size))
        ends = np.flatnonzero(np.diff(groups, append=-1)) + 1
        traced = 2 * ends.size > WORTH_TRACING or (grouping, True) in self._graphs
        if grouping.members == 1:
            residues = _residues(grouping, groups)
            elements = residues, places[:, None], steps[:, None], np.zeros((groups.size, 1), np.int32)
            for number, found in enumerate(self._each(grouping, True, traced, elements, ())):
                rows[:, number] = found.numpy()[:, 0]
            return Sums.of(rows, len(self.cotangents))
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            order = start + np.argsort(members[start:end])
            residues = _residues(grouping, groups[start : start + 1])
            elements = (
                residues,
                places[order][None],
                steps[order][None],
                members[order][None].astype(np.int32),
            )
            (found,) = self._each(grouping, True, traced, elements, ())
            rows[:, order] = found.numpy()
        return Sums.of(rows, len(self.cotangents))

    def _each(
        self,
        grouping: Grouping,
        sweep: bool,
        traced: bool,
        elements: tuple[Array, ...],
        fixed: tuple[Any, ...],
    ) -> list[Any]:
        """Run a contraction for every row of `elements`, in one graph or one by one."""
        self.evaluations += 2 * len(elements[0])
        tensors = tuple(tf.constant(part) for part in elements)
        if traced and self.traces:
            try:
                found = self._graph(grouping, sweep)(tensors, fixed, self.base(True))
                return tf.unstack(found) if sweep else list(zip(*map(tf.unstack, found), strict=True))
            except Exception:  # whatever a user's function does when it is traced
                self.traces = False
        contraction = self._contraction(grouping)
        one: Any = contraction.sweep if sweep else contraction.first
        rows = (tuple(part[i] for part in tensors) for i in range(len(elements[0])))
        return [one(*row, *fixed, self.base(False)) for row in rows]

    def _graph(self, grouping: Grouping, sweep: bool) -> Any:
        if (grouping, sweep) not in self._graphs:
            contraction = self._contraction(grouping)
            one: Any = contraction.sweep if sweep else contraction.first

            def many(elements: Any, fixed: Any, base: Any) -> Any:
                return tf.map_fn(
                    lambda row: one(*row, *fixed, base),
                    elements,
                    fn_output_signature=tf.float64 if sweep else (tf.float64, tf.bool),
                    parallel_iterations=1,
                )

            self._graphs[grouping, sweep] = tf.function(many, reduce_retracing=True)
        return self._graphs[grouping, sweep]

    def _contraction(self, grouping: Grouping) -> Contraction:
        if grouping not in self._contractions:
            self._contractions[grouping] = Contraction(
                self.forward, self.variable, self.cotangents, self.eps, grouping
            )
        return self._contractions[grouping]

    def _steps(self, steps: Array) -> Any:
        return tf.constant(steps, self.forward.values[self.variable].dtype)

    def base(self, traced: bool) -> Any:
        """f(x) as the same kind of execution gives it: rounding may differ between eager and graph."""
        if traced not in self._base:
            call = tf.function(self.forward.__call__) if traced else self.forward.__call__
            self._base[traced] = call(self.forward.values)
            self.evaluations += 1
        return self._base[traced]

    def at(self, values: list[Any]) -> Any:
        """f at other values of all variables, evaluated eagerly; NaN where the function refuses them."""
        self.evaluations += 1
        return evaluate(self.forward, values, self.base(False))


def _residues(grouping: Grouping, groups: Sequence[int] | Array) -> Array:
    """Residue of each group along every axis, [groups, axes]."""
    return np.stack(np.unravel_index(np.asarray(groups), grouping.periods or (1,)), axis=1).astype(np.int32)
