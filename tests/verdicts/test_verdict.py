"""A comparison shows its worst entry, never lets NaN pass, and is strict JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from gradcheck import Report
from gradcheck.settings import Settings
from gradcheck.verdicts.verdict import Comparison, ElementVerdict

SIDES = "one way", "another way", "x"


def in_json(comparison: Comparison) -> dict[str, Any]:
    """What a report says of a comparison"""
    found = Report("f", (), Settings(), 0, 0.0, "", comparisons=(comparison,)).to_dict()
    (document,) = json.loads(json.dumps(found, allow_nan=False))["comparisons"]
    return dict(document)


def test_the_entry_shown_has_the_largest_error_ratio() -> None:
    error = np.array([[1.0, 2.0], [0.5, 0.0]])
    tolerance = np.array([[10.0, 10.0], [0.6, 0.0]])

    found = Comparison.of(*SIDES, error, tolerance)

    assert found.verdict is ElementVerdict.MATCH
    assert (found.where, found.error, found.tolerance) == ((1, 0), 0.5, 0.6)


def test_a_worse_verdict_comes_before_a_larger_error() -> None:
    error, tolerance = np.array([5.0, 1.0]), np.array([1.0, 1.0])
    verdicts = np.array([ElementVerdict.KINK, ElementVerdict.MISMATCH])

    found = Comparison.of(*SIDES, error, tolerance, verdicts)

    assert (found.verdict, found.where) == (ElementVerdict.MISMATCH, (1,))


def test_nan_is_a_mismatch() -> None:
    found = Comparison.of(*SIDES, np.array([0.0, np.nan]), np.ones(2))

    assert (found.verdict, found.where) == (ElementVerdict.MISMATCH, (1,))
    assert in_json(found)["error"] == "nan"
    assert (found.made, found.ratio) == (True, np.inf)


def test_an_exact_zero_needs_no_tolerance() -> None:
    assert Comparison.of(*SIDES, np.zeros(3), np.zeros(3)).verdict is ElementVerdict.MATCH
    assert Comparison.of(*SIDES, np.array([1e-300]), np.zeros(1)).verdict is ElementVerdict.MISMATCH


def test_empty_arrays_agree() -> None:
    found = Comparison.of(*SIDES, np.zeros((0, 3)), np.zeros((0, 3)))

    assert (found.verdict, found.where) == (ElementVerdict.MATCH, None)
    assert (found.error, found.tolerance, found.ratio) == (0, 0, 0)


def test_what_was_not_compared_has_no_numbers() -> None:
    found = Comparison.without(*SIDES, "why not")

    assert not found.made
    assert found.verdict is ElementVerdict.UNCHECKED
    document = in_json(found)
    assert (document["error"], document["tolerance"], document["where"]) == (None, None, None)
    assert (document["verdict"], document["note"]) == ("unchecked", "why not")
