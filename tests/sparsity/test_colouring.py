"""Colourings whose groups have the same owners."""

from __future__ import annotations

import pytest

from gradcheck.sparsity.bands import EMPTY
from gradcheck.sparsity.colouring import Colouring, alike
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
