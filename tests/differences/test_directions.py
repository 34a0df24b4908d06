"""Signed directions: their sizes, the slopes along them, and how seldom they miss an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.differences import directions as module
from gradcheck.differences.contraction import Sums, Weighted
from gradcheck.differences.directions import COUNT, SignedDirections
from gradcheck.differences.evaluator import Evaluator
from gradcheck.differences.stencils import Estimate, Level
from gradcheck.differences.strata import Elements
from gradcheck.function.primal import Meter
from tests.corpus.case import Function
from tests.posed import posed
from tests.saying import normal

EPS = 2.0**-52


def directions(
    function: Function, chosen: Array | None = None, seed: int = 0, count: int = COUNT, **inputs: Array
) -> SignedDirections:
    problem = posed(function, None, **inputs)
    sizes = np.concatenate([np.ones(array.size) for array in inputs.values()])
    elements = Elements(tuple(array.shape for array in inputs.values()), sizes, sizes)
    numbers = tuple(range(len(inputs)))
    evaluator = Evaluator(problem.exact, numbers, problem.base, Meter())
    weighted = Weighted.of(problem.cotangents, problem.noise.noise, problem.noise.eps)
    which = np.arange(sizes.size) if chosen is None else chosen
    return SignedDirections(evaluator, numbers, weighted, elements, which, (seed,), count)


def loss(x: Any, y: Any) -> Any:
    return (
        tf.reduce_sum(tf.sin(x) * 0.1) + tf.reduce_sum(tf.exp(0.1 * y)) + tf.reduce_sum(x) * tf.reduce_sum(y)
    )


def gradient(x: Array, y: Array) -> Array:
    """Of `loss`, in closed form"""
    return np.concatenate(
        [(0.1 * np.cos(x) + y.sum()).reshape(-1), (0.1 * np.exp(0.1 * y) + x.sum()).reshape(-1)]
    )


X, Y = normal(5, 8), normal(13, seed=1)


def test_moves_are_half_to_the_whole_of_the_scale_and_of_both_signs() -> None:
    moves = directions(loss, x=X, y=Y).moves(np.arange(COUNT))

    assert moves.shape == (COUNT, 53)
    assert (np.abs(moves) >= 0.5).all()
    assert (np.abs(moves) <= 1).all()
    assert abs((moves > 0).mean() - 0.5) < 0.08
    # Each direction is a draw of its own, whichever others are asked for.
    np.testing.assert_array_equal(directions(loss, x=X, y=Y).moves(np.array([7])), moves[[7]])
    assert (directions(loss, seed=1, x=X, y=Y).moves(np.array([7])) != moves[7]).all()


@pytest.mark.parametrize("chosen", [None, np.array([0, 3, 39, 40, 52])])
def test_slopes_are_those_of_the_closed_form(chosen: Array | None) -> None:
    tested = directions(loss, chosen, x=X, y=Y)
    which = np.arange(53) if chosen is None else chosen
    cotangents = tested.weighted.cotangents

    estimate, step, _ = tested.settled(1 / 3, EPS, 1e-8)

    expected = cotangents @ np.ones((1, 1)) * (tested.moves(np.arange(COUNT)) @ gradient(X, Y)[which])
    assert estimate.value.shape == expected.shape == (len(cotangents), COUNT)
    assert estimate.output_noise.shape == estimate.size.shape == (COUNT,)
    assert (np.abs(estimate.value - expected) <= estimate.bound).all()
    assert (estimate.bound <= 1e-9 * np.abs(cotangents) * 20).all()
    # Σ w σ over a scale of 1, or the noise that the first direction shows.
    told = float(np.abs(cotangents[0]) @ tested.weighted.noise)
    np.testing.assert_allclose(estimate.output_noise[0], told, rtol=1e-12)
    assert ((estimate.output_noise >= told) & (estimate.output_noise < 1e-9)).all()
    assert 1e-9 < step <= 2 / 3


def test_evaluations_are_those_of_a_ladder_and_three_steps_for_each_other_direction() -> None:
    tested = directions(loss, x=X, y=Y)

    tested.settled(1 / 3, EPS, 1e-8)

    # 28 pairs and 19 × 3 pairs, and the point itself in each batch.
    assert 170 <= tested.evaluator._meter.count <= 180


def test_of_a_corner_at_the_point_only_the_first_direction_is_taken() -> None:
    tested = directions(lambda x: tf.reduce_sum(tf.abs(x)), x=np.zeros(30))

    estimate, _, _ = tested.settled(1 / 3, EPS, 1e-8)

    assert estimate.value.shape[1] == 1
    assert (estimate.half > 0).all()


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(lambda random: np.zeros(12), id="none"),
        pytest.param(lambda random: np.full(12, 3.0), id="as large"),
        pytest.param(lambda random: np.array([-3.0] + [0.0] * 11), id="one that cancels"),
        pytest.param(lambda random: 30 * random.standard_normal(12), id="larger"),
        pytest.param(lambda random: 3 * 2.0 ** -np.arange(12), id="a series that reaches any sum"),
    ],
)
def test_at_most_half_of_the_directions_miss_an_error(others: Any) -> None:
    """|Σ e u| < |e_j| a_j / 2 in no more than half of 4,000 directions, whatever the other errors are."""
    random = np.random.default_rng(0)
    tested = directions(lambda x: tf.reduce_sum(x), count=4000, x=np.zeros(13))
    errors = np.concatenate([[3.0], others(random)])

    sums = np.abs(tested.moves(np.arange(4000)) @ errors)

    assert (sums < 1.5).mean() <= 0.5 + 5 * 0.5 / np.sqrt(4000)


@pytest.mark.parametrize(("batch", "calls"), [(1, 12), (2, 12), (5, 6), (24, 1), (100, 1)])
def test_levels_are_taken_with_as_many_pairs_as_a_batch_has_room_for(batch: int, calls: int) -> None:
    """Six directions at two steps are 12 pairs; of a batch half are steps up, and each has a base."""
    tested = directions(loss, x=X, y=Y)
    evaluator = tested.evaluator
    # 64 bytes for each number that is held.
    evaluator.memory = 64 * batch * (evaluator.numbers if evaluator._at_once else evaluator.base.size)
    assert evaluator.batch == batch
    moves = tested.moves(np.arange(6))

    high, low = tested.levels(moves, (1e-3, 1e-4))

    assert evaluator._meter.count == 2 * 12 + calls
    for level, step in ((high, 1e-3), (low, 1e-4)):
        assert (level.step_up == step).all()
        assert (level.step_down == step).all()
        slopes = tested.weighted.cotangents @ np.ones((1, 1)) * (moves @ gradient(X, Y))
        np.testing.assert_allclose((level.up + level.down) / 2, slopes, rtol=1e-3)
    known = tested.levels(moves, (1e-3,), 1e9)[0].sums.noise
    assert (known == 1e9).all()
    assert (high.sums.noise < 1).all()


@pytest.mark.parametrize("together", [1, 53, 3 * 53, 2**22])
def test_directions_are_the_same_however_many_are_held_at_once(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = directions(loss, x=X, y=Y)
    gradients = np.stack([gradient(X, Y), np.ones(53)])
    monkeypatch.setattr(module, "TOGETHER", together)

    found = tested.slopes_of(gradients, 7)

    np.testing.assert_allclose(found, gradients @ tested.moves(np.arange(7)).T, rtol=1e-12, atol=1e-12)
    assert [len(some) for some in tested._batches(2, 7)] == {1: [1] * 5, 53: [1] * 5, 159: [3, 2]}.get(
        together, [5]
    )


class Told:
    """Estimates for two cotangents that are told in turn, and how many directions, steps and of what size
    were asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *told: Estimate) -> None:
        self.told, self.asked = list(told), list[tuple[int, Sequence[float]]]()
        self.moves: list[Array] = []

        def asked(
            tested: SignedDirections, moves: Array, steps: Sequence[float], noise: float = 0.0
        ) -> list[Level]:
            self.asked.append((len(moves), steps))
            self.moves.append(moves)
            return [straight(len(moves), step) for step in steps]

        def settle(levels: list[Level], scale: Array) -> Estimate:
            assert (scale == 1).all()
            assert scale.size == levels[0].mean.size
            return self.told.pop(0)

        monkeypatch.setattr(SignedDirections, "levels", asked)
        monkeypatch.setattr(module, "settle", settle)


