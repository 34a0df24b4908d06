"""A first pass whose colouring falls is discarded whole; so many mismatches are confirmed one by one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.differences.stencils import Estimate
from gradcheck.function.problem import Problem
from gradcheck.progress import Progress, Stage
from gradcheck.sparsity.bands import Band
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.verdicts.candidate import Candidate, Confirmed, FirstPass, Settled
from gradcheck.verdicts.examination import confirm, examine, settle
from gradcheck.verdicts.first_pass import first_pass
from gradcheck.verdicts.judgement import Judgement, Record
from gradcheck.verdicts.ladders import look, look_thoroughly
from gradcheck.verdicts.verdict import ElementVerdict
from tests.corpus.case import Broken, Function, distorted, scaled
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
    # Two pairs of the one group that moves rows and columns alike, and nothing else.
    assert few == 4
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


def test_groups_are_told_as_groups() -> None:
    problem, told = posed(lambda x: x**2, x=normal(*SHAPE)), Told()

    examine(variable(problem), Colouring(SHAPE, (1, 1), ((ROWS, COLUMNS),)), None, told, problem.meter)

    assert told.stages == [
        (Stage.DIFFERENCES, {"groups": 1}),
        (Stage.SETTLING, {"elements": 0}),
        (Stage.CONFIRMING, {"mismatches": 0}),
        (Stage.STANDING_STILL, {"elements": 0}),
    ]


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, MATCH), (1 + 4e-6, MISMATCH), (1 - 4e-6, MISMATCH)])
def test_what_the_first_pass_knows_too_little_of_is_looked_at_again(
    factor: float, verdict: ElementVerdict
) -> None:
    """One pair of evaluations leaves a curved element among straight ones with a bound of some 1e-5 S, and
    agreement within that is none at rtol 1e-6."""
    at, size = 40, 64
    mask = np.arange(size) == at
    mistake = lambda gradient: gradient * np.where(mask, factor, 1.0)  # noqa: E731
    problem = posed(
        distorted(lambda x: tf.where(mask, tf.exp(x), 3 * x), mistake), x=np.linspace(0.5, 1.5, size)
    )
    groups = Colouring((size,), (1,), ((ROWS,),))
    first = first_pass(variable(problem), groups, None, Progress(), problem.meter)
    assert first is not None
    before = first.record.so_far
    assert first.left.tolist() == [at]
    assert before.verdicts[at] == MATCH
    assert before.bound[at] > 4e-6 * before.size[at]

    found = settle(first).record.so_far

    assert found.verdicts[at] == verdict
    assert found.bound[at] <= 1e-6 * found.size[at]
    assert (np.delete(found.verdicts, at) == MATCH).all()


@pytest.mark.parametrize(("shape", "moved", "by"), [(SHAPE, 22, 7), ((2, 1), 1, 0)])
def test_a_single_element_that_another_moves_refutes_the_colouring(
    shape: tuple[int, int], moved: int, by: int
) -> None:
    """One output answers to two elements, of which neither the tape nor the colouring knows. The group leaves
    its own alone open; were only that moved by itself, the other would pass with a gradient that lacks ½."""
    size = shape[0] * shape[1]
    at = np.where(np.arange(size) == moved, 0.5, 0.0).reshape(shape)
    function = Broken(lambda x: x**2 + at * tf.reshape(x, [-1])[by], lambda dy, x: 2 * x * dy)

    found, _ = looked_at(function, Colouring(shape, (1, 1), ((ROWS, COLUMNS),)))

    wrong = np.arange(size) == by
    assert found.colouring == elementwise(shape, 1)
    assert found.judgement.verdicts.tolist() == np.where(wrong, MISMATCH, MATCH).tolist()


# Of a tensor whose S is 1, what a first pass may know of an element and still not be asked again: a match
# whose bound is at most 1e-9 of the tensor's S and 1e-3 of its own.
KNOWN = {
    "faint and known": (MATCH, 1e-3, 0.9e-9, True),
    "faint and not known as well": (MATCH, 1e-3, 1.1e-9, False),
    "too faint to be known": (MATCH, 1e-8, 0.9e-9, False),
    "barely known": (MATCH, 1e-6, 0.9e-9, True),
    "of full size": (MATCH, 1.0, 1e-7, False),
    "no match": (MISMATCH, 1e-3, 0.9e-9, False),
}


@pytest.mark.parametrize("name", KNOWN)
def test_an_element_far_below_its_tensor_is_not_looked_at_again_where_enough_is_known(name: str) -> None:
    verdict, size, bound, kept = KNOWN[name]
    count, at = 64, 17
    one = np.arange(count) == at
    candidate, groups = variable(posed(tf.sin, x=np.ones(count))), Colouring((count,), (1,), ((ROWS,),))
    record = Record((count,))
    made_up = replace(
        Judgement.none(count),
        verdicts=np.where(one, verdict, MATCH).astype(np.uint8),
        difference=np.full(count, 77.0),
        bound=np.where(one, bound, 0.0),
        size=np.where(one, size, 1.0),
    )
    record.write(np.arange(count), made_up)
    none = np.zeros(0, np.int64)
    first = FirstPass(candidate, groups, record, np.array([at]), Estimate.none(1), none)

    found = settle(first).record.so_far

    upstream = candidate.differences.weighted.cotangents[0]
    truth = np.where(one & ~np.bool_(kept), np.cos(1) * upstream, 77.0)
    np.testing.assert_allclose(found.difference, truth, rtol=1e-6)


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


def grouped(function: Function, count: int, x: float = 1.0) -> tuple[Candidate, Record, Colouring, Problem]:
    """A variable of equal elements in one group, all of them mismatches so far"""
    problem = posed(function, x=np.full(count, x))
    record = Record((count,))
    verdicts = np.full(count, MISMATCH, np.uint8)
    record.write(np.arange(count), replace(Judgement.none(count), verdicts=verdicts))
    return variable(problem), record, Colouring((count,), (1,), ((ROWS,),)), problem


def test_what_is_lost_in_rounding_is_settled_by_a_few_large_steps() -> None:
    """Beside 3 · 10⁴ one pair leaves an exponential open; three steps with extrapolation are enough."""
    x = np.linspace(0.5, 1.5, 64)
    problem = posed(lambda x: 3e4 + tf.exp(x), x=x)
    candidate, groups = variable(problem), Colouring((64,), (1,), ((ROWS,),))
    first = first_pass(candidate, groups, None, Progress(), problem.meter)
    assert first is not None
    assert first.lost.size == 64
    before = problem.meter.count

    found = settle(first).record.so_far

    assert problem.meter.count - before <= 2 * 6
    assert (found.verdicts == MATCH).all()
    upstream = candidate.differences.weighted.cotangents[0]
    assert (np.abs(found.difference - upstream * np.exp(x)) <= found.bound).all()


def infinite_together(x: Any) -> Any:
    """3 x, infinite where a neighbour is moved as well"""
    beside = tf.abs(tf.roll(x, 1, 0) - 1) > 1e-14
    return 3 * x + tf.where(beside & (tf.abs(x - 1) > 1e-14), np.inf * tf.ones_like(x), tf.zeros_like(x))


def test_what_ladders_in_groups_leave_open_is_looked_at_alone() -> None:
    candidate, record, groups, _ = grouped(infinite_together, 12)
    every, none = np.arange(12), np.zeros(0, np.int64)
    assert (look(candidate, groups, every).verdicts == ElementVerdict.INCONCLUSIVE).all()

    found = settle(FirstPass(candidate, groups, record, every, Estimate.none(1), none)).record.so_far

    assert (found.verdicts == MATCH).all()
    np.testing.assert_allclose(found.difference, candidate.tape[0], rtol=1e-6)


def test_what_a_group_leaves_open_is_looked_at_thoroughly_alone() -> None:
    candidate, record, groups, problem = grouped(infinite_together, 12)
    together = look_thoroughly(candidate, groups, np.arange(12))
    assert (together.verdicts == ElementVerdict.INCONCLUSIVE).all()

    found = confirm(Settled(candidate, groups, record), Progress(), problem.meter, 2)

    assert (found.judgement.verdicts == MATCH).all()
    np.testing.assert_allclose(found.judgement.difference, candidate.tape[0], rtol=1e-6)


def test_mismatches_behind_wrong_ones_are_confirmed_too() -> None:
    """Of twelve the eight worst are wrong alone as well, and the others only where all move together."""
    wrong = np.arange(12) < 8
    function = distorted(beside_moved, lambda gradient: gradient * np.where(wrong, 3.0, 1.0))
    candidate, record, groups, problem = grouped(function, 12)
    record.write(np.arange(12), look(candidate, groups, np.arange(12)))
    assert sorted(record.so_far.worst_first()[:8]) == list(range(8))
    assert record.so_far.worst_first().size == 12

    found = confirm(Settled(candidate, groups, record), Progress(), problem.meter, 64)

    assert (found.judgement.verdicts == np.where(wrong, MISMATCH, MATCH)).all()


def test_mismatches_that_fall_are_first_looked_at_in_their_groups() -> None:
    """1 + x² at 1e-9: eight alone and one group, by some 45 pairs of evaluations each, settle a hundred."""
    candidate, record, groups, problem = grouped(lambda x: 1 + x**2, 100, 1e-9)
    before = problem.meter.count

    found = confirm(Settled(candidate, groups, record), Progress(), problem.meter, 8)

    assert (found.judgement.verdicts == MATCH).all()
    assert problem.meter.count - before <= (8 + 1) * 100
