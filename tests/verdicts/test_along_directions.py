"""What slopes along directions say: bounds that hold, and refutations that are no accident."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Weighted
from gradcheck.differences.stencils import Estimate
from gradcheck.verdicts.along_directions import Slopes
from tests.differences.test_directions import EPS, directions
from tests.parameters import every, named
from tests.saying import normal

SIZE = 200
TRUE = normal(SIZE)


def slopes(tape: Array, seed: int = 0) -> Slopes:
    tested = directions(lambda x: tf.reduce_sum(TRUE * tf.sin(x)), seed=seed, x=np.zeros(SIZE))
    return Slopes.along(tested, tested.weighted.cotangents[:, :1] * tape, 1 / 3, EPS, 0.0)


@pytest.mark.parametrize("seed", named(range(20), str, every(5)))
def test_no_error_is_larger_than_the_reach_says(seed: int) -> None:
    """|e_j| ≤ 2 max (r + b) / a_j for every element; a million to one for each."""
    random = np.random.default_rng(seed)
    error = random.standard_normal(SIZE) * (random.uniform(size=SIZE) < 10.0 ** -random.integers(0, 3))

    found = slopes(TRUE + error, seed)

    # The loudest cotangent is the last one; the error of that of the first is as much smaller.
    assert np.abs(error).max() <= 2 * found.reach()


def test_errors_within_their_tolerances_are_not_refuted() -> None:
    tolerance = np.full(SIZE, 1e-3)
    for seed in range(5):
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], SIZE)
        assert not slopes(TRUE + tolerance * signs, seed).refuted(5 * tolerance).any()


def test_an_error_beyond_all_tolerances_is_refuted_along_every_direction() -> None:
    error = np.zeros(SIZE)
    error[17] = 0.1
    assert slopes(TRUE + error).refuted(np.full(SIZE, 1e-6)).all()


def test_known_errors_are_taken_out() -> None:
    error = np.zeros(SIZE)
    error[17] = 0.1
    found = slopes(TRUE + error)
    cotangents = found.directions.weighted.cotangents

    left = found.without(cotangents[:, :1] * error)

    assert found.seen().all()
    assert not left.seen().any()
    assert left.reach() < 1e-9
    np.testing.assert_allclose(left.tape, cotangents[:, :1] * TRUE, atol=1e-15)


def test_what_is_not_finite_bounds_nothing() -> None:
    tested = directions(lambda x: tf.reduce_sum(tf.math.log(x - 1)), x=1 + 1e-15 * np.arange(1, 9))
    found = Slopes.along(tested, np.zeros((len(tested.weighted.cotangents), 8)), 1 / 3, EPS, 0.0)
    assert found.reach() == np.inf
    assert not found.refuted(np.zeros(8)).any()


def test_where_nothing_moves_the_rounding_of_all_outputs_hides_a_slope() -> None:
    """4 Σ w σ / h = 4 (2 · 1e-3 + 3 · 1e-2) · 3 for a tape that is not 0."""
    still = directions(lambda x: 0 * tf.reduce_sum(x) + tf.constant([5.0, 7.0], x.dtype), x=np.ones(4))
    known = Weighted(
        still.weighted.cotangents, np.array([2.0, 3.0]), np.array([1e-3, 1e-2]), still.weighted.eps
    )
    still, zeros = replace(still, weighted=known), np.zeros((len(known.cotangents), 4))

    nothing, one = (Slopes.along(still, tape, 1 / 3, EPS, 0.0) for tape in (zeros, zeros + np.eye(4)[2]))

    assert not nothing.estimate.bound.any()
    # A distance of 0 is no more than a tolerance of 0.
    assert not nothing.refuted(np.zeros(4)).any()
    assert not nothing.seen().any()
    np.testing.assert_allclose(one.estimate.bound, 0.384)
    assert not one.refuted(np.zeros(4)).any()


def test_only_what_neither_moved_nor_is_in_doubt_is_hidden_by_rounding() -> None:
    """2 · 3 for a step of 4 · 2 · 3 / 4; the bound of anything else is its own."""
    ones, none = np.ones((1, 4)), np.zeros(4)
    sizes, bound = np.array([0.0, 0.0, 1.0, 1.0]), np.array([[0.0, 0.5, 0.0, 0.5]])
    estimate = Estimate(ones, bound, 0 * ones, sizes, none, none, none > 0, none)
    known: Any = SimpleNamespace(
        settled=lambda *given: (estimate, 1.0, 1.0),
        weighted=SimpleNamespace(shown=np.array([2.0]), noise=np.array([3.0])),
        slopes_of=lambda tape, count: 3 * ones,
    )

    found = Slopes.along(known, ones, 4.0, EPS, 0.0)

    assert found.estimate.bound.tolist() == [[6.0, 0.5, 0.0, 0.5]]
    assert found.signed.tolist() == [[2.0] * 4]


@dataclass
class Scales:
    """Of directions, what the arithmetic on slopes needs: the scale a of the chosen elements"""

    size: Array
    chosen: Array

    @property
    def elements(self) -> Scales:
        return self


def test_what_slopes_say_in_numbers() -> None:
    """Reach max (r + b), seen from 2 b on, tolerance 4 b + 6 |τ a|; two cotangents, three directions."""
    signed = np.array([[0.1, -3.0, 0.0], [0.0, 1.0, -0.5]])
    bound = np.array([[0.04, 0.5, 0.1], [0.1, 0.5, 0.3]])
    zeros = np.zeros(3)
    estimate = Estimate(signed, bound, 0 * signed, zeros, zeros, zeros, zeros > 0, zeros)
    scales: Any = Scales(np.array([9.0, 2.0, 0.5]), np.array([1, 2]))

    found = Slopes(scales, estimate, 1.0, 1.0, zeros, signed)

    assert found.reach() == 3.5
    assert found.seen().tolist() == [True, True, False]
    tau = np.array([0.15, 0.8])  # τ a = 0.3, 0.4 and their norm is 0.5
    np.testing.assert_allclose(found.tolerance(tau), 4 * bound + 3)
    assert found.refuted(tau).tolist() == [False, False, False]
    assert found.refuted(tau / 4).tolist() == [False, True, False]
    assert not found.corners
    one = np.where(bound == 0.3, 0.1, 0.0)
    assert replace(found, estimate=replace(estimate, half=one)).corners
    unknown = replace(found, signed=signed * np.nan)
    assert unknown.reach() == np.inf
