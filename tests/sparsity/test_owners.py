"""Which outputs belong to members: what is covered, what strays, and which rows are whole."""

from __future__ import annotations

from gradcheck.sparsity.owners import Owners, Runs

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
