"""The outputs that elements touch, by the definition of a band, and rounds of elements that share none."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck.sparsity import colouring as module
from gradcheck.sparsity.colouring import SCATTERED, Colouring, Rows
from tests.sparsity.by_definition import CASES, band, output, owned


@pytest.mark.parametrize("name", CASES)
def test_touched_outputs(name: str) -> None:
    colouring, outputs = CASES[name]
    flat = np.arange(int(np.prod(colouring.shape)))

    found = Rows(colouring, outputs).of(flat)

    for number, row in zip(flat, found, strict=True):
        element = tuple(map(int, np.unravel_index(number, colouring.shape))) if colouring.shape else ()
        assert sorted(row[row != -1].tolist()) == owned(colouring, outputs, element)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("all_groups", [True, False])
def test_rounds_give_everyone_a_turn_and_share_no_output(name: str, all_groups: bool) -> None:
    """No more rounds than groups."""
    colouring, outputs = CASES[name]
    flat = np.arange(int(np.prod(colouring.shape)))
    if not all_groups:
        flat = flat[colouring.place(flat)[0] == 0]
    touched = Rows(colouring, outputs)

    rounds = list(touched.rounds(flat))

    assert sorted(np.concatenate(rounds).tolist()) == list(range(flat.size))
    for places in rounds:
        entries = touched.of(flat[places])
        entries = entries[entries >= 0]
        assert len(set(entries.tolist())) == entries.size
    assert len(rounds) <= colouring.groups


def test_few_elements_of_different_groups_that_share_no_output_are_moved_together() -> None:
    """0, 4 and 8 of a band of three; 5 shares outputs with 4. Of one group all are moved at once."""
    touched = Rows(*CASES["padded"])

    assert [places.tolist() for places in touched.rounds(np.array([0, 4, 8]))] == [[0, 1, 2]]
    assert sorted(map(len, touched.rounds(np.array([0, 4, 5, 8])))) == [1, 3]
    assert [places.tolist() for places in touched.rounds(np.array([0, 3, 6, 9]))] == [[0, 1, 2, 3]]


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
    flat: list[int], entries: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three outputs each: but one element is moved in any case."""
    monkeypatch.setattr(module, "ENTRIES", entries)

    rounds = list(padded(300).rounds(np.asarray(flat)))

    assert max(places.size for places in rounds) == min(most, len(flat))
    assert sorted(np.concatenate(rounds).tolist()) == list(range(len(flat)))
