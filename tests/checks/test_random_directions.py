"""Random directions: what they find of what a budget leaves out, and that right gradients pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Report, Verdict, check
from gradcheck.checks.random_directions import _Directions
from gradcheck.verdicts.rule import Rule
from tests.corpus.case import Broken
from tests.parameters import among, named
from tests.posed import posed
from tests.saying import normal

SHAPE = 30, 40


def doubled_at(row: int, column: int) -> Any:
    """x @ w, with one element of the gradient of w twice what it should be"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def product(x: Any, w: Any) -> Any:
        def gradient(r: Any) -> Any:
            twice = tf.ones_like(w) + tf.scatter_nd([[row, column]], tf.ones(1, w.dtype), w.shape)
            return tf.matmul(r, w, transpose_b=True), twice * tf.matmul(x, r, transpose_a=True)

        return x @ w, gradient

    return product


def within(function: Callable[..., Any], budget: int = 2) -> Report:
    return check(function, {"x": normal(4, SHAPE[0]), "w": normal(*SHAPE, seed=1)}, wrt="w", budget=budget)


@pytest.mark.parametrize("place", named([(0, 0), (17, 23), (29, 39)], str, among({(17, 23)})))
def test_one_wrong_element_outside_the_sample_is_found_and_named(place: tuple[int, int]) -> None:
    sample = within(tf.matmul).variables[0].verdicts
    # The sample follows from the seed and the shapes alone.
    assert sample[place] == ElementVerdict.UNCHECKED
    report = within(doubled_at(*place))
    (variable,) = report.variables
    assert report.verdict is Verdict.FAIL
    assert [tuple(i) for i in np.argwhere(variable.verdicts == ElementVerdict.MISMATCH)] == [place]
    np.testing.assert_allclose(variable.tape[place], 2 * variable.difference[place], rtol=1e-6)
    count = int(variable.checked.sum())
    assert count < variable.verdicts.size / 10
    line = f"w: only one of the elements checked is wrong, {list(place)} (1 of {count} checked elements fail)"
    assert report.diagnosis == (line,)
    assert report.comparisons[0].verdict is ElementVerdict.MISMATCH


def test_a_right_gradient_agrees_along_every_direction() -> None:
    report = within(tf.matmul)
    assert report.verdict is Verdict.PASS
    assert report.comparisons[0].verdict is ElementVerdict.MATCH
    assert 0 < report.variables[0].coverage < 0.1
    # A pair of evaluations for each of eight directions at five steps, at least.
    assert report.evaluations > 80


@pytest.mark.parametrize("function", [tf.nn.relu, tf.abs], ids=["relu", "abs"])
def test_corners_at_the_point_are_no_mistake(function: Callable[..., Any]) -> None:
    """Half of the elements are 0, so that every direction runs into their corners."""
    x = np.where(normal(30, 30) > 0, normal(30, 30, seed=1), 0.0)
    report = check(lambda x: function(x) @ tf.ones_like(x), {"x": x}, budget=4)
    assert 0 < report.variables[0].coverage < 0.5
    assert report.verdict is Verdict.PASS, str(report)


def test_an_error_in_every_element_is_seen_however_small_the_sample() -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def softplus(x: Any) -> Any:
        return tf.nn.softplus(x) @ tf.ones_like(x), lambda r: 1.0001 * (r @ tf.ones_like(x)) * tf.sigmoid(x)

    report = check(softplus, {"x": normal(30, 30)}, budget=2)
    assert report.verdict is Verdict.FAIL
    assert report.comparisons[0].verdict is ElementVerdict.MISMATCH


def searched(shares: list[float]) -> _Directions:
    """Directions over x (3) and y (2, 2), whose gradients are off by these shares of 1"""
    off = np.array(shares)

    def backward(r: Any, x: Any, y: Any) -> Any:
        return r * (2 + tf.constant(off[:3])), r * (5 + tf.constant(off[3:].reshape(2, 2)))

    function = Broken(lambda x, y: 2 * tf.reduce_sum(x) + 5 * tf.reduce_sum(y), backward)
    problem = posed(function, x=np.ones(3), y=np.ones((2, 2)))
    return _Directions(problem, Rule.of(1e-6, 0.0, problem.noise.coarsest))


