"""Compressed differences: one pair of evaluations for each group, contracted with the cotangents at once.

For a group of elements moved together by steps h⁺_j and h⁻_j, with Δ⁺ = f(x + h⁺) − f(x) and
Δ⁻ = f(x) − f(x − h⁻), every output i belongs to the one element j of the group that it can depend on. So

    Σ_{i of j} r_i Δ⁺_i / h⁺_j   and   Σ_{i of j} r_i Δ⁻_i / h⁻_j

are the one-sided slopes of L = <r, f(x)> along x_j, and no Jacobian is ever held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.forward import Forward
from gradcheck.structure import Grouping, Window
from gradcheck.targets import Array

# Below this many evaluations tracing a graph costs more than it saves.
WORTH_TRACING = 96
# Numbers that one call may bring back to NumPy at once.
BATCH_NUMBERS = 2**23
NOWHERE = -(2**27)

Key = tuple[Grouping, bool]
"""What a compiled graph is for: a grouping, and whether it serves a sweep."""


@dataclass(frozen=True)
class Sums:
    """Contractions for one group, each flat over the group's members [members], not yet divided by a step."""

    up: Array
    """Σ r_k Δ⁺, [K, members]."""
    down: Array
    """Σ r_k Δ⁻, [K, members]."""
    gap: Array
    """Σ |r_k| |Δ⁺ − Δ⁻|, [K, members]; with h⁺ = h⁻ it is h times the width of the interval of slopes.
    Only asked for in a sweep, zero otherwise."""
    size: Array
    """Σ w (|Δ⁺| + |Δ⁻|) / 2, [members], with w the size of the cotangent that is shown."""
    output: Array
    """Σ w |f(x)| over the outputs that changed, [members]: what rounding is a share of."""
    leak: bool
    """Whether an output moved that no element of the group owns: the structure is not as assumed."""

    def take(self, members: Array | slice) -> Sums:
        """Only some members."""
        parts = (self.up, self.down, self.gap, self.size, self.output)
        return Sums(*(part[..., members] for part in parts), self.leak)

    def crop(self, grouping: Grouping, group: int) -> Sums:
        """Without the members that fall off the tensor's end."""
        parts = (self.up, self.down, self.gap, self.size, self.output)
        cropped = (grouping.crop(group, part).reshape(*part.shape[:-1], -1) for part in parts)
        return Sums(*cropped, self.leak)

    @staticmethod
    def join(several: Sequence[Sums]) -> Sums:
        """The members of several groups side by side."""
        names = ("up", "down", "gap", "size", "output")
        joined = (np.concatenate([getattr(sums, name) for sums in several], axis=-1) for name in names)
        return Sums(*joined, any(sums.leak for sums in several))


