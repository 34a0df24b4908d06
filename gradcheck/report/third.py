"""What stands alone against tape and difference: the closed form, or a gradient that is given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.evidence import Evidence
from gradcheck.report.telling import ENOUGH, SAME, TELLING
from gradcheck.verdicts.third_opinion import TIED

AGREE = "tape and difference agree with one another, but not with the"


def closed_form(e: Evidence) -> Iterator[str]:
    """What is said where the closed form alone is wrong at every failing element."""
    if _alone(e, e.variable.closed_form):
        yield f"{AGREE} closed form"


def given(e: Evidence) -> Iterator[str]:
    """What is said where the given gradient alone is wrong at every failing element."""
    values = e.variable.given
    if e.variable.reason == TIED and e.judgement.corner[e.failing].all():
        yield TIED
    elif values is not None and _alone(e, values):
        yield f"{AGREE} given gradient{_factor(e, values.reshape(-1))}"


def _alone(e: Evidence, third: Array | None) -> bool:
    return third is not None and bool(e.variable.stands_alone(third).reshape(-1)[e.failing].all())


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
