"""f with groups of elements moved: in joined copies, as single elements, or in place, group by group."""

from collections.abc import Iterable, Sequence

import numpy as np

from gradcheck.arrays.large import Movable, view
from gradcheck.arrays.types import Array
from gradcheck.differences.evaluator import HELD, THIN, WORTH_TRACING, VariableEvaluator
from gradcheck.differences.joined import Axes, Joined, evaluated
from gradcheck.runtime import held_back
from gradcheck.sparsity.colouring import Colouring

FEW = 4
"""Groups up to which it is not worth to join copies."""
JOINED = 2**20
"""Numbers in and out of copies that are evaluated together: they stay in the processor's cache."""


class GroupEvaluator:
    """f with each group of a colouring at another place."""

    def __init__(self, evaluator: VariableEvaluator) -> None:
        self._evaluator, self._base = evaluator, evaluator.base
        self._joined: tuple[Colouring, Joined] | None = None
        self._movable: Movable | None = None

    @property
    def movable(self) -> Movable:
        """The variable, whose elements are moved where they are and moved back; a copy."""
        if self._movable is None:
            self._movable = Movable(view(self._evaluator.point))
        return self._movable

    @property
    def _room(self) -> int:
        """Numbers that may go in and come out of copies at once."""
        return min(JOINED, self._evaluator.memory // HELD)

    def together(self, colouring: Colouring) -> int:
        """How many groups one call should be asked for."""
        if self._copies(colouring) is None:
            return self._evaluator.batch
        return max(1, self._room // self._base.size)

    @property
    def copies(self) -> int:
        """How many groups are evaluated at once in joined copies."""
        return self._joined[1].count if self._joined else 1

    def _copies(self, colouring: Colouring) -> Joined | None:
        return self._joined[1] if self._joined and self._joined[0] == colouring else None

    def join(self, colouring: Colouring, axes: Iterable[Axes]) -> None:
        """Evaluate the groups in copies joined along the first of the axes that the function allows; one copy
        in a graph needs none."""
        evaluator = self._evaluator
        most = min(colouring.groups, max(1, self._room // evaluator.numbers))
        tried: list[tuple[Axes, int]] = []
        if most > 1 and colouring.groups > FEW:
            tried += [(along, most) for along in axes]
        if (evaluator.numbers > THIN or colouring.members > 1) and 2 * colouring.groups > WORTH_TRACING:
            tried.append((Axes(), 1))
        for along, count in tried:
            compiled = 2 * colouring.groups > WORTH_TRACING * count
            copies = Joined(evaluator.primal, evaluator.variable, along, count, compiled=compiled)
            evaluator.count(4)
            # TensorFlow logs shapes that do not go together, though nothing comes of it.
            with held_back():
                holds = copies.holds(self._base, lambda value: evaluator.place({evaluator.variable: value}))
            if holds:
                self._joined = colouring, copies
                if compiled and not copies.compiled:
                    evaluator.give_up_tracing()
                return

    def forget(self) -> None:
        """Give back the memory that only evaluations of groups need."""
        self._joined = None
        self._movable = None

    def __call__(
        self, colouring: Colouring, chosen: list[int], ends: Sequence[Array]
    ) -> tuple[list[Array], Array]:
        """f with each group of elements at their place in each of the `ends` [groups, outputs], and f at the
        point as it comes out beside them, [groups, outputs] or [1, outputs]."""
        if (copies := self._copies(colouring)) is not None:
            if (joined := self._in_copies(copies, colouring, chosen, ends)) is not None:
                return joined
            self._joined = None
        if colouring.members == 1 and len(chosen) > 1:
            return self._alone(colouring, chosen, ends)
        sides = [np.stack([self._in_place(colouring, g, end) for g in chosen]) for end in ends]
        return sides, self._base[None]

    def _in_copies(
        self, copies: Joined, colouring: Colouring, chosen: list[int], ends: Sequence[Array]
    ) -> tuple[list[Array], Array] | None:
        """The groups from joined copies, as many at a time as there are; None where some are refused."""
        self._evaluator.count(len(ends) * len(chosen))
        parts = [chosen[start : start + copies.count] for start in range(0, len(chosen), copies.count)]
        asked = [(part, [end[colouring.slices(g)] for g in part]) for end in ends for part in parts]
        count = self._evaluator.pieces(len(asked), copies.count * self._evaluator.numbers)
        found = evaluated(copies, colouring, asked, count)
        known = [rows for rows in found if rows is not None]
        if len(known) < len(found):
            return None
        each = [known[start : start + len(parts)] for start in range(0, len(known), len(parts))]
        sides = [rows[0] if len(rows) == 1 else np.concatenate(rows) for rows in each]
        if len(parts) == 1 or copies.count == 1:
            return sides, copies.base[: len(chosen)]
        return sides, np.concatenate([copies.base] * len(parts))[: len(chosen)]

    def _alone(
        self, colouring: Colouring, chosen: list[int], ends: Sequence[Array]
    ) -> tuple[list[Array], Array]:
        """Groups of one element each, batched."""
        point = view(self._evaluator.point).reshape(-1)
        numbers = np.arange(point.size).reshape(colouring.shape)
        flat = np.array([int(numbers[colouring.slices(group)].reshape(-1)[0]) for group in chosen])
        steps = (end.reshape(-1)[flat] - point[flat] for end in ends)
        (up, base), *others = (self._evaluator.elements(flat, step, plain=False) for step in steps)
        # Rounding may differ between two calls of a batch: each is measured from its own base.
        return [up, *(rows + (base - other) for rows, other in others)], base[None]

    def _in_place(self, colouring: Colouring, group: int, end: Array) -> Array:
        moved, where = self.movable, colouring.slices(group)
        moved.array[where] = end[where]
        found = moved.kept(self._evaluator.moved(moved.tensor()))
        moved.array[where] = view(self._evaluator.point)[where]
        return found
