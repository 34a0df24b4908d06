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
from gradcheck.function.problem import Problem
from gradcheck.function.tape import record
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
        # A corner is taken for a bend only where an element is far smaller than its tensor.
        (lambda x: tf.abs(x - X), X, len(SHORT), KINK),
        (tf.exp, np.array([1e-6, 1.5, 2.0]), len(SHORT), MATCH),
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


def seen_by(problem: Problem, cotangents: list[list[float]]) -> Problem:
    """The same problem for other cotangents"""
    rows = np.array(cotangents)
    return replace(problem, cotangents=rows, exact_tape=record(problem.exact, rows))


@pytest.mark.parametrize(("off", "verdict"), [(0.0, MATCH), (0.5, MISMATCH)])
def test_a_bend_of_a_tiny_element_is_no_corner_though_one_cotangent_alone_sees_it(
    off: float, verdict: ElementVerdict
) -> None:
    """√(x² + 1e-32) looks like |x| at steps of 1e-9 and is smooth at 1e-17; an error lies in −1 … 1."""
    bend = posed(lambda x: tf.stack([tf.sqrt(x[0] ** 2 + 1e-32), x[1]]), x=np.array([1e-17, 1.0]))
    one = variable(seen_by(bend, [[1.0, 0.0], [0.0, 1.0]])).at_scale(1.0)
    np.testing.assert_allclose(one.tape[0, 0], 0.1 / 1.01**0.5)

    tape = one.tape + np.array([[off, 0.0], [0.0, 0.0]])
    judged = look(replace(one, tape=tape), elementwise((2,), 1), np.array([0]))

    assert judged.verdicts.tolist() == [verdict]


def test_a_thorough_look_allows_what_roundings_move_but_not_at_a_corner() -> None:
    """½ |x₀| y and 7 x₁ y with y = sin 10⁶ z: a rounding of z moves both slopes; 3 + 0 · x₂ never moves."""

    def function(x: Any, z: Any) -> Any:
        y = tf.sin(1e6 * z[0])
        return tf.stack([0.5 * tf.maximum(x[0], -x[0]) * y, 7 * x[1] * y, 3 + 0 * x[2]])

    problem = posed(function, x=np.array([0.0, 1.0, 1.0]), z=np.array([1.3]))
    candidate, flat = variable(problem), np.arange(3)
    moved = candidate.conditioning.rounding(0, flat)[0]
    w = np.abs(problem.cotangents[0])
    off = replace(candidate, tape=candidate.tape + 100.0)

    judged = look_thoroughly(off, elementwise((3,), 1), flat)

    assert judged.verdicts.tolist() == [MISMATCH] * 3
    assert judged.corner.tolist() == [True, False, False]
    allowed = judged.tolerance - judged.half - candidate.rule.rtol * judged.size
    assert moved[0] > 1e-10 > 1e-12 > abs(allowed[0])
    # 16 roundings of the output that moved, and of all outputs where none did.
    np.testing.assert_allclose(allowed[1], moved[1] + 16 * (w * problem.noise.noise)[1], rtol=1e-6)
    np.testing.assert_allclose(allowed[2], 16 * problem.noise.finest * w @ np.abs(problem.base), rtol=1e-6)


def test_from_afar_what_moves_nothing_agrees_with_what_moved_nothing_from_near() -> None:
    """A bound of 0 on both sides is agreement, not doubt."""
    problem = posed(lambda x: 1e6 + 0 * x, x=X)
    none, rows = np.zeros(3), np.zeros((len(problem.cotangents), 3))
    near = Estimate(rows, rows, rows, none, none, none, none > 0, none)

    judged, left = look_from_afar(variable(problem), elementwise((3,), 1), np.arange(3), near)

    assert left.size == 0
    assert judged.verdicts.tolist() == [MATCH] * 3
