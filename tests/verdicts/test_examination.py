"""A first pass whose colouring falls is discarded whole; so many mismatches are confirmed one by one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.progress import Progress, Stage
from gradcheck.sparsity.bands import Band
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.verdicts.candidate import Confirmed, Settled
from gradcheck.verdicts.examination import confirm, examine
from gradcheck.verdicts.judgement import Record
from gradcheck.verdicts.ladders import look
from gradcheck.verdicts.verdict import ElementVerdict
from tests.corpus.case import Function, distorted, scaled
from tests.posed import Told, posed, variable
from tests.saying import normal

MATCH, MISMATCH, UNCHECKED = ElementVerdict.MATCH, ElementVerdict.MISMATCH, ElementVerdict.UNCHECKED
SHAPE = 6, 5
ROWS, COLUMNS = (Band(axis, Fraction(1), Fraction(0), Fraction(0)) for axis in (0, 1))


def looked_at(
    function: Function, colouring: Colouring, chosen: list[int] | None = None, confirmed: int = 64
) -> tuple[Confirmed, int]:
    """What an examination found, and its evaluations"""
    problem = posed(function, x=normal(*colouring.shape))
    before = problem.meter.count
    groups = None if chosen is None else np.array(chosen)
    found = examine(variable(problem), colouring, groups, Progress(), problem.meter, confirmed)
    return found, problem.meter.count - before


def mixing_rows(x: Any) -> Any:
    """Row 4 answers to row 1 as well: no output is without an owner, for every row has outputs of its own."""
    return x**2 + tf.one_hot([4], 6, axis=0, dtype=x.dtype) * 0.5 * x[1]


def mixing_columns(x: Any) -> Any:
    """Each column answers to the one before."""
    return x**2 + 0.5 * tf.pad(x[:, :-1], [[0, 0], [1, 0]])


def slopes_of_mixing_rows(x: Array) -> Array:
    slopes: Array = 2 * x
    slopes[1] += 0.5
    return slopes


def slopes_of_mixing_columns(x: Array) -> Array:
    slopes: Array = 2 * x
    slopes[:, :-1] += 0.5
    return slopes


# A colouring that is refuted by an output without an owner, and one that only looks unsettled.
FALLING = {
    "leaks": (mixing_columns, slopes_of_mixing_columns, Colouring(SHAPE, (1, 2), ((ROWS, COLUMNS),))),
    "does not stand": (mixing_rows, slopes_of_mixing_rows, Colouring(SHAPE, (1, 1), ((ROWS, COLUMNS),))),
}


@pytest.mark.parametrize("name", FALLING)
def test_elements_are_then_moved_one_by_one(name: str) -> None:
    function, slopes, colouring = FALLING[name]

    found, evaluations = looked_at(function, colouring)

    assert found.colouring == elementwise(SHAPE, 1)
    assert evaluations >= 2 * 30
    assert (found.judgement.verdicts == MATCH).all()
    np.testing.assert_allclose(
        found.judgement.difference, slopes(normal(*SHAPE)).reshape(-1), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("wrong", [1.0, 1.01])
@pytest.mark.parametrize("name", FALLING)
def test_of_chosen_groups_nothing_of_the_first_pass_stays(name: str, wrong: float) -> None:
    """For the cost of a group its first element, and no other element has a verdict or a number."""
    function, slopes, colouring = FALLING[name]

    found, _ = looked_at(distorted(function, scaled(wrong)), colouring, [0])

    judged = found.judgement
    assert found.colouring == elementwise(SHAPE, 1)
    assert judged.verdicts.tolist() == [MATCH if wrong == 1 else MISMATCH, *[UNCHECKED] * 29]
    assert not judged.difference[1:].any()
    assert judged.difference[0] == pytest.approx(slopes(normal(*SHAPE))[0, 0], rel=1e-6)


def test_a_colouring_that_stands_is_kept() -> None:
    colouring = Colouring(SHAPE, (1, 1), ((ROWS, COLUMNS),))

    right, few = looked_at(lambda x: x**2, colouring)
    wrong, _ = looked_at(distorted(lambda x: x**2, scaled(1.01)), colouring)

    assert right.colouring == wrong.colouring == colouring
    assert few <= 8
    assert (right.judgement.verdicts == MATCH).all()
    assert (wrong.judgement.verdicts == MISMATCH).all()


def test_what_is_found_is_read_only() -> None:
    found, _ = looked_at(lambda x: x**2, Colouring(SHAPE, (1, 1), ((ROWS, COLUMNS),)))

    with pytest.raises(ValueError, match="read-only"):
        found.judgement.verdicts[0] = MISMATCH


def test_only_so_many_mismatches_are_confirmed_alone() -> None:
    """Each costs a ladder of at most 45 pairs of evaluations; what is not confirmed stays a mismatch."""
    shape = (40, 10)
    colouring = Colouring(shape, (1, 1), ((ROWS, COLUMNS),))
    wrong = distorted(lambda x: tf.sin(x), scaled(1.01))

    spent = {}
    # Those of the first pass, and of whether the colouring stands.
    assert looked_at(wrong, colouring, None, 0)[1] <= 12
    for most in (0, 4, 8, 64):
        found, spent[most] = looked_at(wrong, colouring, None, most)
        assert (found.judgement.verdicts == MISMATCH).all()

    assert spent[0] < spent[4] < spent[8] < spent[64]
    assert spent[4] - spent[0] <= 4 * 90
    assert spent[64] - spent[8] <= 56 * 66


def test_mismatches_that_do_not_stay_are_all_looked_at_thoroughly() -> None:
    """1 + x² at x = 1e-9 moves at no ordinary step: eight get a thorough look, and as they fall the rest."""
    problem = posed(lambda x: 1 + x**2, x=np.full(12, 1e-9))

    found = examine(variable(problem), elementwise((12,), 1), None, Progress(), problem.meter)

    assert (found.judgement.verdicts == MATCH).all()


def test_every_stage_is_told_with_what_it_was_about() -> None:
    problem, told = posed(distorted(mixing_columns, scaled(1.01)), x=normal(*SHAPE)), Told()

    examine(variable(problem), FALLING["leaks"][2], None, told, problem.meter)

    assert told.stages == [
        (Stage.DISCARDED, {"groups": 2}),
        (Stage.DIFFERENCES, {"elements": 30}),
        (Stage.SETTLING, {"elements": 0}),
        (Stage.CONFIRMING, {"mismatches": 30}),
        (Stage.STANDING_STILL, {"elements": 0}),
    ]


def beside_moved(x: Any) -> Any:
    """x, half as much again where the neighbour is away from 1 by more than roundings"""
    return x + 0.5 * tf.where(tf.abs(tf.roll(x, 1, 0) - 1) > 1e-14, x - 1, tf.zeros_like(x))


@pytest.mark.parametrize("most", [0, 2, 10, 64])
def test_mismatches_of_a_group_that_falls_apart_are_all_taken_back(most: int) -> None:
    """Moved together all have a slope of 1.5, at a thorough look as well; alone each has the tape's, of 1."""
    problem, told = posed(beside_moved, x=np.ones(12)), Told()
    candidate, record = variable(problem), Record((12,))
    groups, every = Colouring((12,), (1,), ((ROWS,),)), np.arange(12)
    record.write(every, look(candidate, groups, every))
    assert (record.so_far.verdicts == MISMATCH).all()
    np.testing.assert_allclose(record.so_far.difference, 1.5 * candidate.tape[0], rtol=1e-6)

    found = confirm(Settled(candidate, groups, record), told, problem.meter, most)

    assert (found.judgement.verdicts == (MATCH if most else MISMATCH)).all()
    if most:
        np.testing.assert_allclose(found.judgement.difference, candidate.tape[0], rtol=1e-6)
    assert told.stages == [
        (Stage.CONFIRMING, {"mismatches": 12}),
        (Stage.STANDING_STILL, {"elements": 0}),
    ]
