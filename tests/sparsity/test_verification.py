"""A colouring that is wrong about some elements falls as soon as one of them looks unsettled."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.function.output import Output
from gradcheck.sparsity.bands import EMPTY, Band
from gradcheck.sparsity.colouring import Colouring
from gradcheck.sparsity.verification import _masks, stands

SIZE = 40


def asked(
    leaks: list[tuple[int, int]], unsettled: list[int], low: int = 0, period: int = 1
) -> tuple[bool, int]:
    """Whether bands [o + low, o] stand where each (j, o) is one dependence more, and the number of calls"""
    o, j = np.indices((SIZE, SIZE))
    depends = (j <= o) & (j >= o + low)
    for source, output in leaks:
        depends[output, source] = True
    band = Band(0, Fraction(1), Fraction(low), Fraction(0))
    calls = 0

    def near(axis: int, indices: Array) -> Array:
        nonlocal calls
        calls += 1
        return np.asarray(depends[:, indices].any(axis=1))

    colouring = Colouring((SIZE,), (period,), ((band,),))
    found = stands(colouring, (Output("output", (SIZE,), "float64"),), np.array(unsettled), near)
    return found, calls


@pytest.mark.parametrize(("low", "period"), [(0, 1), (-2, 3)])
@pytest.mark.parametrize("unsettled", [[3], [0, 39], list(range(0, SIZE, 5)), list(range(SIZE))])
def test_a_right_colouring_stands(unsettled: list[int], low: int, period: int) -> None:
    found, calls = asked([], unsettled, low, period)

    assert found
    assert calls <= 5


@pytest.mark.parametrize(("low", "period"), [(0, 1), (-2, 3)])
@pytest.mark.parametrize("source", [0, 12, 20, 31, 39])
@pytest.mark.parametrize("output", [3, 25])
def test_an_element_that_moves_an_unsettled_one_is_seen(
    source: int, output: int, low: int, period: int
) -> None:
    """The source itself looks right, wherever it is."""
    assert not asked([(source, output)], [output], low, period)[0]


def test_two_that_move_each_other_are_seen() -> None:
    assert not asked([(3, 31), (31, 3)], [3, 31])[0]


def test_all_that_move_all_are_seen() -> None:
    assert not asked([(j, (j + 20) % SIZE) for j in range(SIZE)], list(range(SIZE)))[0]


def test_an_output_that_nothing_was_seen_to_move() -> None:
    colouring = Colouring((SIZE,), (1,), ((EMPTY,),))
    outputs = (Output("output", (1,), "float64"),)

    assert not stands(colouring, outputs, np.array([3]), lambda *_: np.array([True]))
    assert stands(colouring, outputs, np.array([3]), lambda *_: np.array([False]))


def test_dense_axes_are_not_asked() -> None:
    colouring = Colouring((3, SIZE), (3, SIZE), ((None, None),))

    def near(axis: int, indices: Array) -> Array:
        raise AssertionError

    assert stands(colouring, (Output("output", (1,), "float64"),), np.array([3]), near)


@pytest.mark.parametrize("period", [1, 3])
@pytest.mark.parametrize("unsettled", [[7], [0, 39], [3, 9, 30], [0, 8, 16, 30]])
def test_each_unsettled_element_is_moved_without_each_other(unsettled: list[int], period: int) -> None:
    """At first only what is at least a period away from them; then, in blocks of a period, halves of them."""
    away, *halves = _masks(SIZE, period, np.array(unsettled))

    assert away.tolist() == [all(abs(j - u) >= period for u in unsettled) for j in range(SIZE)]
    assert len(halves) == {1: 0, 2: 2, 3: 4, 4: 4}[len(unsettled)]
    for moved in unsettled:
        for still in set(unsettled) - {moved}:
            assert any(half[moved] and not half[still] for half in halves)
    for half in halves:
        assert {j // period for j in np.flatnonzero(half)} <= {u // period for u in unsettled}
