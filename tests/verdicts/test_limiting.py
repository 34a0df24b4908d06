"""Limiting gradients: the side of many corners at once that a tape took."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.verdicts.limiting import (
    CLOSEST,
    DISTANCES,
    SIDES,
    Side,
    agrees,
    side_of_the_tape,
    tape_at,
)
from tests.corpus.case import Broken
from tests.posed import posed
from tests.saying import normal

IMAGES = np.where(np.arange(8)[None, :, None, None] < 4, 0.0, normal(3, 8, 8, 2, seed=1))
X, Y = np.array([2.0, -0.5, 0.0]), np.array([0.01, 0.003])
KERNEL = normal(3, 3, 2, 4, seed=2) / 3


def network(kernel: Any, bias: Any) -> Any:
    """Images with a constant background: with zero biases many outputs of the convolution are exactly 0"""
    hidden = tf.nn.relu(tf.nn.conv2d(tf.constant(IMAGES), kernel, 1, "SAME") + bias)
    return tf.reduce_sum(tf.nn.max_pool2d(hidden, 2, 2, "VALID") ** 2) + tf.reduce_sum(hidden)


def test_the_tape_of_relu_is_the_one_with_smaller_biases() -> None:
    """relu′(0) = 0 in TensorFlow."""
    problem = posed(network, kernel=KERNEL, bias=np.zeros(4))

    side = side_of_the_tape(problem)

    kernel, bias = side.moves
    assert (bias < 0).all()
    assert (kernel == 0).all()
    assert agrees(problem, tape_at(problem, side.values(problem, CLOSEST)), CLOSEST).all()
    # With larger biases the units of the background are on: that changes the gradient of the biases.
    assert side.kinks[-4:].any()


def test_random_points_do_not_find_it() -> None:
    problem = posed(network, kernel=KERNEL, bias=np.zeros(4))
    random = np.random.default_rng(0)
    moved = [v + CLOSEST * random.standard_normal(v.shape) for v in problem.exact.values]
    assert not agrees(problem, tape_at(problem, moved), CLOSEST).all()


@pytest.mark.parametrize("count", [1, 6])
def test_a_tape_that_is_no_limit_agrees_on_no_side(count: int) -> None:
    """relu′(0) = ½ is between the slopes, and no gradient nearby has it."""

    def half(upstream: Any, x: Any) -> Any:
        return upstream * tf.where(x == 0, 0.5, tf.cast(x > 0, x.dtype))

    problem = posed(Broken(lambda x: tf.reduce_sum(tf.nn.relu(x)), half), x=np.zeros(count))

    side = side_of_the_tape(problem)

    assert not any(move.any() for move in side.moves)


def test_a_smooth_function_has_no_side() -> None:
    side = side_of_the_tape(
        posed(lambda x, y: tf.reduce_sum(tf.sin(x)) * tf.reduce_sum(y), x=normal(5), y=normal(3))
    )
    assert not any(move.any() for move in side.moves)
    assert not side.kinks.any()


def test_a_side_is_one_that_moves_any_element() -> None:
    nothing, some = np.zeros(3), np.array([-1.0, 0.0, 1.0])

    assert Side((nothing, some), np.zeros(6, bool)).moves_any
    assert Side((some, nothing), np.zeros(6, bool)).moves_any
    assert not Side((nothing, nothing), np.zeros(6, bool)).moves_any


def test_a_tape_may_change_by_a_ten_thousandth_and_by_curvature() -> None:
    """|Δ| ≤ 1e-4 max |T| + 10 ε · the largest gradient of the variable, for every cotangent."""
    problem = posed(lambda x, y: tf.reduce_sum(X * x) + tf.reduce_sum(Y * y), x=X, y=Y)
    tape = np.concatenate(
        [gradient.reshape(len(gradient), -1) for gradient in problem.exact_tape.gradients], 1
    )
    largest = np.repeat([np.abs(tape[:, :3]).max(), np.abs(tape[:, 3:]).max()], [3, 2])

    for distance in (1e-7, 1e-2):
        slack = 1e-4 * np.abs(tape) + 10 * distance * largest
        assert agrees(problem, tape - 0.99 * slack, distance).all()
        assert agrees(problem, tape * (1 + 1e-4), distance).all()
        assert not agrees(problem, tape - 1.01 * slack, distance).any()
        one = tape.copy()
        one[-1, 4] -= 1.01 * slack[-1, 4]
        assert agrees(problem, one, distance).tolist() == [True, True, True, True, False]
        one[-1, 4] = np.nan
        assert not agrees(problem, one, distance)[4]


def test_structured_sides() -> None:
    """Down, up, falling and rising along the index, in the shape of the variable."""
    sides = [side(np.zeros((3, 1))) for side in SIDES]

    assert [side.shape for side in sides] == [(3, 1)] * 4
    assert [side.reshape(-1).tolist() for side in sides] == [[-1] * 3, [1] * 3, [1, 0, -1], [-1, 0, 1]]


def test_a_ten_thousandth_is_of_the_larger_of_both_tapes() -> None:
    """With no distance nothing is curved: 1.00005e-4 of the smaller is less than 1e-4 of the larger."""
    problem = posed(lambda x: tf.reduce_sum(X[:2] * x), x=X[:2])
    tape = tape_at(problem, problem.exact.values)

    assert agrees(problem, tape * (1 + 1.00005e-4), 0.0).all()
    assert not agrees(problem, tape * (1 - 1.00005e-4), 0.0).any()


def test_a_gradient_of_0_everywhere_agrees_with_itself_alone() -> None:
    problem = posed(lambda x, y: tf.reduce_sum(X * x) + 0 * tf.reduce_sum(y), x=X, y=Y)
    tape = tape_at(problem, problem.exact.values)
    assert not tape[:, 3:].any()

    assert agrees(problem, tape, CLOSEST).all()
    assert not agrees(problem, tape + 1e-300, CLOSEST)[3:].any()


def test_distances_go_down_to_where_tapes_are_compared() -> None:
    """A tape that is another by a fiftieth of the largest gradient is another at all of them."""
    problem = posed(lambda x: tf.reduce_sum(X * x), x=X)
    tape = tape_at(problem, problem.exact.values)

    assert [*DISTANCES] == sorted(set(DISTANCES), reverse=True)
    assert DISTANCES[-1] == CLOSEST
    for distance in DISTANCES:
        assert not agrees(problem, 0.98 * tape, distance)[0]


def test_the_simplest_side_is_taken_of_those_that_agree() -> None:
    """relu(x₀) + x₁ at x₀ = 0 has the same tape where both fall and where x₀ alone does."""
    side = side_of_the_tape(posed(lambda x: tf.nn.relu(x[0]) + x[1], x=np.array([0.0, 2.0])))

    np.testing.assert_allclose(side.moves[0], [-(2.0**0.5), -2.0])
    assert side.kinks.tolist() == [True, False]


@pytest.mark.parametrize("order", ["xyz", "yxz", "zyx"])
def test_a_side_is_that_of_one_variable_wherever_it_comes(order: str) -> None:
    """relu(x) at 0 beside others that nothing is decided by: x falls, and they stay."""
    values = {"x": np.zeros(2), "y": np.ones(3), "z": np.ones(4)}

    def function(*tensors: Any) -> Any:
        named = dict(zip(order, tensors, strict=True))
        return tf.reduce_sum(tf.nn.relu(named["x"])) + tf.reduce_sum(named["y"]) * tf.reduce_sum(named["z"])

    side = side_of_the_tape(posed(function, None, **{name: values[name] for name in order}))

    moves = dict(zip(order, side.moves, strict=True))
    assert (moves["x"] < 0).all()
    assert not moves["y"].any()
    assert not moves["z"].any()
