"""The contraction of moved groups, against loops over outputs and the definition of a band."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import AllOutputs, Sums, Weighted, contract
from gradcheck.differences.groups import PIECE, MovedGroups, Sides
from gradcheck.function.output import Output
from gradcheck.sparsity.bands import EMPTY
from gradcheck.sparsity.colouring import Colouring, alike, flat_indices
from tests.differences.by_loops import assert_same, by_loops, weighted
from tests.sparsity.by_definition import CASES, ROW, elements, output, owned


@pytest.mark.parametrize("piece", [PIECE, 8, 1])
@pytest.mark.parametrize("name", CASES)
def test_a_group_contracted(name: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, or in pieces of a few rows."""
    monkeypatch.setattr("gradcheck.differences.groups.PIECE", piece)
    colouring, outputs = CASES[name]
    count = sum(part.size for part in outputs)
    generator = np.random.default_rng(0)
    known, base = weighted(count, generator), generator.standard_normal(count)
    for group in range(colouring.groups):
        places = [owned(colouring, outputs, element) for element in elements(colouring, group)]
        moving = sorted(set(itertools.chain(*places)))
        assert len(moving) == sum(map(len, places)), "the bands of a group meet"
        up, down = base.copy(), base.copy()
        up[moving] += generator.standard_normal(len(moving))
        down[moving] -= generator.standard_normal(len(moving))

        moved = MovedGroups(colouring, [group], outputs, known, Sides(up[None], down[None], base[None]))
        rows = np.concatenate([part.rows() for part in moved.parts()], axis=1)

        truth = by_loops(known, up - base, base - down, places)
        assert_same(Sums.of(rows, 3), truth, ("up", "down", "size", "noise", "coarse"))
        assert not moved.leaks()


ALIKE = [name for name, (colouring, _) in CASES.items() if alike(colouring)]


