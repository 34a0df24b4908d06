"""Sums of elements and groups by any colouring, against elements moved one by one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.differences.compressed import Differences, levels_of
from gradcheck.differences.contraction import Sums
from gradcheck.function.noise_level import known
from gradcheck.function.primal import Meter, Primal
from gradcheck.sparsity.bands import Band
from gradcheck.sparsity.colouring import Colouring, elementwise
from gradcheck.sparsity.probing import colour
from gradcheck.targets.function import Target
from tests.corpus.case import Array, Function
from tests.differences.by_loops import by_loops
from tests.parameters import among, named
from tests.saying import normal

EPS = float(np.finfo(np.float64).eps)
KERNEL = normal(3, 2, 2)

FUNCTIONS: dict[str, tuple[Function, tuple[int, ...]]] = {
    "elementwise": (lambda x: tf.sin(x), (5, 7)),
    "rows": (lambda x: tf.nn.softmax(x), (20, 3)),
    "a convolution": (lambda x: tf.nn.conv1d(x, KERNEL, 1, "SAME"), (2, 20, 2)),
    "two outputs": (lambda x: (tf.exp(x), tf.reduce_sum(x**2, axis=1)), (20, 3)),
    "dense": (lambda x: tf.reduce_sum(x**3), (4, 5)),
}


class Setting:
    """Differences of a function at a point, with the colouring that its probes give."""

    def __init__(self, function: Function, x: Array) -> None:
        self.x, self.primal = x, Primal(Target("f", function, {"x": x}), ["x"], "float64")
        base = self.primal.at_point().numpy()
        self.cotangents = np.random.default_rng(1).uniform(-2, 2, (3, base.size))
        level = known(EPS, base)
        self.differences = Differences(self.primal, 0, self.cotangents, level, base, Meter())
        far, near = self.differences.changed(1.3 * x, x + 1e-5)
        self.colouring = colour(x.shape, self.primal.outputs, far, near)

    def alone(self, steps: Array) -> Sums:
        """The definition: each element moved by its step, output by output"""
        base = self.differences.base
        found = []
        for flat, step in enumerate(steps):
            sides = []
            for sign in (1, -1):
                moved = self.x.copy()
                moved.reshape(-1)[flat] += sign * step
                sides.append(self.primal([tf.constant(moved)]).numpy())
            up, down = sides
            found.append(by_loops(self.differences.weighted, up - base, base - down, [range(base.size)]))
        return Sums.joined(found)


def assert_close(found: Sums, truth: Sums, count: int) -> None:
    """To the rounding of sums of so many outputs of about 1"""
    for field in ("up", "down", "size"):
        np.testing.assert_allclose(
            getattr(found, field), getattr(truth, field), rtol=1e-9, atol=1e-14 * count, err_msg=field
        )
    np.testing.assert_allclose(found.noise, truth.noise, rtol=1e-9)


@pytest.mark.parametrize("name", named(FUNCTIONS, str, among({"rows", "two outputs", "dense"})))
def test_elements_by_any_colouring(name: str) -> None:
    function, shape = FUNCTIONS[name]
    tested = Setting(function, normal(*shape))
    steps = np.random.default_rng(2).uniform(0.5, 1.0, tested.x.size) * 1e-2
    truth, flat = tested.alone(steps), np.arange(tested.x.size)

    for colouring in (tested.colouring, elementwise(shape, len(tested.primal.outputs))):
        for plain in (True, False):
            found = tested.differences.of_elements(colouring, flat, steps, plain=plain)
            assert_close(found, truth, tested.differences.base.size)
            np.testing.assert_allclose(found.gap, truth.gap, rtol=1e-6, atol=1e-12)
    some = flat[::-3]
    found = tested.differences.of_elements(tested.colouring, some, steps[some], plain=False)
    assert_close(found, truth.take(some), tested.differences.base.size)


@pytest.mark.parametrize("name", named(FUNCTIONS, str, among({"rows", "two outputs", "dense"})))
def test_groups_by_any_colouring(name: str) -> None:
    """Every element once, up by a step of its own and down by the same."""
    function, shape = FUNCTIONS[name]
    tested = Setting(function, normal(*shape))
    steps = np.random.default_rng(2).uniform(0.5, 1.0, tested.x.size) * 1e-2
    truth = tested.alone(steps)
    move = steps.reshape(shape)

    for colouring in (tested.colouring, elementwise(shape, len(tested.primal.outputs))):
        seen = np.zeros(tested.x.size, int)
        numbers = np.arange(tested.x.size).reshape(shape)
        groups = list(range(colouring.groups))
        for moved in tested.differences.of_groups(colouring, groups, tested.x + move, tested.x - move):
            assert not moved.leak
            for part in moved.parts:
                flat = part.where if isinstance(part.where, np.ndarray) else numbers[part.where].reshape(-1)
                seen[flat] += 1
                found = Sums.of(part.rows(), 3)
                assert_close(found, truth.take(flat), tested.differences.base.size)
        assert (seen == 1).all()


def test_an_output_without_an_owner_leaks() -> None:
    """A cumulative sum whose columns are taken for independent, every other one moved."""
    tested = Setting(lambda x: tf.cumsum(x, axis=1), normal(4, 6))
    bands = tuple(Band(axis, Fraction(1), Fraction(0), Fraction(0)) for axis in (0, 1))
    wrong = Colouring((4, 6), (1, 2), (bands,))

    found = tested.differences.of_groups(wrong, [0, 1], tested.x + 1e-3, tested.x - 1e-3)

    assert [moved.leak for moved in found] == [True, True]


def test_one_element_along_many_moves() -> None:
    tested = Setting(lambda x: tf.sin(x), normal(5, 7))
    moves, entries = np.linspace(-1, 1, 9), np.array([16, 3])

    for batch in (True, False):
        if not batch:
            tested.differences.evaluator.memory = 1
        found: Any = tested.differences.along(16, moves, entries)
        x = tested.x.reshape(-1)
        np.testing.assert_allclose(found[:, 0], np.sin(x[16] + moves), rtol=1e-12)
        np.testing.assert_allclose(found[:, 1], np.sin(x[3]), rtol=1e-12)
    # What is moved in place is back.
    (changed,) = tested.differences.changed(tested.x + 1.0)
    assert np.flatnonzero(changed(0, np.array([0]))).tolist() == list(range(7))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("indices", [[3], [0, 2], [0, 1, 2, 3]])
def test_which_outputs_change(axis: int, indices: list[int]) -> None:
    """The point is back where it was after each question."""
    x = normal(4, 5, 4)
    tested = Setting(lambda x: tf.sin(x), x)
    (changed,) = tested.differences.changed(x + 1.0)

    moved = np.zeros(x.shape, bool)
    where: Any = (*[slice(None)] * axis, np.array(indices))
    moved[where] = True
    for _ in range(2):
        assert np.array_equal(changed(axis, np.array(indices)), moved.reshape(-1))


@pytest.mark.parametrize(("large", "batches"), [(35, [1] * 35), (36, [12, 12, 11])])
def test_groups_of_many_outputs_are_evaluated_by_themselves(
    large: int, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """35 outputs; memory for twelve evaluations of 70 numbers, 64 bytes each."""
    monkeypatch.setattr("gradcheck.differences.compressed.LARGE", large)
    tested = Setting(lambda x: tf.sin(x), normal(5, 7))
    tested.differences.evaluator.memory = 12 * 70 * 64

    found = list(tested.differences.batches(elementwise((5, 7), 1)))

    assert [len(groups) for groups in found] == batches
    assert [group for groups in found for group in groups] == list(range(35))
    assert list(tested.differences.batches(elementwise((5, 7), 1), np.array([30, 2]))) in (
        [[30, 2]],
        [[30], [2]],
    )


@pytest.mark.parametrize(("room", "evaluations"), [(8, 9), (9, 10), (10, 10)])
def test_moves_of_one_element_are_a_batch_where_there_is_room(room: int, evaluations: int) -> None:
    """Nine moves, with the point itself beside them in a batch."""
    tested = Setting(lambda x: tf.sin(x), normal(5, 7))
    evaluator = tested.differences.evaluator
    evaluator.memory, before = room * 70 * 64, evaluator._meter.count
    assert evaluator.batch == room

    tested.differences.along(16, np.linspace(-1, 1, 9), np.array([16]))

    assert evaluator._meter.count - before == evaluations


def test_nothing_but_the_function_has_a_part_in_the_moves_of_one_element(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tested, batched = Setting(lambda x: tf.sin(x), normal(5, 7)), []
    monkeypatch.setattr(tf, "vectorized_map", lambda *asked: batched.append(asked))

    found = tested.differences.along(16, np.linspace(-1, 1, 99), np.array([16]))

    assert not batched
    np.testing.assert_allclose(found[:, 0], np.sin(tested.x[2, 2] + np.linspace(-1, 1, 99)), rtol=1e-12)


def test_copies_of_groups_are_forgotten() -> None:
    tested = Setting(lambda x: tf.cumsum(x, 1), normal(5, 7))
    tested.differences.join([tested.colouring])
    assert tested.differences.copies == 7

    tested.differences.forget()

    assert tested.differences.copies == 1


@pytest.mark.parametrize(("elements", "batches"), [(1, [3]), (2, [2, 1]), (4, [1, 1, 1]), (5, [1, 1, 1])])
def test_levels_with_room_in_one_batch_have_one_origin(
    elements: int, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three levels, room for four moves."""
    monkeypatch.setattr("gradcheck.differences.compressed.LADDER", 4)
    tested, flat = Setting(lambda x: tf.exp(x), normal(5, 7)), np.arange(elements)
    ladder = [np.full(elements, step) for step in (1e-2, 1e-3, 1e-4)]
    meter = tested.differences.evaluator._meter
    before = meter.count

    found = levels_of(tested.differences, elementwise((5, 7), 1), flat, ladder, plain=True)

    assert meter.count - before == sum(2 * elements * levels + 1 for levels in batches)
    slopes = tested.cotangents[:, :elements] * np.exp(tested.x.reshape(-1)[:elements])
    for level, steps in zip(found, ladder, strict=True):
        assert (level.step_up == steps).all()
        np.testing.assert_allclose(level.up, slopes * (1 + steps / 2), rtol=steps[0] ** 2)
        np.testing.assert_allclose(level.down, slopes * (1 - steps / 2), rtol=steps[0] ** 2)
