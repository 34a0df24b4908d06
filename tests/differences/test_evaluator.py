"""The function at many points: whatever way is taken, the outputs are those of the function itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.differences import evaluator
from gradcheck.differences.evaluator import VariableEvaluator
from gradcheck.differences.group_evaluator import GroupEvaluator
from gradcheck.differences.ways import Batch
from gradcheck.function.primal import Meter, Primal
from gradcheck.function.sharing import Piece, Sharing, Work
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.targets.function import Target
from tests.corpus.case import Array, Function
from tests.parameters import named
from tests.saying import normal

X = normal(3, 4)


class Others(Sharing):
    """Two processes besides this one, whose work is done here."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.work: list[Work] = []

    @property
    def workers(self) -> int:
        return 3

    def open(self, primal: Primal, base: Array) -> None:
        pass

    def results(self, work: Sequence[Piece], own: Callable[[Piece], Any]) -> list[Any]:
        self.asked.append(len(work))
        self.work += work
        return [own(piece) for piece in work]


def primal(function: Function, x: Array = X) -> Primal:
    return Primal(Target("f", function, {"x": x}), ["x"], "float64")


def made(
    function: Function, x: Array = X, memory: int | None = None, meter: Meter | None = None
) -> VariableEvaluator:
    whole = primal(function, x)
    return VariableEvaluator(whole, 0, whole.at_point().numpy(), meter or Meter(), memory)


def untraceable(x: Any) -> Any:
    return tf.sin(x) if float(x[0, 0]) < 100 else x


def side_effect() -> Function:
    """Another number in each trace: what a graph holds is not what the function gives"""
    calls = itertools.count()
    return lambda x: tf.sin(x) + (0.0 if tf.executing_eagerly() else 1.0 + next(calls))


def in_numpy(x: Any) -> Any:
    value = tf.numpy_function(np.sin, [x], tf.float64)
    value.set_shape(x.shape)
    return value


FUNCTIONS: dict[str, tuple[Function, Callable[[Array], Array]]] = {
    "sine": (lambda x: tf.sin(x), np.sin),
    "a product": (lambda x: tf.matmul(x, x, transpose_b=True), lambda x: x @ x.T),
    "untraceable": (untraceable, np.sin),
    "in NumPy": (in_numpy, np.sin),
    "of one size": (lambda x: tf.ensure_shape(x, (3, 4)) ** 2, lambda x: x**2),
    "by a loop": (lambda x: tf.scan(lambda a, b: a + b, x), lambda x: np.cumsum(x, axis=0)),
    "by variables": (lambda x: x * tf.Variable(2.0, dtype=tf.float64, trainable=False), lambda x: 2 * x),
}


FEW, MANY = 5, 200
"""Few elements are evaluated eagerly, many in a graph where there is one."""


def in_every_run(number: int, tried: tuple[str, int]) -> bool:
    """Few elements of each function, and many with a graph and without."""
    name, many = tried
    return many == FEW or name in ("sine", "untraceable")


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(
    "tried",
    named(itertools.product(FUNCTIONS, (FEW, MANY)), lambda tried: f"{tried[0]}-{tried[1]}", in_every_run),
)
def test_elements_moved_one_by_one(tried: tuple[str, int], plain: bool) -> None:
    name, many = tried
    function, truth = FUNCTIONS[name]
    meter = Meter()
    tested = made(function, meter=meter)
    flat, steps = np.arange(many) % X.size, np.linspace(-1, 1, many)

    found, base = tested.elements(flat, steps, plain=plain)

    np.testing.assert_allclose(base, truth(X).reshape(-1), rtol=1e-12)
    for number in range(many):
        moved = X.copy()
        moved.reshape(-1)[flat[number]] += steps[number]
        np.testing.assert_allclose(found[number], truth(moved).reshape(-1), rtol=1e-12, atol=1e-12)
    assert meter.count == many + 1


@pytest.mark.parametrize("periods", [(1, 1), (1, 4), (3, 4), (2, 3), (3, 1)])
def test_groups_moved_together(periods: tuple[int, int]) -> None:
    """An index belongs to the group of its residues."""
    colouring, end = Colouring(X.shape, periods, ((None, None),)), X + 10
    meter = Meter()
    groups = GroupEvaluator(made(lambda x: tf.sin(x), meter=meter))

    (found, again), base = groups(colouring, list(range(colouring.groups)), (end, X - 10))

    assert np.array_equal(base, np.sin(X).reshape(1, -1))
    # Elements alone are batched, with the point itself beside them in both batches.
    assert meter.count == 2 * colouring.groups + (2 if periods == X.shape else 0)
    for group in range(colouring.groups):
        moved, other = X.copy(), X.copy()
        for i, j in np.ndindex(*X.shape):
            if (i % periods[0]) * periods[1] + j % periods[1] == group:
                moved[i, j], other[i, j] = end[i, j], X[i, j] - 10
        np.testing.assert_allclose(found[group], np.sin(moved).reshape(-1), rtol=1e-14)
        np.testing.assert_allclose(again[group], np.sin(other).reshape(-1), rtol=1e-14)
        (alone,), _ = groups(colouring, [group], (end,))
        np.testing.assert_allclose(alone[0], np.sin(moved).reshape(-1), rtol=1e-14)


