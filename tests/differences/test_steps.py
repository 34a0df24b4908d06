"""Steps: exactly representable, ordered, in proportion to the element or its tensor, the same for a seed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from gradcheck.arrays.scale import typical
from gradcheck.arrays.types import Array, eps_of
from gradcheck.differences.steps import Steps

POINT = np.array([1.0, -3.0, 1e-9, 0.0, 1e6, -2e-3])
DTYPES = [np.float64, np.float32, np.float16]


def steps(point: Array = POINT, seed: int = 0, step: float | None = None) -> Steps:
    return Steps(point, eps_of(point.dtype.name), step, seed)


@pytest.mark.parametrize(
    ("values", "truth"),
    [
        ([3.0, -4.0], np.sqrt(12.5)),
        ([0.0, 0.0], 1.0),
        ([1e300, 1e300], 1e300),
        ([1e-300, 0.0], 1e-300 / 2**0.5),
    ],
)
def test_typical_size(values: list[float], truth: float) -> None:
    assert typical(np.array(values)) == pytest.approx(truth, rel=1e-12)


def all_ladders(made: Steps, flat: Array) -> list[list[Array]]:
    return [
        list(made.ladder(flat)),
        list(made.ladder(flat, beyond=8)),
        list(made.short_ladder(flat)),
        list(made.far_ladder(flat)),
    ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_are_exactly_representable_and_ordered(dtype: Any) -> None:
    """(x + h) − x = h in the dtype of x, and each is smaller than the one before, or as small as can be."""
    point = np.array([1.0, -3.0, 0.25, 100.0], dtype)
    flat = np.arange(point.size)
    for ladder in all_ladders(steps(point), flat):
        for h in ladder:
            assert h.dtype == dtype
            assert np.array_equal((point + h) - point, h)
            # In half precision the finest steps of a short ladder are lost, and the slopes not finite.
            assert (h >= 0).all() if dtype == np.float16 else (h > 0).all()
        for far, near in pairwise(ladder):
            # Two neighbours may round to the same few digits.
            slack = np.array(1 if dtype == np.float64 else 1.5, np.float32)
            assert (near <= far * slack).all()


def test_a_ladder_goes_from_the_scale_to_the_last_digits() -> None:
    flat = np.arange(POINT.size)
    ladder = list(steps().ladder(flat))
    scale = np.maximum(np.abs(POINT), np.sqrt(np.mean(POINT**2)))

    assert len(ladder) == 28
    assert (np.abs(ladder[0] / scale - 1) <= 0.21).all()
    nonzero = POINT != 0
    finest = (ladder[-1] / np.abs(np.where(nonzero, POINT, 1.0)))[nonzero]
    assert ((finest > 0.7e-12) & (finest < 1.3e-12)).all()


def test_a_ladder_from_beyond_starts_at_a_hundred_million_times_the_scale() -> None:
    made = steps(np.array([2.0]))
    ladder = [float(h[0]) for h in made.ladder(np.array([0]), beyond=8)]

    assert len(ladder) == 8 + 28
    assert 0.8 <= ladder[0] / 2e8 <= 1.2


def test_a_zero_is_followed_down_to_its_own_scale() -> None:
    """Steps from 0 are exact however small."""
    ladder = [float(h[0]) for h in steps(np.array([0.0, 1.0])).ladder(np.array([0]), beyond=8)]

    assert len(ladder) == 8 + 28 + 9
    assert 0 < ladder[-1] < 1e-28


def test_moved_by_a_step_of_its_own_each_time() -> None:
    made = steps()
    scale = np.maximum(np.abs(POINT), np.sqrt(np.mean(POINT**2)))
    (up, down), (again, _) = made.moved(1.0), made.moved(1.0)
    first = np.finfo(np.float64).eps ** (1 / 3)

    for h in ((up - POINT) / scale, (POINT - down) / scale):
        assert ((h >= 0.69 * first) & (h <= 1.31 * first)).all()
    assert (up != again).all()
    # No two elements, and no two sides, share a ratio.
    ratio = (up - POINT) / (POINT - down)
    assert len(set(ratio.tolist())) == POINT.size


def test_the_sizes_of_steps_are_well_apart() -> None:
    """Two elements wrongly moved together are told apart by the ratio of their steps."""
    up, down = steps(np.ones(1000)).moved(1.0)

    for h in (up - 1, 1 - down, (up - 1) / (1 - down) * h_of_ones()):
        assert np.std(h) >= 0.1 * h_of_ones()


def h_of_ones() -> float:
    return float(np.finfo(np.float64).eps ** (1 / 3))


def test_the_point_next_to_it_is_up_by_the_first_step() -> None:
    scale = np.maximum(np.abs(POINT), np.sqrt(np.mean(POINT**2)))

    np.testing.assert_allclose((steps(step=0.01).near() - POINT) / scale, 0.01, rtol=1e-6)


def test_the_same_seed_takes_the_same_steps() -> None:
    def taken(seed: int) -> list[float]:
        return [float(h[0]) for h in steps(seed=seed).ladder(np.array([0]))]

    assert taken(3) == taken(3) != taken(4)


def test_tiny_elements_and_scales() -> None:
    flat = np.arange(3)
    made = steps(np.array([1.0, 1e-2, 1e-6]))

    assert made.tiny(flat).tolist() == [False, False, True]
    assert made.scale(flat).tolist() == [1.0, made.typical, made.typical]
    assert steps(step=0.5).first == 0.5
    for unit in (1e-4, 1e4):
        # A thousandth of the root mean square, 0.577.
        scaled = steps(unit * np.array([1.0, 0.6e-3, 0.55e-3]))
        assert scaled.tiny(flat).tolist() == [False, False, True]


def test_zeros_beside_others_are_followed_down_by_themselves() -> None:
    ladder = np.array(list(steps(np.array([0.0, 1.0])).ladder(np.arange(2), beyond=8)))

    assert len(ladder) == 8 + 28 + 9
    assert 0 < ladder[-1, 0] < 1e-28
    assert (ladder[-9:, 1] > 0.7e-12).all()


def test_large_points_are_moved_in_spans_that_share_no_draws() -> None:
    point = np.ones(2**16 + 5000)
    first = h_of_ones()

    (up, down), (again, _) = (steps(point, seed).moved(1.0) for seed in (3, 3))

    assert np.array_equal(up, again)
    for h in ((up - 1) / first, (1 - down) / first):
        assert ((h > 0.69) & (h < 1.31)).all()
        assert max(abs(h[: 2**16].mean() - 1), abs(h[2**16 :].mean() - 1)) < 0.02
        assert not (h[:5000] == h[2**16 :]).any()


def test_a_far_ladder_and_steps_that_are_farther() -> None:
    """From the scale down by thirds; from its 40th and 2560th by halves, at least 16 first steps off."""
    made, flat = steps(np.array([2.0, -2.0])), np.arange(2)

    far = np.array([step / 2 for step in made.far_ladder(flat)])
    farther = np.array([[step / 2 for step in three] for three in made.farther(flat)])

    assert far.shape == (4, 2)
    assert (np.abs(far * np.array([1, 3, 9, 27])[:, None] - 1) <= 0.2).all()
    assert farther.shape == (2, 3, 2)
    relative = farther * np.array([[40.0], [2560.0]])[:, :, None] * np.array([1, 2, 4])[:, None]
    assert (np.abs(relative - 1) <= 0.2).all()
    assert len(list(steps(np.array([2.0]), step=1 / 640).farther(np.array([0])))) == 1
    assert not list(steps(np.array([2.0]), step=1 / 600).farther(np.array([0])))


def test_a_curve_goes_down_by_roots_of_two() -> None:
    """To 1e-12 of the element: 2 log₂ 1e12 = 79.7 steps, and one; of 0 to the finest of the tensor."""
    curve = np.array([float(h[0]) for h in steps(np.array([3.0, 0.0])).curve(0, 3.0)])
    few = list(steps(np.array([1e-250, 1.0])).curve(0, 1.0))

    assert curve[0] == 3.0
    assert curve.size == 81
    assert curve[-1] == pytest.approx(3e-12, rel=1e-3)
    np.testing.assert_allclose(curve[:-1] / curve[1:], 1e12 ** (1 / 80), rtol=1e-3)
    assert len(few) == 160


@pytest.mark.parametrize(("coarsest", "sizes"), [(1e-12, 1), (1e-13, 1), (1.1e-12, 2), (4e-12, 5)])
def test_a_curve_from_the_finest_step_or_below_is_one_step(coarsest: float, sizes: int) -> None:
    """From 1 the finest is 1e-12; two steps for each factor of 2 above it."""
    curve = [float(h[0]) for h in steps(np.array([1.0])).curve(0, coarsest)]

    assert len(curve) == sizes
    assert curve[0] == pytest.approx(coarsest, rel=1e-2)


def test_far_probes_move_by_a_quarter_to_a_half() -> None:
    """Of the element itself, or of the typical size of the tensor where it is 0, up or down."""
    point = np.where(np.arange(4000) % 2 == 0, 0.0, np.linspace(-2, 2, 4000))
    size = np.where(point == 0, np.sqrt(np.mean(point**2)), np.abs(point))

    moved = (steps(point).far() - point) / size

    assert ((np.abs(moved) > 0.2499) & (np.abs(moved) < 0.5001)).all()
    assert np.abs(moved).min() < 0.251
    assert np.abs(moved).max() > 0.499
    assert 0.45 < (moved > 0).mean() < 0.55


class Seeds:
    """Gives a seed, and no draws"""

    def integers(self, high: int) -> int:
        return 5


def test_spans_that_are_worked_on_at_once_share_no_generator() -> None:
    """Which of them draws first would be chance."""
    made = steps(np.ones(2**16 + 1))
    own: Any = Seeds()
    made._generator = own

    up, down = made.moved(1.0)

    assert (up > 1).all()
    assert (down < 1).all()
