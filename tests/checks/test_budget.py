"""Budgets: what is left out where they are too small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gradcheck import ElementVerdict, Report, Verdict, check
from gradcheck.arrays.types import Array
from gradcheck.cli import main
from tests.saying import lines, normal

ROWS, COLUMNS = 5, 40


def product(x: Any, w: Any) -> Any:
    """Every column of x is a group: its ROWS elements share no output."""
    return x @ w


def sampled(budget: str | float, seed: int = 0) -> Report:
    """A report on x of (ROWS, COLUMNS) within a budget"""
    inputs = {"x": normal(ROWS, COLUMNS), "w": normal(COLUMNS, 3, seed=1)}
    return check(product, inputs, wrt="x", budget=budget, seed=seed)


def mask(report: Report) -> Array:
    return np.asarray(report.variables[0].verdicts != ElementVerdict.UNCHECKED)


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
    assert "20 of 40 checked elements shown" in str(report)


def test_coverage_is_in_json(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", normal(ROWS, COLUMNS))
    np.save(tmp_path / "w.npy", normal(COLUMNS, 3, seed=1))
    tensors = ["--x", str(tmp_path / "x.npy"), "--w", str(tmp_path / "w.npy"), "--wrt", "x"]
    result = CliRunner().invoke(
        main, ["dense", *tensors, "--budget", "32", "--limit", "0", "--format", "json"]
    )
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["settings"]["budget"] == "32"
    (variable,) = found["variables"]
    assert variable["coverage"] == pytest.approx(0.2)
    assert len(variable["elements"]) == 40
    assert {element["verdict"] for element in variable["elements"]} == {"match"}
    (comparison,) = found["comparisons"]
    assert (comparison["what"], comparison["verdict"]) == ("tape along random directions", "match")
