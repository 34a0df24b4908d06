"""Functions of each element by itself whose derivative is wrong as a function of the element's value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.report.elsewhere import follows_values
from gradcheck.report.evidence import Evidence
from gradcheck.report.telling import SAME, TELLING

DISTINCT = 4
"""Values of failing elements from which a function of the value shows."""


def own_slope(e: Evidence) -> Iterator[str]:
    """A tape that is r_j times a function of x_j, as the difference is, and another function."""
    if e.outputs != e.variable.shape or e.cotangents.shape[1] != e.point.size:
        return
    shown = e.failing & e.shown_wrong & (np.abs(e.difference) > TELLING * e.tolerance)
    if np.unique(e.point[shown]).size < DISTINCT or not _elementwise(e) or not follows_values(e.probe):
        return
    apart = np.where(shown, np.abs(e.tapes[0] - e.difference) / np.abs(e.difference), 0.0)
    worst = int(np.argmax(np.nan_to_num(apart)))
    yield (
        f"elementwise, off by a factor that depends on the value of {e.variable.name} alone: at "
        f"{e.point[worst]:.4g} the tape gradient is {e.tapes[0, worst]:.4g}, the difference "
        f"{e.difference[worst]:.4g}"
    )


def _elementwise(e: Evidence) -> bool:
    """Whether tape and difference are the upstream gradient's own entry times a number that is the same for
    all upstream gradients."""
    r = e.cotangents.astype(np.float64)
    for found in (e.tapes, e.slopes.value):
        shares = found / np.where(r == 0, np.nan, r)
        known = np.isfinite(shares)
        bound = SAME * np.abs(shares[0]) + 4 * (e.tolerance + e.slopes.bound)
        with np.errstate(invalid="ignore"):
            near = np.abs(shares - shares[0]) <= bound
        if not near[known].all() or known[1:, e.failing].sum() < DISTINCT:
            return False
    return True
