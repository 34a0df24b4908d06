"""How close elements are looked at: by few steps where they settle an element, by all of them elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.differences.stencils import Estimate
from gradcheck.differences.steps import LEVELS, SHORT
from gradcheck.sparsity.colouring import elementwise
from gradcheck.verdicts.ladders import BEYOND, look, look_from_afar, look_thoroughly
from gradcheck.verdicts.verdict import ElementVerdict
from tests.corpus.case import Function, distorted
from tests.posed import posed, variable

MATCH, KINK, MISMATCH = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.MISMATCH
X = np.array([0.5, -1.5, 2.0])


def rounded(x: Any) -> Any:
    return tf.cast(tf.exp(tf.cast(x, tf.float32)), x.dtype)


@pytest.mark.parametrize(
    ("function", "x", "pairs", "verdict"),
    [
        (tf.exp, X, len(SHORT), MATCH),
        (distorted(tf.exp, lambda g: 1.01 * g), X, len(SHORT), MISMATCH),
        (tf.abs, np.zeros(3), len(SHORT) + LEVELS, KINK),
        # Few fine steps settle nothing where outputs are rounded to float32.
        (rounded, X, LEVELS, MATCH),
    ],
)
def test_a_look_takes_a_short_ladder_and_the_full_one_where_that_leaves_elements_open(
    function: Function, x: Array, pairs: int, verdict: ElementVerdict
) -> None:
    problem = posed(function, x=x)
    before = problem.meter.count

    judged = look(variable(problem).at_scale(1.0), elementwise((3,), 1), np.array([0, 2]))

    # Both sides of two elements at each step, and the point once for each ladder.
    assert problem.meter.count - before - 2 * 2 * pairs in (1, 2)
    assert judged.verdicts.tolist() == [verdict] * 2


def test_a_thorough_look_begins_far_beyond_the_scale() -> None:
    """1 + x² moves at no step of about x = 1e-9, and by 1e-2 at 10⁸ times that."""
    problem = posed(lambda x: 1 + x**2, x=np.full(3, 1e-9))
    before = problem.meter.count

    judged = look_thoroughly(variable(problem), elementwise((3,), 1), np.array([1]))

    assert problem.meter.count - before == 2 * (LEVELS + BEYOND) + 1
    assert judged.verdicts.tolist() == [MATCH]
    np.testing.assert_allclose(judged.difference, problem.cotangents[0, 1] * 2e-9, atol=judged.bound[0])


def test_a_thorough_look_allows_the_rounding_of_outputs_that_never_move() -> None:
    """The sum of a softmax is 1 whatever the logits are; its tape is the rounding of 1 · 1 − Σ p."""
    problem = posed(lambda x: tf.reduce_sum(tf.nn.softmax(x)), x=np.array([0.3, -0.2, 0.7]))
    candidate = variable(problem)
    tape = candidate.tape + 1e-17
    assert (np.abs(tape) > 0).all()

    judged = look_thoroughly(replace(candidate, tape=tape), elementwise((3,), 1), np.arange(3))

    assert (judged.verdicts == MATCH).all()


def test_from_afar_counts_what_agrees_with_what_is_known_from_near() -> None:
    problem = posed(lambda x: 1e6 + tf.sin(x), x=X)
    candidate, flat = variable(problem), np.arange(3)
    truth = problem.cotangents * np.cos(X)
    off = truth + np.array([0.0, 0.5, 0.5])
    bound = np.array([[1e-2, 1e-2, 1.0]] * len(truth))
    none = np.zeros(3)
    near = Estimate(off, bound, 0 * bound, np.abs(truth[0]), none, none, none > 0, none)

    judged, left = look_from_afar(candidate, elementwise((3,), 1), flat, near)

    assert left.tolist() == [1]
    assert judged.verdicts[[0, 2]].tolist() == [MATCH, MATCH]
    np.testing.assert_allclose(judged.difference[[0, 2]], truth[0, [0, 2]], rtol=1e-6)
