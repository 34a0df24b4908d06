"""A given gradient at a tie: whatever each element has, together they have the slope along the tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.function.primal import Meter
from gradcheck.function.problem import pose
from gradcheck.progress import Progress
from gradcheck.settings import Settings
from gradcheck.sparsity.colouring import elementwise
from gradcheck.targets.function import Target
from gradcheck.verdicts.candidate import Examined
from gradcheck.verdicts.examination import examine
from gradcheck.verdicts.given_ties import _contradiction, held_at_ties
from gradcheck.verdicts.outcome import conclude
from gradcheck.verdicts.subgradients import SMOOTH, along_ties
from gradcheck.verdicts.third_opinion import TIED
from gradcheck.verdicts.verdict import ElementVerdict
from tests.posed import posed, variable

KINK, MATCH, MISMATCH = ElementVerdict.KINK, ElementVerdict.MATCH, ElementVerdict.MISMATCH


def largest(x: Any) -> Any:
    return 3 * tf.reduce_max(x)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [([3.0, 0.0], False), ([1.0, 2.0], False), ([3.0, 3.0], True), ([0.0, 0.0], True), ([1.5, 1.4], True)],
)
def test_the_elements_of_a_tie_have_the_gradient_once(given: list[float], wrong: bool) -> None:
    """Error ÷ (noise + 1.01e-4 S and the rounding of what is given), along ones."""
    problem = posed(largest, x=np.array([2.0, 2.0]))
    r = problem.cotangents[0, 0]
    rounding, ones = np.array([1e-3, 2e-3]), np.ones(2)

    off = _contradiction(problem, 0, ones, r * np.array(given), rounding)

    if not wrong:
        assert off == 0.0
        return
    *_, noise = along_ties(problem, {0: ones})
    bound = abs(r) * (noise[0] + (SMOOTH + 1e-6) * 3) + 3e-3
    np.testing.assert_allclose(off, abs(r) * abs(sum(given) - 3) / bound, rtol=1e-5)


@pytest.mark.parametrize(("given", "wrong"), [(None, []), ([1.0, 2.0, 5.0], []), ([3.0, 3.0, 5.0], [0, 1])])
def test_what_contradicts_a_tie_is_a_mismatch_of_its_elements(
    given: list[float] | None, wrong: list[int]
) -> None:
    function = lambda x: largest(x[:2]) + 5 * x[2]  # noqa: E731
    x, tied = np.array([2.0, 2.0, 1.0]), {} if given is None else {"x": np.array(given)}
    target = Target("f", function, {"x": x}, given=tied)
    problem = pose(target, Settings(), ("x",), np.ones(()), Meter(), Progress())
    confirmed = examine(variable(problem), elementwise((3,), 1), None, Progress(), problem.meter)
    outcome = conclude(problem, 0, Examined(confirmed))

    found = held_at_ties(problem, 0, outcome, Examined(confirmed))

    assert outcome.judgement.verdicts.tolist() == [KINK, KINK, MATCH]
    assert np.flatnonzero(found.judgement.verdicts == MISMATCH).tolist() == wrong
    assert found.reason == (TIED if wrong else None)
    if wrong:
        assert found.ratio is not None
        assert (found.ratio[:2] > 100).all()
        assert found.ratio[2] == 0
    else:
        assert found is outcome


def test_a_direction_across_the_tie_says_nothing() -> None:
    problem = posed(largest, x=np.array([2.0, 2.0]))

    assert _contradiction(problem, 0, np.array([1.0, -1.0]), np.array([99.0, 0.0]), np.zeros(2)) == 0.0


def test_a_corner_of_one_output_says_nothing_of_the_sum() -> None:
    """Twice the first is straight along ones, and |x₁ − 2| has a corner there."""
    problem = posed(lambda x: tf.stack([2 * x[0], tf.abs(x[1] - 2)]), x=np.array([2.0, 2.0]))

    assert _contradiction(problem, 0, np.ones(2), np.array([99.0, 0.0]), np.zeros(2)) == 0.0
    assert _contradiction(problem, 0, np.array([1.0, 0.0]), np.array([99.0, 0.0]), np.zeros(2)) > 100


def test_outputs_that_stand_still_contradict_a_slope() -> None:
    """As 5 + 0 x does 3: error ÷ noise, though the slopes to both sides are 0 and so is their size."""
    problem = posed(lambda x: 5 + 0 * tf.reduce_max(x), x=np.array([2.0, 2.0]))
    r, ones = problem.cotangents[0, 0], np.ones(2)
    *_, noise = along_ties(problem, {0: ones})
    assert 0 < noise[0] < 1

    off = _contradiction(problem, 0, ones, r * np.array([1.0, 2.0]), np.zeros(2))

    np.testing.assert_allclose(off, 3 / noise[0], rtol=1e-6)


def test_an_output_of_0_without_rounding_contradicts_any_slope() -> None:
    problem = posed(lambda x: 0 * tf.reduce_max(x), x=np.array([2.0, 2.0]))
    assert not problem.noise.noise.any()

    assert _contradiction(problem, 0, np.ones(2), np.array([1e-9, 0.0]), np.zeros(2)) == np.inf
    assert _contradiction(problem, 0, np.ones(2), np.zeros(2), np.zeros(2)) == 0.0


@pytest.mark.parametrize("slope", [100.0, 0.01])
@pytest.mark.parametrize(("share", "smooth"), [(0.8, True), (1.2, False)])
def test_slopes_to_both_sides_are_one_up_to_a_share_of_them(slope: float, share: float, smooth: bool) -> None:
    """slope · max + ¼ share · 1e-4 · slope · |x₁ + x₂ − 4| has slopes that differ by share · 1e-4 · slope."""
    bend = share * SMOOTH * slope / 4
    problem = posed(
        lambda x: slope * tf.reduce_max(x) + bend * tf.abs(tf.reduce_sum(x) - 4), x=np.array([2.0, 2.0])
    )

    off = _contradiction(problem, 0, np.ones(2), np.array([9 * slope, 0.0]), np.zeros(2))

    assert (off > 100) == smooth
