"""Tape against difference: a verdict for each element."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.stencils import Slopes
from gradcheck.verdicts.verdict import ElementVerdict

ROUNDED = 16
"""Roundings of each contribution that a tape is allowed where the function computes in less than float64."""


@dataclass(frozen=True)
class Rule:
    """What counts as agreement for one variable."""

    rtol: float
    atol: float
    limit: float
    """Largest bound on a difference, as a share of S, that still allows a verdict."""
    scale: float
    """Typical S of the tensor."""
    floor: float
    """Bound, as a share of the scale, below which an element need not be resolved any better."""
    reach: float
    """The same as a multiple of `Slopes.held`: a difference is good to ε^(2/3) Σ w |f| / |x|."""

    def allowed(self, slopes: Slopes) -> Array:
        """atol + rtol·S and the rounding of every contribution: the error that counts as agreement, [U]."""
        return np.asarray(self.atol + self.rtol * slopes.size + ROUNDED * slopes.rounding)

    @staticmethod
    def of(rtol: float, atol: float, eps: float) -> Rule:
        """The rule at the coarsest precision of an output: a difference there is good to about eps^(2/3)."""
        reach = eps ** (2 / 3)
        return Rule(
            rtol, atol, min(0.3, max(1e-3, 1000 * reach)), 0.0, max(rtol, 30 * reach), 30 / eps ** (1 / 3)
        )


@dataclass(frozen=True)
class Judgement:
    """Verdicts of U elements, and the numbers behind them for the cotangent that is shown."""

    verdicts: Array
    difference: Array
    tolerance: Array
    share: Array
    """Error as a share of the tolerance, the worst over all cotangents."""
    bound: Array
    """Bound on the difference for the cotangent that is shown."""
    size: Array
    """S for the cotangent that is shown."""
    corner: Array
    """Where the one-sided slopes differ, [U]."""
    one_sided: Array
    """Where only one side of the point lies in the function's domain, [U]."""


def judge_most(slopes: Slopes, tape: Array, rule: Rule) -> Judgement:
    """The judgement of `judge`, for elements of which nearly all plainly match: those by the short way."""
    allowed = rule.allowed(slopes)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(tape - slopes.value).max(axis=0)
        bound = slopes.bound.max(axis=0)
        plain = (error <= allowed) & (bound <= np.minimum(allowed / 4, rule.limit * slopes.size))
        plain &= ~slopes.half.any(axis=0)
        share = np.where(error == 0, 0.0, error / allowed)
    most = Judgement(
        np.full(plain.size, ElementVerdict.MATCH, np.uint8),
        slopes.value[0],
        allowed,
        share,
        slopes.bound[0],
        slopes.size,
        np.zeros(plain.size, bool),
        slopes.one_sided,
    )
    others = np.flatnonzero(~plain)
    if others.size:
        judged = judge(slopes.take(others), tape[:, others], rule)
        for name in ("verdicts", "tolerance", "share", "corner"):
            getattr(most, name)[others] = getattr(judged, name)
    return most


def judge(
    slopes: Slopes, tape: Array, rule: Rule, rounding: Array | float = 0.0, wobble: Array | float = 0.0
) -> Judgement:
    """Judge the tape gradients [K, U] by the slopes [K, U].

    A smooth element matches if |tape − difference| ≤ atol + rtol·S, widened by the difference's bound where
    that is not small. At a corner the tape must lie in [Σ min(r D⁻, r D⁺), Σ max(r D⁻, r D⁺)], the
    directional form of Clarke's generalised gradient (Clarke 1983). Anything not seen to agree does not.

    `rounding` is how far its own rounding can move the tape, allowed where it is needed; a tape no larger
    than `wobble`, its change under a tiny move of the inputs, is nothing but rounding.
    """
    allowed = rule.allowed(slopes)
    tolerance = slopes.half + allowed + np.where(slopes.bound <= allowed / 4, 0.0, slopes.bound)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(tape - slopes.value)
        rounding = np.where((error <= tolerance).all(axis=0), 0.0, rounding)
        tolerance = tolerance + rounding
        agrees = (error <= tolerance).all(axis=0)
        share = np.where(error == 0, 0.0, error / tolerance).max(axis=0)
        # Where nothing moved and the tape says so too, only what a rounded output can hide is unknown.
        still = (slopes.value == 0).all(axis=0) & (slopes.size == 0) & (tape == 0).all(axis=0)
        # A slope that cannot be told from 0 need be resolved no better than any difference could.
        nothing = np.abs(tape) <= 4 * slopes.bound + ROUNDED * wobble
        zero = (nothing & (np.abs(slopes.value) <= 4 * (slopes.bound + rounding))).all(axis=0)
        floor = np.where(still, rule.limit, rule.floor) * rule.scale
        floor = np.maximum(floor, np.where(zero, rule.reach * slopes.held, 0.0))
        # A tape that its own rounding moves about is known no better than a difference with such a bound.
        known = np.maximum(slopes.bound, rounding) <= np.maximum(rule.limit * slopes.size, floor)
        unknown = ~known.all(axis=0)
    corner = np.asarray((slopes.half > 0).any(axis=0))
    verdicts = np.where(corner, ElementVerdict.KINK, ElementVerdict.MATCH)
    verdicts = np.where(agrees & unknown, ElementVerdict.INCONCLUSIVE, verdicts)
    # A difference that is known to no better than `bound` still refutes what lies far outside it.
    verdicts = np.where(~agrees, ElementVerdict.MISMATCH, verdicts)
    verdicts = np.where(~np.isfinite(slopes.bound).all(axis=0), ElementVerdict.INCONCLUSIVE, verdicts)
    verdicts = np.where(np.isfinite(tape).all(axis=0), verdicts, ElementVerdict.NONFINITE)
    return Judgement(
        verdicts.astype(np.uint8),
        slopes.value[0],
        tolerance[0],
        np.where(np.isnan(share), np.inf, share),
        slopes.bound[0],
        slopes.size,
        corner,
        slopes.one_sided,
    )
