"""What lies between slopes, and slopes along directions that keep ties, against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.verdicts.subgradients import TIES, along_ties, between, slack
from tests.posed import posed


def test_between_two_slopes_or_a_thousandth_beyond() -> None:
    low, high = np.array([1.0, 1.0, 1.0, 1.0]), np.array([3.0, 3.0, 3.0, 3.0])
    beyond = slack(low, high, np.full(4, 8.0))

    assert beyond.tolist() == [0.01] * 4
    assert between(np.array([0.9901, 0.9899, 3.0099, 3.0101]), low, high, beyond).tolist() == [
        True,
        False,
        True,
        False,
    ]
    assert not between(np.full(4, np.nan), low, high, beyond).any()


def test_directions_that_keep_ties() -> None:
    values = np.array([-2.0, 0.0, 3.0])

    assert {name: tie(values).tolist() for name, tie in TIES.items()} == {
        "ones": [1, 1, 1],
        "signs": [-1, 0, 1],
        "scaling": [-2, 0, 3],
    }


def test_slopes_along_a_tie() -> None:
    """max(x₀, x₁) grows by 1 along ones and has a corner across; |x₂| at 0 has one; y moves as well."""

    def function(x: Any, y: Any) -> Any:
        return tf.stack([tf.maximum(x[0], x[1]), tf.abs(x[2]), y[0] ** 2])

    problem = posed(function, x=np.array([2.0, 2.0, 0.0]), y=np.array([3.0]))

    rise, fall, rounding = along_ties(problem, {0: np.array([1.0, 1.0, 1.0]), 1: np.array([0.5])})
    across, other, _ = along_ties(problem, {0: np.array([1.0, -1.0, 0.0])})

    np.testing.assert_allclose(rise, [1, 1, 3], atol=1e-6)
    np.testing.assert_allclose(fall, [1, -1, 3], atol=1e-6)
    np.testing.assert_allclose(across, [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(other, [-1, 0, 0], atol=1e-6)
    # Two units in the last place of f, twice, over a step of 1.5e-8 times the scale.
    assert (rounding[[0, 2]] > 1e-9).all()
    assert (rounding < 1e-6).all()
