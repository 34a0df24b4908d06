"""The errors of one element at many steps, by numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.verdicts.sweep import Sweep

NAN, INF = float("nan"), float("inf")


def swept(up: list[float], down: list[float], tape: float, difference: float, half: float = 0.0) -> Sweep:
    """Slopes of both sides at two or three steps"""
    sides, steps = (np.array(up), np.array(down)), 10.0 ** -np.arange(len(up))
    given = ("f", "x", (0, 1), 0.5, 1.0, steps, *sides, 1e-15 / steps, tape)
    return Sweep(*given, 0.1, difference, 1e-9, 1e-6, half, "float64", 9)


def test_where_the_function_is_smooth_the_mean_of_both_sides_counts() -> None:
    one = swept([3.0, 2.5, INF], [1.0, 2.0, 2.0], tape=2.5, difference=2.25)

    np.testing.assert_array_equal(one.differences, [2.0, 2.25, NAN])
    np.testing.assert_array_equal(one.errors, [0.5, 0.25, NAN])
    np.testing.assert_array_equal(one.distances, [0.25, 0.0, NAN])
    assert (one.error, one.slopes, one.one_sided) == (0.25, None, False)


@pytest.mark.parametrize(("tape", "error"), [(-4.0, 3.0), (-1.0, 0.0), (0.5, 0.0), (2.0, 0.0), (4.0, 2.0)])
@pytest.mark.parametrize("turned", [False, True])
def test_at_a_corner_the_tape_may_be_anything_between_the_slopes(
    tape: float, error: float, turned: bool
) -> None:
    """Between −1 and 2, whichever side has the larger slope"""
    sides = [2.0, 2.0], [-1.0, -1.0]
    one = swept(*(sides[::-1] if turned else sides), tape=tape, difference=0.5, half=1.5)

    assert one.slopes == (-1.0, 2.0)
    assert one.errors.tolist() == [error] * 2
    assert one.error == error


def test_at_the_edge_of_the_domain_the_side_that_is_there_counts() -> None:
    above = swept([1.0, 2.0, 3.0], [NAN, INF, NAN], tape=3.0, difference=3.0)
    below = swept([NAN, NAN, 9.0], [1.0, 2.0, NAN], tape=3.0, difference=3.0)

    for one, known in ((above, [1.0, 2.0, 3.0]), (below, [1.0, 2.0, NAN])):
        assert one.one_sided
        np.testing.assert_array_equal(one.differences, known)


def test_an_element_is_named_as_it_is_asked_for() -> None:
    one = swept([1.0], [1.0], tape=1.0, difference=1.0)

    assert one.element == "x[0,1]"
    assert replace(one, index=()).element == "x"


def test_a_corner_may_be_slight() -> None:
    """Slopes of 1 and 1.5; where both are alike there is none."""
    one = swept([1.5, 1.5], [1.0, 1.0], tape=2.0, difference=1.25, half=0.25)

    assert one.slopes == (1.0, 1.5)
    assert (one.error, one.errors.tolist()) == (0.5, [0.5, 0.5])
    assert replace(one, half=0.0).slopes is None
