"""What becomes of one variable: the tape at its own dtype, the closed form, the diagnosis, the warnings."""

from __future__ import annotations

import numpy as np

from gradcheck.arrays.shared_memory import view
from gradcheck.arrays.types import Array, eps_of
from gradcheck.function import noise_level, tape
from gradcheck.function.problem import Point
from gradcheck.report.diagnosis import Evidence, diagnose
from gradcheck.report.report import Variable
from gradcheck.verdicts import own_dtype
from gradcheck.verdicts.examine import Examination
from gradcheck.verdicts.rule import ROUNDED
from gradcheck.verdicts.verdict import ElementVerdict


def conclude(point: Point, number: int, examination: Examination) -> tuple[Variable, str | None]:
    """One variable's part of the report, and the line that explains its failure."""
    reason = _own_dtype(point, number, examination)
    closed = point.closed.get(point.names[number])
    if closed is not None:
        apart = np.abs(closed.reshape(-1) - examination.difference)
        checked = examination.verdicts != ElementVerdict.UNCHECKED
        # Where the function has saturated the formula still knows a slope that no difference can see.
        unseen = ROUNDED * point.precision.coarsest * examination.natural(np.arange(apart.size))
        allowed = examination.tolerance + unseen
        examination.verdicts[checked & ~(apart <= allowed)] = ElementVerdict.MISMATCH
    variable = _reported(point, number, examination, reason, closed)
    _warn(point, variable, examination)
    return variable, diagnose(_evidence(point, number, variable, examination))


def _own_dtype(point: Point, number: int, examination: Examination) -> str | None:
    """Hold the tape at the tensors' own dtype against the one at float64: why it fails, if it does."""
    own = point.own.reasons[number]
    if own is None and point.exact is not point.own:
        loss = own_dtype.compare(
            point.forward,
            point.native,
            point.exact,
            point.own,
            point.cotangents,
            number,
            examination.size,
            examination.natural(np.arange(examination.size.size)),
        )
        examination.verdicts[loss.nonfinite] = ElementVerdict.NONFINITE
        examination.verdicts[loss.wrong] = ElementVerdict.MISMATCH
        if loss.conditioned.size:
            point.warnings.append(loss.in_words(point.names[number]))
        if loss.wrong.size:
            own = f"the {loss.dtype} tape gradient is off the float64 one by {loss.worst:.2g} of its size"
    elif own is not None and own is not tape.NO_GRADIENT:
        examination.verdicts[:] = ElementVerdict.MISMATCH
    own = _reentrant(point, number, examination) or own
    failing = (examination.verdicts >= ElementVerdict.MISMATCH).any()
    return own if failing else None


def _reentrant(point: Point, number: int, examination: Examination) -> str | None:
    """Hold two runs of the backward pass against each other: why the variable fails, or else a warning."""
    found = point.apart[number]
    if found is None:
        return None
    apart = found.reshape(-1)
    worst = float(np.nanmax(apart))
    reason = f"the backward pass gave two different gradients in two runs, up to {worst:.3g} apart"
    # Not the tolerance of the verdict: that allows for what moves the tape, and here it moves by itself.
    dtype = own_dtype.coarsest(point.native)
    share = max(point.settings.rtol, own_dtype.tolerance(dtype))
    unseen = ROUNDED * eps_of(dtype) * examination.natural(np.arange(apart.size))
    allowed = point.settings.atol + share * examination.size + unseen
    wrong = apart > allowed
    examination.verdicts[wrong] = ElementVerdict.MISMATCH
    if wrong.any():
        return reason
    point.warnings.append(f"{point.names[number]}: {reason}, which is within the tolerance.")
    return None


def _reported(
    point: Point, number: int, examination: Examination, reason: str | None, closed: Array | None
) -> Variable:
    shape = tuple(point.forward.values[number].shape.as_list())
    checked = examination.verdicts != ElementVerdict.UNCHECKED
    return Variable(
        point.names[number],
        point.target.inputs[point.names[number]].dtype.name,
        point.exact.gradients[number][0],
        (
            examination.difference if checked.all() else np.where(checked, examination.difference, np.nan)
        ).reshape(shape),
        examination.tolerance.reshape(shape),
        examination.verdicts.reshape(shape),
        closed,
        reason,
    )


def _evidence(point: Point, number: int, variable: Variable, examination: Examination) -> Evidence:
    shape = point.forward.outputs[0].shape

    def neighbour() -> Array:
        values = [noise_level.nudged(value, point.settings.seed) for value in point.backward.values]
        nearby = tape.record(point.backward.at(values), point.cotangents[:1])
        return np.asarray(nearby.gradients[number][0])

    return Evidence(
        variable,
        point.exact.gradients[number],
        view(point.forward.values[number]).astype(np.float64, copy=False),
        examination.corner.reshape(variable.shape),
        shape[0] if shape else 1,
        neighbour,
    )


def _warn(point: Point, variable: Variable, examination: Examination) -> None:
    name = variable.name
    corners = variable.counts["kink"]
    if corners:
        where = [int(i) for i in np.argwhere(variable.verdicts == ElementVerdict.KINK)[0]]
        point.warnings.append(
            f"{name}: {corners:,} of {variable.verdicts.size:,} elements are at a kink (first: {where}), "
            "a corner, where there is no single derivative and the tape's value is a valid one."
        )
    one_sided = int(examination.one_sided.sum())
    if one_sided:
        point.warnings.append(
            f"{name}: {one_sided:,} elements at the edge of the function's domain were "
            "differenced on one side only, by a one-sided formula of second order."
        )
    open_ = np.flatnonzero(variable.verdicts == ElementVerdict.INCONCLUSIVE)
    if open_.size:
        first = [int(i) for i in np.unravel_index(open_[0], variable.shape)]
        point.warnings.append(
            f"{name}: {open_.size:,} elements could not be judged (first: {first}): the difference there is "
            f"known to ± {float(examination.bound[open_[0]]):.2g} only."
        )
    faint = examination.faint(examination.rule.limit)
    if faint.size:
        point.warnings.append(
            f"{name}: {faint.size:,} elements are below what differences can resolve (an error up to "
            f"{float(examination.bound[faint].max()):.2g} could not be seen)."
        )
    if not examination.differences.evaluation.traces:
        point.warnings.append(
            f"{name}: the function does not trace into a graph and was run eagerly, slower."
        )
