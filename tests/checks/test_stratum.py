"""Where the slopes of one stratum are taken: at the point, or the farthest that the tape allows beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.checks.row import Row
from gradcheck.checks.stratum import Places
from gradcheck.verdicts.limiting import DISTANCES
from tests.corpus.case import Array
from tests.posed import posed, variable

N, CORNERS = 200, 20
CHOSEN = np.arange(N)
X = np.where(np.arange(N) < CORNERS, 0.0, 1.0)


def bent(x: Any) -> Any:
    """Its tape at x + εv, a little below x, is −ε off that at x."""
    return tf.reduce_sum(tf.nn.relu(x) + x**2 / 2)


def row(**changed: Any) -> Row:
    problem = posed(bent, x=X)
    return replace(Row.of(problem, [variable(problem)]), **changed)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The longest steps and the tapes of all slopes that are asked for; `corners` says where some are"""
    seen = SimpleNamespace(longest=[], tapes=[], corners=iter([True, False]))

    def along(directions: Any, tape: Array, longest: float, *_: Any) -> Any:
        seen.longest.append(longest)
        seen.tapes.append(tape)
        return SimpleNamespace(corners=next(seen.corners))

    monkeypatch.setattr("gradcheck.checks.stratum.Slopes.along", along)
    return seen


@pytest.mark.parametrize(
    ("tight", "expected"), [(0, 1e-3), (N // 10, 1e-3), (N // 10 + 1, 1e-5), (N - 1, 1e-5), (N, 1e-5)]
)
def test_slopes_are_taken_where_nine_tenths_of_the_tape_are_nearly_that_at_the_point(
    tight: int, expected: float, asked: Any
) -> None:
    """A quarter of 0.01 is above 1e-3 by far, and a quarter of 2e-4 is above 1e-5, not above 1e-4."""
    known = np.repeat([1e-2, 2e-4], [N - tight, tight])

    found = Places(row(known=known), 20).stratum(CHOSEN, (0, 0))

    assert asked.longest == pytest.approx([1 / 3, expected / 8])
    assert found is not None
    # The scale of a 0 is the root of the mean of all squares.
    apart = expected * np.where(X == 0, np.sqrt(np.mean(X**2)), 1.0)
    np.testing.assert_allclose(found.apart, apart, rtol=1e-6)
    np.testing.assert_allclose(asked.tapes[0][0] - asked.tapes[1][0], apart, rtol=1e-6)
    assert found.kinks is not None
    assert found.kinks.tolist() == [True] * CORNERS + [False] * (N - CORNERS)


def test_the_nearest_place_is_tried_whatever_the_tape_is_there(asked: Any) -> None:
    found = Places(row(known=np.zeros(N)), 20).stratum(CHOSEN, (0, 0))

    assert asked.longest == pytest.approx([1 / 3, DISTANCES[-1] / 8])
    assert found is not None


@pytest.mark.parametrize("corners", [[True] * 6, [True, True, True, False]])
def test_it_goes_nearer_as_long_as_there_are_corners(corners: Iterable[bool], asked: Any) -> None:
    asked.corners = iter(corners)

    found = Places(row(known=np.ones(N)), 20).stratum(CHOSEN, (0, 0))

    assert asked.longest == pytest.approx([1 / 3, *(one / 8 for one in DISTANCES)][: len(list(corners))])
    assert (found is None) is all(corners)


def test_only_the_elements_of_the_stratum_count(asked: Any) -> None:
    """All that are known less well are in another stratum."""
    known = np.where(CHOSEN < 50, 1e-2, 0.0)

    found = Places(row(known=known), 20).stratum(np.arange(50), (0, 0))

    assert asked.longest == pytest.approx([1 / 3, 1e-3 / 8])
    assert found is not None
    assert found.kinks is not None
    assert found.kinks.tolist() == [True] * CORNERS + [False] * 30


def test_a_tape_that_is_the_same_beside_the_corners_is_as_near_as_need_be(asked: Any) -> None:
    """Of Σ relu, whatever has to be known: also where no error at all is allowed."""
    problem = posed(lambda x: tf.reduce_sum(tf.nn.relu(x)), x=X)
    linear = replace(Row.of(problem, [variable(problem)]), known=np.zeros(N))

    found = Places(linear, 20).stratum(CHOSEN, (0, 0))

    assert asked.longest == pytest.approx([1 / 3, DISTANCES[0] / 8])
    assert found is not None
    assert not found.apart.any()
