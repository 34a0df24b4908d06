"""Tape against difference: a verdict for each element."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array, eps_of
from gradcheck.differences.stencils import Estimate
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.verdict import ElementVerdict
from gradcheck.verdicts.widening import TOLD, Widening, widening

ROUNDED = 16
"""Roundings of each contribution that a tape is allowed where the function computes in less than float64."""
LOSS_OF_DTYPE = 64
"""Roundings of S by which a tape of a dtype may be off: a sum of some thousand terms loses as much."""
MOST_LOST = 0.25
"""Share of S by which a tape may be off however coarse its dtype is: a factor of 1.5 must still show."""


def tolerance_of(dtype: str) -> float:
    """Share of S by which a tape of this dtype may be off."""
    return min(LOSS_OF_DTYPE * eps_of(dtype), MOST_LOST)


@dataclass(frozen=True)
class Rule:
    """What counts as agreement for one variable."""

    rtol: float
    asked: float
    """rtol as the user set it; rtol is wider where the only tape has the tensors' own dtype."""
    atol: float
    limit: float
    """Largest bound on a difference, as a share of S, that still allows a verdict."""
    scale: float
    """Typical S of the tensor."""
    floor: float
    """Bound, as a share of the scale, below which an element need not be resolved any better."""
    reach: float
    """The same as a multiple of `Estimate.output_noise`: a difference is good to ε^(2/3) Σ w |f| / |x|."""

    def allowed(self, estimate: Estimate) -> Array:
        """atol + rtol·S and the rounding of every contribution: the error that counts as agreement, [U]."""
        return np.asarray(self.atol + self.rtol * estimate.size + ROUNDED * estimate.rounding)

    def widened(self, estimate: Estimate, bound: Array | float = 0.0, rounding: Array | float = 0.0) -> Array:
        """What widens the tolerance beyond atol + rtol·S as it was asked for, `Widening` codes [U]."""
        asked = self.atol + self.asked * estimate.size
        none = np.zeros(asked.size)
        wider = self.rtol > self.asked
        return widening(
            asked,
            {
                Widening.DTYPE: (self.rtol - self.asked) * estimate.size if wider else none,
                Widening.CONTRIBUTIONS: ROUNDED * estimate.rounding,
                Widening.DIFFERENCE: none + bound,
                Widening.TAPE: none + rounding,
            },
        )

    @staticmethod
    def of(rtol: float, atol: float, eps: float, least: float = 0.0) -> Rule:
        """The rule at the coarsest precision of an output: a difference there is good to about eps^(2/3).

        `least` is the smallest share of S that the tape's own dtype allows.
        """
        reach, asked, rtol = eps ** (2 / 3), rtol, max(rtol, least)
        return Rule(
            rtol,
            asked,
            atol,
            min(0.3, max(1e-3, 1000 * reach, rtol)),
            0.0,
            max(rtol, 30 * reach),
            30 / eps ** (1 / 3),
        )


def judge_most(estimate: Estimate, tape: Array, rule: Rule) -> Judgement:
    """The judgement of `judge`, for elements of which nearly all plainly match: those by the short way."""
    allowed = rule.allowed(estimate)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(tape - estimate.value).max(axis=0)
        bound = estimate.bound.max(axis=0)
        plain = (error <= allowed) & (bound <= np.minimum(allowed / 4, rule.limit * estimate.size))
        plain &= ~estimate.half.any(axis=0)
        ratio = np.where(error == 0, 0.0, error / allowed)
    most = Judgement(
        np.full(plain.size, ElementVerdict.MATCH, np.uint8),
        estimate.value[0],
        allowed,
        ratio,
        estimate.bound[0],
        estimate.size,
        np.zeros(plain.size, bool),
        estimate.one_sided,
        np.zeros(plain.size, bool),
        np.zeros(plain.size),
        _plainly_widened(estimate, rule),
        estimate.step,
    )
    others = np.flatnonzero(~plain)
    if others.size:
        judged = judge(estimate.take(others), tape[:, others], rule)
        return most.put(others, judged)
    return most


