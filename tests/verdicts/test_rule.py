"""Verdicts by the rule, one element at a time: slopes and tapes are made up, verdicts written beside them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.stencils import Estimate
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.rule import Rule, judge, judge_most
from gradcheck.verdicts.verdict import ElementVerdict

MATCH, KINK, MISMATCH = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.MISMATCH
OPEN, NONFINITE = ElementVerdict.INCONCLUSIVE, ElementVerdict.NONFINITE
INF, NAN = float("inf"), float("nan")
FIELDS = [field.name for field in fields(Judgement)]
RULE = Rule(rtol=1e-6, asked=1e-6, atol=0.0, limit=1e-3, scale=0.0, floor=1e-6, reach=0.0)


def one(
    tape: float, value: float, bound: float = 0.0, half: float = 0.0, size: float | None = None
) -> Judgement:
    """The judgement of one element for one cotangent"""
    return several([tape], [value], bound, half, abs(value) if size is None else size)


def several(tapes: list[float], values: list[float], bound: float, half: float, size: float) -> Judgement:
    """The judgement of one element for several cotangents"""

    def full(number: float) -> Array:
        return np.full((len(tapes), 1), number)

    estimate = Estimate(
        np.array(values)[:, None],
        full(bound),
        full(half),
        np.array([size]),
        np.zeros(1),
        np.zeros(1),
        np.zeros(1, bool),
        np.ones(1),
    )
    tape = np.array(tapes)[:, None]
    found, short = judge(estimate, tape, RULE), judge_most(estimate, tape, RULE)
    for name in FIELDS:
        assert np.array_equal(getattr(found, name), getattr(short, name), equal_nan=True), name
    return found


@pytest.mark.parametrize(
    ("tape", "value", "bound", "half", "verdict"),
    [
        (2.0, 2.0, 0.0, 0.0, MATCH),
        (2.0, 2.0 + 1.9e-6, 0.0, 0.0, MATCH),
        (2.0, 2.0 + 2.1e-6, 0.0, 0.0, MISMATCH),
        (-2.0, 2.0, 0.0, 0.0, MISMATCH),
        (0.0, 0.0, 0.0, 0.0, MATCH),
        (1e-300, 0.0, 0.0, 0.0, MISMATCH),
        # A bound widens the tolerance, but not without limit.
        (2.0, 2.0 + 1e-5, 2e-5, 0.0, MATCH),
        (2.0, 2.0 + 1e-5, 5e-6, 0.0, MISMATCH),
        (2.0, 2.1, 0.2, 0.0, OPEN),
        (2.0, 3.0, 0.2, 0.0, MISMATCH),
        (2.0, 2.0, INF, 0.0, OPEN),
        (2.0, 3.0, INF, 0.0, OPEN),
        (2.0, 2.0, NAN, 0.0, OPEN),
        # At a corner the tape may be anything in the interval.
        (0.0, 0.5, 0.0, 0.5, KINK),
        (1.0, 0.5, 0.0, 0.5, KINK),
        (0.3, 0.5, 0.0, 0.5, KINK),
        (1.001, 0.5, 0.0, 0.5, MISMATCH),
        (-0.001, 0.5, 0.0, 0.5, MISMATCH),
        # Nothing that is not a number agrees with anything.
        (NAN, 2.0, 0.0, 0.0, NONFINITE),
        (INF, 2.0, 0.0, 0.0, NONFINITE),
        (INF, INF, 0.0, 0.0, NONFINITE),
        (NAN, NAN, NAN, 0.0, NONFINITE),
        (NAN, 0.5, 0.0, 0.5, NONFINITE),
        (NAN, 0.5, INF, 0.0, NONFINITE),
    ],
)
def test_the_rule(tape: float, value: float, bound: float, half: float, verdict: ElementVerdict) -> None:
    assert one(tape, value, bound, half).verdicts.tolist() == [verdict]


@pytest.mark.parametrize("tape", [0.0, 2.0, NAN, INF])
@pytest.mark.parametrize(
    ("value", "bound", "half", "size"),
    [
        (NAN, 0.0, 0.0, 2.0),
        (2.0, NAN, 0.0, 2.0),
        (2.0, 0.0, NAN, 2.0),
        (2.0, 0.0, 0.0, NAN),
        (NAN, NAN, NAN, NAN),
    ],
)
def test_nan_never_passes(tape: float, value: float, bound: float, half: float, size: float) -> None:
    assert one(tape, value, bound, half, size).verdicts[0] not in (MATCH, KINK)


def test_an_element_is_as_bad_as_its_worst_cotangent() -> None:
    assert several([2.0, 2.0], [2.0, 2.0], 0.0, 0.0, 2.0).verdicts.tolist() == [MATCH]
    assert several([2.0, 2.0], [2.0, 2.1], 0.0, 0.0, 2.0).verdicts.tolist() == [MISMATCH]
    assert several([2.0, NAN], [2.0, 2.0], 0.0, 0.0, 2.0).verdicts.tolist() == [NONFINITE]


def test_the_numbers_are_those_of_the_cotangent_that_is_shown() -> None:
    judged = several([2.0, 9.0], [2.5, 3.0], 0.0, 0.0, 4.0)

    assert judged.difference.tolist() == [2.5]
    assert judged.tolerance.tolist() == [4e-6]
    # The ratio is the worst of all.
    assert judged.error_ratio.tolist() == [6.0 / 4e-6]


def test_tolerance_follows_the_sum_of_the_sizes() -> None:
    """1e6 − 1e6 + 1: an error of a millionth of the parts is rounding, one of the whole is none."""
    assert one(1.0 + 1e-1, 1.0, size=2e6).verdicts.tolist() == [MATCH]
    assert one(1.0 + 1e-1, 1.0, size=1.0).verdicts.tolist() == [MISMATCH]


def test_atol_alone() -> None:
    loose = Rule(rtol=0.0, asked=0.0, atol=0.1, limit=1e-3, scale=0.0, floor=1e-6, reach=0.0)
    zeros = np.zeros((1, 2))
    estimate = Estimate(np.ones((1, 2)), zeros, zeros, np.ones(2), zeros[0], zeros[0], zeros[0] > 0, zeros[0])

    judged = judge(estimate, np.array([[1.09, 1.11]]), loose)

    assert judged.verdicts.tolist() == [MATCH, MISMATCH]


@pytest.mark.parametrize("eps", [2.0**-52, 2.0**-23, 2.0**-10, 2.0**-7])
def test_limits_grow_with_the_rounding_of_the_function(eps: float) -> None:
    rule = Rule.of(1e-6, 0.0, eps)

    assert 1e-3 <= rule.limit <= 0.3
    assert rule.floor >= 1e-6
    assert rule.reach == pytest.approx(30 * eps ** (-1 / 3))


def test_the_short_way_is_the_same_way() -> None:
    """For made-up elements of every kind at once, those that plainly match among them"""
    generator = np.random.default_rng(0)
    count = 20_000

    def scattered(low: float, odd: tuple[float, ...], shape: tuple[int, ...]) -> Array:
        sizes = 10.0 ** generator.uniform(low, low + 8, shape)
        return np.where(generator.random(shape) < 0.05, generator.choice(odd, shape), sizes)

    value = scattered(-4, (0.0, NAN, INF), (3, count)) * generator.choice([-1, 1], (3, count))
    estimate = Estimate(
        value,
        np.where(generator.random(count) < 0.5, 0.0, scattered(-12, (0.0, NAN, INF), (3, count))),
        np.where(generator.random((3, count)) < 0.05, scattered(-4, (0.0,), (3, count)), 0.0),
        scattered(-4, (0.0, NAN), (count,)),
        np.where(generator.random(count) < 0.5, 0.0, scattered(-14, (0.0,), (count,))),
        np.zeros(count),
        generator.random(count) < 0.1,
        np.ones(count),
    )
    tape = np.where(generator.random((3, count)) < 0.9, value, value + scattered(-12, (0.0, NAN), (3, count)))
    for rule in (RULE, Rule.of(1e-6, 1e-3, 1e-16), Rule.of(1e-4, 0.0, 1e-7)):
        found, short = judge(estimate, tape, rule), judge_most(estimate, tape, rule)

        for name in FIELDS:
            assert np.array_equal(getattr(found, name), getattr(short, name), equal_nan=True), name
        assert {*found.verdicts} == {MATCH, KINK, MISMATCH, OPEN, NONFINITE}
