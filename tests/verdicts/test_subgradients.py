"""What lies between slopes, and slopes along directions that keep ties, against closed forms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import check
from gradcheck.function.problem import Problem
from gradcheck.function.tape import record
from gradcheck.progress import Progress
from gradcheck.sparsity.colouring import elementwise
from gradcheck.verdicts.candidate import Confirmed
from gradcheck.verdicts.examination import examine
from gradcheck.verdicts.subgradients import (
    SMOOTH,
    TIES,
    _contradiction,
    along_ties,
    between,
    from_neighbours,
    slack,
)
from gradcheck.verdicts.verdict import ElementVerdict
from tests.corpus.case import Broken
from tests.posed import posed, variable

MATCH, KINK, MISMATCH = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.MISMATCH


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
    # Two units in the last place of f, twice, over sqrt(eps) times the smaller typical size of x and y.
    step = problem.noise.coarsest**0.5 * (8 / 3) ** 0.5
    np.testing.assert_allclose(rounding, 4 * problem.noise.noise / step, rtol=1e-6)
    *_, farther = along_ties(problem, {0: np.array([0.0, 0.0, 4.0])})
    np.testing.assert_allclose(farther, 4 * rounding, rtol=1e-6)


SCALE = 50.0


def several_corners(x: Any) -> Any:
    """2 relu(x₀) − relu(x₀ + x₁): along x₀ the slopes are 0 and 1 at 0, and −1 … 2 around."""
    return 2 * tf.nn.relu(x[0]) - tf.nn.relu(x[0] + x[1]) + x[2]


def looked_at(share: float, last: float | None = None) -> tuple[Problem, Confirmed]:
    """The function above at 0 with a tape that is a `share` of the cotangents, for the last one another"""
    problem = posed(several_corners, x=np.array([0.0, 0.0, SCALE]))
    tape = problem.cotangents @ np.array([[share, 0.0, 1.0]])
    if last is not None:
        tape[-1, 0] = problem.cotangents[-1, 0] * last
    candidate = replace(variable(problem), tape=tape)
    return problem, examine(candidate, elementwise((3,), 1), None, Progress(), problem.meter)


@pytest.mark.parametrize(("share", "last"), [(-1.0, None), (2.0, -1.0)])
def test_slopes_around_a_corner_reach_what_both_sides_do_not(share: float, last: float | None) -> None:
    problem, confirmed = looked_at(share, last)
    r = problem.cotangents[0, 0]

    assert confirmed.judgement.verdicts.tolist() == [MISMATCH, KINK, MATCH]
    before = problem.meter.count
    (found,) = from_neighbours(problem, confirmed)

    # Each of 24 neighbours, and the element moved to both sides of it.
    assert problem.meter.count - before == 24 * (1 + 3)
    assert (found.where.tolist(), found.verdict) == ([0], KINK)
    assert found.tolerance is not None and found.interval is not None
    np.testing.assert_allclose(found.tolerance, abs(share - 0.5) * abs(r), rtol=1e-5)
    low, high, beyond = found.interval
    np.testing.assert_allclose([low[0], high[0]], sorted([-r, 2 * r]), rtol=1e-5)
    np.testing.assert_allclose(beyond, 1e-3 * (confirmed.judgement.size[0] + 3 * abs(r)), rtol=1e-5)


@pytest.mark.parametrize(("share", "last"), [(2.1, None), (2.0, 2.1)])
def test_what_no_neighbour_has_stays_wrong(share: float, last: float | None) -> None:
    problem, confirmed = looked_at(share, last)

    assert not any(one.where.size for one in from_neighbours(problem, confirmed))


@pytest.mark.parametrize("slope", [3.0, 0.0])
def test_where_all_neighbours_have_one_slope_there_is_no_corner(slope: float) -> None:
    """A corner by itself tells of no other: the tape has to lie in an interval that is one."""
    problem = posed(lambda x: slope * x, x=np.array([SCALE]))
    confirmed = examine(variable(problem), elementwise((1,), 1), None, Progress(), problem.meter)
    wrong = replace(confirmed.judgement, verdicts=np.array([MISMATCH], np.uint8), corner=np.array([True]))

    assert not from_neighbours(problem, replace(confirmed, judgement=wrong))[0].where.size
    assert from_neighbours(problem, confirmed) == []


@pytest.mark.parametrize(
    ("tape", "wrong"),
    [([0.5, 0.5], False), ([1.0, 0.0], False), ([1.0, 1.0], True), ([0.0, 0.0], True), ([0.49, 0.5], True)],
)
def test_a_tie_counts_once_in_all(tape: list[float], wrong: bool) -> None:
    """max(x₀, x₁) at a tie, beside an output that no tie moves, of which the tape says what it likes."""

    def forward(x: Any) -> Any:
        return tf.stack([3 * tf.maximum(x[0], x[1]), 0 * x[0] + 5.0, tf.abs(x[0] - x[1])])

    def backward(r: Any, x: Any) -> Any:
        return 3 * r[0] * tf.constant(tape, x.dtype) + r[1] * tf.constant([7.0, 0.0], x.dtype)

    problem = posed(Broken(forward, backward), x=np.array([2.0, 2.0]))
    ones = np.ones(2)

    off = _contradiction(problem, [ones])

    if not wrong:
        assert off == 0.0
        return
    rise, fall, rounding = along_ties(problem, {0: ones})
    np.testing.assert_allclose([rise[0], fall[0]], 3, rtol=1e-6)
    # 3 |T₀ + T₁ − 1| over 1e-4 + rtol of 3 and what rounding does; the weight of the cotangent cancels.
    allowed = rounding[0] + (SMOOTH + 1e-6) * 3
    np.testing.assert_allclose(off, 3 * abs(sum(tape) - 1) / allowed, rtol=1e-3)


def test_where_no_output_is_smooth_nothing_is_contradicted() -> None:
    problem = posed(lambda x: tf.abs(x), x=np.zeros(2))

    assert _contradiction(problem, [np.ones(2)]) == 0.0


@pytest.mark.parametrize(("apart", "smooth"), [(0.9, True), (1.1, False)])
def test_sides_may_differ_by_a_ten_thousandth_and_two_roundings(
    apart: float, smooth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tape of 2 for a slope of 1 is wrong where that is one slope."""
    fall = 1 - apart * (1e-4 + 2 * 1e-3)
    sides = np.ones(1), np.full(1, fall), np.full(1, 1e-3)
    monkeypatch.setattr("gradcheck.verdicts.subgradients.along_ties", lambda problem, directions: sides)

    off = _contradiction(posed(lambda x: 2 * x, x=np.ones(1)), [np.ones(1)])

    assert (off > 100) is smooth
    assert smooth or off == 0.0


