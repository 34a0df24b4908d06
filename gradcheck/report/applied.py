"""The tolerance that was applied to the elements of a check, as shares of S, and what widened it.

An element's share is max(tolerance, bound of its difference) / S. Elements that move nothing, corners and
elements below what differences resolve have no part in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.verdicts.outcome import Outcome, VariableOutcome
from gradcheck.verdicts.own_dtype import coarsest
from gradcheck.verdicts.rule import tolerance_of
from gradcheck.verdicts.verdict import ElementVerdict
from gradcheck.verdicts.widening import Applied, Widening


def applied(outcomes: Sequence[Outcome]) -> Applied | None:
    """The tolerances of all elements, and of all orders; None where there are none."""
    found = [_of_variable(variable) for outcome in outcomes for variable in outcome.variables]
    shares = np.concatenate([share for share, _ in found])
    if not shares.size:
        return None
    counts: Counter[int] = Counter()
    for _, codes in found:
        counts.update(dict(enumerate(np.bincount(codes, minlength=len(Widening)).tolist())))
    widened = [(Widening(code).in_words, count) for code, count in counts.most_common() if code and count]
    problem = outcomes[0].problem
    own = None
    if problem.exact_tape is not problem.own_tape:
        dtype = coarsest(problem.own)
        own = dtype, tolerance_of(dtype)
    return Applied(int(shares.size), float(shares.min()), float(shares.max()), tuple(widened), own)


def _of_variable(variable: VariableOutcome) -> tuple[Array, Array]:
    """Shares of S and `Widening` codes of the elements that have a tolerance."""
    judged = variable.judgement
    told = (judged.verdicts == ElementVerdict.MATCH) | (judged.verdicts == ElementVerdict.MISMATCH)
    told &= (judged.size > 0) & ~judged.corner & (judged.bound <= variable.limit * judged.size)
    flat = np.flatnonzero(told)
    share = np.maximum(judged.tolerance[flat], judged.bound[flat]) / judged.size[flat]
    finite = np.isfinite(share)
    return share[finite], judged.widened[flat][finite]
