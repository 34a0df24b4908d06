"""Budgets: what is left out where they are too small."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from gradcheck import ElementVerdict, Report, Verdict, check
from gradcheck.arrays.types import Array
from gradcheck.checks.elementwise import _colouring
from gradcheck.cli import main
from gradcheck.progress import Progress
from tests.corpus.case import Function, distorted, scaled
from tests.posed import posed, variable
from tests.saying import lines, normal

ROWS, COLUMNS = 5, 40


def product(x: Any, w: Any) -> Any:
    """Every column of x is a group: its ROWS elements share no output."""
    return x @ w


def sampled(budget: str | int, seed: int = 0) -> Report:
    """A report on x of (ROWS, COLUMNS) within a budget"""
    inputs = {"x": normal(ROWS, COLUMNS), "w": normal(COLUMNS, 3, seed=1)}
    return check(product, inputs, wrt="x", budget=budget, seed=seed)


def mask(report: Report) -> Array:
    return report.variables[0].checked


def test_a_budget_that_is_large_enough_changes_nothing() -> None:
    inputs = {"x": normal(ROWS, COLUMNS), "w": normal(COLUMNS, 3, seed=1)}
    whole, within = check(product, inputs, wrt="x"), sampled("3600s")
    assert within.comparisons == ()
    assert within.evaluations == whole.evaluations
    assert "budget" not in lines(within)


def test_the_sample_is_whole_groups_as_many_as_the_budget_pays_for() -> None:
    report = sampled(32)
    # 32 evaluations are 8 groups, each planned with the usual four.
    assert mask(report).all(axis=0).sum() == 8
    assert mask(report).sum() == 8 * ROWS
    assert report.variables[0].coverage == pytest.approx(8 / COLUMNS)
    assert report.verdict is Verdict.PASS
    assert "within the budget of 32 evaluations: checked 20 % of 200 elements one by one" in lines(report)


def test_the_seed_decides_on_the_sample() -> None:
    first, again, other = sampled(32), sampled(32), sampled(32, seed=1)
    assert (mask(first) == mask(again)).all()
    assert first.comparisons == again.comparisons != other.comparisons
    assert (mask(first) != mask(other)).any()


def test_nothing_is_claimed_of_what_was_left_out() -> None:
    """Errors are those of elements that were checked; a difference that was not taken is no 0."""
    report = sampled(32)
    (variable,) = report.variables
    assert np.isnan(variable.difference[~mask(report)]).all()
    assert np.isfinite(variable.difference[mask(report)]).all()
    assert variable.max_abs_error < 1e-6
    assert variable.max_rel_error < 1e-6
    assert variable.worst_ratio < 1
    assert all(mask(report)[index] for limit in (0, 3, 100) for index in variable.rows(limit))
    assert "10 of 40 checked elements shown, worst first" in str(report)


def test_coverage_is_in_json(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", normal(ROWS, COLUMNS))
    np.save(tmp_path / "w.npy", normal(COLUMNS, 3, seed=1))
    tensors = ["--x", str(tmp_path / "x.npy"), "--w", str(tmp_path / "w.npy"), "--wrt", "x"]
    result = CliRunner().invoke(
        main, ["dense", *tensors, "--budget", "32e", "--limit", "0", "--format", "json"]
    )
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["settings"]["budget"] == "32e"
    (variable,) = found["variables"]
    assert variable["coverage"] == pytest.approx(0.2)
    assert len(variable["elements"]) == 40
    assert {element["verdict"] for element in variable["elements"]} == {"match"}
    (comparison,) = found["comparisons"]
    assert (comparison["what"], comparison["verdict"]) == ("tape along random directions", "match")


# A leak of row 0 into row 1 that is 0 at the point and vanishes but within 1 % of it: probes see nothing.

LEAKY = normal(24, 40)
MIXING = normal(40, 6, seed=1)


def leaking(known: bool) -> Function:
    """tanh(0.3 x M) and the leak, which the tape does not know of unless it is `known`"""

    def function(x: Any) -> Any:
        near = tf.reduce_max(tf.abs(x[0] / LEAKY[0] - 1)) < 0.01
        row = x[0] if known else tf.stop_gradient(x[0])
        leak = tf.cast(near, x.dtype) * tf.tanh(tf.reduce_sum(row - LEAKY[0]))
        return tf.tanh(0.3 * x @ MIXING) + tf.one_hot([1], 24, axis=0, dtype=x.dtype) * leak

    return function


@pytest.mark.parametrize("known", [True, pytest.param(False, marks=pytest.mark.full)])
def test_a_colouring_that_falls_under_a_budget_leaves_nothing_behind(known: bool) -> None:
    """The elements that were checked have the verdicts of a check without a budget, and only those count."""
    function, x = leaking(known), {"x": LEAKY}
    problem = posed(function, x=LEAKY)
    assert _colouring(problem, variable(problem), Progress()).periods == (1, 40), "the probes see the leak"

    whole, within = check(function, x), check(function, x, budget=40)

    (full,), (part,) = whole.variables, within.variables
    assert full.coverage == 1
    assert full.counts["mismatch"] == (0 if known else 40)
    checked = part.checked
    assert 10 <= checked.sum() < 40
    assert (part.verdicts[checked] == full.verdicts[checked]).all()
    assert part.counts["mismatch"] == (0 if known else checked.sum())
    assert np.isnan(part.difference[~checked]).all()
    np.testing.assert_allclose(part.difference[checked], full.difference[checked], rtol=1e-4)
    assert part.coverage == checked.sum() / 960
    assert f"checked {100 * part.coverage:.3g} % of 960 elements one by one" in lines(within)


# What a budget of 20 may cost where directions disagree.


def wrong_everywhere(x: Array, total: Callable[[Any], Any]) -> Function:
    """`total` of sines of a product, each element of the gradient off by a factor of its own"""
    mixing, off = normal(*x.shape[1:], 30, seed=2), 1 + 0.5 * np.abs(normal(*x.shape, seed=3))
    return distorted(lambda x: total(tf.sin(x @ mixing)), lambda g: g * off)


SMOOTH = 1_300
"""Eight directions of up to 33 pairs of steps, two of them blamed, six elements looked at closely, and a look
for stairs at one element, 234 evaluations; measured 1,036."""
ROUGH = SMOOTH + 936
"""Where third differences do not shrink, stairs are looked for at one element; measured 2,007."""


@pytest.mark.parametrize(
    ("shape", "total", "most"),
    [
        ((10, 30), tf.reduce_sum, SMOOTH),
        pytest.param((300, 30), tf.reduce_sum, SMOOTH, marks=pytest.mark.full),
        pytest.param((300, 70), tf.reduce_sum, SMOOTH, marks=pytest.mark.full),
        pytest.param((10, 30), tf.square, SMOOTH, marks=pytest.mark.full),
        pytest.param((300, 30), tf.square, SMOOTH, marks=pytest.mark.full),
        pytest.param((300, 70), tf.square, ROUGH, marks=pytest.mark.full),
    ],
)
def test_a_budget_of_20_spends_a_bounded_number_where_directions_disagree(
    shape: tuple[int, int], total: Callable[[Any], Any], most: int
) -> None:
    """Whatever the size, and however many elements of a group are wrong."""
    x = 0.3 * normal(*shape)

    report = check(wrong_everywhere(x, total), {"x": x}, budget=20)

    assert report.comparisons[0].verdict is ElementVerdict.MISMATCH
    # A column of a product is a group of as many elements as there are rows.
    assert report.variables[0].counts["mismatch"] >= (shape[0] if total is tf.square else 1)
    assert report.evaluations <= most


def test_a_leak_within_a_budget_of_20_spends_a_bounded_number() -> None:
    report = check(leaking(known=False), {"x": LEAKY}, budget=20)

    assert report.comparisons[0].verdict is ElementVerdict.MISMATCH
    assert report.evaluations <= ROUGH


# Ties of a maximum ask for ladders of steps in every group.

TIED = {"x": np.round(normal(6, 70), 1), "y": normal(70, 3, seed=1)}


def tied(x: Any, y: Any) -> Any:
    return tf.tanh(x @ y) + tf.reduce_max(x, axis=1, keepdims=True)


def test_a_pilot_ends_when_a_budget_of_20_is_spent() -> None:
    """Each of the 70 groups of x costs some hundred evaluations, all of them 7,672."""
    report = check(tied, TIED, budget=20)

    assert report.verdict is Verdict.PASS
    assert report.evaluations <= 800, "measured 301 to 648 over six draws"


@pytest.mark.full
def test_corners_that_are_wrong_spend_a_bounded_number_within_a_budget_of_20() -> None:
    report = check(distorted(tied, scaled(1.01)), TIED, budget=20)

    assert report.verdict is Verdict.FAIL
    assert report.evaluations <= ROUGH
