"""Which elements put a direction off: the right ones, in few evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.checks.search import NAMED, _Part, _search, corners, suspects
from gradcheck.verdicts.along_directions import Slopes
from tests.differences.test_directions import EPS, directions
from tests.saying import normal

SIZE = 20_000


@pytest.mark.parametrize(("count", "most"), [(1, 50), (3, 120), (30, 900)])
def test_wrong_elements_are_found_in_few_evaluations(count: int, most: int) -> None:
    """2 (log₂(n / k) + 1.5) evaluations for each of k, and the point in each batch."""
    true = normal(SIZE)
    tested = directions(lambda x: tf.reduce_sum(true * tf.sin(x)), x=np.zeros(SIZE))
    wrong = np.random.default_rng(1).choice(SIZE, count, replace=False)
    tape = true.copy()
    tape[wrong] += 0.5
    slopes = Slopes.along(tested, tested.weighted.cotangents[:, :1] * tape, 1 / 3, EPS, 0.0)
    meter = tested.evaluator._meter
    before = meter.count

    found = suspects(slopes, 32, meter, before + 10_000)

    assert set(found) <= set(wrong)
    # Two errors of one part may cancel along a direction: what is left shows along the others.
    assert len(found) >= 0.8 * count
    assert meter.count - before <= most


def test_a_search_ends_when_its_evaluations_are_spent() -> None:
    true = normal(SIZE)
    tested = directions(lambda x: tf.reduce_sum(true * tf.sin(x)), x=np.zeros(SIZE))
    slopes = Slopes.along(tested, 1.01 * tested.weighted.cotangents[:, :1] * true, 1 / 3, EPS, 0.0)
    meter = tested.evaluator._meter
    before = meter.count

    suspects(slopes, 32, meter, before + 200)

    assert meter.count - before <= 200 + 40


def test_a_right_tape_has_no_suspects() -> None:
    true = normal(500)
    tested = directions(lambda x: tf.reduce_sum(true * tf.sin(x)), x=np.zeros(500))
    slopes = Slopes.along(tested, tested.weighted.cotangents[:, :1] * true, 1 / 3, EPS, 0.0)

    assert suspects(slopes, 32, tested.evaluator._meter, 10**6).size == 0


def searched(errors: Array, noise: float, most: int = NAMED, rounds: int = 1000) -> tuple[list[int], int]:
    """What a search among errors known exactly finds, and how many sums it asks for"""
    asked = 0

    def measure(ranges: Sequence[tuple[int, int]]) -> list[float]:
        nonlocal asked
        asked += len(ranges)
        return [float(errors[start:stop].sum()) for start, stop in ranges]

    whole = _Part.of(0, errors.size, float(errors.sum()), noise)
    found = _search(whole, measure, noise, most, lambda: asked < rounds)
    return found.tolist(), asked


@pytest.mark.parametrize("places", [[0], [1023], [5, 6], [0, 300, 301, 700, 1023]])
def test_errors_of_one_sign_are_all_found(places: list[int]) -> None:
    """For each, a sum of one half at ten levels, and one more where the other half is known too badly."""
    errors = np.zeros(1024)
    errors[places] = 1.0 + np.arange(len(places))

    found, asked = searched(errors, 1e-6)

    assert sorted(found) == places
    assert asked <= 10 * len(places)
    assert searched(errors[:1], 1e-6)[0] == [0] * (places[0] == 0)


def test_what_is_no_more_than_four_times_the_noise_is_not_looked_into() -> None:
    errors = np.zeros(64)
    errors[[3, 40]] = 3.9, 4.1

    found, asked = searched(errors, 1.0)

    assert found == [40]
    assert searched(errors, 2.1) == ([], 0)
    assert 0 < asked <= 16


def test_no_more_are_named_and_no_more_is_spent_than_asked_for() -> None:
    errors = np.ones(256)

    assert len(searched(errors, 1e-3, most=5)[0]) == 5
    assert searched(errors, 1e-3, most=5, rounds=0) == ([], 0)
    assert 100 <= searched(errors, 1e-3, most=256, rounds=100)[1] <= 100 + 2 * 8


def test_the_other_half_is_measured_where_its_noise_has_added_up() -> None:
    """Found by subtraction: after the fourth time, 5 times as noisy as what is sought."""
    errors = np.zeros(2**8)
    errors[-1] = 4.5

    found, asked = searched(errors, 1.0)

    assert found == [255]
    # Eight levels; a rest of 4.5 is no 4 times as large as its noise of 2, 2, 2 …: each is measured again.
    assert asked == 16


def test_corners_along_a_direction_are_found() -> None:
    places = [3, 77, 78, 400]

    def function(x: Any) -> Any:
        return tf.reduce_sum(tf.sin(x + 1)) + 0.1 * tf.reduce_sum(tf.abs(tf.gather(x, places)))

    tested = directions(function, x=np.zeros(500))
    meter = tested.evaluator._meter

    assert sorted(corners(tested, 100, meter, 10_000).tolist()) == places
    assert corners(tested, 2, meter, 10_000).size == 2
    assert corners(tested, 100, meter, 0).size == 0
    assert corners(directions(lambda x: tf.reduce_sum(tf.sin(x)), x=np.zeros(50)), 9, meter, 9999).size == 0


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_the_direction_that_is_off_by_most_of_its_bounds_is_searched(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = directions(lambda x: tf.reduce_sum(tf.sin(x)), x=np.zeros(64))
    tape = tested.weighted.cotangents[:, :1] * np.ones(64)
    right = Slopes.along(tested, tape, 1 / 3, EPS, 0.0)
    off, bound = np.zeros(right.signed.shape), np.ones(right.signed.shape)
    # 9 / 3, 8 / 1 and 1 / 0.2; what is not known, and 0 / 0, tell nothing.
    off[1, 4], off[0, 7], off[1, 9], off[0, 11] = 9, -8, 1, np.nan
    bound[1, 4], bound[1, 9], bound[0, 2] = 3, 0.2, 0
    asked = []

    def moves(self: Any, which: Array) -> Array:
        asked.append(which.tolist())
        return np.ones((which.size, 64))

    monkeypatch.setattr(type(tested), "moves", moves)
    estimate = replace(right.estimate, bound=bound)

    suspects(replace(right, signed=share * off, estimate=estimate), 3, tested.evaluator._meter, 0)

    assert asked == [[7]]


def test_a_search_without_evaluations_left_makes_none() -> None:
    """Of corners the whole is measured first: both sides and the point."""
    tested = directions(lambda x: tf.reduce_sum(tf.abs(x)), x=np.zeros(64))
    meter = tested.evaluator._meter
    slopes = Slopes.along(tested, np.ones((len(tested.weighted.cotangents), 64)), 1 / 3, EPS, 0.0)

    before = meter.count
    assert suspects(slopes, 3, meter, before).size == 0
    assert meter.count == before
    assert corners(tested, 3, meter, before + 3).size == 0
    assert meter.count == before + 3


def test_a_search_ends_with_the_last_that_is_to_be_named() -> None:
    """Ever smaller errors: the largest is at the end of 6 halvings, and nothing is halved for the next."""
    errors, rounds = 2.0 ** -np.arange(64), []

    def measure(ranges: Sequence[tuple[int, int]]) -> list[float]:
        rounds.append(len(ranges))
        return [float(errors[start:stop].sum()) for start, stop in ranges]

    whole = _Part.of(0, 64, float(errors.sum()), 1e-30)

    assert _search(whole, measure, 1e-30, 1, lambda: True).tolist() == [0]
    assert len(rounds) <= 7


@pytest.mark.parametrize("place", [0, 63])
def test_a_wrong_element_at_either_end_is_found(place: int) -> None:
    tested = directions(lambda x: tf.reduce_sum(tf.sin(x)), x=np.zeros(64))
    tape = np.where(np.arange(64) == place, 1.5, 1.0)
    slopes = Slopes.along(tested, tested.weighted.cotangents[:, :1] * tape, 1 / 3, EPS, 0.0)
    meter = tested.evaluator._meter

    assert suspects(slopes, 3, meter, meter.count + 1000).tolist() == [place]


def test_corners_of_a_ten_thousandth_of_the_jump_are_told_from_curvature() -> None:
    """Of 1.002 in all one jumps by 1e-3 more, which counts, and one by 2e-5, which does not."""
    jumps = np.zeros(64)
    jumps[[5, 20, 50]] = 1.0, 1e-3, 2e-5
    tested = directions(lambda x: tf.reduce_sum(jumps * tf.abs(x)), x=np.zeros(64))

    assert corners(tested, 10, tested.evaluator._meter, 10_000).tolist() == [5, 20]


def test_corners_are_looked_for_along_the_first_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    """There slopes have seen them."""
    tested = directions(lambda x: tf.reduce_sum(tf.abs(x)), x=np.zeros(64))
    asked = []

    def moves(self: Any, which: Array) -> Array:
        asked.append(set(which.tolist()))
        return np.ones((which.size, 64))

    monkeypatch.setattr(type(tested), "moves", moves)

    corners(tested, 3, tested.evaluator._meter, 0)

    assert asked == [{0}]


@pytest.mark.parametrize("known", [0.01, 1.0])
def test_a_search_trusts_sums_as_far_as_every_cotangent_is_known(
    known: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of ½ by which the first one is off by more than 4 of its bounds, if not of another's."""
    tested = directions(lambda x: tf.reduce_sum(tf.sin(x)), x=np.zeros(64))
    tape = np.where(np.arange(64) == 7, 1.5, 1.0)
    slopes = Slopes.along(tested, tested.weighted.cotangents[:, :1] * tape, 1 / 3, EPS, 0.0)
    loudest = np.abs(slopes.signed).max(axis=1)
    bound = np.where(np.arange(loudest.size) == loudest.argmax(), 0.01, known)[:, None] * loudest[:, None]
    estimate = replace(slopes.estimate, bound=np.broadcast_to(bound, slopes.signed.shape))
    meter = tested.evaluator._meter

    found = suspects(replace(slopes, estimate=estimate), 3, meter, meter.count + 1000)

    assert found.tolist() == ([7] if known == 0.01 else [])