def test_a_batch_that_gives_something_else_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a batch gives at the point itself is held against the function."""
    batched = []

    def wrongly(function: Function, rows: Any) -> Any:
        batched.append(rows)
        return 1.001 * tf.map_fn(function, rows, fn_output_signature=tf.float64)

    monkeypatch.setattr(tf, "vectorized_map", wrongly)
    tested = made(lambda x: tf.sin(x), memory=64 * 2400)
    assert tested.batch == 100, "of 24 numbers in and out"

    found, base = tested.elements(np.zeros(100, np.int64), np.linspace(0, 1, 100), plain=False)

    assert batched
    assert tested.batch == 200, "a loop holds 12 numbers out"
    np.testing.assert_allclose(base, np.sin(X).reshape(-1), rtol=1e-12)
    np.testing.assert_allclose(found[:, 0], np.sin(X[0, 0] + np.linspace(0, 1, 100)), rtol=1e-12)


def test_the_base_of_a_batch_comes_from_the_batch() -> None:
    """A graph that adds a constant adds it to both: their difference is right."""
    tested = made(side_effect(), X)

    found, base = tested.elements(np.zeros(100, np.int64), np.full(100, 0.5), plain=True)

    np.testing.assert_allclose(found[7, 0] - base[0], np.sin(X[0, 0] + 0.5) - np.sin(X[0, 0]), rtol=1e-9)


@pytest.mark.parametrize("plain", [True, False])
def test_batches_of_any_size_are_traced_once(plain: bool) -> None:
    """A trace costs as much as hundreds of evaluations of a small function."""
    traces = []

    def function(x: Any) -> Any:
        if not tf.executing_eagerly():
            traces.append(x)
        return tf.sin(x)

    tested = made(function)
    tested.elements(np.zeros(100, np.int64), np.ones(100), plain=plain)
    first = len(traces)
    for many in (3, 50, 100):
        tested.elements(np.zeros(many, np.int64), np.ones(many), plain=plain)

    assert first > 0
    assert len(traces) == first


def test_a_scalar_variable() -> None:
    tested = made(lambda x: tf.stack([x, x**2]), np.array(3.0))

    found, base = tested.elements(np.array([0]), np.array([1.0]), plain=False)

    assert base.tolist() == [3.0, 9.0]
    assert found.tolist() == [[4.0, 16.0]]
    (found,), _ = GroupEvaluator(tested)(elementwise((), 1), [0], (np.array(5.0),))
    assert found.tolist() == [[5.0, 25.0]]


def test_where_the_function_refuses_there_is_nan() -> None:
    matrix = np.array([[2.0, 0.0], [0.0, 1.0]])
    whole = primal(lambda x: tf.linalg.inv(x), matrix)

    assert np.isfinite(whole.evaluate(whole.values, 4).numpy()).all()
    assert np.isnan(whole.evaluate([tf.constant(0 * matrix)], 4).numpy()).all()


def test_another_number_of_outputs_is_nan() -> None:
    whole = primal(lambda x: tf.boolean_mask(x, x > 0), np.array([1.0, -1.0]))

    assert whole.evaluate(whole.values, 1).numpy().tolist() == [1.0]
    assert np.isnan(whole.evaluate([tf.constant([1.0, 1.0], tf.float64)], 1).numpy()).all()


def test_other_errors_are_raised() -> None:
    def function(x: Any) -> Any:
        raise KeyError("of the user")

    with pytest.raises(KeyError, match="of the user"):
        primal(function).evaluate([tf.constant(X)], 12)


@pytest.mark.parametrize("memory", [1, 10_000, 10**7, 10**12])
def test_memory_bounds_a_batch(memory: int) -> None:
    """12 numbers in, 12 out, some eight arrays of each, 8 bytes a number."""
    batch = made(lambda x: tf.sin(x), memory=memory).batch

    assert batch == max(1, min(memory // 64, evaluator.BATCH) // 24)
    assert batch * 24 * 64 <= memory or batch == 1


def test_the_tensors_are_left_alone() -> None:
    tested = made(lambda x: tf.sin(x))
    tested.elements(np.arange(5), np.ones(5), plain=False)
    groups = GroupEvaluator(tested)
    groups(elementwise(X.shape, 1), [3], (X + 1,))
    groups(elementwise(X.shape, 1), [3, 5], (X + 1,))

    assert np.array_equal(tested.point.numpy(), X)
    assert np.array_equal(X, normal(3, 4))


def test_only_what_runs_at_once_holds_its_inputs() -> None:
    """1,001 numbers in and out run at once, 40,001 do not: of those one output is held for each."""

    def total(x: Any) -> Any:
        return tf.reduce_sum(x)

    assert made(total, normal(1000), memory=10**7).batch == 10**7 // 64 // 1001
    assert made(total, normal(40_000), memory=10**7).batch == 10**7 // 64
    # Up to 2¹⁵.
    assert made(total, normal(2**15 - 1), memory=10**7).batch == 10**7 // 64 // 2**15
    assert made(total, normal(2**15), memory=10**7).batch == 10**7 // 64


@pytest.mark.parametrize(("count", "batches"), [(30, 1), (60, 2), (100, 3)])
def test_each_batch_is_measured_from_its_own_origin(
    count: int, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounding may depend on how many points there are: here by far more, in batches of up to 40 and the
    origin; the first is that of all, and several are shared out."""
    sizes = []

    def shifted(function: Function, rows: Any) -> Any:
        sizes.append(rows)
        return tf.map_fn(function, rows, fn_output_signature=tf.float64) + 1e-9 * tf.cast(
            tf.shape(rows[0])[0], tf.float64
        )

    monkeypatch.setattr(tf, "vectorized_map", shifted)
    monkeypatch.setattr(evaluator, "AT_ONCE", 40 * 2 * X.size)
    meter = Meter()
    tested, others = made(lambda x: tf.sin(x), meter=meter), Others()
    tested.primal.share(others, np.sin(X).reshape(-1))
    tested.count(100)
    steps = np.linspace(0, 1, count)

    found, base = tested.elements(np.zeros(count, np.int64), steps, plain=False)

    assert len(sizes) == 1, "traced once"
    assert others.asked == ([batches] if batches > 1 else [])
    np.testing.assert_allclose(base - np.sin(X).reshape(-1), 1e-9 * (min(count, 40) + 1), rtol=1e-5)
    assert meter.count == 100 + count + batches
    rise = np.sin(X[0, 0] + steps) - np.sin(X[0, 0])
    np.testing.assert_allclose(found[:, 0] - base[0], rise, rtol=0, atol=1e-13)


