"""How a backward pass uses the upstream gradient r: linearly, as B(r₁ + r₂) = B(r₁) + B(r₂), or not.

Every right backward pass B is linear in r. What is said of one that is not follows from how it answers to
r₁, r₂, r₁ + r₂, 2 r₁, a thousandth of r₁, and 0. What is linear and yet wrong is for mixed.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array
from gradcheck.report.evidence import ENOUGH, SAME, TELLING, Evidence

SMALL = 2.0**-10
"""A small upstream gradient, in those that a check tries."""
USED = "the upstream gradient is used non-linearly: "


@dataclass(frozen=True)
class Answers:
    """The tape gradients at the failing elements for some upstream gradients, [failing] each."""

    one: Array
    other: Array
    both: Array
    """For the sum of the two."""
    twice: Array
    """For twice the first."""
    small: Array
    """For `SMALL` times the first, divided by that."""
    nothing: Array
    """For an upstream gradient of 0."""
    tolerance: Array

    @staticmethod
    def of(e: Evidence) -> Answers:
        """Ask the backward pass."""
        one = e.cotangents[-1].astype(np.float64)
        drawn = generator(Stream.UPSTREAM, e.probe.problem.settings.seed).random(one.size)
        other = np.abs(one) * half_to_whole(2 * drawn - 1)
        asked = e.probe.backward([one, other, one + other, 2 * one, SMALL * one, 0 * one])[:, e.failing]
        one, other, both, twice, small, nothing = asked
        # What divides by its norm gives no number for 0, which says nothing more.
        nothing = np.nan_to_num(nothing)
        return Answers(one, other, both, twice, small / SMALL, nothing, e.tolerance[e.failing])

    def same(self, a: Array, b: Array) -> bool:
        """Whether two answers agree everywhere."""
        scale = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
        return bool(
            (np.abs(a - b) <= SAME * np.maximum(np.abs(a), np.abs(b)) + 1e-9 * scale + self.tolerance).all()
        )

    @property
    def known(self) -> bool:
        """Whether the backward pass answered, and not by 0 alone."""
        asked = np.concatenate([self.one, self.other, self.both, self.twice, self.small, self.nothing])
        return bool(np.isfinite(asked).all() and (np.abs(self.both) > TELLING * self.tolerance).any())

    @property
    def linear(self) -> bool:
        """Whether the sum's is the sum, and the double twice as much."""
        return self.same(self.both, self.one + self.other) and self.same(self.twice, 2 * self.one)


def non_linear(e: Evidence) -> Iterator[str]:
    """What the answers of a backward pass that is not linear say of it; nothing of a linear one."""
    answers = Answers.of(e)
    if not answers.known or answers.linear:
        return
    if (answers.nothing != 0).any() and not answers.same(answers.nothing, 0 * answers.nothing):
        if answers.same(answers.one, answers.other) and answers.same(answers.one, answers.nothing):
            yield "the upstream gradient is ignored: the tape gradient is the same for all of them"
        yield f"{USED}for one of 0 the tape gradient is not 0, so that a term is not multiplied by it"
    yield from _clipped(e, answers)
    if answers.same(answers.one, answers.twice):
        yield f"{USED}only its direction or sign counts, twice of it gives the same tape gradient"
    if answers.same(answers.twice, 4 * answers.one):
        yield f"{USED}twice of it gives 4 times the tape gradient, as of its square or of it times its size"
    if answers.same(answers.twice, 2 * answers.one):
        yield (
            f"{USED}the tape gradient for a sum of two is not the sum, though for twice one it is twice as "
            "much, as with a norm, an absolute value or a relu of the upstream gradient"
        )
    yield f"{USED}the tape gradient for a sum of two upstream gradients is not the sum of theirs"


def _clipped(e: Evidence, answers: Answers) -> Iterator[str]:
    """A tape that is right for small upstream gradients; by value or by norm, where the tapes show it."""
    few = np.flatnonzero(e.failing & e.moved)
    slopes = e.slopes.value[-1][e.failing]
    known = np.isfinite(slopes)
    if not few.size or not known.any():
        return
    # One by one: of several the last is taken louder.
    tapes, slopes = e.probe.backward(list(e.cotangents)), e.slopes.value
    yield from _by_value(e, tapes, slopes)
    yield from _by_norm(e, tapes, slopes)
    right = np.abs(answers.small - slopes[-1][e.failing])[known]
    size = np.abs(answers.small)[known]
    if (right <= SAME * size + 2 * answers.tolerance[known]).all() and (
        size > TELLING * answers.tolerance[known]
    ).any():
        yield f"{USED}right for small ones only, as where the gradient or the upstream gradient is clipped"


def _by_value(e: Evidence, tapes: Array, slopes: Array) -> Iterator[str]:
    low, high = float(tapes.min()), float(tapes.max())
    known = np.isfinite(slopes) & e.moved
    tight = SAME * max(abs(low), abs(high))
    with np.errstate(invalid="ignore"):
        below, above = known & (slopes < low - 10 * tight), known & (slopes > high + 10 * tight)
        near = np.abs(tapes - np.clip(slopes, low, high)) <= SAME * np.abs(slopes) + tight + 2 * e.tolerance
    cut = (below | above).any(axis=0)
    inside = known & (slopes > low + 10 * tight) & (slopes < high - 10 * tight)
    if not near[known].all() or cut.sum() < ENOUGH or inside.sum() < ENOUGH:
        return
    if below.any() and above.any():
        yield f"clipped: no tape gradient is below {low:.4g} or above {high:.4g}"
    elif (below | above).sum() > ENOUGH:
        side, end = ("below", low) if below.any() else ("above", high)
        yield f"clipped: no tape gradient is {side} {end:.4g}"


def _by_norm(e: Evidence, tapes: Array, slopes: Array) -> Iterator[str]:
    # Of one number of output a clipped upstream gradient is the same as a clipped norm.
    if e.scalar or not np.isfinite(slopes).all():
        return
    norms, wanted = np.linalg.norm(tapes, axis=1), np.linalg.norm(slopes, axis=1)
    shares = norms / np.maximum(wanted, np.finfo(float).tiny)
    along = np.abs(tapes - shares[:, None] * slopes) <= SAME * np.abs(slopes) + 2 * e.tolerance
    cut = shares < 1 - 10 * SAME
    if (
        along.all()
        and cut.sum() >= ENOUGH
        and np.ptp(norms[cut]) <= SAME * norms.max()
        and np.ptp(wanted[cut]) > 10 * SAME * wanted.max()
    ):
        norm = f"{float(norms[cut][0]):.4g}"
        yield f"clipped to a norm of {norm}: tape = difference × {norm} / ‖difference‖"
