"""Groups moved: which copies are tried for how many groups, and how many evaluations each way takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.differences import group_evaluator
from gradcheck.differences.evaluator import HELD, THIN, WORTH_TRACING, VariableEvaluator
from gradcheck.differences.group_evaluator import FEW, GroupEvaluator
from gradcheck.differences.joined import Axes, Joined
from gradcheck.function.primal import Meter, Primal
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.targets.function import Target
from tests.corpus.case import Array, Function
from tests.differences.test_evaluator import Others
from tests.saying import normal

X = normal(3, 4)
ROWS, COLUMNS, ALONE = Axes({"x": 0}, (0,)), Axes({"x": 1}, (1,)), Axes()


def made(
    function: Function, x: Array = X, memory: int | None = None, meter: Meter | None = None
) -> VariableEvaluator:
    whole = Primal(Target("f", function, {"x": x}), ["x"], "float64")
    return VariableEvaluator(whole, 0, whole.at_point().numpy(), meter or Meter(), memory)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Axes, int, bool]]:
    """The axes, how many copies and whether compiled, of copies that never come out as alone"""
    asked: list[tuple[Axes, int, bool]] = []

    def joined(primal: Primal, variable: int, along: Axes, count: int, *, compiled: bool) -> Joined:
        asked.append((along, count, compiled))
        return Joined(primal, variable, along, count, compiled=False)

    monkeypatch.setattr(group_evaluator, "Joined", joined)
    monkeypatch.setattr(Joined, "holds", lambda *_: False)
    return asked


def asked_of(groups: int, members: int, outputs: int, copies: int) -> None:
    """Groups of so many members each, with room for so many copies"""
    x = np.ones((members, groups))
    evaluator = made(lambda x: tf.ones([outputs], tf.float64) * x[0, 0], x)
    evaluator.memory = HELD * copies * evaluator.numbers
    GroupEvaluator(evaluator).join(Colouring(x.shape, (1, groups), ((None, None),)), [ROWS, COLUMNS])


@pytest.mark.parametrize(
    ("groups", "room", "copies"),
    [(FEW, 100, None), (FEW + 1, 100, FEW + 1), (30, 100, 30), (30, 7, 7), (30, 2, 2), (30, 1, None)],
)
def test_copies_are_joined_for_more_than_few_groups_where_two_have_room(
    groups: int, room: int, copies: int | None, tried: list[tuple[Axes, int, bool]]
) -> None:
    asked_of(groups, 2, 3, room)

    assert tried == ([] if copies is None else [(ROWS, copies, False), (COLUMNS, copies, False)])


@pytest.mark.parametrize("thin", [True, False])
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("groups", [WORTH_TRACING // 2 - 1, WORTH_TRACING // 2 + 1])
def test_one_copy_in_a_graph_is_for_many_groups_of_several_elements_or_of_a_large_function(
    groups: int, members: int, thin: bool, tried: list[tuple[Axes, int, bool]]
) -> None:
    """Thin is up to 2¹⁵ numbers in and out; both sides of a group are evaluated."""
    asked_of(groups, members, THIN - members * groups + (not thin), 1)

    wanted = 2 * groups > WORTH_TRACING and (members > 1 or not thin)
    assert tried == ([(ALONE, 1, True)] if wanted else [])


@pytest.mark.parametrize(("groups", "compiled"), [(95, False), (97, True)])
def test_copies_are_compiled_where_each_is_evaluated_often(
    groups: int, compiled: bool, tried: list[tuple[Axes, int, bool]]
) -> None:
    """Two sides of 96 groups in 3 copies are 64 evaluations."""
    asked_of(groups, 2, 3, 3)

    assert tried == [(ROWS, 3, compiled), (COLUMNS, 3, compiled), (ALONE, 1, True)]


@pytest.mark.parametrize(("groups", "evaluations"), [([5], 2), ([5, 2], 6), ([5, 2, 7], 8)])
def test_elements_alone_are_batched_where_there_are_several(groups: list[int], evaluations: int) -> None:
    """Both ends of each, and with several the point beside them in either batch."""
    meter = Meter()

    GroupEvaluator(made(lambda x: tf.sin(x), meter=meter))(elementwise(X.shape, 1), groups, (X + 1, X - 1))

    assert meter.count == evaluations


def test_ends_that_two_batches_give_are_measured_from_one_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding may differ from batch to batch; here by 1, 2 and 3."""
    evaluator, calls = made(lambda x: tf.sin(x)), []
    elements = evaluator.elements

    def shifted(flat: Array, steps: Array, *, plain: bool) -> tuple[Array, Array]:
        calls.append(flat)
        found, base = elements(flat, steps, plain=plain)
        return found + len(calls), base + len(calls)

    monkeypatch.setattr(evaluator, "elements", shifted)
    ends = X + 1, X - 1, X + 2

    sides, base = GroupEvaluator(evaluator)(elementwise(X.shape, 1), [5, 7], ends)

    assert len(calls) == 3
    for side, end in zip(sides, ends, strict=True):
        for row, flat in zip(side - base, (5, 7), strict=True):
            rise = np.zeros(X.size)
            rise[flat] = np.sin(end.reshape(-1)[flat]) - np.sin(X.reshape(-1)[flat])
            np.testing.assert_allclose(row, rise, rtol=1e-12, atol=1e-13)


def joined(function: Function, monkeypatch: pytest.MonkeyPatch, x: Array = X) -> tuple[Any, Colouring]:
    """Two copies along the rows of what is independent along them, a column a group"""
    monkeypatch.setattr(group_evaluator, "JOINED", 2 * 2 * x.size)
    groups, colouring = (
        GroupEvaluator(made(function, x)),
        Colouring(x.shape, (1, x.shape[1]), ((None, None),)),
    )
    groups.join(colouring, [ROWS])
    assert groups.copies == 2
    return groups, colouring


def test_copies_that_were_refused_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of two is to blame is not known: each group is then evaluated by itself."""

    def function(x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_less(x, tf.cast(100.0, x.dtype))]):
            return tf.cumsum(x, 1)

    x = normal(3, 6)
    groups, colouring = joined(function, monkeypatch, x)
    end = x.copy()
    end[1, 3] = 200.0

    (found,), _ = groups(colouring, list(range(6)), (end,))

    assert groups.copies == 1
    assert np.isnan(found).any(axis=1).tolist() == [group == 3 for group in range(6)]


@pytest.mark.parametrize(("piece", "asked"), [(4 * 2 * 36, []), (3 * 2 * 36, [2]), (2 * 36, [6])])
def test_evaluations_in_copies_are_shared_out_by_their_numbers(
    piece: int, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six evaluations of two copies, 36 numbers in and out each, in pieces of so many numbers."""
    monkeypatch.setattr("gradcheck.differences.evaluator.PART", piece)
    x = normal(3, 6)
    groups, colouring = joined(lambda x: tf.cumsum(x, 1), monkeypatch, x)
    others = Others()
    groups._evaluator.primal.share(others, x.reshape(-1))

    (up, _), base = groups(colouring, list(range(6)), (x + 1, x - 1))

    assert others.asked == asked
    for group in range(6):
        moved = x.copy()
        moved[:, group] += 1
        rise = np.cumsum(moved, 1) - np.cumsum(x, 1)
        np.testing.assert_allclose((up - base)[group], rise.reshape(-1), rtol=1e-12, atol=1e-12)