class Differences:
    """The contracted differences of one variable at one point."""

    def __init__(self, forward: Forward, variable: int, cotangents: Array, eps: float) -> None:
        """`cotangents` is [K, outputs]; `eps` the relative rounding of the outputs."""
        self.forward = forward
        self.variable = variable
        self.point = forward.values[variable]
        self.shape = tuple(self.point.shape.as_list())
        self.cotangents = tf.constant(cotangents)
        weights = np.abs(cotangents)
        self.weights = tf.constant(weights)
        # An upstream gradient of 0 must not make the tolerance 0 for the other cotangents.
        self.sizes = tf.constant(np.where(weights[:1] == 0, weights[0].mean() or 1.0, weights[:1]))
        self.eps = eps
        self.evaluations = 0
        self.traces = True
        self._compiled: dict[Key, Any] = {}
        self._base: dict[bool, Any] = {}

    def sums(
        self, grouping: Grouping, groups: Sequence[int], up: Array, down: Array, sweep: bool = False
    ) -> Iterator[tuple[int, Sums]]:
        """Evaluate the `groups`; `up` and `down` are the steps, arrays of the variable's shape.

        In a sweep few elements have a step other than 0: only outputs that moved are contracted.
        """
        count = 3 * self.cotangents.shape[0] + 3
        batch = max(1, BATCH_NUMBERS // (count * grouping.members))
        key = grouping, sweep
        traced = self.traces and (2 * len(groups) > WORTH_TRACING or key in self._compiled)
        dtype = self.point.dtype
        steps = tf.constant(up, dtype), tf.constant(down, dtype)
        for start in range(0, len(groups), batch):
            chosen = groups[start : start + batch]
            residues = np.stack(np.unravel_index(np.asarray(chosen), grouping.periods or (1,)), axis=1)
            numbers = self._evaluate(key, residues.astype(np.int32), steps, traced)
            self.evaluations += 2 * len(chosen)
            for group, row in zip(chosen, numbers, strict=True):
                yield int(group), self._named(row)

    def _named(self, row: Array) -> Sums:
        k = self.cotangents.shape[0]
        up, down, gap, (size, output, leak) = np.split(row, [k, 2 * k, 3 * k])
        return Sums(up, down, gap, size, output, bool(leak.any()))

    def _evaluate(self, key: Key, residues: Array, steps: tuple[Any, Any], traced: bool) -> Array:
        if traced:
            try:
                numbers: Array = self._graph(key)(tf.constant(residues), *steps, self.base(True)).numpy()
                return numbers
            except Exception:  # whatever a user's function does when it is traced
                self.traces = False
        group = _GroupGraph(self, *key)
        return np.stack([group(tf.constant(r), *steps, self.base(False)).numpy() for r in residues])

    def outputs(self, values: list[Any], base: Any) -> Any:
        """f at `values`; NaN where the function refuses them, as a matrix that is no longer definite."""
        try:
            return self.forward(values)
        except tf.errors.InvalidArgumentError:
            return tf.fill(base.shape, tf.constant(np.nan, tf.float64))

    def base(self, traced: bool) -> Any:
        """f(x) as the same kind of execution gives it: rounding may differ between eager and graph."""
        if traced not in self._base:
            call = tf.function(self.forward.__call__) if traced else self.forward.__call__
            self._base[traced] = call(self.forward.values)
            self.evaluations += 1
        return self._base[traced]

    def _graph(self, key: Key) -> Any:
        if key not in self._compiled:
            one = _GroupGraph(self, *key)

            def many(residues: Any, up: Any, down: Any, base: Any) -> Any:
                return tf.map_fn(
                    lambda r: one(r, up, down, base),
                    residues,
                    fn_output_signature=tf.float64,
                    parallel_iterations=1,
                )

            self._compiled[key] = tf.function(many, reduce_retracing=True)
        return self._compiled[key]


class _GroupGraph:
    """The TensorFlow operations for one group: perturb, evaluate twice, contract."""

    def __init__(self, differences: Differences, grouping: Grouping, sweep: bool) -> None:
        self.d = differences
        self.sweep = sweep
        self.grouping = grouping
        self.strides = [math.prod(grouping.lengths[a + 1 :]) for a in range(len(grouping.shape))]
        self.tables = [
            [self._table(axis, window, output.shape) for axis, window in enumerate(windows)]
            for windows, output in zip(grouping.windows, differences.forward.outputs, strict=True)
        ]

    def _table(self, axis: int, window: Window | None, shape: tuple[int, ...]) -> Any:
        """One axis' part of the local index, [period, 1, …, count, …, 1]; far below 0 where nothing owns."""
        if window is None:
            return None
        period, size = self.grouping.periods[axis], self.grouping.shape[axis]
        owners = window.blocks(period, size, shape[window.axis] if shape else 1)
        local = np.where(owners < 0, NOWHERE, owners.astype(np.int64) * self.strides[axis]).astype(np.int32)
        spread = [-1 if a == window.axis else 1 for a in range(len(shape))]
        return tf.constant(local.reshape([period, *spread]))

    def __call__(self, residues: Any, up: Any, down: Any, base: Any) -> Any:
        d, point = self.d, self.d.point
        mask = self._mask(residues)
        rise = d.outputs(self._moved(point + up, mask), base) - base
        fall = base - d.outputs(self._moved(point - down, mask), base)
        return self._contract(rise, fall, base, self._owners(residues))

    def _mask(self, residues: Any) -> Any:
        mask = None
        for axis, (size, period) in enumerate(zip(self.grouping.shape, self.grouping.periods, strict=True)):
            if period > 1:
                hit = tf.equal(tf.range(size) % period, residues[axis])
                hit = tf.reshape(hit, [-1 if a == axis else 1 for a in range(len(self.grouping.shape))])
                mask = hit if mask is None else mask & hit
        return mask

    def _moved(self, moved: Any, mask: Any) -> list[Any]:
        values = list(self.d.forward.values)
        values[self.d.variable] = moved if mask is None else tf.where(mask, moved, self.d.point)
        return values

    def _owners(self, residues: Any) -> Any:
        """Member of the group that owns each output, `members` for none; None where one member owns all."""
        if all(table is None for row in self.tables for table in row):
            return None
        parts = []
        for row, output in zip(self.tables, self.d.forward.outputs, strict=True):
            owner = tf.zeros([1] * len(output.shape), tf.int32)
            for axis, table in enumerate(row):
                if table is not None:
                    owner = owner + table[residues[axis]]
            owner = tf.where(owner < 0, self.grouping.members, owner)
            parts.append(tf.reshape(tf.broadcast_to(owner, output.shape), [-1]))
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)

    def _contract(self, rise: Any, fall: Any, base: Any, owners: Any) -> Any:
        d = self.d
        moved = (rise != 0) | (fall != 0)
        held = tf.where(moved, tf.abs(base), 0.0)
        columns = [(d.cotangents, rise), (d.cotangents, fall)]
        columns += [(d.weights, tf.abs(rise - fall))] if self.sweep else [(d.weights, None)]
        columns += [(d.sizes, (tf.abs(rise) + tf.abs(fall)) / 2), (d.sizes, held)]
        if owners is None:
            rows = [self._sum_all(weights, values) for weights, values in columns]
            return tf.concat([*rows, tf.zeros([1, 1], tf.float64)], axis=0)
        rows, members = [], self.grouping.members
        kept = tf.where(moved)[:, 0] if self.sweep else None
        for weights, values in columns:
            rows.append(self._sum_by_owner(weights, values, owners, kept))
        stray = (owners == members) & ~(tf.maximum(tf.abs(rise), tf.abs(fall)) <= 4 * d.eps * tf.abs(base))
        leak = tf.cast(tf.reduce_any(stray), tf.float64)
        return tf.concat([*rows, tf.fill([1, members], leak)], axis=0)

    def _sum_all(self, weights: Any, values: Any) -> Any:
        """Σ_i w_i v_i → [rows of weights, 1]."""
        if values is None:
            return tf.zeros([weights.shape[0], 1], tf.float64)
        return tf.linalg.matvec(weights, values)[:, None]

    def _sum_by_owner(self, weights: Any, values: Any, owners: Any, kept: Any) -> Any:
        """Σ over the outputs i of each member of w_i v_i → [rows of weights, members]."""
        members = self.grouping.members
        if values is None:
            return tf.zeros([weights.shape[0], members], tf.float64)
        if kept is not None:
            weights, values, owners = (
                tf.gather(weights, kept, axis=1),
                tf.gather(values, kept),
                tf.gather(owners, kept),
            )
        return tf.stack(
            [
                tf.raw_ops.DenseBincount(input=owners, size=members, weights=weight * values)
                for weight in tf.unstack(weights, num=weights.shape[0])
            ]
        )
