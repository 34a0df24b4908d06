"""How a backward pass B answers to other upstream gradients r than those that were tried.

Every right backward pass is linear: B(r₁ + r₂) = B(r₁) + B(r₂), B(2 r) = 2 B(r), B(−r) = −B(r), B(0) = 0.
It is asked around the upstream gradient for which it is most wrong: one that cuts some off is right for
others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array
from gradcheck.function.tape import LOUD
from gradcheck.report.telling import ENOUGH, SAME, TELLING

SMALL = 2.0**-10
"""A small upstream gradient, in those that a check tries."""
USED = "the upstream gradient is used non-linearly: "
FINE = 1e-7
"""Share up to which two answers in float64 are the same: linear ones differ by their rounding alone."""


@dataclass(frozen=True)
class Answers:
    """The tape gradients at the failing elements for some upstream gradients, [failing] each."""

    upstream: Array
    """r, the one that is asked about, [outputs]."""
    one: Array
    """B(r)."""
    other: Array
    """B(q) for another one."""
    both: Array
    """B(r + q)."""
    twice: Array
    """B(2 r)."""
    minus: Array
    """B(−r)."""
    small: Array
    """B(r `SMALL`) / `SMALL`."""
    nothing: Array
    """B(0)."""
    right: Array
    """The difference for r, NaN where it is not known."""
    tolerance: Array
    fine: float

    @staticmethod
    def of(
        backward: Callable[[Sequence[Array]], Array],
        failing: Array,
        tried: tuple[Array, Array, Array, Array],
        seed: int,
        fine: float,
    ) -> Answers:
        """Ask `backward`; `tried` are the cotangents [K, outputs], their tapes and differences [K, n], and
        the tolerance [n]."""
        cotangents, tapes, slopes, tolerance = tried
        worst, loud = _worst(*(one[..., failing] for one in (tapes, slopes, tolerance)))
        r = cotangents[worst].astype(np.float64) * loud
        q = np.abs(r) * half_to_whole(2 * generator(Stream.UPSTREAM, seed).random(r.size) - 1)
        asked = backward([r, q, r + q, 2 * r, -r, SMALL * r, 0 * r])[:, failing]
        one, other, both, twice, minus, small, nothing = asked
        return Answers(
            r,
            *(one, other, both, twice, minus, small / SMALL),
            # What divides by its norm gives no number for 0, which says nothing more.
            np.nan_to_num(nothing),
            loud * slopes[worst][failing],
            loud * tolerance[failing],
            fine,
        )

    def same(self, a: Array, b: Array, share: float = SAME) -> bool:
        """Whether two answers agree everywhere."""
        scale = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
        near = share * np.maximum(np.abs(a), np.abs(b)) + 1e-9 * scale + 2 * self.tolerance
        return bool((np.abs(a - b) <= near).all())

    def tells(self, a: Array) -> bool:
        """Whether an answer is more than rounding: that 0 is 0 is no evidence."""
        return int((np.abs(a) > TELLING * self.tolerance).sum()) >= min(ENOUGH, a.size)

    def agree(self, a: Array, b: Array) -> bool:
        """Whether two answers are the same number, which is not 0."""
        return self.same(a, b) and self.tells(a)

    @property
    def known(self) -> bool:
        """Whether the backward pass answered, and not by 0 alone."""
        asked = np.stack([self.one, self.other, self.both, self.twice, self.minus, self.small, self.nothing])
        return bool(np.isfinite(asked).all()) and (np.abs(asked) > TELLING * self.tolerance).any()

    @property
    def additive(self) -> bool:
        """Whether the answer for a sum is the sum of the answers."""
        return self.same(self.both, self.one + self.other, self.fine)

    @property
    def odd(self) -> bool:
        """Whether the answer for −r is minus that for r."""
        return self.same(self.minus, -self.one, self.fine)

    @property
    def linear(self) -> bool:
        """Whether all answers are those of a linear backward pass."""
        none = self.same(self.nothing, 0 * self.nothing, self.fine)
        return none and self.additive and self.odd and self.same(self.twice, 2 * self.one, self.fine)

    @property
    def right_for_small(self) -> bool:
        """Whether the answer for a thousandth of r is the difference, and the one for r is not."""
        known = np.isfinite(self.right)
        off = np.abs(self.small - self.right)[known]
        near = off <= SAME * np.abs(self.small[known]) + 2 * self.tolerance[known]
        told = np.abs(self.small[known]) > TELLING * self.tolerance[known]
        wrong = (
            np.abs(self.one - self.right)[known]
            > SAME * np.abs(self.right[known]) + 2 * self.tolerance[known]
        )
        return bool(near.all() and told.any() and wrong.any())


def _worst(tapes: Array, slopes: Array, tolerance: Array) -> tuple[int, float]:
    """Which of the upstream gradients tried the tape is most wrong for, and how loud it was."""
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.abs(tapes - slopes) / tolerance
    worst = np.nan_to_num(off, nan=0.0, posinf=0.0).max(axis=1, initial=0.0)
    last = len(worst) - 1
    # Rather a random one than ones: whatever is added to ones, their maximum is that of it and 1.
    if (worst[1:] > TELLING).any():
        worst[0] = 0.0
    tried = int(np.argmax(worst)) if worst.any() else last
    return tried, LOUD if tried == last > 0 else 1.0
