"""Joined copies: copies of a variable along a batch axis, so that one evaluation serves many groups.

Where an axis of a variable lies, index by index, along an axis of every output (a batch, the columns of a
weight), f of copies joined along it is f of each, joined. Thousands of thin products so become a few large
ones. The probes of the structure find such an axis, and it is held against the function: copies that are
moved, each in its own way, must come out as they do alone.

A single copy needs no such axis. It is worth having for a large variable, whose elements are then moved where
they are instead of in a new tensor, and whose evaluations run in one compiled graph.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import Movable, view
from gradcheck.arrays.scale import alike
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.function.primal import Primal, is_elsewhere, refusals
from gradcheck.function.sharing import Work
from gradcheck.function.traced import traced
from gradcheck.sparsity.bands import EMPTY, Band
from gradcheck.sparsity.colouring import Colouring


@dataclass(frozen=True)
class Axes:
    """Axes along which copies are joined."""

    inputs: Mapping[str, int] = field(default_factory=dict)
    """By name; an input that is not here is shared by all copies."""
    outputs: tuple[int, ...] = ()


def joinable(primal: Primal, number: int, colourings: Sequence[Colouring]) -> Iterator[Axes]:
    """Axes worth trying for variable `number`, by what the probes found of all variables."""
    shape = colourings[number].shape
    for axis in range(len(shape)):
        outputs = _along(colourings[number], axis)
        if outputs is None:
            continue
        joined: dict[str, int] = {}
        tried: list[Axes] = []
        for name, colouring in zip(primal.names, colourings, strict=True):
            found = [other for other in range(len(colouring.shape)) if _moves(colouring, other, outputs)]
            joined |= {name: found[0]} if found else {}
        rank = len(primal.outputs[0].shape)
        # What no probe saw may share the axis: as in broadcasting, from the right, or from the left.
        for place in (None, outputs[0] - rank, axis):
            guessed = {
                name: place % len(tensor.shape)
                for name, tensor in primal.inputs.items()
                if place is not None and _has(tuple(tensor.shape), place, shape[axis])
            }
            along = Axes(guessed | joined, outputs)
            if along not in tried:
                tried.append(along)
                yield along


def _has(shape: tuple[int, ...], place: int, size: int) -> bool:
    return -len(shape) <= place < len(shape) and shape[place] == size


def _along(colouring: Colouring, axis: int) -> tuple[int, ...] | None:
    """The axis of each output along which an axis of a variable lies, index by index."""
    bands = [by_axis[axis] for by_axis in colouring.bands]
    return tuple(band.axis for band in bands if band is not None) if all(map(_same, bands)) else None


def _same(band: Band | None) -> bool:
    return band is not None and band.stride == 1 and band.low == band.high == 0


def _moves(colouring: Colouring, axis: int, outputs: tuple[int, ...]) -> bool:
    """Whether an axis of a variable lies along those of the outputs, in as many of them as it moves."""
    bands = [by_axis[axis] for by_axis in colouring.bands]
    met = [
        band == EMPTY or (band is not None and _same(band) and band.axis == output)
        for band, output in zip(bands, outputs, strict=True)
    ]
    return all(met) and any(band != EMPTY for band in bands)


class Joined:
    """The function of several copies of one variable."""

    def __init__(self, primal: Primal, variable: int, along: Axes, count: int, *, compiled: bool) -> None:
        """`count` copies are joined along the axes; `compiled`: in a graph, where the function traces."""
        self.primal, self.along, self.count = primal, along, count
        self.variable, self.name = variable, primal.names[variable]
        self.point = view(primal.values[variable])
        self.shared = primal.inputs | dict(zip(primal.names, primal.values, strict=True))
        for name, axis in along.inputs.items():
            if name != self.name:
                self.shared[name] = tf.concat([self.shared[name]] * count, axis)
        axis = along.inputs.get(self.name, 0)
        self._joined = Movable(np.concatenate([self.point] * count, axis) if count > 1 else self.point)
        apart = (*self.point.shape[:axis], count, *self.point.shape[axis:])
        # A view with the copies first: what is written here is evaluated.
        self.places = np.moveaxis(self._joined.array.reshape(apart), axis, 0)
        self._call: Callable[[Any], Any] = self._outputs
        if compiled and primal.target.compiles:
            # Not rewritten by AutoGraph: the same Python as runs eagerly.
            self._call = traced(self._outputs, autograph=False)
        self.base: Array
        """f of all copies at the point, [count, outputs], from when they are seen to hold."""

    @property
    def compiled(self) -> bool:
        """Whether they are evaluated in a graph."""
        return self._call != self._outputs

    def holds(self, base: Array, alone: Callable[[Any], Any]) -> bool:
        """Whether the copies come out as `alone` does; `base` is f at the point, [outputs]."""
        try:
            return self._as_alone(base, alone)
        except Exception:  # whatever a user's function does in a graph, or with inputs of another shape
            if not self.compiled:
                return False
        finally:
            self.places[...] = self.point
        self._call = self._outputs
        return self.holds(base, alone)

    def _as_alone(self, base: Array, alone: Callable[[Any], Any]) -> bool:
        random = generator(Stream.JOINED_COPIES, self.count)
        self.base = self()
        if not alike(self.base, base):
            return False
        self.places[...] = self.point * (0.5 + random.random(self.places.shape, np.float32))
        found = self()
        picked = {0, int(random.integers(self.count))}
        return all(alike(found[one], view(alone(tf.constant(self.places[one])))) for one in picked)

    def groups(self, colouring: Colouring, groups: Sequence[int], ends: Sequence[Array]) -> Array | None:
        """f with the elements of each group moved to its `ends`, [groups, outputs]; at most `count`.

        NaN where the function refuses a single copy, or returns another number of outputs; None where it does
        so with several, since it is not known which is to blame.
        """
        moved = [colouring.slices(group) for group in groups]
        for place, where, end in zip(self.places, moved, ends, strict=False):
            place[where] = end
        try:
            found = self()
        except refusals(self.primal):
            found = self.base[:0]
        for place, where in zip(self.places, moved, strict=False):
            place[where] = self.point[where]
        if found.shape == self.base.shape:
            return found[: len(groups)]
        return np.full_like(self.base, np.nan) if self.count == 1 else None

    def __call__(self) -> Array:
        """f of all copies as they are, [count, outputs]."""
        value = self._joined.tensor()
        return self._joined.kept(self._call(value))

    def _outputs(self, value: Any) -> Any:
        parts = []
        tensors = self.primal.tensors(self.shared | {self.name: value})
        axes = self.along.outputs or (0,) * len(tensors)
        for tensor, output, axis in zip(tensors, self.primal.outputs, axes, strict=True):
            if self.along.outputs:
                shape, count = output.shape, self.count
                tensor = tf.ensure_shape(tensor, (*shape[:axis], count * shape[axis], *shape[axis + 1 :]))
                tensor = tf.reshape(tensor, (*shape[:axis], count, *shape[axis:]))
                tensor = tf.transpose(tensor, [axis, *range(axis), *range(axis + 1, tensor.shape.rank)])
            parts.append(tf.cast(tf.reshape(tensor, [self.count, -1]), tf.float64))
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)


@dataclass(frozen=True)
class JoinedGroups(Work):
    """Groups of elements to be moved in joined copies, some at a time."""

    variable: int
    along: Axes
    count: int
    compiled: bool
    colouring: Colouring
    parts: tuple[tuple[list[int], list[Array]], ...]
    """Groups for one evaluation each, with the ends of their elements."""

    def result(self, primal: Primal, outputs: int, kept: dict[Any, Any]) -> list[Array | None]:
        """What `Joined.groups` gives for each part; raises where copies do not come out as alone."""
        key = self.variable, repr(self.along), self.count, self.compiled
        if key not in kept:

            def alone(value: Any) -> Any:
                return primal.with_moved({self.variable: value}, outputs)

            copies = Joined(primal, self.variable, self.along, self.count, compiled=self.compiled)
            base = view(primal.evaluate(primal.values, outputs))
            if not copies.holds(base, alone) or copies.compiled != self.compiled:
                raise ValueError(key)
            kept[key] = copies
        return self.of(kept[key])

    def of(self, copies: Joined) -> list[Array | None]:
        """The same by copies that there are."""
        return [copies.groups(self.colouring, *part) for part in self.parts]


def evaluated(
    copies: Joined, colouring: Colouring, asked: Sequence[tuple[list[int], list[Array]]], count: int
) -> list[Array | None]:
    """What `Joined.groups` gives for each of some sets of groups and their ends; in so many pieces, by others
    too."""
    sharing = copies.primal.sharing
    axes = copies.variable, copies.along, copies.count, copies.compiled, colouring
    ends = [len(asked) * number // count for number in range(count + 1)]
    work = [JoinedGroups(*axes, tuple(asked[start:stop])) for start, stop in pairwise(ends)]
    if sharing is None or is_elsewhere(copies.primal) or count == 1:
        return [rows for piece in work for rows in piece.of(copies)]
    return [*chain(*sharing.results(work, lambda piece: piece.of(copies)))]
