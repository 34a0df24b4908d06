"""What a report says as a whole, on reports written by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from gradcheck import ElementVerdict, ExitCode, GradientError, Report, Verdict, __version__
from tests.hand_made import ALL, K, M, N, Q, U, X, failing, inconclusive, kinked, passing, report, variable

# The verdict of a check with one element of each of two verdicts.
WHOLE = {
    (M, M): Verdict.PASS,
    (M, K): Verdict.PASS,
    (M, U): Verdict.PASS,
    (U, U): Verdict.INCONCLUSIVE,
    (M, Q): Verdict.INCONCLUSIVE,
    (K, Q): Verdict.INCONCLUSIVE,
    (M, X): Verdict.FAIL,
    (Q, X): Verdict.FAIL,
    (M, N): Verdict.FAIL,
    (Q, N): Verdict.FAIL,
}


@pytest.mark.parametrize("pair", WHOLE)
def test_the_worst_element_decides(pair: tuple[ElementVerdict, ElementVerdict]) -> None:
    for one, other in (pair, pair[::-1]):
        assert report(variable([one, other])).verdict is WHOLE[pair]
        assert report(variable([one]), variable([other], name="w")).verdict is WHOLE[pair] or U in pair


def test_elements_are_ordered_from_harmless_to_worst() -> None:
    labels = [verdict.label for verdict in sorted(ElementVerdict)]
    assert labels == ["unchecked", "match", "kink", "inconclusive", "mismatch", "nonfinite"]


def test_a_report_of_nothing_is_no_pass() -> None:
    assert report().verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("verdicts", [[M, M], [M, K], [K, K], [K, Q], [X, K]])
def test_strict_takes_kinks_as_failures(verdicts: list[ElementVerdict]) -> None:
    strict = report(variable(verdicts), strict=True)
    assert (strict.verdict is Verdict.FAIL) == (K in verdicts or X in verdicts)


EXITS = {"pass": 0, "kink": 0, "fail": 1, "inconclusive": 3}


@pytest.mark.parametrize("name", ALL)
def test_exit_code_and_truth(name: str) -> None:
    made = ALL[name]()
    assert made.exit_code == EXITS[name]
    assert isinstance(made.exit_code, ExitCode)
    assert bool(made) is made.passed is (EXITS[name] == 0)


@pytest.mark.parametrize("name", ALL)
def test_raise_for_failure_raises_the_table(name: str) -> None:
    made = ALL[name]()
    if EXITS[name] == 0:
        made.raise_for_failure()
        return
    with pytest.raises(GradientError) as raised:
        made.raise_for_failure()
    assert str(raised.value) == str(made)
    # pytest and unittest count it as a failure of the test, not as an error.
    assert isinstance(raised.value, AssertionError)


# Numbers of a variable.


def test_counts_hold_every_verdict_and_coverage_what_was_checked() -> None:
    made = variable([[M, K, X], [N, Q, U]])
    assert made.counts == {"match": 1, "kink": 1, "mismatch": 1, "nonfinite": 1, "inconclusive": 1}
    assert made.coverage == pytest.approx(5 / 6)
    assert made.verdict is ElementVerdict.NONFINITE


def test_relative_error_is_the_share_of_the_larger() -> None:
    made = variable([M, M, M, X, X], tape=[0, 2, -4, 0, 3], difference=[0, 2, -2, 5, -3])
    np.testing.assert_array_equal(made.relative_error(), [0, 0, 0.5, 1, 2])
    assert made.max_rel_error == 2
    assert made.max_abs_error == 6


def test_errors_of_a_tape_that_is_nan_are_nan() -> None:
    made = variable([M, N], tape=[1, np.nan], difference=[2, 2])
    assert math.isnan(made.max_abs_error)
    assert made.worst_index == (1,)


def test_what_was_not_checked_has_no_part_in_errors_and_rows() -> None:
    made = variable(
        [U, M, U, Q, M], tape=[9, 2, 9, 2.5, 2.25], difference=[np.nan, 2, np.nan, 2, 2], tolerance=1
    )
    assert made.max_abs_error == 0.5
    assert made.max_rel_error == 0.2
    assert made.worst_ratio == 0.5
    assert made.rows(0) == made.rows(3) == [(1,), (3,), (4,)]
    assert made.rows(2) == [(3,), (4,)]


def test_worst_first_goes_by_verdict_and_then_by_ratio_to_the_tolerance() -> None:
    made = variable(
        [M, X, M, N, Q, X, K, U],
        tape=[2.5, 3, 2.1, np.nan, 2, 9, 2.5, 2],
        tolerance=[1, 1e-3, 1e-1, 1, 1, 1, 1, 1],
    )
    assert list(made.worst_first()) == [3, 1, 5, 4, 6, 2, 0, 7]


@pytest.mark.parametrize("limit", [0, 1, 3, 5, 6, 7])
def test_rows_are_all_of_a_small_tensor_or_the_worst(limit: int) -> None:
    made = variable([[M, M, X], [M, N, M]], tape=[[2, 2, 3], [2, np.nan, 2]])
    in_order = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    worst = [(1, 1), (0, 2), (0, 0), (0, 1), (1, 0), (1, 2)]
    assert made.rows(limit) == (in_order if limit in (0, 6, 7) else worst[:limit])


def test_a_scalar_has_one_row() -> None:
    made = variable(M)
    assert made.rows(20) == [()]
    assert made.worst_index == ()


# JSON.

NUMBER = (int, float, str)
ELEMENT = {
    "index": list,
    "tape": NUMBER,
    "difference": NUMBER,
    "error": NUMBER,
    "tolerance": NUMBER,
    "verdict": str,
}
VARIABLE = {
    "name": str,
    "order": int,
    "shape": list,
    "dtype": str,
    "verdict": str,
    "counts": dict,
    "coverage": float,
    "one_by_one": int,
    "max_abs_error": NUMBER,
    "max_rel_error": NUMBER,
    "elements": list,
}
REPORT = {
    "schema": int,
    "version": str,
    "target": str,
    "verdict": str,
    "exit_code": int,
    "settings": dict,
    "where": list,
    "diagnosis": list,
    "involved": list,
    "warnings": list,
    "evaluations": int,
    "seconds": float,
    "variables": list,
    "comparisons": list,
}


def holds(found: Any, schema: dict[str, Any], optional: set[str]) -> None:
    """Every key of the schema, of its type, and no key that is not known."""
    assert schema.keys() <= found.keys() <= schema.keys() | optional
    for key, kind in schema.items():
        assert isinstance(found[key], kind), key


@pytest.mark.parametrize("name", ALL)
def test_the_dictionary_has_the_documented_shape(name: str) -> None:
    found: Any = ALL[name]().to_dict()
    # Strict: json refuses what is no JSON value, and NaN.
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    holds(found, REPORT, {"precision", "sensitivity", "directions"})
    for variable_found in found["variables"]:
        holds(variable_found, VARIABLE, {"reason", "sensitivity"})
        assert set(variable_found["counts"]) == {"match", "kink", "mismatch", "nonfinite", "inconclusive"}
        for element in variable_found["elements"]:
            holds(element, ELEMENT, {"closed_form", "sensitivity"})
            for number in (element["tape"], element["difference"], element["error"]):
                assert not isinstance(number, str) or number in ("nan", "inf", "-inf")


def test_the_dictionary_holds_the_numbers() -> None:
    found: Any = passing().to_dict()
    assert (found["schema"], found["version"], found["target"]) == (1, __version__, "dense")
    assert (found["verdict"], found["exit_code"]) == ("pass", 0)
    assert found["sensitivity"] == {"median": 1e-6, "worst": 2.5e-4}
    x, w = found["variables"]
    assert (x["name"], x["shape"], x["dtype"], x["verdict"]) == ("x", [2, 2], "float32", "match")
    assert (w["name"], w["shape"], w["coverage"]) == ("w", [2, 1], 1.0)
    assert x["elements"][1] == {
        "index": [0, 1],
        "tape": 3.0,
        "difference": 3 + 3e-11,
        "closed_form": 3.0,
        "error": abs(3.0 - (3 + 3e-11)),
        "tolerance": 2e-6,
        "verdict": "match",
    }


def test_numbers_that_are_not_finite_are_strings() -> None:
    found: Any = failing().to_dict()
    last = found["variables"][0]["elements"][2]
    assert (last["tape"], last["difference"], last["error"]) == ("nan", "-inf", "nan")
    assert found["variables"][0]["max_abs_error"] == "nan"
    upward: Any = report(variable([N], tape=np.inf)).to_dict()
    assert upward["variables"][0]["elements"][0]["tape"] == "inf"


def test_reasons_and_words_are_kept() -> None:
    found: Any = failing().to_dict()
    assert found["variables"][1]["reason"] == "the tape returned no gradient (None)"
    assert found["diagnosis"] == list(failing().diagnosis)
    assert found["warnings"] == ["b: [red]not red[/red]"]
    assert [found["verdict"], found["exit_code"]] == ["fail", 1]
    assert [inconclusive().to_dict()[key] for key in ("verdict", "exit_code")] == ["inconclusive", 3]
    assert [kinked().to_dict()[key] for key in ("verdict", "exit_code")] == ["pass", 0]


@pytest.mark.parametrize(("limit", "shown"), [(1, 1), (2, 2), (3, 3), (0, 3)])
def test_the_limit_holds_for_the_elements(limit: int, shown: int) -> None:
    found: Any = replace(failing(), limit=limit).to_dict()
    assert len(found["variables"][0]["elements"]) == shown
    assert len(found["variables"][1]["elements"]) == 1


def test_the_text_is_the_plain_table() -> None:
    from gradcheck.render.table import to_text

    for make, limit in product(ALL.values(), (1, 20)):
        made: Report = replace(make(), limit=limit)
        assert str(made) == to_text(made)
        assert "\x1b" not in str(made)
