"""Which outputs a wrong gradient is wrong for: tape partial derivatives against differences, one by one."""

from __future__ import annotations

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.stencils import ROUNDINGS
from gradcheck.function import tape
from gradcheck.function.problem import Point
from gradcheck.verdicts.examine import Examination

SHOWN = 3
"""Failing elements of a variable that are looked into."""
ROWS = 64
"""Outputs whose tape partial derivatives are asked for one by one, the most moved first."""
APART = 1e-3
"""Share by which a partial derivative has to be off to be called wrong."""


def involved(point: Point, number: int, examination: Examination) -> list[str]:
    """A line for each of the worst failing elements: the outputs whose partial derivatives are wrong.

    Nothing is said of corners, where there is no partial derivative, nor where all of them agree, as they do
    when a backward pass is wrong for some upstream gradients only; nor where there is no tape gradient.
    """
    if point.exact.reasons[number] is not None or point.own.reasons[number] is not None:
        return []
    wrong = examination.worst_first()
    wrong = wrong[~examination.corner[wrong]]
    if wrong.size == 0 or not point.base.size:
        return []
    found = []
    for element in wrong[:SHOWN]:
        differences, noise = _differences(point, examination, int(element))
        rows = np.argsort(-np.abs(differences), kind="stable")[:ROWS]
        tapes = _tapes(point, number, int(element), rows)
        apart = np.abs(tapes - differences[rows])
        size = np.maximum(np.abs(tapes), np.abs(differences[rows]))
        off = np.flatnonzero(~(apart <= APART * size + noise[rows]))
        if off.size:
            index = [int(i) for i in np.unravel_index(element, examination.shape)]
            found.append(_line(point, number, index, rows[off], tapes[off], differences[rows][off]))
    return found


def _differences(point: Point, examination: Examination, element: int) -> tuple[Array, Array]:
    """∂f_i/∂x_j for all i by a central difference, [outputs], and its noise."""
    eps = point.precision.finest
    flat = np.array([element, element])
    step = eps ** (1 / 3) * examination.steps.scale(flat)
    moves = (step * [1.0, -1.0]).astype(examination.steps.point.dtype)
    (up, down), _ = examination.differences.evaluation.elements(flat, moves, plain=True)
    with np.errstate(invalid="ignore"):
        return (up - down) / (2 * step[0]), ROUNDINGS * point.precision.noise / step[0]


def _tapes(point: Point, number: int, element: int, rows: Array) -> Array:
    """∂f_i/∂x_j by the tape for the outputs at `rows`, a backward pass for each."""
    found = np.empty(rows.size)
    for place, row in enumerate(rows):
        one = np.zeros((1, point.base.size))
        one[0, row] = 1.0
        found[place] = tape.record(point.backward, one).gradients[number].reshape(-1)[element]
    return found


def _line(
    point: Point, number: int, index: list[int], outputs: Array, tapes: Array, differences: Array
) -> str:
    worst = int(np.argmax(np.abs(tapes - differences)))
    others = outputs.size - 1
    more = "" if not others else f", and {others:,} other{'s' if others > 1 else ''} of the {ROWS} most moved"
    if outputs.size <= ROWS and point.base.size <= ROWS and others:
        more = f", and {others:,} other{'s' if others > 1 else ''}"
    return (
        f"{point.names[number]}{index}: wrong for {point.forward.locate(int(outputs[worst]))}: "
        f"tape {tapes[worst]:.6g}, difference {differences[worst]:.6g}{more}"
    )
