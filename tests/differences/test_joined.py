"""Joined copies: whatever is joined, each copy comes out as it does alone, or there are no copies."""

from __future__ import annotations

import gc
import weakref
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import gradcheck
from gradcheck.arrays.large import LARGE, Movable, view
from gradcheck.differences.evaluator import VariableEvaluator
from gradcheck.differences.group_evaluator import GroupEvaluator
from gradcheck.differences.joined import Axes, Joined, JoinedGroups, evaluated, joinable
from gradcheck.function.primal import Meter, Primal
from gradcheck.sparsity.bands import EMPTY, Band
from gradcheck.sparsity.colouring import Colouring
from gradcheck.sparsity.probing import colour
from gradcheck.targets.function import Target
from tests.corpus.case import Array, Function
from tests.differences.test_evaluator import Others
from tests.saying import normal

COUNT = 3


def primal(function: Function, inputs: dict[str, Array], names: list[str]) -> Primal:
    made = Primal(Target("f", function, inputs), names, "float64")
    made.at_point()
    return made


def colourings(whole: Primal) -> list[Colouring]:
    """By probes that do not depend on differences"""
    found, base = [], whole.at_point().numpy()
    for number, value in enumerate(whole.values):
        point = value.numpy()

        def changed(axis: int, indices: Array, number: int = number, point: Array = point) -> Array:
            values, moved = list(whole.values), point.copy()
            where: Any = (*[slice(None)] * axis, indices)
            moved[where] *= 1.5
            values[number] = tf.constant(moved)
            found: Array = whole(values).numpy()
            return np.asarray(found != base)

        found.append(colour(point.shape, whole.outputs, changed, changed))
    return found


def evaluator(whole: Primal, number: int = 0) -> VariableEvaluator:
    return VariableEvaluator(whole, number, whole.at_point().numpy(), Meter())


def joined_that_hold(whole: Primal, number: int) -> Joined | None:
    alone = evaluator(whole, number)
    for along in joinable(whole, number, colourings(whole)):
        copies = Joined(whole, number, along, COUNT, compiled=False)
        if copies.holds(alone.base, alone.moved):
            return copies
    return None


X, W, B = normal(8, 20), normal(20, 24), normal(24)
LABELS = np.arange(8) % 20

JOINED: dict[str, tuple[Function, dict[str, Array], list[str], dict[str, int]]] = {
    "rows": (lambda x, w: x @ w, {"x": X, "w": W}, ["x", "w"], {"x": 0}),
    "columns": (lambda w, x: x @ w, {"w": W, "x": X}, ["w", "x"], {"w": 1}),
    "columns with a bias": (
        lambda w, x, b: x @ w + b, {"w": W, "x": X, "b": B}, ["w", "x", "b"], {"w": 1, "b": 0},
    ),
    "with a bias that is held fixed": (lambda w, b: X @ w + b, {"w": W, "b": B}, ["w"], {"w": 1, "b": 0}),
    "with few that no probe looked at": (
        lambda x, v: x * v[:, None] @ W, {"x": X, "v": normal(8)}, ["x", "v"], {"x": 0, "v": 0},
    ),
    "two of a batch": (
        lambda x, y: tf.matmul(x, y, transpose_b=True), {"x": normal(9, 5, 4), "y": normal(9, 6, 4)},
        ["x", "y"], {"x": 0, "y": 0},
    ),
    "labels": (
        lambda x, labels: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x),
        {"x": X, "labels": LABELS}, ["x"], {"x": 0, "labels": 0},
    ),
    "two outputs": (lambda x: (x @ W, tf.transpose(tf.nn.softmax(x))), {"x": X}, ["x"], {"x": 0}),
    "complex": (lambda x: tf.signal.rfft(x), {"x": X}, ["x"], {"x": 0}),
    "itself": (lambda x: x, {"x": X}, ["x"], {"x": 0}),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINED)
def test_each_copy_comes_out_as_it_does_alone(name: str) -> None:
    function, inputs, names, joined = JOINED[name]
    whole = primal(function, inputs, names)

    copies = joined_that_hold(whole, 0)

    assert copies is not None
    assert dict(copies.along.inputs) == joined
    point = whole.values[0].numpy()
    colouring = Colouring(point.shape, (2,) * point.ndim, (((None,) * point.ndim),))
    found = copies.groups(colouring, [1, 3], [point[colouring.slices(group)] + 1 for group in (1, 3)])
    assert found is not None
    for number, group in enumerate((1, 3)):
        moved = point.copy()
        moved[colouring.slices(group)] += 1
        alone = whole([tf.constant(moved), *whole.values[1:]]).numpy()
        np.testing.assert_allclose(found[number], alone, rtol=1e-12, atol=1e-12)
    assert np.array_equal(copies(), copies.base), "the copies are not back at the point"


