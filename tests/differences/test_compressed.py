"""Sums of elements and groups by any colouring, against elements moved one by one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.large import Movable
from gradcheck.differences.compressed import Differences
from gradcheck.differences.contraction import Sums
from gradcheck.differences.evaluator import VariableEvaluator
from gradcheck.differences.rounds import of_rounds
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


@pytest.mark.parametrize("thin", [0, 2**15])
def test_rounds_are_each_moved_from_the_point(thin: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements 0 and 9 up and down by 1 and 2, then 3 by ½; in place or in copies."""
    monkeypatch.setattr("gradcheck.differences.rounds.THIN", thin)
    x = normal(3, 4)
    primal = Primal(Target("f", lambda x: tf.sin(x), {"x": x}), ["x"], "float64")
    evaluator = VariableEvaluator(primal, 0, primal.at_point().numpy(), Meter())
    rounds = [(np.array([0, 9]), np.array([1.0, 2.0])), (np.array([3]), np.array([0.5]))]

    found = list(of_rounds(evaluator, Movable(x), rounds, plain=True))

    assert len(found) == 2
    for (flat, steps), (up, down, base) in zip(rounds, found, strict=True):
        move = np.zeros(12)
        move[flat] = steps
        for side, sign in ((up, 1), (down, -1), (base, 0)):
            np.testing.assert_allclose(side, np.sin(x.reshape(-1) + sign * move), rtol=1e-12)


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
