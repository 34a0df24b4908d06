"""Stairs are told from all else that is not straight; what they hide is judged once more, and no looser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import gradcheck
from gradcheck import ElementVerdict, Verdict
from gradcheck.amounts import Budget
from gradcheck.arrays.types import Array
from gradcheck.settings import Settings
from gradcheck.sparsity.colouring import elementwise
from gradcheck.verdicts import inner_rounding
from gradcheck.verdicts.candidate import Confirmed, Examined
from gradcheck.verdicts.inner_rounding import FEWEST, INTERVALS, MOST, height, reconciled
from gradcheck.verdicts.judgement import Judgement
from tests.corpus.case import Function, distorted
from tests.parameters import every, named
from tests.posed import posed, variable

MATCH, KINK = ElementVerdict.MATCH, ElementVerdict.KINK
MISMATCH, INCONCLUSIVE = ElementVerdict.MISMATCH, ElementVerdict.INCONCLUSIVE
T = np.arange(INTERVALS + 1) / INTERVALS
GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("quantum", [1e-20, 1e-7, 0.01, 3.0])
@pytest.mark.parametrize("steps", [3.5, 5.2, 8.8])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_stairs_are_measured(quantum: float, steps: float, direction: float) -> None:
    """Beside a smooth term that moves far more than they are high"""
    term = direction * quantum * np.floor(steps * T + 0.3)
    columns = np.stack([term, 40 * quantum * T + term, T**2], axis=1)

    found = height(columns)

    np.testing.assert_allclose(found, [quantum, quantum, 0.0], rtol=0.1)


NO_STAIRS: dict[str, Callable[[Array], Array]] = {
    "straight": lambda t: 3 * t,
    "still": lambda t: 0 * t,
    "curved": lambda t: np.exp(3 * t),
    "a corner": lambda t: np.maximum(t - 0.61, 0),
    "two corners": lambda t: np.abs(t - 0.2) + np.abs(t - 0.7),
    "one step": lambda t: t + (t > 0.43),
    "two steps": lambda t: t + (t > 0.43) + (t > 0.7),
    "an oscillation": lambda t: np.sin(40 * t),
    "up and down": lambda t: np.round(np.sin(12 * t)),
    "steps of all heights": lambda t: np.floor(5 * t) ** 3,
    "steps ever closer": lambda t: np.floor(8 * t**4),
    "steps here and there": lambda t: 1.0 * (t > 0.11) + (t > 0.22) + (t > 0.9),
    "a steep piece": lambda t: np.clip(INTERVALS * t - 10, 0, FEWEST),
    "too many steps": lambda t: np.floor((MOST + 3) * t),
    "too few": lambda t: np.floor((FEWEST - 1) * t),
    "a lower step among others": lambda t: np.floor(5 * t) + 0.3 * (t > 0.51),
    "noise": lambda t: 1e-9 * GENERATOR.standard_normal(t.size),
    "its own rounding": lambda t: 1 + 5e-16 * np.floor(5 * t),
    "not finite": lambda t: np.where(t > 0.5, np.nan, t),
}


@pytest.mark.parametrize("name", NO_STAIRS)
def test_no_stairs(name: str) -> None:
    assert height(NO_STAIRS[name](T)[:, None]).tolist() == [0.0]


def cast(tensor: Any, dtype: str) -> Any:
    return tf.cast(tf.cast(tensor, dtype), tensor.dtype)


TERMS: dict[str, Callable[[Any, str], Any]] = {
    "cosine": lambda x, dtype: tf.sin(x) + cast(tf.cos(x) + 2, dtype),
    "square": lambda x, dtype: tf.sin(x) + cast(x**2 + 1, dtype),
    "exponential": lambda x, dtype: 3 * x + cast(tf.exp(x), dtype),
}


def rounded(name: str, dtype: str) -> Function:
    return lambda x: TERMS[name](x, dtype)


@pytest.mark.parametrize("count", named([40, 1, 3], str, every(3)))
@pytest.mark.parametrize("scale", named([1.0, 0.1], str, every(2)))
@pytest.mark.parametrize("name", named(TERMS, str, every(3)))
def test_a_term_in_float32_beside_others(name: str, scale: float, count: int) -> None:
    x = scale * np.random.default_rng(count).standard_normal(count)
    function = rounded(name, "float32")

    right = gradcheck.check(function, {"x": x})
    wrong = gradcheck.check(distorted(function, lambda g: 1.1 * g), {"x": x})

    assert right.verdict is Verdict.PASS, str(right)
    assert "float32" in right.precision
    assert wrong.verdict is Verdict.FAIL, str(wrong)


def test_one_output_of_two() -> None:
    report = gradcheck.check(
        lambda x: (tf.sin(x), 3 * x + cast(tf.exp(x), "float32")),
        {"x": 0.1 * np.random.default_rng(0).standard_normal(3)},
    )

    assert report.verdict is Verdict.PASS, str(report)


@pytest.mark.parametrize("name", named(TERMS, str, every(3)))
def test_a_term_too_coarse_to_tell_is_no_pass(name: str) -> None:
    """Nor a failure, as long as the stairs can explain it"""
    x = np.random.default_rng(0).standard_normal(12)
    function = rounded(name, "bfloat16")

    right = gradcheck.check(function, {"x": x})
    wrong = gradcheck.check(distorted(function, lambda g: 1.5 * g), {"x": x})

    assert right.verdict is not Verdict.FAIL, str(right)
    assert wrong.verdict is not Verdict.PASS, str(wrong)


def quantised(x: Any) -> Any:
    """To eighths, with the gradient of the identity"""
    return x + tf.stop_gradient(tf.round(8 * x) / 8 - x)


def one_step(x: Any) -> Any:
    return x**2 + 1e-3 * tf.cast(x > 0.8, x.dtype)


@pytest.mark.parametrize(
    ("function", "factor"),
    [
        (quantised, 1.0),
        (one_step, 1.01),
        pytest.param(tf.sin, 1.0001, marks=pytest.mark.full),
        pytest.param(tf.nn.relu, 1.01, marks=pytest.mark.full),
    ],
)
def test_other_mistakes_stay_mistakes(function: Function, factor: float) -> None:
    x = np.random.default_rng(0).standard_normal(12)

    report = gradcheck.check(distorted(function, lambda g: factor * g), {"x": x})

    assert report.verdict is Verdict.FAIL, str(report)
    assert report.variables[0].counts["mismatch"] >= 4


@pytest.mark.full
def test_within_a_budget() -> None:
    """What is said of the budget is said once, though the check is made twice."""
    x = np.random.default_rng(0).standard_normal((64, 30))
    mixing = np.random.default_rng(1).standard_normal((30, 30))

    report = gradcheck.check(
        lambda x: tf.sin(x) + cast(tf.cos(0.01 * tf.matmul(x, mixing)) + 2, "float32"), {"x": x}, budget=20
    )

    assert report.verdict is not Verdict.FAIL, str(report)
    assert sum("Within the budget" in warning for warning in report.warnings) == 1


def looked_at(verdicts: list[int], tolerance: float) -> Examined:
    """One variable with these verdicts, and the same numbers for every element"""
    shape = (len(verdicts),)
    full = np.full(shape, tolerance)
    judged = replace(
        Judgement.none(len(verdicts)),
        verdicts=np.array(verdicts, np.uint8),
        tolerance=full,
        difference=full,
        size=np.ones(shape),
    )
    return Examined(Confirmed(variable(posed(tf.sin, x=np.ones(shape))), elementwise(shape, 1), judged))


@pytest.mark.parametrize(("tolerance", "accepted"), [(1e-3, MATCH), (0.1, INCONCLUSIVE)])
def test_a_second_look_judges_only_what_the_first_did_not_accept(
    tolerance: float, accepted: ElementVerdict
) -> None:
    first = looked_at([MATCH, MISMATCH, MISMATCH, INCONCLUSIVE, KINK], 1e-6)
    again = looked_at([MISMATCH, MATCH, MISMATCH, MATCH, MISMATCH], tolerance)

    found = reconciled(first, again).judgement

    assert found.verdicts.tolist() == [MATCH, accepted, MISMATCH, accepted, KINK]
    assert found.difference.tolist() == [1e-6, tolerance, tolerance, tolerance, 1e-6]


def test_the_report_says_what_rounds() -> None:
    report = gradcheck.check(rounded("cosine", "float32"), {"x": np.array([0.1, 0.7, -0.4])})

    assert report.precision == "tape and differences in float64 (rounded to float32 inside)"


def failing(ratios: list[float], function: Function = quantised) -> Examined:
    """A variable of mismatches with these ratios of error and tolerance"""
    count = len(ratios)
    judged = replace(
        Judgement.none(count),
        verdicts=np.array([MISMATCH if ratio else MATCH for ratio in ratios], np.uint8),
        error_ratio=np.array(ratios),
    )
    one = variable(posed(function, x=np.linspace(0.9, 1.1, count)))
    return Examined(Confirmed(one, elementwise((count,), 1), judged))


@pytest.mark.parametrize(
    ("ratios", "budget", "asked"),
    [
        ([[2.0, 9.0, 0.0, 5.0, 4.0]], None, [(9.0, [1, 3, 4])]),
        ([[2.0, 9.0, 0.0, 5.0, 4.0]], 1000, [(9.0, [1])]),
        # Of the two variables whose worst element is the worst, one element each.
        ([[2.0, 0.0], [0.0, 8.0], [0.0, 0.0], [7.0, 7.0]], None, [(8.0, [1]), (7.0, [0])]),
        ([[2.0, 0.0], [0.0, 8.0]], 1000, [(8.0, [1]), (2.0, [0])]),
        # One without mismatches has no share in the elements that are looked into.
        ([[2.0, 9.0, 0.0, 5.0, 4.0], [0.0, 0.0]], None, [(9.0, [1, 3, 4])]),
        ([[0.0]], None, []),
    ],
)
def test_the_worst_elements_of_the_worst_variables_are_looked_into(
    ratios: list[list[float]],
    budget: int | None,
    asked: list[tuple[float, list[int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[float, list[int]] = {}

    def stairs(one: Any, flat: int) -> list[tuple[int, float]]:
        seen.setdefault(one.ratio, []).append(flat)
        return []

    monkeypatch.setattr(inner_rounding, "_stairs", stairs)
    settings = Settings() if budget is None else Settings(budget=Budget.of(budget))

    found = inner_rounding.shares(posed(quantised, settings, x=np.ones(3)), [failing(one) for one in ratios])

    assert found is None
    assert list(seen.items()) == asked


def test_stairs_are_looked_for_where_third_differences_stop_to_shrink() -> None:
    """To eighths at 1 there is a jump within 4, 1, 1/4 and 1/16: those, and two finer than the last pair."""
    one = inner_rounding._Failing(failing([1.0, 9.0, 2.0]))

    assert (one.ratio, one.elements.tolist()) == (9.0, [1, 2, 0])
    assert one.reached(1).tolist() == [0, 1, 2]
    assert one.lengths.tolist() == [4.0, 1.0, 1 / 4, 1 / 16, 1 / 64]
    heights = [tall for _, tall in inner_rounding._stairs(one, 1)]
    np.testing.assert_allclose(heights, [0.125], rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [tf.sin, tf.square, tf.exp, lambda x: 3 * x, lambda x: tf.abs(x - 1.3), lambda x: 1e6 + tf.sin(x)],
)
def test_smooth_functions_and_corners_have_no_stairs_to_be_looked_for(function: Function) -> None:
    """Third differences become 1/64 when the step becomes a 4th, at a corner 1/4, and rounding is none."""
    assert not inner_rounding._Failing(failing([1.0, 9.0, 2.0], function)).lengths.size


def test_stairs_of_the_finest_steps_are_found_too() -> None:
    """Stairs of 1e-11 at 1 show at every length, down to the shortest, 4⁻¹⁶ = 2e-10."""
    one = inner_rounding._Failing(failing([1.0, 9.0, 2.0], lambda x: tf.round(x * 1e11) / 1e11))

    assert one.lengths[-1] == 4.0 * 4.0**-17
    heights = [tall for _, tall in inner_rounding._stairs(one, 1)]
    np.testing.assert_allclose(heights, [1e-11], rtol=1e-3)


def test_stairs_on_the_other_side_of_the_point_are_found() -> None:
    """To eighths up to 1, and an oscillation beyond"""

    def function(x: Any) -> Any:
        return tf.where(x > 1, x + tf.sin(0.3 / (tf.abs(x - 1) + 1e-3)), tf.round(8 * x) / 8)

    one = inner_rounding._Failing(failing([1.0, 9.0, 2.0], function))

    heights = [tall for _, tall in inner_rounding._stairs(one, 1)]

    np.testing.assert_allclose(heights, [0.125], rtol=1e-6)


def test_the_height_of_stairs_is_a_share_of_the_output_or_of_its_typical_size() -> None:
    """Stairs of 1e-3, no taller than a rounding of bfloat16, on outputs of about 1 and of 0, and of 2."""

    def function(x: Any) -> Any:
        stairs = 1e-3 * tf.round(8 * x[0])
        return tf.stack([stairs + 1.0, stairs + 0 * x[1]]), 5 + x[1], 2 + stairs

    problem = posed(function, x=np.array([0.01, 1.0]))
    judged = replace(
        Judgement.none(2), verdicts=np.array([MISMATCH, MATCH], np.uint8), error_ratio=np.array([9.0, 0.0])
    )
    examined = Examined(Confirmed(variable(problem), elementwise((2,), 3), judged))

    shares = inner_rounding.shares(problem, [examined])

    assert shares is not None
    # Typical of 1 and 0 is √½, which is more than what the second output is.
    np.testing.assert_allclose(shares, [1e-3 * 2**0.5, 0.0, 1e-3 / 2], rtol=1e-6)
