"""A given gradient at a tie: whatever each element has, together they have the slope along the tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.verdicts.given_ties import _contradiction
from gradcheck.verdicts.subgradients import SMOOTH, along_ties
from tests.posed import posed


def largest(x: Any) -> Any:
    return 3 * tf.reduce_max(x)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [([3.0, 0.0], False), ([1.0, 2.0], False), ([3.0, 3.0], True), ([0.0, 0.0], True), ([1.5, 1.4], True)],
)
def test_the_elements_of_a_tie_have_the_gradient_once(given: list[float], wrong: bool) -> None:
    """Error ÷ (noise + 1.01e-4 S and the rounding of what is given), along ones."""
    problem = posed(largest, x=np.array([2.0, 2.0]))
    r = problem.cotangents[0, 0]
    rounding, ones = np.array([1e-3, 2e-3]), np.ones(2)

    off = _contradiction(problem, 0, ones, r * np.array(given), rounding)

    if not wrong:
        assert off == 0.0
        return
    *_, noise = along_ties(problem, {0: ones})
    bound = abs(r) * (noise[0] + (SMOOTH + 1e-6) * 3) + 3e-3
    np.testing.assert_allclose(off, abs(r) * abs(sum(given) - 3) / bound, rtol=1e-5)


def test_a_direction_across_the_tie_says_nothing() -> None:
    problem = posed(largest, x=np.array([2.0, 2.0]))

    assert _contradiction(problem, 0, np.array([1.0, -1.0]), np.array([99.0, 0.0]), np.zeros(2)) == 0.0