def test_many_values_of_a_matrix_are_evaluated_in_a_graph() -> None:
    calls = []

    def function(x: Any) -> Any:
        calls.append(x)
        return tf.sin(x)

    tested = made(function)
    calls.clear()

    found = tested.values(np.stack([X + n for n in range(200)]), plain=True)

    np.testing.assert_allclose(found[:-1, 5], np.sin(X.reshape(-1)[5] + np.arange(200)), rtol=1e-12)
    assert len(calls) <= 3


def test_evaluations_are_shared_out_by_how_much_they_are() -> None:
    """A piece for each 2²⁰ numbers, two for each of three processes at most."""
    alone, shared = made(lambda x: x), made(lambda x: x)
    shared.primal.share(Others(), X.reshape(-1))
    # An operation of the graph takes as long as 256 numbers, which leave 4,096 here.
    shared.primal.operations = 5
    numbers = 4096 - 256 * 5

    assert [shared.pieces(count, numbers) for count in (1, 255, 511, 512, 769, 1600, 10**6)] == [
        *(1, 1, 1, 2, 3, 6, 6)
    ]
    assert shared.pieces(3, 2**30) == 3
    assert alone.pieces(10**6, 2**30) == 1


@pytest.mark.parametrize(
    ("count", "traceable", "pieces"), [(127, True, []), (127, False, [4]), (69, False, [2]), (30, False, [])]
)
def test_eager_calls_are_worth_sharing_out_sooner(count: int, traceable: bool, pieces: list[int]) -> None:
    """Each takes as long as 2¹⁵ numbers: 128 of them are 2²²."""
    tested, others = made(lambda x: tf.sin(x) if traceable else untraceable(x)), Others()
    tested.primal.share(others, X.reshape(-1))

    steps = np.linspace(0, 1, count)

    found, _ = tested.elements(np.zeros(count, np.int64), steps, plain=True)

    assert others.asked == pieces
    np.testing.assert_allclose(found[:, 0], np.sin(X[0, 0] + steps), rtol=1e-12)


