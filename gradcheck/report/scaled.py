"""Tapes that are off by a rule with one number to fit: a factor, a multiple of the variable, an amount.

The number comes from the elements that tell most, and has to explain all others, for every cotangent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.elsewhere import nearby
from gradcheck.report.evidence import Evidence
from gradcheck.report.telling import SAME, TELLING

ASKED = 8
"""Failing elements whose factor is asked for at another point, at four evaluations each."""
SCATTER = 0.02
"""Share of its distance from 1 by which a factor may scatter."""
LITTLE = 25
"""Percent by which an inexact constant may put an element off."""
SEVERAL = 3
"""Elements that an amount besides the difference has to explain: two lie on one line whatever they are."""

MOSTLY = 0.75
"""Share of the elements that a missing sum puts off: all but those at which its factor is 0."""


def factor(e: Evidence) -> str | None:
    """The tape as a multiple of the difference, in words; a constant if it is the same at another point."""
    found = _fitted(e)
    if found is None:
        return None
    elsewhere = _elsewhere(e, found)
    here = (
        "" if elsewhere else " at this point" if elsewhere is None else " at this point, but not at another"
    )
    of = "off by a constant factor" if elsewhere else f"off by the same factor in all elements{here}"
    said = f"tape = {found:.7g} × difference"
    if abs(found + 1) < SAME:
        return f"the sign is wrong{here}: tape = −difference"
    if found < 0:
        return f"{of} that is negative, as of a gradient reversal: {said}" if elsewhere else f"{of}: {said}"
    known = _lengths(e, found)
    if known is None:
        return f"{of}: {said}"
    number, names = known
    if found < 1 and number > 2:
        said = f"tape = difference / {number}"
    return f"{of}: {said}, and {number} is {names}"


def _elsewhere(e: Evidence, found: float) -> bool | None:
    """Whether the factor is that of a point nearby too; None where that is not known."""
    there = nearby(e.probe, np.flatnonzero(e.failing & e.moved)[:ASKED])
    # An element that fails beyond a value only may be right there.
    where = there.wrong if e.telling.any() else there.known
    where = where & (np.abs(there.slope) > TELLING * there.bound)
    if not where.any():
        return None
    apart = np.abs(there.tape - found * there.slope)[where]
    return bool(
        (
            apart
            <= SCATTER * abs(found - 1) * np.abs(there.slope[where]) + 2 * abs(found) * there.bound[where]
        ).all()
    )


def _fitted(e: Evidence) -> float | None:
    slopes = e.slopes
    where = e.moved & e.failing
    told = where & (np.abs(slopes.value) > TELLING * (e.tolerance + slopes.bound))
    if not told.any():
        return None
    shares = e.tapes[told] / slopes.value[told]
    found = float(np.median(shares))
    if found == 0 or not np.isfinite(found) or not e.explains(found * slopes.value, where):
        return None
    # A factor near 1 is only one if it stands out from its own scatter.
    return found if np.ptp(shares) <= SCATTER * abs(found - 1) else None


def _lengths(e: Evidence, found: float) -> tuple[int, str] | None:
    """The whole number that a factor multiplies or divides by, and what is so long."""
    number = round(max(found, 1 / found))
    if number < 2 or abs(max(found, 1 / found) / number - 1) > SAME:
        return None
    lengths = {
        "the batch size": e.outputs[0] if e.outputs else 1,
        "the number of outputs": e.cotangents.shape[1],
        f"the number of elements of {e.variable.name}": e.failing.size,
    }
    names = [name for name, length in lengths.items() if length == number]
    shapes = {"the output": e.outputs, e.variable.name: e.variable.shape}
    names = names or [
        f"the length of axis {axis} of {of}"
        for of, shape in shapes.items()
        for axis, length in enumerate(shape)
        if length == number
    ]
    return (number, " and ".join(names)) if names else None


def summed(e: Evidence) -> Iterator[str]:
    """The error in each row along an axis as one vector times a number that the upstream gradient decides, as
    of softmax without its sum."""
    shape = e.variable.shape
    if (
        e.outputs != shape
        or e.cotangents.shape[1] != e.failing.size
        or not e.everything
        or not np.isfinite(e.slopes.value).all()
    ):
        return
    # In units of what is rounding at each element, so that small ones count as much: the rank stays.
    units = np.maximum(e.tolerance + e.slopes.bound, np.finfo(float).tiny)
    errors = ((e.tapes - e.slopes.value) / units).reshape(-1, *shape)
    for axis in range(len(shape)):
        failing = np.moveaxis(e.failing.reshape(shape), axis, -1)
        # A few wrong elements are one vector times a number whatever they are.
        if min(len(errors), int(failing.sum(axis=-1).min())) < SEVERAL or failing.mean() < MOSTLY:
            continue
        rows = np.moveaxis(errors, (0, axis + 1), (-2, -1))
        sizes = np.linalg.svd(rows, compute_uv=False)
        if (sizes[..., 1] <= SAME * sizes[..., 0] + TELLING).all() and (sizes[..., 0] > TELLING**2).any():
            yield (
                f"off by one vector times a number in each row along axis {axis}, as where a sum is missing "
                "or wrong"
            )


def amounts(e: Evidence) -> Iterator[str]:
    """The error as a multiple of the variable, or the same in every element."""
    name = e.variable.name
    c = _amount(e, e.point)
    if c is not None:
        yield (
            f"off by a multiple of the variable: tape − difference = {c:.6g} × {name}, as where a term in "
            "its square (a weight decay) is missing or has the wrong factor"
        )
    c = _amount(e, np.ones(e.point.size))
    if c is not None:
        yield (
            f"off by the same amount in every element: tape − difference = {c:.6g}, as where a linear term "
            "is missing or wrong"
        )


def _amount(e: Evidence, basis: Array) -> float | None:
    """c such that tape − difference = c · basis · upstream, for one number of output, or as many outputs as
    elements."""
    outputs = e.cotangents.shape[1]
    if outputs not in (1, e.point.size) or math.prod(e.outputs) != outputs:
        return None
    if outputs > 1 and e.outputs != e.variable.shape:
        return None
    along = basis * e.cotangents.astype(np.float64)
    slopes = e.slopes
    with np.errstate(invalid="ignore"):
        error = e.tapes - slopes.value
        told = e.failing & e.moved & (np.abs(error) > TELLING * (e.tolerance + slopes.bound)) & (along != 0)
    if told.any(axis=0).sum() < SEVERAL:
        return None
    c = float(np.median(error[told] / along[told]))
    scatter = np.abs(error[told] - c * along[told]) <= 1e-3 * np.abs(error[told])
    return c if scatter.all() and e.explains(slopes.value + c * along) else None


def spread(e: Evidence) -> Iterator[str]:
    """Every element a little off, each by a share of its own: so a constant that is not exact shows."""
    difference = e.difference[e.failing]
    if e.telling.any() or difference.size < SEVERAL or not e.shown_wrong[e.failing].all():
        return
    if not difference.all():
        return
    shares = 100 * np.abs(e.tapes[0, e.failing] - difference) / np.abs(difference)
    if shares.max() < LITTLE:
        yield (
            f"off by no common factor, by {shares.min():.2g} % to {shares.max():.2g} % of the difference, as "
            "when a term or a constant of the formula is wrong"
        )