@pytest.mark.parametrize("piece", [PIECE, 25])
@pytest.mark.parametrize("name", ALIKE)
def test_groups_of_the_same_owners_contracted_together(
    name: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As each is by itself; every group has a base of its own, or all have the same."""
    monkeypatch.setattr("gradcheck.differences.groups.PIECE", piece)
    colouring, outputs = CASES[name]
    count, groups = sum(part.size for part in outputs), list(range(colouring.groups)) * 3
    generator = np.random.default_rng(0)
    known = weighted(count, generator)
    up, down, base = generator.standard_normal((3, len(groups), count))
    for bases in (base, base[:1]):
        together = MovedGroups(colouring, groups, outputs, known, Sides(up, down, bases))
        (part,) = together.parts()
        alone = [
            one.rows()
            for number, group in enumerate(groups)
            for one in MovedGroups(
                colouring, [group], outputs, known, Sides(up, down, bases).of(number)
            ).parts()
        ]
        np.testing.assert_allclose(part.rows(), np.hstack(alone), rtol=1e-12, atol=1e-14)
        places = [
            flat_indices(colouring.slices(g), colouring.shape, np.arange(colouring.members)) for g in groups
        ]
        assert np.array_equal(part.where, np.concatenate(places))


@pytest.mark.parametrize("name", CASES)
def test_an_output_that_no_element_owns_leaks(name: str) -> None:
    """Seen on either side, and only above its rounding."""
    colouring, outputs = CASES[name]
    count = sum(part.size for part in outputs)
    known, base = weighted(count, np.random.default_rng(0)), np.zeros(count)
    for group in range(colouring.groups):
        mine = set(itertools.chain(*(owned(colouring, outputs, e) for e in elements(colouring, group))))
        # Behind the tensor's end members go on, and own what is there.
        for stray in set(range(count)) - mine:
            moved = base.copy()
            moved[stray] = 1e-9
            leaks = leak(colouring, group, outputs, known, moved, base)
            assert leaks == leak(colouring, group, outputs, known, base, moved)
            assert leaks or off_the_end(colouring, outputs, group, stray)
            moved[stray] = known.noise[stray]
            assert not leak(colouring, group, outputs, known, moved, base)


def leak(
    colouring: Colouring, group: int, outputs: tuple[Output, ...], known: Weighted, up: Array, down: Array
) -> bool:
    """Whether a move from 0 leaks"""
    sides = Sides(up[None], down[None], 0 * up[None])
    return MovedGroups(colouring, [group], outputs, known, sides).leaks()


def off_the_end(colouring: Colouring, outputs: tuple[Output, ...], group: int, stray: int) -> bool:
    """Whether an output is owned by a member that is no element of the tensor any more"""
    longer = tuple(n + p for n, p in zip(colouring.shape, colouring.periods, strict=True))
    whole = Colouring(longer, colouring.periods, colouring.bands)
    return any(stray in owned(whole, outputs, element) for element in elements(whole, group))


def test_nan_leaks() -> None:
    colouring, outputs = CASES["one stands still"]
    known, base = weighted(10, np.random.default_rng(0)), np.zeros(10)
    moved = base.copy()
    moved[1] = np.nan

    assert leak(colouring, 0, outputs, known, moved, base)


def test_a_group_has_its_own_base_where_there_are_several() -> None:
    up, down, base = np.arange(24.0).reshape(3, 2, 4)
    shared = Sides(up, down, base[:1])
    own = Sides(up, down, base)

    for number in (0, 1):
        for sides, wanted in ((own, base[number]), (shared, base[0])):
            one = sides.of(number)
            assert [one.up.tolist(), one.down.tolist(), one.base.tolist()] == [
                [up[number].tolist()],
                [down[number].tolist()],
                [wanted.tolist()],
            ]
            part = [*sides.part(slice(number, number + 1), slice(1, 3))]
            assert [rows[0].tolist() for rows in part] == [
                row[1:3].tolist() for row in (up[number], down[number], wanted)
            ]


@pytest.mark.parametrize(
    ("piece", "parts", "pieces"), [(PIECE, 1, 1), (64, 1, 2), (48, 1, 2), (47, 3, 1), (16, 6, 1)]
)
def test_large_groups_come_in_parts_and_small_ones_at_once(
    piece: int, parts: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 rows of 8 outputs each, 12 members: judged at once up to a quarter of a piece."""
    monkeypatch.setattr("gradcheck.differences.groups.PIECE", piece)
    colouring, outputs = Colouring((12, 2), (1, 2), ((ROW, None),)), (output(12, 8),)
    known, side = weighted(96, np.random.default_rng(0)), np.ones((1, 96))

    found = list(MovedGroups(colouring, [0], outputs, known, Sides(side, side, 0 * side)).parts())

    assert [len(part.pieces) for part in found] == [pieces] * parts
    rows = np.concatenate([part.rows() for part in found], axis=1)
    np.testing.assert_allclose(rows[:3], known.cotangents.reshape(3, 12, 8).sum(axis=2), rtol=1e-12)


def test_each_output_has_its_own_rounding() -> None:
    """Σ w ε (|Δ⁺| + |Δ⁻|) / 2 of two elements that move two outputs of different dtypes."""
    known = Weighted(
        np.array([[2.0, -3.0]]), np.array([2.0, 3.0]), np.array([0.1, 0.2]), np.array([0.01, 0.5])
    )
    base, up, down = np.zeros(2), np.array([[1.0, 2.0], [4.0, 0.0]]), np.array([[-3.0, 0.0], [0.0, 0.0]])

    sums = Sums.of(contract(known, AllOutputs(), up, down, base, gap=True), 1)

    assert sums.up.tolist() == [[-4, 8]]
    assert sums.down.tolist() == [[6, 0]]
    assert sums.size.tolist() == [2 * 2 + 3 * 1, 2 * 2]
    np.testing.assert_allclose(sums.noise, [2 * 0.1 + 3 * 0.2, 2 * 0.1])
    np.testing.assert_allclose(sums.coarse, [0.01 * 4 + 0.5 * 3, 0.01 * 4])
    assert sums.gap.tolist() == [[2 * 2 + 3 * 2, 8]]


def test_elements_that_move_nothing_have_sums_of_nothing() -> None:
    """Two groups of two of four elements, no output belongs to any; for three cotangents 2 · 3 + 3 rows."""
    colouring, outputs = Colouring((4,), (2,), ((EMPTY,),)), (output(5),)
    known, side = weighted(5, np.random.default_rng(0)), np.zeros((2, 5))

    for groups, members in (([0], 2), ([0, 1], 4)):
        sides = Sides(side[: len(groups)], side[: len(groups)], side[:1])
        (part,) = MovedGroups(colouring, groups, outputs, known, sides).parts()
        rows = part.rows()
        assert rows.shape == (9, members)
        assert not rows.any()


def pieces_of(groups: Sequence[int], columns: int) -> list[int]:
    """How many pieces each part has of some groups of 12 rows, which move one number of one tensor and 8 of
    another each"""
    colouring = Colouring((12, columns), (1, columns), ((ROW, None), (ROW, None)))
    known, side = weighted(108, np.random.default_rng(0)), np.ones((len(groups), 108))
    moved = MovedGroups(colouring, groups, (output(12), output(12, 8)), known, Sides(side, side, 0 * side))
    return [len(part.pieces) for part in moved.parts()]


@pytest.mark.parametrize(("piece", "pieces"), [(95, 7), (96, 7), (2 * 96, 4), (7 * 96 - 1, 2), (7 * 96, 1)])
def test_pieces_hold_as_many_groups_as_have_room_for_their_largest_output(
    piece: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven groups that move 12 numbers of one tensor and 96 of another."""
    monkeypatch.setattr("gradcheck.differences.groups.PIECE", piece)

    assert pieces_of(range(7), columns=7) == [pieces]


@pytest.mark.parametrize(("piece", "pieces"), [(7, 12), (8, 12), (16, 6), (95, 2), (96, 1)])
def test_pieces_hold_as_many_rows_as_have_room_for_their_largest_output(
    piece: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One group."""
    monkeypatch.setattr("gradcheck.differences.groups.PIECE", piece)

    assert sum(pieces_of([0], columns=2)) == pieces