def test_a_way_that_a_part_is_not_possible_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "PART", 1)
    tested, others = made(untraceable), Others()
    tested.primal.share(others, X.reshape(-1))

    found, _ = tested.elements(np.zeros(99, np.int64), np.linspace(0, 1, 99), plain=True)

    assert others.asked == [6, 6], "in a loop, and one by one"
    assert not tested.traces
    np.testing.assert_allclose(found[:, 0], np.sin(X[0, 0] + np.linspace(0, 1, 99)), rtol=1e-12)


@pytest.mark.parametrize(("count", "traceable"), [(60, True), (200, False)])
def test_few_evaluations_and_those_of_what_must_not_trace_are_eager(count: int, traceable: bool) -> None:
    eager = []

    def function(x: Any) -> Any:
        eager.append(tf.executing_eagerly())
        return tf.sin(x)

    whole = Primal(Target("f", function, {"x": X}, traceable=traceable), ["x"], "float64")
    tested = VariableEvaluator(whole, 0, whole.at_point().numpy(), Meter())

    tested.elements(np.zeros(count, np.int64), np.ones(count), plain=False)

    assert all(eager)
    assert len(eager) >= count + 1


def test_where_one_point_of_many_is_refused_each_is_evaluated_by_itself() -> None:
    """The inverse of a diagonal matrix whose second number becomes 0 in one of a hundred points."""
    matrix, steps = np.array([[2.0, 0.0], [0.0, 1.0]]), np.linspace(-0.9, 1, 100)
    steps[70] = -1.0
    tested = made(tf.linalg.inv, matrix)

    batch = tested.batch

    found, base = tested.elements(np.full(100, 3), steps, plain=False)

    assert tested.batch == batch, "the way is not to blame"
    assert np.isnan(found[70]).all()
    others = np.delete(np.arange(100), 70)
    np.testing.assert_allclose(found[others, 3], 1 / (1 + steps[others]), rtol=1e-12)
    assert base.tolist() == [0.5, 0, 0, 1]


def test_others_are_told_of_a_point_that_is_not_the_checks() -> None:
    """Each such point has a number of its own, by which they keep what they make for it."""
    whole, others = primal(untraceable), Others()
    whole.share(others, X.reshape(-1))
    shifted = [whole.at([tf.constant(X + 1)]), whole.at([tf.constant(X + 2)]), whole.called_by(whole, 1)]
    asked: list[Batch] = []

    for here in (whole, *shifted):
        others.work.clear()
        VariableEvaluator(here, 0, here(here.values).numpy(), Meter()).elements(
            np.zeros(99, np.int64), np.linspace(0, 1, 99), plain=True
        )
        batches = [piece for piece in others.work if isinstance(piece, Batch)]
        assert batches
        assert len({batch.site for batch in batches}) == 1
        asked.append(batches[0])

    own, first, second, called = asked
    assert own.site == called.site == 0
    assert own.values is called.values is None
    assert len({0, first.site, second.site}) == 3
    for batch, shift in ((first, 1), (second, 2)):
        assert batch.values is not None
        assert np.array_equal(batch.values, [X + shift])
        found = batch.result(primal(untraceable), X.size, {})
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found[0], np.sin(X + shift).reshape(-1), rtol=1e-12)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(("graph", "count", "batched"), [(False, 99, 1), (True, 99, 0), (True, 1100, 1)])
def test_what_is_in_a_graph_already_is_run_at_once_where_it_is_much(
    graph: bool, count: int, batched: int, plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,024 evaluations; and nothing plain."""
    at_once = []

    def vectorized(function: Function, rows: Any) -> Any:
        at_once.append(rows)
        return tf.map_fn(function, rows, fn_output_signature=tf.float64)

    monkeypatch.setattr(tf, "vectorized_map", vectorized)
    whole = primal(lambda x: tf.sin(x))
    if graph:
        whole = whole.called_by(tf.function(lambda values: tf.reshape(tf.sin(values[0]), [-1])), 3)
    tested = VariableEvaluator(whole, 0, np.sin(X).reshape(-1), Meter())

    found, _ = tested.elements(np.zeros(count, np.int64), np.linspace(0, 1, count), plain=plain)

    assert len(at_once) == (0 if plain else batched)
    np.testing.assert_allclose(found[:, 0], np.sin(X[0, 0] + np.linspace(0, 1, count)), rtol=1e-12)


def test_half_of_what_is_free_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole bytes."""
    monkeypatch.setattr(evaluator, "free_memory", lambda: 64 * 240 + 1)

    assert made(lambda x: tf.sin(x)).memory == 64 * 120
    assert made(lambda x: tf.sin(x)).batch == 5
    assert made(lambda x: tf.sin(x), memory=64 * 48).batch == 2
