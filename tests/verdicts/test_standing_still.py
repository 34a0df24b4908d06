"""Elements that move nothing: dead ones have a slope of 0, of saturated ones little is known; both are said.

elu(−40) is −1 + e^−40, and e^−40 = 4.2e-18 is far below a rounding of 1: no step near the point moves it, so
that a tape of 0 is off by its whole size and yet agrees with every difference.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Report, Verdict, check
from gradcheck.sparsity.bands import Band
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.verdicts.judgement import Judgement, Record
from gradcheck.verdicts.standing_still import MANY, SAMPLE, _resolution, _sample, bound_saturated
from tests.corpus.case import Array, Broken, Function
from tests.parameters import among, named
from tests.posed import posed, variable
from tests.saying import normal

DEPTH = -40.0


def unseen(report: Report) -> int:
    """How many elements the report says to be below what differences can resolve"""
    found = [
        re.search(r"x: ([\d,]+) elements? (?:is|are) below what", warning) for warning in report.warnings
    ]
    return sum(int(match[1].replace(",", "")) for match in found if match)


def elu_without_a_gradient_below(depth: float) -> Function:
    """elu whose tape says 0 where elu has saturated"""

    def backward(r: Any, x: Any) -> Any:
        return tf.where(x < depth, tf.zeros_like(r), r * tf.exp(tf.minimum(x, 0.0)))

    return Broken(tf.nn.elu, backward)


@pytest.mark.parametrize(
    "count", named([1, 16, 17, 300, MANY, MANY + 1, 3 * MANY], str, among({1, 17, MANY + 1}))
)
def test_every_saturated_element_is_said_to_be_below_resolution(count: int) -> None:
    for function in (tf.nn.elu, elu_without_a_gradient_below(-30.0)):
        report = check(function, {"x": np.full(count, DEPTH)})

        assert report.verdict is Verdict.PASS, str(report)
        assert unseen(report) == count
        assert report.sensitivity == (np.inf, np.inf)


def mixture(count: int, kinds: Array) -> Report:
    """elu where `kinds` is 0, relu where it is 1 and the identity where it is 2, all at −40"""

    def function(x: Any) -> Any:
        return tf.where(kinds == 0, tf.nn.elu(x), tf.where(kinds == 1, tf.nn.relu(x), 2 * x))

    return check(function, {"x": np.full(count, DEPTH)})


@pytest.mark.parametrize("count", [40, 1000, 2 * MANY])
def test_saturated_elements_among_dead_ones(count: int) -> None:
    """A dead relu is known to be 0: it is not counted, and the saturated ones beside it are."""
    kinds = np.random.default_rng(0).choice(3, count)

    report = mixture(count, kinds)

    assert report.verdict is Verdict.PASS, str(report)
    assert unseen(report) == (kinds == 0).sum()
    assert report.sensitivity is not None
    assert np.isinf(report.sensitivity[1])


def test_dead_elements_alone_are_known_to_be_0() -> None:
    kinds = np.ones(3 * SAMPLE, int)
    kinds[0] = 2

    report = mixture(kinds.size, kinds)

    assert report.verdict is Verdict.PASS
    assert unseen(report) == 0
    # The only element that moves is seen as well as any: dead ones have no share in the sensitivity.
    assert report.sensitivity is not None
    assert report.sensitivity[1] < 1e-5


def test_a_tape_that_is_not_0_where_nothing_moves_is_a_mismatch() -> None:
    function = Broken(tf.nn.relu, lambda r, x: tf.where(x < 0, 1e-3 * r, r))

    report = check(function, {"x": np.full(50, DEPTH)})

    assert report.variables[0].counts["mismatch"] == 50


def test_a_maximum_that_is_not_reached_is_left_at_once_and_is_0() -> None:
    """−0.1 passes 0.5 by a step of the tensor's scale, 1.4, and not by a third of that: nothing fades."""
    x = np.repeat([-0.1, 2.0], 25)

    report = check(lambda x: tf.maximum(x, 0.5), {"x": x})

    assert report.verdict is Verdict.PASS
    assert unseen(report) == 0


def test_each_element_by_itself() -> None:
    """At large steps the maximum moves as well, but by ever as much as the step: nothing fades there."""
    kinds = np.arange(60) % 2

    report = check(
        lambda x: tf.where(kinds == 0, tf.nn.elu(x), tf.maximum(x, 0.5)),
        {"x": np.where(kinds == 0, DEPTH, -0.1)},
    )

    assert report.verdict is Verdict.PASS
    assert unseen(report) == 30


