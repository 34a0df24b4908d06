"""The first pass: which elements one pair of evaluations settles, and what a second pair is taken for."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.progress import Progress
from gradcheck.sparsity.bands import Band
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.verdicts.candidate import FirstPass
from gradcheck.verdicts.first_pass import first_pass
from gradcheck.verdicts.verdict import ElementVerdict
from tests.corpus.case import Function
from tests.posed import posed, variable

SIZE = 64
TOGETHER = Colouring((SIZE,), (1,), ((Band(0, Fraction(1), Fraction(0), Fraction(0)),),))
"""Each output answers to the element of its own index, so that all are one group."""


def passed(function: Function, x: Array, colouring: Colouring) -> tuple[FirstPass, int]:
    """What the first pass found, and its evaluations"""
    problem = posed(function, x=x)
    before = problem.meter.count
    found = first_pass(variable(problem), colouring, None, Progress(), problem.meter)
    assert found is not None
    return found, problem.meter.count - before


def where(chosen: Array, one: Callable[[Any], Any], other: Callable[[Any], Any]) -> Function:
    return lambda x: tf.where(tf.constant(chosen), one(x), other(x))


@pytest.mark.parametrize("piece", [2**16, 8])
@pytest.mark.parametrize(
    ("curved", "evaluations", "left"),
    [
        (range(0), 2, []),
        # 2 % of 64 elements are 1.28.
        ([0], 2, [0]),
        ([40], 2, [40]),
        ([40, 50], 4, []),
        (range(32, 64), 4, []),
        (range(32), 4, []),
        (range(64), 4, []),
    ],
)
def test_more_than_a_fiftieth_that_is_curved_takes_a_second_pair(
    curved: Any, evaluations: int, left: list[int], piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Straight elements are settled by one pair, exponential ones by two; judged in one part or in eight."""
    monkeypatch.setattr("gradcheck.differences.groups.PIECE", piece)
    mask = np.isin(np.arange(SIZE), curved)
    if piece == 8 and curved == [0]:
        # The first of eight parts has more than its share of what may be left open.
        evaluations, left = 4, []

    found, taken = passed(where(mask, tf.exp, lambda x: 3 * x), np.linspace(0.5, 1.5, SIZE), TOGETHER)

    assert taken == evaluations
    assert found.left.tolist() == left
    assert not found.lost.size
    judged = found.record.so_far
    assert (np.delete(judged.verdicts, left) == ElementVerdict.MATCH).all()
    truth = np.where(mask, np.exp(np.linspace(0.5, 1.5, SIZE)), 3.0)
    np.testing.assert_allclose(judged.difference, truth * judged.difference[1] / truth[1], rtol=1e-6)


# Along an axis that all outputs of a row answer to, the four groups of 32 rows are judged as one; where each
# output answers to its own element and the one before, the two groups of 64 elements each by itself.
ROWS = Colouring((32, 4), (1, 4), ((Band(0, Fraction(1), Fraction(0), Fraction(0)), None),))
PAIRS = Colouring((SIZE,), (2,), ((Band(0, Fraction(1), Fraction(-1), Fraction(0)),),))


def sum_of_row(terms: Any) -> Any:
    return tf.reduce_sum(terms, axis=1)


def with_the_one_before(terms: Any) -> Any:
    return terms + tf.pad(terms[:-1], [[1, 0]])


@pytest.mark.parametrize(
    ("colouring", "combined", "curved", "evaluations", "left"),
    [
        (ROWS, sum_of_row, [], 8, []),
        # 2 % of 128 elements are 2.56.
        (ROWS, sum_of_row, [5, 70], 8, [5, 70]),
        (ROWS, sum_of_row, [5, 70, 71], 16, []),
        (PAIRS, with_the_one_before, [], 4, []),
        # 2 % of 32 elements of a group are 0.64: the group of the even ones has a second pair.
        (PAIRS, with_the_one_before, [40], 6, []),
        (PAIRS, with_the_one_before, [40, 41], 8, []),
    ],
)
def test_what_may_be_left_open_is_counted_over_the_groups_that_are_judged_together(
    colouring: Colouring,
    combined: Callable[[Any], Any],
    curved: list[int],
    evaluations: int,
    left: list[int],
) -> None:
    mask = np.isin(np.arange(np.prod(colouring.shape)), curved).reshape(colouring.shape)
    terms = where(mask, tf.exp, lambda x: 3 * x)
    x = np.linspace(0.5, 1.5, mask.size).reshape(mask.shape)

    found, taken = passed(lambda x: combined(terms(x)), x, colouring)

    assert found.left.tolist() == left
    assert taken - evaluations in (0, 1)  # the point once more, where groups are a batch
    assert (np.delete(found.record.so_far.verdicts, left) == ElementVerdict.MATCH).all()


