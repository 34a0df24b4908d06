"""Strides that are tried for a band, and how far a band may reach where no index was moved."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.sparsity.bands import EMPTY, Band, _fit, _strides, _unmet, explained, foreseen, period
from gradcheck.sparsity.probing import COMBS, _combs
from tests.sparsity.by_definition import band


@pytest.mark.parametrize(
    ("inputs", "outputs", "strides"),
    [
        (10, 10, [1, 2]),
        (100, 50, [1, 2, 3, 4]),
        (50, 100, [Fraction(1, 4), Fraction(1, 3), Fraction(1, 2), 1]),
        (7, 2, [1, 2, 3, 4, 5, 6, 7]),
        (160, 10, range(8, 33)),
        # Above 16 only the ratio itself.
        (161, 10, [16, 17]),
        (10, 165, [Fraction(1, 17), Fraction(1, 16)]),
        (300, 10, [30]),
        (300, 1, [300]),
    ],
)
def test_strides_are_within_a_factor_of_two_of_the_ratio_of_lengths(
    inputs: int, outputs: int, strides: list[Fraction]
) -> None:
    assert _strides(inputs, outputs) == list(strides)


@pytest.mark.parametrize(
    ("step", "teeth", "longest"),
    [
        (4, [16, 20, 24], 3),
        (4, [16, 21], 2),
        (4, [16, 18], 1),
        (4, [16, 17, 18, 19], 0),
        (4, [17, 19], 1),
        (1, [16, 40], 0),
        # In the first and the last eighth of 64 indices outputs may end.
        (4, [7, 16, 57, 58], 3),
        (4, [8, 17, 26, 55], 0),
        (4, [0, 1, 2, 3, 60], 3),
        (3, [16, 56], 2),
        (3, [16, 55], 2),
        (3, [16, 17], 1),
        (4, [], 3),
        (0, [16, 17], 0),
    ],
)
def test_the_longest_run_of_phases_that_no_tooth_met(step: int, teeth: list[int], longest: int) -> None:
    assert _unmet(step, np.array(teeth, np.int64), 64) == longest


def test_an_output_that_stands_still_has_no_band_beside_one_that_moves() -> None:
    teeth = np.array([3, 15, 27, 39])
    moved, still = np.isin(np.arange(50), teeth), np.zeros(4, bool)

    bands = explained(50, [(teeth, [moved, still])])

    assert bands == (Band(0, Fraction(1), Fraction(0), Fraction(0)), EMPTY)
    assert foreseen(bands, teeth, [moved, still])
    assert not foreseen(bands, teeth, [moved, ~still])
    assert not foreseen(bands, teeth[:3], [moved, still])
    assert explained(50, [(teeth, [moved & False, still])]) == ()


@pytest.mark.parametrize(
    ("teeth", "hit", "closest", "band"),
    [
        # Four inputs of which only the first was met may reach three to either side.
        ([16, 32, 48], [4, 8, 12], 16, (-3, 3)),
        ([16, 33, 50], [4, 8, 12], 17, (-1, 3)),
        ([16, 32, 48], [3, 4, 7, 8, 11, 12], 21, (-3, 7)),
        ([16, 32, 48], [3, 4, 8, 12, 13], 29, (-7, 7)),
        # 2 (high − low) has to be less than the distance of two teeth.
        ([16, 32, 48], [4, 8, 12], 13, (-3, 3)),
        ([16, 32, 48], [4, 8, 12], 12, None),
        # Before the first tooth and after the last there is one.
        ([16], [1, 4, 7], 100, (-15, 15)),
    ],
)
def test_a_band_holds_a_moved_input_for_every_changed_output(
    teeth: list[int], hit: list[int], closest: int, band: tuple[int, int] | None
) -> None:
    every = np.array(teeth)

    found = _fit(0, 64, Fraction(4), [(every, np.array(hit))], every, closest)

    assert found == (None if band is None else Band(0, Fraction(4), Fraction(band[0]), Fraction(band[1])))


@pytest.mark.parametrize(("size", "first", "last"), [(63, 7, 55), (60, 7, 52), (64, 8, 55), (7, 0, 6)])
def test_only_teeth_in_the_outer_eighths_are_left_out(size: int, first: int, last: int) -> None:
    """Whole eighths: of 63 indices the first 7 and the last 7 do not count; of 7 indices all do."""
    for tooth in range(size):
        # One phase of seven was met, or none; 7 has another phase than the indices in the middle.
        longest = _unmet(7, np.array([tooth, tooth]), size)
        beside = _unmet(7, np.array([tooth, size // 2, size // 2 + 1]), size)
        counts = first <= tooth <= last
        met = {size // 2 % 7, (size // 2 + 1) % 7} | ({tooth % 7} if counts else set())
        assert longest == 6
        assert beside == longest_gap(met, 7)


def longest_gap(met: set[int], step: int) -> int:
    """Phases in a row, round the circle, that are not among those met"""
    return max(
        run for run in range(step) for at in range(step) if not met & {(at + i) % step for i in range(run)}
    )


def test_no_index_is_in_the_empty_band() -> None:
    """It is none that a function could have, and asks for no period."""
    assert EMPTY.length <= 0
    assert period((EMPTY,)) == 1
    assert period((EMPTY, band(0, 0, 1, "3"))) == 3


def test_an_output_that_some_probes_do_not_move_has_a_band() -> None:
    """x[:30] of 50, where the second comb lies beyond."""
    probes = [np.array([3, 27]), np.array([32, 48])]

    found = explained(50, [(teeth, [np.isin(np.arange(30), teeth)]) for teeth in probes])

    assert found == (band(0, 0, 0),)


def test_what_every_index_moves_has_no_band() -> None:
    for size, teeth in ((50, [[3, 27], [15, 40]]), (3, [[1], [1], [2]])):
        probes = [(np.array(some), [np.ones(1, bool)]) for some in teeth]
        assert explained(size, probes) == ()


@pytest.mark.parametrize("length", [1, 100, 200])
def test_a_band_shorter_than_half_of_the_farther_spacing_is_found(length: int) -> None:
    """[o, o + length − 1] of combs 512 apart, of which two teeth may be 8 nearer."""
    outputs = np.arange(5000 - length + 1)[:, None]

    def moved(teeth: Array) -> Array:
        return np.asarray(((teeth >= outputs) & (teeth < outputs + length)).any(axis=1))

    probes = [(teeth, [moved(teeth)]) for teeth in _combs(5000, COMBS[1])[:3]]

    assert explained(5000, probes) == (band(0, 0, length - 1),)


def test_one_entry_that_moves_too_far_is_not_foreseen() -> None:
    """Of three in each row, and of an output that nothing moves."""
    rows, nothing = (band(0, 0, 0), EMPTY), np.zeros((50, 3), bool)
    one = nothing.copy()
    one[7, 1] = True

    assert foreseen(rows, np.array([7]), [one, nothing])
    assert not foreseen(rows, np.array([30]), [one, nothing])
    assert not foreseen(rows, np.array([7]), [one, one])


def test_one_index_that_moves_every_output_has_no_band() -> None:
    """Though another moves none, or only its own."""
    every, none, own = np.ones(10, bool), np.zeros(10, bool), np.arange(10) == 4

    for other in (none, own):
        assert explained(20, [(np.array([8]), [every]), (np.array([9]), [other])]) == ()
    assert explained(20, [(np.array([8]), [own]), (np.array([9]), [own])]) != ()


def test_a_band_as_long_as_the_axis_is_none() -> None:
    """Of three indices the second moves the outputs beside its own: [o − 1, o + 1]."""
    assert explained(3, [(np.array([1]), [np.array([True, False, True])])]) == ()
    assert explained(4, [(np.array([1]), [np.array([True, False, True, False])])]) == (band(0, -1, 1),)


@pytest.mark.parametrize("times", [2, 5, 17])
def test_an_index_may_move_many_outputs_of_its_own(times: int) -> None:
    """Each of 100 is repeated."""
    owner = np.arange(100 * times) // times

    found = explained(100, [(teeth, [np.isin(owner, teeth)]) for teeth in _combs(100, COMBS[0])[:3]])

    assert found == (Band(0, Fraction(1, times), Fraction(1 - times, times), Fraction(0)),)