@pytest.mark.parametrize("shape", [(3, 20), (300, 20)])
def test_saturated_elements_of_many_groups(shape: tuple[int, int]) -> None:
    """Those of a row share their outputs, so that each column is a group."""
    mixing = normal(20, 20)

    report = check(lambda x: tf.matmul(tf.nn.elu(x), mixing), {"x": np.full(shape, DEPTH)})

    assert report.verdict is Verdict.PASS
    assert unseen(report) == np.prod(shape)


def test_saturated_elements_of_one_output_beside_a_dead_one() -> None:
    """A loss: each element is a group of its own, and the first, which is dead, tells nothing of the rest."""
    kinds = np.zeros(MANY + 100, int)
    kinds[0] = 1

    def loss(x: Any) -> Any:
        return tf.reduce_sum(tf.where(kinds == 0, tf.nn.elu(x), tf.nn.relu(x)))

    report = check(loss, {"x": np.full(kinds.size, DEPTH)})

    # A quarter fades into the rounding of the sum at once, and looks dead.
    assert unseen(report) > 0.7 * kinds.size
    assert report.sensitivity == (np.inf, np.inf)


def test_few_evaluations_for_many_elements() -> None:
    """All elements of an elementwise function are one group: eight evaluations for each 4,096 of them."""
    small, large = (check(tf.nn.elu, {"x": np.full(count, DEPTH)}) for count in (MANY, 8 * MANY))

    assert large.variables[0].counts == {verdict.label: 0 for verdict in ElementVerdict if verdict} | {
        "match": 8 * MANY
    }
    assert large.evaluations - small.evaluations <= 8 * 8


def test_a_sample_is_of_the_group_that_has_the_most() -> None:
    """All of column 7 and the first row of 100 columns stand still: 100 groups are too many to ask all."""
    candidate = variable(posed(lambda x: 0 * x, x=np.ones((80, 100))))
    columns = Colouring((80, 100), (1, 100), ((None, None),))
    numbers = np.arange(8000).reshape(80, 100)
    still = np.union1d(numbers[0], numbers[:, 7])

    assert _sample(candidate, columns, still).tolist() == numbers[:, 7].tolist()
    few = np.union1d(numbers[0, :64], numbers[:, 7])
    assert _sample(candidate, columns, few).tolist() == few.tolist()
    alone = _sample(candidate, elementwise((80, 100), 1), still)
    assert len(set(alone)) == 32
    assert set(alone) <= set(still)


@pytest.mark.parametrize("shape", [(5,), (9000,)])
def test_how_many_stand_still(shape: tuple[int, ...]) -> None:
    """All that match, move nothing and are known to: none of them has saturated."""
    record = Record(shape)
    matching = np.full(shape, ElementVerdict.MATCH, np.uint8)
    matching[1] = ElementVerdict.KINK
    record.write(np.arange(shape[0]), replace(Judgement.none(shape[0]), verdicts=matching))
    record.so_far.size[2] = record.so_far.bound[3] = 1.0
    candidate = variable(posed(lambda x: 0 * x, x=np.ones(shape)))
    together = Colouring(shape, (1,), ((Band(0, Fraction(1), Fraction(0), Fraction(0)),),))

    assert bound_saturated(candidate, together, record) == shape[0] - 3
    assert np.flatnonzero(record.so_far.bound).tolist() == [3]


def test_a_sample_that_tells_of_nothing_is_all_that_is_evaluated() -> None:
    """132 dead elements of one output are groups of their own: 32 are moved to four places on each side."""
    count = 132
    record = Record((count,))
    matching = np.full(count, ElementVerdict.MATCH, np.uint8)
    record.write(np.arange(count), replace(Judgement.none(count), verdicts=matching))
    problem = posed(lambda x: 0 * tf.reduce_sum(x) + 1, x=np.ones(count))
    one, before = variable(problem), problem.meter.count

    assert bound_saturated(one, elementwise((count,), 1), record) == count
    assert problem.meter.count - before - 32 * 2 * 4 in range(3)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_what_fades_is_known_to_the_rounding_of_the_output_over_the_scale(size: float) -> None:
    """elu at −40 is −1 but for 4e-18, which the rounding of 1 hides: steps of 40 move it, of 4 do not.

    The other moves at a step of the scale and at a third, there by half the slope, and at no smaller one.
    """
    at = 40.0

    def function(x: Any) -> Any:
        far = 1 + tf.nn.relu(tf.abs(x[1] - at) - 0.2 * at)
        return size * tf.stack([tf.nn.elu(x[0]), far, tf.nn.elu(x[2])])

    problem = posed(function, x=np.array([-at, at, -at]))
    one = variable(problem)

    found = _resolution(one, elementwise((3,), 1), np.arange(3))

    assert found[1] == 0
    w = np.abs(problem.cotangents[0])
    np.testing.assert_allclose(
        found, [w[0] * problem.noise.noise[0] / at, 0, w[2] * problem.noise.noise[2] / at]
    )
