"""Large tensors: every element is looked at, in a number of evaluations that does not grow with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Verdict, check
from tests.corpus.case import distorted, scaled
from tests.saying import normal


def pooled(x: Any) -> Any:
    return tf.nn.max_pool1d(x, 3, 1, "VALID")


@pytest.mark.parametrize("length", [200, pytest.param(1000, marks=pytest.mark.full)])
def test_one_wrong_element_of_a_million_is_found_and_named(length: int) -> None:
    x = normal(50, length, 20)
    place = (17, 101, 9)
    x[place] = 5.0  # the largest of its windows: its gradient is 3
    wrong = np.zeros(x.shape)
    wrong[place] = 1e-4

    report = check(distorted(pooled, lambda gradient: gradient * (1 + wrong)), {"x": x})

    (variable,) = report.variables
    assert report.verdict is Verdict.FAIL
    assert variable.counts["mismatch"] == 1
    assert variable.worst_index == place
    assert variable.tape[place] == 3 * (1 + 1e-4)
    assert variable.coverage == 1.0
    assert report.evaluations < 500


def test_ties_of_whole_numbers_are_kinks() -> None:
    x = np.random.default_rng(0).integers(0, 10, (10, 1000, 10)).astype(np.float64)
    # An element is at a tie where a window holds its value, the largest, twice.
    windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)
    largest = windows == windows.max(axis=-1, keepdims=True)
    at_tie = largest & (largest.sum(axis=-1, keepdims=True) > 1)
    tied = np.zeros(x.shape, bool)
    for k in range(3):
        tied[:, k : k + 998] |= at_tie[..., k]

    report = check(pooled, {"x": x})

    (variable,) = report.variables
    assert report.verdict is Verdict.PASS
    assert np.array_equal(variable.verdicts == ElementVerdict.KINK, tied)
    assert report.evaluations < 2000


@pytest.mark.full
def test_a_gradient_that_is_wrong_everywhere_ends() -> None:
    report = check(distorted(pooled, scaled(1.001)), {"x": normal(10, 1000, 10)})

    assert report.verdict is Verdict.FAIL
    assert report.variables[0].counts["mismatch"] > 50_000
    assert report.evaluations < 5000


@pytest.mark.full
def test_a_saturated_softmax_passes() -> None:
    """60 rows of 60 logits, nearly all so far below the largest that nothing moves: a bounded number each."""
    report = check(lambda x: tf.nn.softmax(x), {"x": 100 * normal(60, 60)})

    assert report.verdict is Verdict.PASS, str(report)
    assert report.evaluations < 200 * 60