def of_one_size(x: Any) -> Any:
    return tf.ensure_shape(x, X.shape) * 2


APART: dict[str, Function] = {
    "statistics of a batch": lambda x: x - tf.reduce_mean(x, 0),
    "divided by the batch size": lambda x: tf.sin(x) / tf.cast(tf.shape(x)[0], x.dtype),
    "by its place": lambda x: x * tf.cast(tf.range(tf.shape(x)[0])[:, None] + 1, x.dtype),
    "of one size": of_one_size,
    "the first rows only": lambda x: tf.sin(x)[:8],
    "shifted": lambda x: tf.roll(x, 1, 0),
    "mixed in a large batch": lambda x: tf.sin(x) + (0 if x.shape[0] == 8 else 1e-3 * tf.roll(x, 1, 0)),
    "mixed where copies differ": lambda x: x if x.shape[0] == 8 else 2 * x - tf.roll(x, 8, 0),
    "the first copy for all": lambda x: tf.tile(x[:8], [x.shape[0] // 8, 1]),
    "another beside the first copy": lambda x: x + 0.1 * np.repeat([[0], [1]], [8, x.shape[0] - 8], 0),
    "an output that does not answer": lambda x: (tf.sin(x), tf.constant([1.0], x.dtype)),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_where_copies_are_not_independent_there_are_none(name: str) -> None:
    copies = joined_that_hold(primal(APART[name], {"x": X}, ["x"]), 0)

    assert copies is None or copies.along.inputs["x"] == 1, "the columns are independent in most of these"


def test_each_copy_is_measured_from_its_own_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding may depend on the place in a batch; here it is much larger than that"""
    monkeypatch.setattr("gradcheck.differences.group_evaluator.JOINED", 7 * 2 * X.size)

    def function(x: Any) -> Any:
        return tf.cumsum(x, 1) + 1e-9 * tf.cast(tf.range(tf.shape(x)[0])[:, None], x.dtype)

    whole = primal(function, {"x": X}, ["x"])
    groups = GroupEvaluator(evaluator(whole))
    (colouring,) = colourings(whole)
    groups.join(colouring, joinable(whole, 0, [colouring]))

    (found,), base = groups(colouring, list(range(colouring.groups)), (X + 1,))

    assert (groups.copies, colouring.groups) == (7, 20)
    for group in range(colouring.groups):
        moved = X.copy()
        moved[colouring.slices(group)] += 1
        rise = np.cumsum(moved, 1) - np.cumsum(X, 1)
        np.testing.assert_allclose((found - base)[group], rise.reshape(-1), atol=1e-13)


@pytest.mark.parametrize("name", JOINED)
def test_no_axes_are_tried_twice(name: str) -> None:
    function, inputs, names, _ = JOINED[name]
    whole = primal(function, inputs, names)

    tried = list(joinable(whole, 0, colourings(whole)))

    assert tried
    assert all(one not in tried[:number] for number, one in enumerate(tried))


def test_evaluations_in_copies_are_counted() -> None:
    """Four to see whether copies come out as alone, then both ends of each of 20 groups."""
    whole = primal(lambda x: tf.cumsum(x, 1), {"x": X}, ["x"])
    alone = evaluator(whole)
    groups, (colouring,) = GroupEvaluator(alone), colourings(whole)

    groups.join(colouring, joinable(whole, 0, [colouring]))
    groups(colouring, list(range(20)), (X + 1, X - 1))

    assert groups.copies == colouring.groups == 20
    assert alone._meter.count == 4 + 2 * 20
    assert alone.traces, "copies that are not asked to be compiled say nothing of that"


@pytest.mark.parametrize("compiled", [True, False])
def test_a_single_copy_needs_no_axis(compiled: bool) -> None:
    """Nor do the outputs have to answer to an axis; those of a graph come from the graph."""
    whole = primal(lambda x: tf.linalg.matvec(tf.constant(W), x, transpose_a=True), {"x": normal(20)}, ["x"])
    base = whole.at_point().numpy()
    copies = Joined(whole, 0, Axes(), 1, compiled=compiled)

    assert copies.holds(base, evaluator(whole).moved)
    assert copies.compiled == compiled
    moved = normal(20)
    moved[7] = 3.0
    found = copies.groups(Colouring((20,), (20,), ((None,),)), [7], [np.full(1, 3.0)])
    assert found is not None
    np.testing.assert_allclose(found, [moved @ W], rtol=1e-12)


def test_a_large_array_is_shared_with_its_tensor() -> None:
    movable = Movable(np.zeros(LARGE // 8))

    tensor = movable.tensor()
    movable.array[5] = 7.0

    assert float(tensor[5]) == 7.0


@pytest.mark.parametrize("size", [10, LARGE // 8])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int32"])
def test_outputs_that_are_the_input_are_kept(size: int, dtype: str) -> None:
    movable = Movable(np.ones(size, dtype))
    kept = movable.kept(movable.tensor())
    other = movable.kept(2 * movable.tensor())

    movable.array[...] = 5

    assert (kept == 1).all()
    assert (other == 2).all()
    assert (view(movable.tensor()) == 5).all()


@pytest.mark.full
def test_a_large_check_of_what_returns_its_input() -> None:
    """Every group is moved in the same memory, which is also that of the output"""
    mixing = tf.constant(np.eye(300) + np.eye(300, k=1))

    def function(x: Any) -> Any:
        return x, tf.linalg.matmul(x, mixing), tf.reduce_sum(x, axis=1)

    report = gradcheck.check(function, {"x": normal(500, 300)})

    assert report.passed, str(report)


@pytest.mark.parametrize("shape", [(64, 30), pytest.param((500, 1200), marks=pytest.mark.full)])
def test_a_wrong_element_is_found_among_copies(shape: tuple[int, int]) -> None:
    """One element of the gradient 1 % off, with the evaluations in copies or in a graph"""
    mixing = normal(2, shape[0])

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(w: Any) -> tuple[Any, Any]:
        def backward(upstream: Any) -> Any:
            wrong = np.ones(shape)
            wrong[5, 7] = 1.01
            return tf.matmul(mixing, upstream, transpose_a=True) * wrong

        return tf.matmul(mixing, w), backward

    report = gradcheck.check(function, {"w": normal(*shape)})

    assert not report.passed
    (variable,) = report.variables
    assert np.argwhere(variable.verdicts == gradcheck.ElementVerdict.MISMATCH).tolist() == [[5, 7]]


def test_a_function_that_does_not_trace_is_called_eagerly() -> None:
    def function(x: Any) -> Any:
        return tf.sin(x) if float(x[0, 0]) < 100 else x

    whole = primal(function, {"x": X}, ["x"])
    base = whole.at_point().numpy()
    copies = Joined(whole, 0, Axes({"x": 0}, (0,)), COUNT, compiled=True)

    assert copies.holds(base, evaluator(whole).moved)
    assert not copies.compiled
    assert np.array_equal(copies.base, [base] * COUNT)


def test_what_does_not_trace_in_a_single_copy_is_said_to_be_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcheck.differences.group_evaluator.JOINED", 1)

    def function(w: Any) -> Any:
        return tf.matmul(normal(2, 40), w) if float(w[0, 0]) < 100 else w

    report = gradcheck.check(function, {"w": normal(40, 1000)})

    assert report.passed
    assert any("does not trace" in warning for warning in report.warnings), report.warnings


def refusing(x: Any) -> Any:
    """Refuses the single point x[3, 2] > 3, whatever copy it is in"""
    with tf.control_dependencies([tf.debugging.assert_less_equal(x[3::8, 2], tf.cast(3.0, x.dtype))]):
        return tf.cumsum(x, 1)


@pytest.mark.parametrize("joined", [10**6, 2 * X.size])
def test_a_copy_that_is_refused(joined: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are evaluated in another way, also one by one in a graph; the refused one is NaN."""
    monkeypatch.setattr("gradcheck.differences.group_evaluator.JOINED", joined)
    monkeypatch.setattr("gradcheck.differences.group_evaluator.THIN", 0)
    monkeypatch.setattr("gradcheck.differences.group_evaluator.WORTH_TRACING", 0)
    whole = primal(refusing, {"x": X}, ["x"])
    groups = GroupEvaluator(evaluator(whole))
    (colouring,) = colourings(whole)
    groups.join(colouring, joinable(whole, 0, [colouring]))
    assert groups.copies == (1 if joined == 2 * X.size else 20)

    (found,), base = groups(colouring, list(range(colouring.groups)), (X + 9,))

    assert np.flatnonzero(np.isnan(found).any(axis=1)).tolist() == [2]
    moved = X.copy()
    moved[colouring.slices(7)] += 9
    np.testing.assert_allclose((found - base)[7], (np.cumsum(moved, 1) - np.cumsum(X, 1)).reshape(-1))


@pytest.mark.parametrize("compiled", [True, False])
def test_another_number_of_outputs_is_nan(compiled: bool) -> None:
    whole = primal(lambda x: tf.boolean_mask(x, x[:, 0] > 0), {"x": np.abs(X)}, ["x"])
    base = whole.at_point().numpy()
    copies = Joined(whole, 0, Axes(), 1, compiled=compiled)
    assert copies.holds(base, evaluator(whole).moved)

    colouring = Colouring(X.shape, X.shape, ((None, None),))
    found = copies.groups(colouring, [20], [-np.abs(X)[colouring.slices(20)]])

    assert found is not None
    assert np.isnan(found).all()
    assert found.shape == (1, X.size)


def test_copies_along_a_batch_with_windows_beside_it() -> None:
    """Groups that are laid out differently, and more than nobody waits for an estimate of"""
    kernel = normal(7, 12, 3)
    x = normal(4, 60, 12)

    def function(x: Any) -> Any:
        return tf.nn.conv1d(x, kernel, 1, "SAME")

    def wrong(x: Any) -> Any:
        return tf.stop_gradient(function(x)) + 1.01 * (function(x) - tf.stop_gradient(function(x)))

    assert gradcheck.check(function, {"x": x}).passed
    assert not gradcheck.check(wrong, {"x": x}).passed


def test_a_straight_element_among_curved_ones_is_settled_at_once() -> None:
    """By the first pair of steps: by finer ones its rounding would be too large"""
    curved = np.arange(40) % 10 == 0

    report = gradcheck.check(
        lambda x: tf.where(curved, tf.exp(x), x + 3000.0), {"x": normal(40)}, method="elementwise"
    )

    assert report.passed
    assert report.evaluations < 4 * 40 + 80


def test_another_process_makes_the_copies_once() -> None:
    whole = primal(lambda x: tf.cumsum(x, 1), {"x": X}, ["x"])
    colouring, kept = Colouring(X.shape, (1, 20), ((None, None),)), dict[Any, Any]()

    def work(column: int, along: Axes) -> JoinedGroups:
        ends = [np.full((8, 1), 3.0)]
        return JoinedGroups(0, along, COUNT, False, colouring, (([column], ends),))

    for column in (0, 7):
        (found,) = work(column, Axes({"x": 0}, (0,))).result(whole, X.size, kept)
        moved = X.copy()
        moved[:, column] = 3
        assert found is not None
        np.testing.assert_allclose(found, [np.cumsum(moved, 1).reshape(-1)], rtol=1e-12, atol=1e-12)
    assert len(kept) == 1
    with pytest.raises(ValueError, match="0"):
        work(0, Axes({"x": 1}, (1,))).result(whole, X.size, kept)


@pytest.mark.parametrize(("count", "elsewhere", "asked"), [(2, False, [2]), (1, False, []), (2, True, [])])
def test_groups_in_copies_are_shared_out_in_pieces(count: int, elsewhere: bool, asked: list[int]) -> None:
    """All of one point: what lies elsewhere is not known to others."""
    whole, others = primal(lambda x: tf.cumsum(x, 1), {"x": X}, ["x"]), Others()
    whole.share(others, whole.at_point().numpy())
    if elsewhere:
        whole = whole.at([tf.constant(X)])
    copies = Joined(whole, 0, Axes({"x": 0}, (0,)), COUNT, compiled=False)
    assert copies.holds(np.cumsum(X, 1).reshape(-1), evaluator(whole).moved)
    colouring = Colouring(X.shape, (1, 20), ((None, None),))
    parts = [([column], [np.full((8, 1), 3.0)]) for column in (0, 5, 19)]

    found = evaluated(copies, colouring, parts, count)

    assert others.asked == asked
    for rows, column in zip(found, (0, 5, 19), strict=True):
        moved = X.copy()
        moved[:, column] = 3
        assert rows is not None
        np.testing.assert_allclose(rows, [np.cumsum(moved, 1).reshape(-1)], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("numbers", "copies", "together"), [(10, 1, 1), (799, 4, 9), (10**6, 40, 12_500)])
def test_memory_bounds_the_copies(numbers: int, copies: int, together: int) -> None:
    """64 bytes for each number; 80 go in and 80 come out of one copy."""
    x = normal(2, 40)
    whole = primal(lambda x: tf.cumsum(x, 1), {"x": x}, ["x"])
    groups = GroupEvaluator(VariableEvaluator(whole, 0, whole.at_point().numpy(), Meter(), 64 * numbers))
    (colouring,) = colourings(whole)

    groups.join(colouring, joinable(whole, 0, [colouring]))

    assert (groups.copies, groups.together(colouring)) == (copies, together)
    (up,), base = groups(colouring, list(range(6)), (x + 1,))
    # A single copy has one base for all groups.
    assert (len(up), len(base)) == (6, 1 if copies == 1 else 6)
    np.testing.assert_allclose(base, [np.cumsum(x, 1).reshape(-1)] * len(base), rtol=1e-12)


def test_what_only_groups_need_is_given_back_and_made_again() -> None:
    whole = primal(lambda x: tf.cumsum(x, 1), {"x": X}, ["x"])
    alone = evaluator(whole)
    groups, (colouring,) = GroupEvaluator(alone), colourings(whole)
    groups.join(colouring, joinable(whole, 0, [colouring]))
    asked = colouring, list(range(3)), (X + 1, X - 1)
    before, _ = groups(*asked)
    movable = groups.movable
    copies = weakref.ref(groups._copies(colouring))
    assert groups.movable is movable
    assert groups.copies > 1
    assert copies() is not None

    groups.forget()

    assert groups.copies == 1
    assert groups.together(colouring) == alone.batch
    assert groups.movable is not movable
    gc.collect()
    assert copies() is None
    sides, base = groups(*asked)
    assert len(base) == 1
    np.testing.assert_allclose(sides, before, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_copies_is_joined(count: int) -> None:
    whole = primal(lambda x: tf.cumsum(x, 1), {"x": X}, ["x"])
    copies = Joined(whole, 0, Axes({"x": 0}, (0,)), count, compiled=False)

    assert copies.holds(np.cumsum(X, 1).reshape(-1), evaluator(whole).moved)
    assert copies.base.shape == (count, X.size)
    assert copies().shape == (count, X.size)


def test_a_single_copy_of_a_scalar() -> None:
    whole = primal(lambda x: tf.stack([x, x**2]), {"x": np.array(3.0)}, ["x"])
    copies = Joined(whole, 0, Axes(), 1, compiled=False)

    assert copies.holds(np.array([3.0, 9.0]), evaluator(whole).moved)


@pytest.mark.parametrize("mixing", [lambda x: tf.reduce_sum(x, 0), lambda x: x[1:] + x[:-1]])
def test_an_axis_lies_along_all_outputs_or_is_not_tried(mixing: Function) -> None:
    """Rows along those of one output; in the other they are summed over, or each meets the next"""
    whole = primal(lambda x: (tf.cumsum(x, 1), mixing(x)), {"x": normal(40, 3)}, ["x"])

    assert not list(joinable(whole, 0, colourings(whole)))


def test_what_lies_along_the_outputs_that_it_moves_is_joined_too() -> None:
    """v moves the first output alone; w moves both, but only the first along the same axis"""
    v, w = normal(8), normal(8, seed=1)

    def function(x: Any, v: Any, w: Any) -> Any:
        return x * v[:, None] * w[:, None], tf.sin(x) + tf.reduce_sum(w)

    whole = primal(function, {"x": X, "v": v, "w": w}, ["x", "v", "w"])

    rows, columns = (Band(axis, Fraction(1), Fraction(0), Fraction(0)) for axis in (0, 1))
    known = [
        Colouring(X.shape, (1, 1), ((rows, columns), (rows, columns))),
        Colouring(v.shape, (1,), ((rows,), (EMPTY,))),
        Colouring(w.shape, (8,), ((rows,), (None,))),
    ]

    first = next(joinable(whole, 0, known))

    assert dict(first.inputs) == {"x": 0, "v": 0}
    assert first.outputs == (0, 0)
