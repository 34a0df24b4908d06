"""Strata: elements by how much they move, cut where that falls by a factor."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.differences.strata import SPAN, Elements, set_apart

ROW = Elements(((2, 3), (4,)), np.ones(10), np.arange(10.0))


def weights(*values: float) -> Elements:
    return Elements(((len(values),),), np.ones(len(values)), np.array(values))


@given(st.lists(st.floats(0, 1e300) | st.just(0.0) | st.just(float("inf")), min_size=1, max_size=60))
def test_strata_divide_the_elements_and_span_no_more_than_the_factor(values: list[float]) -> None:
    row = weights(*values)

    found = row.strata(np.arange(len(values)))

    assert sorted(np.concatenate(found)) == list(range(len(values)))
    largest = [max(values[j] for j in stratum) for stratum in found]
    assert largest == sorted(largest, reverse=True)
    for stratum in found:
        here = [values[j] for j in stratum]
        assert max(here) == 0 or min(here) > 0
        assert max(here) == 0 or np.isinf(max(here)) or max(here) <= SPAN * min(here) * (1 + 1e-12)


def test_what_moves_nothing_is_the_last_stratum() -> None:
    found = weights(0.0, 1.0, 0.0, 2.0).strata(np.arange(4))
    assert [stratum.tolist() for stratum in found] == [[1, 3], [0, 2]]


def test_only_chosen_elements_are_in_strata() -> None:
    found = weights(1.0, 2.0, 3.0, 1e-9).strata(np.array([0, 3]))
    assert [stratum.tolist() for stratum in found] == [[0], [3]]


def test_a_row_knows_its_variables() -> None:
    assert ROW.starts.tolist() == [0, 6, 10]
    (first, mine, flat), (second, others, rest) = ROW.locate(np.array([1, 5, 6, 9]))
    assert (first, second) == (0, 1)
    assert mine.tolist() == [True, True, False, False]
    assert (flat.tolist(), rest.tolist()) == ([1, 5], [0, 3])
    assert (~mine == others).all()


def test_parts_are_the_elements_of_each_variable() -> None:
    assert [part.tolist() for part in ROW.parts(np.array([1, 5, 6, 9]))] == [[1, 5], [6, 9]]
    assert [part.tolist() for part in ROW.parts(np.array([7, 8]))] == [[7, 8]]


def test_small_strata_are_set_apart() -> None:
    large, small = set_apart([np.array([4, 5, 6]), np.array([9]), np.array([1, 2])], 3)
    assert [stratum.tolist() for stratum in large] == [[4, 5, 6]]
    assert small.tolist() == [1, 2, 9]
    assert set_apart([], 3)[1].size == 0


def test_what_hardly_moves_is_one_stratum_and_what_moves_nothing_another() -> None:
    found = weights(0.0, 1e-9, 5.0, 1e-15, 0.0).strata(np.arange(5), 1e-3)
    assert [stratum.tolist() for stratum in found] == [[2], [1, 3], [0, 4]]