@pytest.mark.parametrize(("noisy", "lost"), [(31, False), (32, False), (33, True), (64, True)])
def test_where_rounding_is_the_limit_in_most_elements_no_second_pair_is_taken(noisy: int, lost: bool) -> None:
    """Beside 10¹⁰ an exponential is lost in the rounding of one pair, and in that of two."""
    hidden = np.arange(SIZE) < noisy

    found, taken = passed(
        where(hidden, lambda x: 1e10 + tf.exp(x), tf.exp), np.linspace(0.5, 1.5, SIZE), TOGETHER
    )

    assert taken == (2 if lost else 4)
    assert set(range(noisy)) <= set(found.left)
    assert found.left[found.lost].tolist() == list(range(noisy))


def test_elements_that_stand_still_are_not_lost_in_rounding() -> None:
    """40 of 64 move nothing, by no rounding either: the others have their second pair."""
    still = np.arange(SIZE) < 40

    found, taken = passed(where(still, lambda x: 0 * x, tf.exp), np.linspace(0.5, 1.5, SIZE), TOGETHER)

    assert taken == 4
    assert not found.left.size
    assert not found.lost.size


@pytest.mark.parametrize("stray", [None, 21, 22, 23])
def test_one_group_that_moves_an_output_of_none_of_its_elements_is_enough(stray: int | None) -> None:
    """Output i answers to x_i and x_(i−1), and x_21, x_22, x_23 move those of index 5, 6 and 7, which have no
    owner in their groups of every third element."""
    colouring = Colouring((SIZE,), (3,), ((Band(0, Fraction(1), Fraction(-1), Fraction(0)),),))

    def function(x: Any) -> Any:
        further = 0.0 if stray is None else tf.one_hot(stray - 16, SIZE, dtype=x.dtype) * x[stray]
        return with_the_one_before(3 * x) + further

    problem = posed(function, x=np.linspace(0.5, 1.5, SIZE))

    found = first_pass(variable(problem), colouring, None, Progress(), problem.meter)

    assert (found is None) == (stray is not None)


class Counted(Progress):
    """How many elements are said to be done, and after how many evaluations"""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def advance(self, elements: int, evaluations: int) -> None:
        self.steps.append((elements, evaluations))


@pytest.mark.parametrize("colouring", [TOGETHER, PAIRS, elementwise((SIZE,), 1)])
def test_the_progress_counts_each_element_once(colouring: Colouring) -> None:
    problem, counted = posed(lambda x: 3 * x, x=np.linspace(0.5, 1.5, SIZE)), Counted()

    first_pass(variable(problem), colouring, None, counted, problem.meter)

    assert sum(elements for elements, _ in counted.steps) == SIZE
    assert counted.steps[-1][1] == problem.meter.count


def test_the_second_pair_is_half_as_far_as_the_first() -> None:
    """Steps of cbrt(eps) of the scale, each times 0.7 to 1.3 at random."""
    seen: list[float] = []

    def function(x: Any) -> Any:
        seen.append(float(x[0]) if tf.executing_eagerly() else np.nan)
        return tf.exp(x)

    problem = posed(function, x=np.array([2.0]))
    candidate = variable(problem)
    seen.clear()

    first_pass(candidate, elementwise((1,), 1), None, Progress(), problem.meter)

    moves = (np.array([at for at in seen if at != 2.0]) - 2) / (2 * candidate.steps.first)
    assert moves.size == 4
    assert (np.sign(moves) == [1, -1, 1, -1]).all()
    assert ((np.abs(moves[:2]) >= 0.7) & (np.abs(moves[:2]) <= 1.3)).all()
    assert ((np.abs(moves[2:]) >= 0.35) & (np.abs(moves[2:]) <= 0.65)).all()
