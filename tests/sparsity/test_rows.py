"""The outputs that elements touch, by the definition of a band, and rounds of elements that share none."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck.sparsity.colouring import Rows
from tests.sparsity.by_definition import CASES, owned


@pytest.mark.parametrize("name", CASES)
def test_touched_outputs(name: str) -> None:
    colouring, outputs = CASES[name]
    flat = np.arange(int(np.prod(colouring.shape)))

    found = Rows(colouring, outputs).of(flat)

    for number, row in zip(flat, found, strict=True):
        element = tuple(map(int, np.unravel_index(number, colouring.shape))) if colouring.shape else ()
        assert sorted(row[row >= 0].tolist()) == owned(colouring, outputs, element)


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
