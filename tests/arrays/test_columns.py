"""Values of several elements at once: each operation by column, for fields of any number of axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gradcheck.arrays.columns import Columns
from gradcheck.arrays.types import Array


@dataclass(frozen=True)
class Pair(Columns):
    """A field [U] and one [2, U]."""

    one: Array
    two: Array


def pair(*numbers: float) -> Pair:
    """`one` are the numbers, `two` ten and a hundred times those."""
    values = np.array(numbers)
    return Pair(values, np.stack([10 * values, 100 * values]))


def same(found: Pair, wanted: Pair) -> bool:
    return np.array_equal(found.one, wanted.one) and np.array_equal(found.two, wanted.two)


def test_take_by_index_mask_and_slice() -> None:
    whole = pair(1, 2, 3, 4)

    assert same(whole.take(np.array([3, 0, 0])), pair(4, 1, 1))
    assert same(whole.take(np.array([False, True, False, True])), pair(2, 4))
    assert same(whole.take(slice(1, 3)), pair(2, 3))


def test_put_gives_a_copy_with_other_elements() -> None:
    whole = pair(1, 2, 3, 4)

    assert same(whole.put(np.array([2, 0]), pair(7, 8)), pair(8, 2, 7, 4))
    assert same(whole, pair(1, 2, 3, 4))


def test_where_takes_from_the_other_what_is_chosen() -> None:
    assert same(pair(1, 2, 3).where(np.array([True, False, True]), pair(7, 8, 9)), pair(7, 2, 9))


def test_written_at_flat_indices() -> None:
    whole = pair(1, 2, 3, 4)

    whole.write(np.array([3, 1]), pair(7, 8), (2, 2))

    assert same(whole, pair(1, 8, 3, 7))


def test_written_to_a_strided_view_of_the_variable() -> None:
    """The second column of a tensor of shape (2, 3)."""
    whole = pair(0, 1, 2, 3, 4, 5)

    whole.write((slice(None), slice(1, None, 3)), pair(7, 8), (2, 3))

    assert same(whole, pair(0, 7, 2, 3, 8, 5))


def test_written_to_a_scalar_variable() -> None:
    whole = pair(1)

    whole.write((), pair(7), ())

    assert same(whole, pair(7))


def test_read_only() -> None:
    whole = pair(1, 2)

    sealed = whole.read_only()

    assert same(sealed, whole)
    for array in (sealed.one, sealed.two):
        with pytest.raises(ValueError, match="read-only"):
            array[..., 0] = 5
    # Whoever gathers goes on writing to arrays of its own.
    whole.write(np.array([0]), pair(9), (2,))


def test_joined_in_order() -> None:
    assert same(Pair.joined([pair(1, 2), pair(3), pair()]), pair(1, 2, 3))