def _plainly_widened(estimate: Estimate, rule: Rule) -> Array:
    """`Rule.widened` by the short way, [U]."""
    if rule.rtol > rule.asked:
        return rule.widened(estimate)
    told = ROUNDED * estimate.rounding > TOLD * (rule.atol + rule.asked * estimate.size)
    return np.where(told, np.uint8(Widening.CONTRIBUTIONS), np.uint8(Widening.NONE))


def judge(
    estimate: Estimate, tape: Array, rule: Rule, rounding: Array | float = 0.0, noise: Array | float = 0.0
) -> Judgement:
    """Judge the tape gradients [K, U] by the estimate [K, U].

    A smooth element matches if |tape − difference| ≤ atol + rtol·S, widened by a bound that is not small.
    At a corner the tape must lie in [Σ min(r D⁻, r D⁺), Σ max(r D⁻, r D⁺)] (Clarke 1983). Anything not seen
    to agree does not. `rounding` is how far its own rounding can move the tape; a tape no larger than
    `noise`, its change under a tiny move of the inputs, is nothing but rounding.
    """
    allowed = rule.allowed(estimate)
    vague = np.where(estimate.bound <= allowed / 4, 0.0, estimate.bound)
    tolerance = estimate.half + allowed + vague
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(tape - estimate.value)
        rounding = np.where((error <= tolerance).all(axis=0), 0.0, rounding)
        tolerance = tolerance + rounding
        agrees = (error <= tolerance).all(axis=0)
        ratio = np.where(error == 0, 0.0, error / tolerance).max(axis=0)
    corner = (estimate.half > 0).any(axis=0)
    verdicts = np.where(corner, ElementVerdict.KINK, ElementVerdict.MATCH).astype(np.uint8)
    verdicts[agrees & ~_resolved(estimate, tape, rule, rounding, noise)] = ElementVerdict.INCONCLUSIVE
    # A difference that is known to no better than `bound` still refutes what lies far outside it.
    verdicts[~agrees] = ElementVerdict.MISMATCH
    verdicts[~np.isfinite(estimate.bound).all(axis=0)] = ElementVerdict.INCONCLUSIVE
    verdicts[~np.isfinite(tape).all(axis=0)] = ElementVerdict.NONFINITE
    return Judgement(
        verdicts,
        estimate.value[0],
        tolerance[0],
        np.where(np.isnan(ratio), np.inf, ratio),
        estimate.bound[0],
        estimate.size,
        np.asarray(corner),
        estimate.one_sided,
        np.zeros(corner.size, bool),
        estimate.half[0],
        rule.widened(estimate, vague[0], np.broadcast_to(rounding, tolerance.shape)[0]),
        estimate.step,
    )


def _resolved(estimate: Estimate, tape: Array, rule: Rule, rounding: Array, noise: Array | float) -> Array:
    """Whether the difference is known well enough for agreement to mean something, [U]."""
    with np.errstate(invalid="ignore"):
        # Where nothing moved and the tape says so too, only what a rounded output can hide is unknown.
        still = (estimate.value == 0).all(axis=0) & (estimate.size == 0) & (tape == 0).all(axis=0)
        # A slope that cannot be told from 0 need be resolved no better than any difference could.
        nothing = np.abs(tape) <= 4 * estimate.bound + ROUNDED * noise
        zero = (nothing & (np.abs(estimate.value) <= 4 * (estimate.bound + rounding))).all(axis=0)
        floor = np.where(still, rule.limit, rule.floor) * rule.scale
        floor = np.maximum(floor, np.where(zero, rule.reach * estimate.output_noise, 0.0))
        # A tape that its own rounding moves about is known no better than a difference with such a bound.
        known = np.maximum(estimate.bound, rounding) <= np.maximum(rule.limit * estimate.size, floor)
    return np.asarray(known.all(axis=0))


def unsettled(estimate: Estimate, judged: Judgement, tape: Array, rule: Rule) -> Array:
    """Indices of the elements whose slope is not known as well as the tolerance asks for."""
    left = np.flatnonzero(~estimate.resolved(rule.rtol, rule.atol))
    few, own = estimate.take(left), tape[:, left]
    # Nothing moved, and the tape says so too.
    still = (few.value == 0).all(axis=0) & (few.size == 0) & (own == 0).all(axis=0)
    return np.asarray(left[~(still & (judged.verdicts[left] != ElementVerdict.INCONCLUSIVE))])
