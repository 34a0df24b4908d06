"""Colourings whose groups have the same owners, and the rounds in which elements are moved."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.sparsity import colouring as module
from gradcheck.sparsity.bands import EMPTY
from gradcheck.sparsity.colouring import SCATTERED, Colouring, Rows, alike
from tests.sparsity.by_definition import CASES, ROW, band, elements, output, owned


def test_which_groups_are_alike() -> None:
    """Groups whose period is that of a band begin at another place each."""
    assert [name for name, (colouring, _) in CASES.items() if alike(colouring)] == [
        "elementwise", "one number", "a scalar", "rows", "exchanged", "repeated", "one stands still",
    ]  # fmt: skip


def test_a_band_in_any_of_the_outputs_or_axes_tells_groups_apart() -> None:
    """By the outputs that the elements of each group own."""
    narrow, shifted = band(0, -1, 1), band(1, 0, 1)
    cases = {
        "dense": Colouring((6,), (6,), ((None,), (None,))),
        "dense, and of no output": Colouring((6,), (6,), ((None,), (EMPTY,))),
        "dense, and a band": Colouring((6,), (3,), ((None,), (narrow,))),
        "a band, and of no output": Colouring((6,), (3,), ((narrow,), (EMPTY,))),
        "of no output at all": Colouring((6,), (3,), ((EMPTY,), (EMPTY,))),
        "two bands": Colouring((6,), (3,), ((narrow,), (narrow,))),
        "a batch and a band": Colouring((3, 6), (1, 2), ((ROW, shifted),)),
        "a band and a dense axis": Colouring((6, 3), (3, 3), ((narrow, None),)),
        "a dense axis and a band": Colouring((3, 6), (3, 3), ((None, narrow),)),
        "a batch": Colouring((6,), (1,), ((ROW,), (ROW,))),
    }
    for name, colouring in cases.items():
        outputs = tuple(output(6, 7) for _ in colouring.bands)
        found = [
            [owned(colouring, outputs, element) for element in elements(colouring, group)]
            for group in range(colouring.groups)
        ]
        assert alike(colouring) == all(one == found[0] for one in found), name


@pytest.mark.parametrize("name", CASES)
def test_alone_each_element_is_a_group_that_may_move_every_output(name: str) -> None:
    colouring, outputs = CASES[name]

    alone = colouring.alone()

    assert (alone.shape, alone.members) == (colouring.shape, 1)
    assert alone.bands == ((None,) * len(colouring.shape),) * len(outputs)
    assert [len(elements(alone, group)) for group in range(alone.groups)] == [1] * alone.groups


def padded(size: int) -> Rows:
    """A band of three; elements that are four apart share no output, and are in each group in turn"""
    return Rows(Colouring((size,), (3,), ((band(0, -1, 1),),)), (output(size),))


def test_where_a_group_has_many_elements_it_is_moved_by_itself() -> None:
    for each, rounds in ((SCATTERED, 1), (SCATTERED + 1, 3)):
        flat = 4 * np.arange(3 * each)
        found = list(padded(12 * each).rounds(flat))
        assert len(found) == rounds
        assert sorted(np.concatenate(found).tolist()) == list(range(flat.size))


@pytest.mark.parametrize("groups", [[1], [2], [1, 2], [0, 2]])
def test_every_group_of_many_elements_has_its_turn(groups: list[int]) -> None:
    flat = np.arange(300)
    flat = flat[np.isin(flat % 3, groups)]

    rounds = [flat[places] % 3 for places in padded(300).rounds(flat)]

    assert [{*some.tolist()} for some in rounds] == [{group} for group in groups]
    assert [some.size for some in rounds] == [100] * len(groups)


@pytest.mark.parametrize(("entries", "most"), [(1, 1), (5, 1), (6, 2), (300, 100)])
@pytest.mark.parametrize("flat", [3 * np.arange(100), 4 * np.arange(75)], ids=["one group", "scattered"])
def test_memory_bounds_how_many_are_moved_together(
    flat: Array, entries: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three outputs each: but one element is moved in any case."""
    monkeypatch.setattr(module, "ENTRIES", entries)

    rounds = list(padded(300).rounds(flat))

    assert max(places.size for places in rounds) == min(most, len(flat))
    assert sorted(np.concatenate(rounds).tolist()) == list(range(len(flat)))


def test_what_an_element_does_not_touch_is_minus_one() -> None:
    """The first and the last of ten miss one of the three outputs of a band."""
    first, middle, last = (sorted(row.tolist()) for row in padded(10).of(np.array([0, 4, 9])))
    assert (first, middle, last) == ([-1, 0, 1], [3, 4, 5], [-1, 8, 9])


@pytest.mark.parametrize("name", CASES)
def test_rows_are_as_wide_as_the_element_with_most_outputs(name: str) -> None:
    """Where nothing moves an output there is no room for it."""
    colouring, outputs = CASES[name]
    every = [element for group in range(colouring.groups) for element in elements(colouring, group)]

    assert Rows(colouring, outputs).width == max(len(owned(colouring, outputs, one)) for one in every)
