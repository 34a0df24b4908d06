"""Wrong derivatives in forward mode: every J u that is off fails, and one that is right passes.

Each wrong gradient of the corpus is called inside a tf.function, where TensorFlow's ForwardAccumulator takes
J u from the backward pass. Whether J u is off is known from plain differences along directions of this test's
own: 193 of the 214 are. Some mistakes do not reach J u, such as a constant that is added to a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Verdict, check
from tests.corpus import WRONG, Case
from tests.corpus.case import Array, Function
from tests.corpus.oracle import (
    RTOL,
    Slopes,
    floating_outputs,
    is_floating,
    promoted,
    slopes,
    slopes_along,
    stencils,
)
from tests.corpus.wrong_elements import MARGIN, vector
from tests.parameters import named

DIRECTIONS = 3
REFUSED = {
    "upstream: ignored by a product": "the backward pass returns an input as it is, which no graph takes",
    "custom gradients: scalar for a vector": "the shapes do not fit in a graph",
    "custom gradients: one row for all": "the shapes do not fit in a graph",
    "custom gradients: flattened": "the shapes do not fit in a graph",
    "indexing: duplicates overwritten": "forward mode raises SystemError",
    "low precision: float32 gradient of float64": "forward mode raises TypeError",
}
"""Cases that TensorFlow cannot trace or has no forward mode for."""
UNSEEN = {
    "ties: near tie split": "taken for a corner, which lies 1e-7 away",
    "mixed scale: one tiny element": "small outputs are allowed the rounding of large ones",
    "mixed scale: tiny elements dropped": "small outputs are allowed the rounding of large ones",
}
"""Cases whose J u is wrong and passes."""
RIGHT_ALL_THE_SAME = {
    "low precision: float32 differences",
    "low precision: float16 overflow",
    "low precision: float32 overflow",
    "low precision: float64 gradient of float32",
    "mixed scale: epsilon added to a tiny gradient",
    "upstream: absolute",
    "upstream: clipped to 1",
    "upstream: negative part dropped",
    "domain edges: power guarded on the outside only",
    "custom gradients: one element infinite",
    "custom gradients: penalty added",
    "custom gradients: unstable log(1 + e^x)",
}
"""Cases whose J u is right: TensorFlow differentiates the backward pass by its upstream gradient."""
CANDIDATES = [case for case in WRONG if case.label not in REFUSED]


class Tangent(Enum):
    """What is known of J u."""

    WRONG = "off along every direction"
    RIGHT = "off along none"
    OPEN = "between, or at a corner"


def compiled(function: Function) -> Function:
    """The function as one call of a graph."""
    graph = tf.function(lambda *tensors: function(*tensors))
    return lambda *tensors: graph(*tensors)


def tangent(function: Function, arrays: Sequence[Array], number: int, direction: Array) -> Array:
    """TensorFlow's J u for a direction of one input, zeros where there is none."""
    tensors = [tf.constant(array) for array in arrays]
    along = tf.constant(direction, tensors[number].dtype)
    with tf.autodiff.ForwardAccumulator(tensors[number], along) as accumulator:
        outputs = floating_outputs(function(*tensors))
    parts = zip(outputs, accumulator.jvp(outputs), strict=True)
    return vector([(tf.zeros_like(o) if found is None else found).numpy() for o, found in parts])


def off(
    case: Case, arrays: Sequence[Array], plain: Slopes, rows: slice, moves: Sequence[Array | None]
) -> float:
    """How far the worst output of J u is beyond the slopes along u, in tolerances.

    `rows` are the places of the one input that moves in `plain`, the slopes along single elements.
    """
    function, _ = case.make(6, 0)
    ((number, direction),) = ((n, move) for n, move in enumerate(moves) if move is not None)
    steps = [None if move is None else case.step * move for move in moves]
    central, left, right = stencils(slopes_along(function, arrays, steps, case.step))
    along = np.abs(direction).reshape(-1)
    size = along @ np.abs(plain.central[rows])
    # Rounding of the nine values, and what truncation leaves of one-sided slopes.
    noise = along @ plain.noise[rows] + 1e-10 * size
    gap = np.abs(right - left)
    half = np.where(gap > 1e-4 * size + 40 * noise, gap / 2, 0.0)
    found = tangent(compiled(function), arrays, number, direction)
    beyond = np.abs(found - np.where(half > 0, (left + right) / 2, central)) - half
    allowed = max(RTOL, 4 * case.eps ** (2 / 3)) * size + noise + 1e-4 * half
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(beyond <= 0, 0.0, beyond / allowed)
    return float(np.where(np.isfinite(found), share, np.inf).max())


def known(case: Case) -> Tangent:
    """Whether J u is off, as far as plain differences can tell."""
    function, inputs = case.make(6, 0)
    arrays = [array if case.native_only else promoted(array) for array in inputs.values()]
    plain = slopes(case, function, arrays)
    rng = np.random.default_rng(5)
    worst, first = [], 0
    for number, array in enumerate(arrays):
        if not is_floating(array):
            continue
        rows = slice(first, first + array.size)
        first += array.size
        size = np.where(array == 0, np.sqrt(np.mean(array**2)) or 1.0, np.abs(array))
        for _ in range(DIRECTIONS):
            direction = size * rng.uniform(0.5, 1.0, array.shape) * rng.choice([-1.0, 1.0], array.shape)
            moves: list[Array | None] = [None] * len(arrays)
            moves[number] = direction.astype(array.dtype)
            worst.append(off(case, arrays, plain, rows, moves))
    by_variable = np.array(worst).reshape(-1, DIRECTIONS)
    if (by_variable.min(axis=1) >= MARGIN).any():
        return Tangent.WRONG
    # Between the slopes of a corner a J u may be one that no choice of a gradient there gives.
    return Tangent.RIGHT if case.smooth and (by_variable <= 1 / MARGIN).all() else Tangent.OPEN


@pytest.mark.parametrize(
    "case",
    named(
        CANDIDATES,
        lambda case: case.label,
        # One whose J u is right is among them.
        lambda number, case: number % 120 == 0 or case.label == "upstream: absolute",
    ),
)
def test_a_wrong_tangent_fails_and_a_right_one_passes(case: Case, request: pytest.FixtureRequest) -> None:
    if case.label in UNSEEN:
        request.applymarker(pytest.mark.xfail(reason=UNSEEN[case.label], strict=True))
    function, inputs = case.make(6, 0)

    report = check(compiled(function), inputs, mode="forward")

    found = known(case)
    assert (found is Tangent.RIGHT) == (case.label in RIGHT_ALL_THE_SAME)
    assert found is not Tangent.OPEN or not case.smooth
    expected: dict[Tangent, Any] = {Tangent.WRONG: Verdict.FAIL, Tangent.RIGHT: Verdict.PASS}
    assert report.verdict is expected.get(found, report.verdict), f"{found.value}\n{report}"
