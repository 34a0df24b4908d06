"""Which elements put a direction off: the right ones, in few evaluations."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.checks.search import suspects
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
    slopes = Slopes.along(tested, tested.weighted.cotangents[:, :1] * tape, 1 / 3, EPS)
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
    slopes = Slopes.along(tested, 1.01 * tested.weighted.cotangents[:, :1] * true, 1 / 3, EPS)
    meter = tested.evaluator._meter
    before = meter.count

    suspects(slopes, 32, meter, before + 200)

    assert meter.count - before <= 200 + 40


def test_a_right_tape_has_no_suspects() -> None:
    true = normal(500)
    tested = directions(lambda x: tf.reduce_sum(true * tf.sin(x)), x=np.zeros(500))
    slopes = Slopes.along(tested, tested.weighted.cotangents[:, :1] * true, 1 / 3, EPS)

    assert suspects(slopes, 32, tested.evaluator._meter, 10**6).size == 0
