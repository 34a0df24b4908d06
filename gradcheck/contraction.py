"""The TensorFlow operations for one group: perturb, evaluate twice, contract with the cotangents."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.forward import Forward
from gradcheck.structure import Grouping, Window
from gradcheck.targets import Array

# Added to a local index where no element owns an output: far below any sum of real parts.
NOWHERE = -(2**27)


def evaluate(forward: Forward, values: list[Any], base: Any) -> Any:
    """f at `values`; NaN in the shape of `base` where f refuses them, as a matrix that is not definite."""
    try:
        return forward(values)
    except tf.errors.InvalidArgumentError:
        return tf.fill(base.shape, tf.constant(np.nan, tf.float64))


class Contraction:
    """What one group of elements does to <r_k, f(x)>, for eager calls and for graphs alike."""

    def __init__(
        self, forward: Forward, variable: int, cotangents: Array, eps: float, grouping: Grouping
    ) -> None:
        self.forward, self.variable, self.eps, self.grouping = forward, variable, eps, grouping
        self.point = forward.values[variable]
        weights = np.abs(cotangents)
        self.cotangents, self.weights = tf.constant(cotangents), tf.constant(weights)
        # An upstream gradient of 0 must not make the tolerance 0 for the other cotangents.
        self.shown = tf.constant(np.where(weights[0] == 0, weights[0].mean() or 1.0, weights[0]))
        self.strides = [math.prod(grouping.lengths[axis + 1 :]) for axis in range(len(grouping.shape))]
        self.tables = [
            [self._table(axis, window, output.shape) for axis, window in enumerate(windows)]
            for windows, output in zip(grouping.windows, forward.outputs, strict=True)
        ]
        self.owned = any(table is not None for row in self.tables for table in row)

    def _table(self, axis: int, window: Window | None, shape: tuple[int, ...]) -> Any:
        """One axis' part of the local index, [period, 1, …, count, …, 1]; far below 0 where nothing owns."""
        if window is None:
            return None
        period, size = self.grouping.periods[axis], self.grouping.shape[axis]
        owners = window.blocks(period, size, shape[window.axis] if shape else 1)
        local = np.where(owners < 0, NOWHERE, owners.astype(np.int64) * self.strides[axis]).astype(np.int32)
        spread = [-1 if a == window.axis else 1 for a in range(len(shape))]
        return tf.constant(local.reshape([period, *spread]))

    def outputs(self, moved: Any, base: Any) -> Any:
        """f with the variable at `moved`."""
        values = list(self.forward.values)
        values[self.variable] = moved
        return evaluate(self.forward, values, base)

    def first(self, residues: Any, up: Any, down: Any, base: Any) -> tuple[Any, Any]:
        """Sums [2K + 2, members] for a whole group moved by `up` and `down` [*shape], and a leak.

        The rows are Σ r_k Δ⁺, Σ r_k Δ⁻, Σ w (|Δ⁺| + |Δ⁻|) / 2 and Σ w |f| over the outputs that moved.
        A leak is an output that moved though no element of the group owns it.
        """
        mask = self._mask(residues)
        higher, lower = self.point + up, self.point - down
        if mask is not None:
            higher, lower = tf.where(mask, higher, self.point), tf.where(mask, lower, self.point)
        rise = self.outputs(higher, base) - base
        fall = base - self.outputs(lower, base)
        columns = self._columns(rise, fall, base)
        if not self.owned:
            rows = [tf.linalg.matvec(weights, values)[:, None] for weights, values in columns]
            return tf.concat(rows, axis=0), tf.constant(False)
        owners = self._owners(residues)
        stray = (owners == self.grouping.members) & ~(
            tf.maximum(tf.abs(rise), tf.abs(fall)) <= 4 * self.eps * tf.abs(base)
        )
        return _by_owner(columns, owners, self.grouping.members), tf.reduce_any(stray)

    def sweep(self, residues: Any, places: Any, steps: Any, members: Any, base: Any) -> Any:
        """Sums [3K + 2, U] for U elements of a group, at flat `places`, moved by `steps` up and down.

        `members` are their numbers in the group, ascending. After Σ r_k Δ⁺ and Σ r_k Δ⁻ come the rows
        Σ |r_k| |Δ⁺ − Δ⁻|. Few outputs move: only those are contracted.
        """
        flat = tf.reshape(self.point, [-1])
        higher = tf.reshape(tf.tensor_scatter_nd_add(flat, places[:, None], steps), self.point.shape)
        lower = tf.reshape(tf.tensor_scatter_nd_sub(flat, places[:, None], steps), self.point.shape)
        rise = self.outputs(higher, base) - base
        fall = base - self.outputs(lower, base)
        if not self.owned:
            columns = self._columns(rise, fall, base, gaps=True)
            return tf.concat([tf.linalg.matvec(weights, values)[:, None] for weights, values in columns], 0)
        kept = tf.where((rise != 0) | (fall != 0))[:, 0]
        owners = tf.gather(self._owners(residues), kept)
        place = tf.searchsorted(members, owners)
        found = tf.gather(members, tf.minimum(place, tf.size(members) - 1)) == owners
        rise, fall, base = (tf.gather(values, kept) for values in (rise, fall, base))
        columns = self._columns(rise, fall, base, gaps=True, kept=kept)
        return _by_owner(columns, tf.where(found, place, tf.size(members)), tf.size(members))

    def _columns(self, rise: Any, fall: Any, base: Any, gaps: bool = False, kept: Any = None) -> list[Any]:
        """Pairs of weights [rows, outputs] and values [outputs]."""
        cotangents, weights, shown = self.cotangents, self.weights, self.shown[None]
        if kept is not None:
            cotangents, weights, shown = (tf.gather(w, kept, axis=1) for w in (cotangents, weights, shown))
        held = tf.where((rise != 0) | (fall != 0), tf.abs(base), 0.0)
        columns = [(cotangents, rise), (cotangents, fall)]
        if gaps:
            columns.append((weights, tf.abs(rise - fall)))
        return [*columns, (shown, (tf.abs(rise) + tf.abs(fall)) / 2), (shown, held)]

    def _mask(self, residues: Any) -> Any:
        mask, shape = None, self.grouping.shape
        for axis, (size, period) in enumerate(zip(shape, self.grouping.periods, strict=True)):
            if period > 1:
                hit = tf.equal(tf.range(size) % period, residues[axis])
                hit = tf.reshape(hit, [-1 if a == axis else 1 for a in range(len(shape))])
                mask = hit if mask is None else mask & hit
        return mask

    def _owners(self, residues: Any) -> Any:
        """Member of the group that owns each output; `members` for none."""
        parts = []
        for row, output in zip(self.tables, self.forward.outputs, strict=True):
            owner = tf.zeros([1] * len(output.shape), tf.int32)
            for axis, table in enumerate(row):
                if table is not None:
                    owner = owner + table[residues[axis]]
            owner = tf.where(owner < 0, self.grouping.members, owner)
            parts.append(tf.reshape(tf.broadcast_to(owner, output.shape), [-1]))
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)


def _by_owner(columns: list[Any], owners: Any, members: Any) -> Any:
    """Σ over the outputs of each member of w_i v_i, [rows, members]; owner `members` is nobody."""
    return tf.stack(
        [
            tf.raw_ops.DenseBincount(input=owners, size=members, weights=weight * values)
            for weights, values in columns
            for weight in tf.unstack(weights, num=weights.shape[0])
        ]
    )