@pytest.mark.parametrize("place", range(7))
def test_the_half_that_is_off_by_more_is_halved_again(place: int) -> None:
    """Down to one element, whose variable and index in it are told; log₂ 7 times two halves."""
    tested = searched([0.1 * (number == place) + 1e-3 * (number == 6 - place) for number in range(7)])
    direction = [np.full(3, 0.5), np.full((2, 2), -0.5)]
    before = tested.problem.meter.count

    assert tested.blame(direction) == ((0, place) if place < 3 else (1, place - 3))
    assert tested.problem.meter.count - before in (2 * 2 * 2, 3 * 2 * 2)


def test_how_far_a_part_of_a_direction_is_off() -> None:
    """|Σ e u| of the elements from start to stop, for the loudest cotangent."""
    tested = searched([0.0, 0.1, 0.0, 0.0, 0.0, -0.3, 0.0])
    direction = [np.full(3, 0.5), np.full((2, 2), -0.5)]
    loudest = np.abs(tested.problem.cotangents).max()

    for start, stop, off in (
        (0, 7, 0.2),
        (0, 3, 0.05),
        (3, 7, 0.15),
        (1, 2, 0.05),
        (5, 6, 0.15),
        (2, 5, 0.0),
    ):
        found = tested._off(direction, start, stop)
        np.testing.assert_allclose(found, off * loudest, rtol=1e-4, atol=1e-7 * loudest)


@pytest.mark.parametrize("off", [0.0, 0.1])
def test_how_far_a_direction_is_off(off: float) -> None:
    """f rises by r Σ d = r (½ (2 + 2 + 2) − ½ (5 + 5 + 5 + 5)) = −7 r along it."""
    tested = searched([0.0, off, 0.0, 0.0, 0.0, 0.0, 0.0])
    direction = [np.full(3, 0.5), np.full((2, 2), -0.5)]

    error, tolerance, verdict = tested.judge(direction)

    cotangents = np.abs(tested.problem.cotangents).reshape(-1)
    assert min(abs(error - off / 2 * cotangents)) <= 1e-6
    assert 0 < tolerance <= 1e-3
    assert verdict == (ElementVerdict.MISMATCH if off else ElementVerdict.MATCH)


def test_no_more_than_two_directions_are_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one wrong element does to one direction it does to all eight."""
    asked = []
    blame = _Directions.blame

    def counted(self: _Directions, direction: Any) -> tuple[int, int]:
        asked.append(direction)
        return blame(self, direction)

    monkeypatch.setattr(_Directions, "blame", counted)

    report = within(doubled_at(17, 23))

    assert len(asked) == 2
    assert any("all of them along 8 random directions" in warning for warning in report.warnings)
    assert report.verdict is Verdict.FAIL


def test_a_part_holds_nothing_of_the_variables_after_it() -> None:
    """The first element of y is off, the fourth of all."""
    tested = searched([0.0, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0])
    direction = [np.full(3, 0.5), np.full((2, 2), -0.5)]
    loudest = np.abs(tested.problem.cotangents).max()

    assert tested._off(direction, 0, 3) <= 1e-6 * loudest
    assert tested._off(direction, 1, 2) <= 1e-6 * loudest
    assert tested._off(direction, 0, 4) == pytest.approx(0.1 * loudest, rel=1e-4)


def test_each_element_moves_by_half_to_the_whole_of_its_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up or down; the scale of an element is its size, or the root of the mean of all squares."""
    seen = []
    judge = _Directions.judge

    def watched(self: _Directions, direction: Any) -> tuple[float, float, int]:
        seen.append(direction)
        return judge(self, direction)

    monkeypatch.setattr(_Directions, "judge", watched)
    x = normal(30, 30)

    check(lambda x: tf.reduce_sum(tf.sin(x), axis=1), {"x": x}, budget=2)

    shares = np.abs([direction for (direction,) in seen]) / np.maximum(np.abs(x), np.sqrt(np.mean(x**2)))
    assert shares.shape == (8, 30, 30)
    assert 0.5 <= shares.min() < shares.max() <= 1.0