def straight(count: int, step: float) -> Level:
    """L moves by five times the step along each direction, for two cotangents"""
    taken, nothing = np.full(count, step), np.zeros(count)
    rise = np.tile(5 * taken, (2, 1))
    return Level(Sums(rise, rise, 0 * rise, 5 * taken, nothing, nothing), taken, taken)


def told(bound: list[list[float]], half: list[list[float]] | None = None, value: float = 0.0) -> Estimate:
    """Of as many directions as there are columns"""
    each, count = np.array(bound), len(bound[0])
    corner = 0 * each if half is None else np.array(half)
    nothing = np.zeros(count)
    return Estimate(value + 0 * each, each, corner, nothing, nothing, nothing, np.zeros(count, bool), nothing)


def test_a_direction_that_is_known_worse_than_the_first_takes_the_full_ladder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worst bound of the first is 3, four times which is 12: for either cotangent, or with a corner."""
    bounds = [[11.0, 13.0, 1.0, np.nan, 1.0, 1.0, 1.0], [1.0, 1.0, 13.0, 1.0, 1.0, 1.0, 11.0]]
    halves = [[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]
    more = told([[7.0] * 5, [8.0] * 5], value=1.0)
    script = Told(monkeypatch, told([[3.0], [1.0]]), told(bounds, halves, 2.0), more)
    tested = directions(loss, count=8, x=X, y=Y)

    found, step, _ = tested.settled(1 / 3, EPS, 0.0)

    assert [(count, len(steps)) for count, steps in script.asked] == [(1, 28), (7, 3), (5, 28)]
    np.testing.assert_allclose(script.asked[1][1], [step, 0.4 * step, 0.16 * step])
    assert script.asked[0][1] == script.asked[2][1]
    assert np.array_equal(script.moves[0], tested.moves(np.array([0])))
    assert np.array_equal(script.moves[1], tested.moves(np.arange(1, 8)))
    assert np.array_equal(script.moves[2], tested.moves(np.array([2, 3, 4, 5, 6])))
    assert found.value[0].tolist() == [0, 2, 1, 1, 1, 1, 1, 2]
    assert found.bound[0].tolist() == [3, 11, 7, 7, 7, 7, 7, 1]


def test_what_is_known_well_enough_needs_no_more_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Told(monkeypatch, told([[1e-3], [1e-3]]), told([[1.0, 0.5], [0.1, 2.5]]), told([[0.1], [0.1]]))

    found, _, _ = directions(loss, count=3, x=X, y=Y).settled(1 / 3, EPS, 2.0)

    assert [(count, len(steps)) for count, steps in script.asked] == [(1, 28), (2, 3), (1, 28)]
    assert found.bound.tolist() == [[1e-3, 1.0, 0.1], [1e-3, 0.1, 0.1]]


def test_a_corner_for_any_cotangent_ends_the_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    for half in ([[0.0], [1.0]], [[1.0], [0.0]]):
        script = Told(monkeypatch, told([[1.0], [1.0]], half))
        found, _, _ = directions(loss, count=3, x=X, y=Y).settled(1 / 3, EPS, 2.0)
        assert found.half.tolist() == half
        assert len(script.asked) == 1


@pytest.mark.parametrize("eps", [2.0**-52, 2.0**-23, 2.0**-10])
def test_the_ladder_goes_from_the_longest_step_to_the_last_digits(
    eps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To 1e-12, or a few roundings where that is more."""
    script = Told(monkeypatch, told([[1.0], [1.0]], [[1.0], [1.0]]))

    _, _, moved = directions(loss, x=X, y=Y).settled(1 / 3, eps, 0.0)

    ((_, steps),) = script.asked
    assert steps[0] == pytest.approx(1 / 3)
    assert (np.diff(steps) < 0).all()
    assert 0.99 * max(1e-12, 4 * eps) <= steps[-1] <= 1.01 * max(1e-12, 16 * eps)
    assert moved == pytest.approx(5 / 3)
