"""What stands alone against tape and difference: the closed form, or a gradient that is given."""

from __future__ import annotations

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.evidence import Evidence
from gradcheck.report.telling import ENOUGH, SAME, TELLING
from gradcheck.verdicts.third_opinion import TIED


def third(e: Evidence) -> str | None:
    """What is said where tape and difference agree at every failing element; None where they do not."""
    if e.variable.reason == TIED and e.judgement.corner[e.failing].all():
        return TIED
    for array, name in ((e.variable.closed_form, "closed form"), (e.variable.given, "given gradient")):
        if array is not None and _alone(e, array.reshape(-1)):
            factor = _factor(e, array.reshape(-1)) if array is e.variable.given else ""
            return f"tape and difference agree with one another, but not with the {name}{factor}"
    return None


def _alone(e: Evidence, values: Array) -> bool:
    agree = np.abs(e.tapes[0] - e.difference) <= e.tolerance
    apart = ~(np.abs(values - e.difference) <= e.tolerance)
    return bool((agree & apart)[e.failing].all())


def _factor(e: Evidence, values: Array) -> str:
    """The values as a multiple of the difference, if all are."""
    known = e.moved & np.isfinite(values)
    told = known & e.failing & (np.abs(e.difference) > TELLING * e.tolerance)
    if int(told.sum()) < min(ENOUGH, values.size):
        return ""
    found = float(np.median(values[told] / e.difference[told]))
    near = SAME * np.abs(found * e.difference) + 2 * max(1.0, abs(found)) * e.tolerance
    if found == 0 or not (np.abs(values - found * e.difference) <= near)[known].all():
        return ""
    return ": given = −difference" if abs(found + 1) < SAME else f": given = {found:.7g} × difference"
