"""A tape that is NaN or infinite where the difference is finite, and the operation it comes from."""

from __future__ import annotations

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.operations import Operation
from gradcheck.report.answers import USED
from gradcheck.report.evidence import Evidence
from gradcheck.verdicts.verdict import ElementVerdict

NAMES = {
    "Sqrt": "tf.sqrt at 0",
    "Rsqrt": "tf.math.rsqrt at 0",
    "Log": "tf.math.log at 0",
    "RealDiv": "a division by 0",
    "Reciprocal": "a division by 0",
    "Pow": "a power of 0",
    "EuclideanNorm": "a norm at 0",
}
"""Operations at the edge of their domains, or beyond it, as a user knows them."""
NOT_FINITE = "the tape gradient is not finite"


def undefined(e: Evidence) -> str | None:
    """What is said of a tape that is not finite; None where it is."""
    where = e.variable.verdicts.reshape(-1) == ElementVerdict.NONFINITE
    if not where.any():
        return None
    if np.isfinite(e.tapes[0, where]).all():
        return f"{USED}{NOT_FINITE} for another one than that shown"
    judged = e.judgement
    smooth = (
        where
        & ~judged.corner
        & np.isfinite(judged.bound)
        & (judged.bound <= 1e-3 * np.maximum(judged.size, 1))
    )
    ran = e.probe.operations()
    edges = [one for one in ran if one.edge is not None and _reaches(one.edge, where, e.variable.shape)]
    hidden = [edge for edge in edges if any(one.hides(edge) for one in ran)]
    if smooth.any() and hidden:
        return (
            f"{NOT_FINITE} where the difference is: {_names(hidden)} has no finite derivative, at entries "
            "that tf.where does not take, and 0 × inf is NaN; choose its argument by tf.where as well: "
            "tf.where(ok, f(tf.where(ok, x, 1.0)), other)"
        )
    if edges and (where & judged.corner).any():
        return (
            f"{NOT_FINITE}: {_names(edges)} has no finite derivative, and the function has a corner; add "
            "a small number inside, as in tf.sqrt(s + 1e-12)"
        )
    said = f"{NOT_FINITE} where the difference is" if smooth[where].all() else NOT_FINITE
    return f"{said}: {_names(edges)} has no finite derivative" if edges else said


def _names(operations: list[Operation]) -> str:
    return " and ".join(sorted({NAMES.get(operation.kind, operation.kind) for operation in operations}))


def _reaches(edge: Array, where: Array, shape: tuple[int, ...]) -> bool:
    """Whether an operation at the edge of its domain can be why the tape is not finite there: entry by entry
    where it has the variable's shape."""
    return bool(edge.any() and (edge.shape != shape or edge[where.reshape(shape)].all()))
