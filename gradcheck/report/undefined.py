"""A tape that is NaN or infinite where the difference is finite, and the operation it comes from."""

from __future__ import annotations

import numpy as np

from gradcheck.function.operations import Operation
from gradcheck.report.evidence import Evidence
from gradcheck.verdicts.verdict import ElementVerdict

NOT_FINITE = "the tape gradient is not finite"


def undefined(e: Evidence) -> str | None:
    """What is said of a tape that is not finite; None where it is."""
    where = e.variable.verdicts.reshape(-1) == ElementVerdict.NONFINITE
    if not where.any():
        return None
    judged = e.judgement
    smooth = (
        where
        & ~judged.corner
        & np.isfinite(judged.bound)
        & (judged.bound <= 1e-3 * np.maximum(judged.size, 1))
    )
    ran = e.probe.operations()
    edges = [one for one in ran if one.edge is not None and one.edge.any()]
    hidden = [edge for edge in edges if any(one.hides(edge) for one in ran)]
    if smooth.any() and hidden:
        return (
            f"{NOT_FINITE} where the difference is: {_names(hidden)} has no finite derivative at entries "
            "that tf.where does not take, and 0 × inf is NaN; choose its argument by tf.where as well: "
            "tf.where(ok, f(tf.where(ok, x, 1.0)), other)"
        )
    if edges and (where & judged.corner).any():
        return (
            f"{NOT_FINITE}: {_names(edges)} is at the edge of its domain, and the function has a corner; add "
            "a small number inside, as in tf.sqrt(s + 1e-12)"
        )
    said = f"{NOT_FINITE} where the difference is" if smooth[where].all() else NOT_FINITE
    return f"{said}: {_names(edges)} is at the edge of its domain" if edges else said


def _names(operations: list[Operation]) -> str:
    return " and ".join(sorted({operation.kind for operation in operations}))
