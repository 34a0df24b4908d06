"""Which outputs belong to members: what is covered, what strays, and which rows are whole."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from gradcheck.sparsity.bands import Band, period
from gradcheck.sparsity.owners import Owners, Runs, owners_of
from tests.sparsity.by_definition import CASES

FIRST = Runs(0, 1, 0, 5)
"""Index by index along the first axis of five."""


def test_what_lies_beyond_the_runs_and_inside_them_strays() -> None:
    """Two members of three outputs each, from the first on: 1 … 6, of which 4 lies outside its band."""
    runs = Runs(1, 3, 1, 2, (0, 4, 9))
    owners = Owners((2, 9), (None, runs))

    assert runs.covered(9) == slice(1, 7)
    assert owners.covered == (slice(0, 2), slice(1, 7))
    every = slice(None)
    assert list(owners.strays()) == [(every, slice(0, 1)), (every, slice(7, 9)), (every, [0, 4])]
    assert list(Owners((5,), (FIRST,)).strays()) == []
    assert [Runs(0, 3, first, 2).covered(5) for first in (-4, -7, 3, 8)] == [
        slice(0, 2),
        slice(0, 0),
        slice(3, 5),
        slice(5, 5),
    ]


def test_rows_are_those_of_the_members() -> None:
    owners = Owners((5, 3), (FIRST, Runs(1, 1, 0, 3)))

    assert owners.rows(2, 4) == Owners((2, 3), (Runs(0, 1, 0, 2), Runs(1, 1, 0, 3)))
    assert owners.rows(2, 4).leading


def test_where_the_first_axis_is_that_of_the_outputs() -> None:
    assert Owners((5, 3), (FIRST, None)).leading
    assert Owners((5,), (FIRST,)).leading
    for run in (None, Runs(1, 1, 0, 5), Runs(0, 2, 0, 5), Runs(0, 1, 1, 5), Runs(0, 1, 0, 4)):
        assert not Owners((5, 3), (run,)).leading
    assert not Owners((5, 3), ()).leading


def test_where_an_output_belongs_to_one_member_or_to_one_in_its_row() -> None:
    """A plain product sums those."""
    assert Owners((5, 3), (None, None)).dense
    assert Owners((5, 3), (FIRST, None)).dense
    assert not Owners((5, 3), (FIRST, Runs(1, 1, 0, 3))).dense
    assert not Owners((5, 3), (Runs(1, 1, 0, 3),)).dense


@pytest.mark.parametrize("stride", ["1", "2", "3", "1/2", "2/3"])
def test_each_output_in_a_run_is_its_members_or_a_stranger(stride: str) -> None:
    """Bands on either side of the diagonal, with periods that are as short as may be and longer."""
    bands = [
        Band(0, Fraction(stride), Fraction(low, 2), Fraction(low + length, 2))
        for low, length in itertools.product(range(-4, 5), range(6))
    ]
    outputs, members = np.arange(-30, 50), np.arange(3)[:, None]
    for band, times in itertools.product(bands, (1, 2)):
        step = times * period((band,))
        for residue in {0, 1 % step, step - 1}:
            runs = Runs.of(band, step, residue, 3)
            # In sixths everything is whole.
            offset = 6 * (residue + members * step) - int(6 * band.stride) * outputs
            mine = (offset >= int(6 * band.low)) & (offset <= int(6 * band.high))
            in_runs = (outputs - runs.first) // runs.count == members
            assert runs == Runs(0, int(step / band.stride), runs.first, 3, runs.strangers)
            assert not (mine & ~in_runs).any()
            assert outputs[(in_runs & ~mine).any(axis=0)].tolist() == list(runs.strangers)


@pytest.mark.parametrize("name", CASES)
def test_what_nothing_moves_has_no_owners(name: str) -> None:
    colouring, outputs = CASES[name]

    found = owners_of(colouring, outputs, colouring.groups - 1)

    still = [part.size == 3 and name == "one stands still" for part in outputs]
    assert [owners is None for owners in found] == still
    for owners, part, bands in zip(found, outputs, colouring.bands, strict=True):
        if owners is not None:
            assert owners.shape == part.shape
            assert [run and run.axis for run in owners.runs] == [b and b.axis for b in bands]


def test_sums_are_those_of_each_members_outputs() -> None:
    """Runs that begin before the first output and end after the last are padded with zeros."""
    values = np.arange(10.0).reshape(2, 5)

    assert Owners((5,), (Runs(0, 3, -1, 3),)).add_up(values).tolist() == [[1, 9, 0], [11, 24, 0]]
    assert Owners((5,), (Runs(0, 1, 0, 5),)).add_up(values).tolist() == values.tolist()
    assert Owners((5,), (None,)).add_up(values).tolist() == [[10], [35]]