def test_a_tie_of_one_variable_is_looked_at_where_another_has_none() -> None:
    """Along (1, 1) the maximum of two equal elements rises by 1; a gradient of (1, 1) says 2."""
    function = Broken(
        lambda x, y: tf.reduce_max(x) + tf.reduce_sum(tf.sin(y)),
        lambda r, x, y: (r * tf.ones_like(x), r * tf.cos(y)),
    )

    report = check(function, {"x": np.ones(2), "y": np.arange(3.0)})

    assert [[*one.verdicts.reshape(-1)] for one in report.variables] == [[MISMATCH] * 2, [MATCH] * 3]


def test_a_wrong_tape_where_the_function_is_smooth_has_no_use_of_a_corner_nearby() -> None:
    """|x₀ − 2e-5| falls by 1 at 0; neighbours at some 8e-5 see −1 and 1."""
    problem = posed(lambda x: tf.abs(x[0] - 2e-5) + x[1], x=np.array([0.0, 1.0, 1.0]))
    one = variable(problem)
    tape = one.tape + problem.cotangents[:, :1] * np.array([[1.5, 0.0, 0.0]])
    confirmed = examine(replace(one, tape=tape), elementwise((3,), 1), None, Progress(), problem.meter)

    assert confirmed.judgement.verdicts.tolist() == [MISMATCH, MATCH, MATCH]
    assert not confirmed.judgement.corner.any()
    assert from_neighbours(problem, confirmed) == []


def test_neighbours_are_so_near_that_no_curvature_makes_up_for_an_error() -> None:
    """|x₀| + x₀² has slopes of −1 and 1 at 0, and of 1.5 at ¼."""
    problem = posed(lambda x: tf.abs(x[0]) + x[0] ** 2 + x[1], x=np.array([0.0, 1.0]))
    one = variable(problem)
    tape = problem.cotangents * np.array([[1.5, 1.0]])
    confirmed = examine(replace(one, tape=tape), elementwise((2,), 1), None, Progress(), problem.meter)

    assert confirmed.judgement.verdicts.tolist() == [MISMATCH, MATCH]
    assert not any(found.where.size for found in from_neighbours(problem, confirmed))


def test_a_corner_that_one_cotangent_alone_sees_is_one() -> None:
    """Another that weighs its output by 0 has slopes of 0 all around, and a tape of 0."""
    problem = posed(lambda x: tf.stack([several_corners(x), 3 * x[2]]), x=np.array([0.0, 0.0, SCALE]))
    rows = np.array([[1.0, 1.0], [0.0, 1.0], [-1.0, 0.5]])
    problem = replace(problem, cotangents=rows, exact_tape=record(problem.exact, rows))
    tape = np.stack([-rows[:, 0], 0 * rows[:, 0], rows @ [1.0, 3.0]], axis=1)
    one = replace(variable(problem), tape=tape)
    confirmed = examine(one, elementwise((3,), 1), None, Progress(), problem.meter)

    assert confirmed.judgement.verdicts.tolist() == [MISMATCH, KINK, MATCH]
    (found,) = from_neighbours(problem, confirmed)
    assert (found.where.tolist(), found.verdict) == ([0], KINK)


def test_neighbours_and_their_steps_follow_the_scale_of_the_tensor() -> None:
    """At a scale of 1e-6 they are some 1e-10 off, and a step of 1e-8 would pass all corners."""
    problem = posed(several_corners, x=np.array([0.0, 0.0, 1e-6]))
    tape = problem.cotangents @ np.array([[2.0, 0.0, 1.0]])
    one = replace(variable(problem), tape=tape)
    confirmed = examine(one, elementwise((3,), 1), None, Progress(), problem.meter)

    (found,) = from_neighbours(problem, confirmed)

    assert found.where.tolist() == [0]
    assert found.interval is not None
    low, high, _ = found.interval
    r = problem.cotangents[0, 0]
    np.testing.assert_allclose([low[0], high[0]], sorted([-r, 2 * r]), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
def test_whether_a_direction_is_smooth_does_not_depend_on_the_unit_of_the_output(scale: float) -> None:
    """relu has a corner along ones at 0, where its slopes tell nothing; max of two has none at a tie, and a
    gradient that counts both is twice what it should be."""
    corner = posed(lambda x: scale * tf.nn.relu(x), x=np.zeros(3))
    twice = Broken(lambda x: scale * tf.maximum(x[:1], x[1:]), lambda r, x: scale * tf.concat([r, r], 0))

    assert _contradiction(corner, [np.ones(3)]) == 0
    assert _contradiction(posed(twice, x=np.full(2, 2.0)), [np.ones(2)]) > 1e3
