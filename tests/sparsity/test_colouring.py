"""Colourings whose groups have the same owners."""

from __future__ import annotations

from gradcheck.sparsity.colouring import alike
from tests.sparsity.by_definition import CASES


def test_which_groups_are_alike() -> None:
    """Groups whose period is that of a band begin at another place each."""
    assert [name for name, (colouring, _) in CASES.items() if alike(colouring)] == [
        "elementwise", "one number", "a scalar", "rows", "exchanged", "repeated", "one stands still",
    ]  # fmt: skip
