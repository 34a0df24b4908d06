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
from gradcheck.notes import Kind, Note
from gradcheck.verdicts.verdict import Comparison
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
    np.testing.assert_array_equal(made.error_ratio, np.array([0, 0, 2, 5, 6]) / 2e-6)
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


def test_a_kink_is_as_far_off_as_its_nearest_right_value() -> None:
    """At a corner every value between both slopes is right, whatever the mean of them is."""
    tape, low, high = np.array([0.0, 1.0, 1.5, -2.0]), np.zeros(4), np.array([1, 1, 1, np.nan])
    low[3] = np.nan
    made = variable(
        [K, K, X, M], tape=tape, difference=[0.5, 0.5, 0.5, -2], tolerance=0.1, low=low, high=high
    )

    np.testing.assert_allclose(made.error, [0, 0, 0.5, 0])
    np.testing.assert_allclose(made.error_ratio, [0, 0, 5, 0])
    assert made.max_abs_error == 0.5
    assert [made.interval((place,)) for place in range(4)] == [(0, 1), (0, 1), (0, 1), None]


def test_at_a_kink_without_an_interval_no_error_is_known() -> None:
    """As of a gradient that jumps: the distance from a difference there is none."""
    made = variable([K, K, M], tape=[0, 0, 2], difference=[7, np.nan, 2], tolerance=1e-6)

    assert np.isnan(made.error[:2]).all()
    assert np.isnan(made.error_ratio[:2]).all()
    assert (made.max_abs_error, made.max_rel_error) == (0, 0)
    assert made.interval((0,)) is None
    assert "nan" not in str(report(made)).replace("finite", "")


def test_what_fails_by_something_else_has_the_ratio_of_that() -> None:
    """The upstream gradient that is shown agrees; another one, or the closed form, does not."""
    made = variable([X, X, M, N], tape=[2, 9, 2, 2], tolerance=1, refuted=[40, 3, 0, np.inf])

    np.testing.assert_array_equal(made.error_ratio, [40, 7, 0, np.inf])
    assert list(made.worst_first()) == [3, 0, 1, 2]


def test_an_interval_is_not_said_where_a_tie_is_counted_twice() -> None:
    """Each of two maxima may have any share, but not both the whole: the tape is inside and wrong."""
    made = variable([X, X], tape=1.0, difference=0.5, tolerance=1e-6, low=0.0, high=1.0, refuted=5000.0)

    assert made.interval((0,)) is None
    assert list(made.error_ratio) == [5000, 5000]


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
    "error_over_tolerance": NUMBER,
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
    "error_over_tolerance": NUMBER,
    "where": list,
    "elements": list,
}
REPORT = {
    "schema": int,
    "version": str,
    "target": str,
    "verdict": str,
    "exit_code": int,
    "summary": str,
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
    holds(found, REPORT, {"precision", "sensitivity", "directions", "tolerance", "source"})
    for variable_found in found["variables"]:
        holds(variable_found, VARIABLE, {"reason", "sensitivity"})
        assert set(variable_found["counts"]) == {"match", "kink", "mismatch", "nonfinite", "inconclusive"}
        for element in variable_found["elements"]:
            holds(element, ELEMENT, {"closed_form", "sensitivity", "interval"})
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
        "error_over_tolerance": abs(3.0 - (3 + 3e-11)) / 2e-6,
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


def test_a_passing_variable_has_ten_rows_and_others_twenty_unless_asked() -> None:
    many = report(variable(np.full(30, M)), variable(np.full(30, X), name="w", tape=3.0))
    kinks = report(variable(np.full(30, K)), strict=True)

    assert [len(v["elements"]) for v in many.to_dict()["variables"]] == [10, 20]  # type: ignore[attr-defined]
    assert len(kinks.variables[0].rows(kinks.rows_of(kinks.variables[0]))) == 20
    for limit in (0, 1, 15, 25, 30):
        assert {replace(many, limit=limit).rows_of(v) for v in many.variables} == {limit}


@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (2.0, 1.0)])
def test_variables_of_a_model_are_in_one_order_everywhere(low: float, high: float) -> None:
    """The worst verdict first, within one the largest error ÷ tolerance, in the table and in JSON."""
    made = replace(
        report(
            variable([M], name="right"),
            variable([X], name="low", tape=2 + low),
            variable([X], name="high", tape=2 + high),
        ),
        only_failing=True,
    )
    expected = ["high", "low", "right"] if high > low else ["low", "high", "right"]

    found: Any = made.to_dict()
    assert [one["name"] for one in found["variables"]] == expected
    ends = [str(made).rindex(f"\n{name} ") for name in expected]
    assert ends == sorted(ends)


CONCLUSIONS = {
    "pass": "dense: tape and differences agree in all 6 elements of x and w",
    "kink": "maxpool1d: tape and differences agree in 1 of 3 elements of x, 2 are at a kink, with a valid "
    "value",
    "fail": "[/path/x.npy]: 3 of 4 elements of w[kernel] and b fail (worst: w[kernel][2], no finite number)",
    "inconclusive": "staircase: 1 of 2 elements of x could not be judged (worst: x[1], the difference there "
    "is known to ± 0.3 only); nothing disagrees",
}


@pytest.mark.parametrize("name", ALL)
def test_the_last_lines_say_what_was_checked_and_how_it_ended(name: str) -> None:
    made = ALL[name]()
    assert made.to_dict()["summary"] == CONCLUSIONS[name]
    assert any(CONCLUSIONS[name] in line for line in str(made).splitlines()[-3:])


def test_a_given_gradient_is_told_from_the_tape() -> None:
    wrong = variable([M, X, X], given=[2, 1, 4], refuted=[0, 5e5, 1e6])
    np.testing.assert_array_equal(wrong.telling_error(), [0, 0.5, 0.5])
    np.testing.assert_array_equal(wrong.relative_error(), np.zeros(3))
    tape_too = variable([M, X, X], tape=[2, 2, 3], given=[2, 1, 3])
    np.testing.assert_allclose(tape_too.telling_error(), [0, 0.5, 1 / 3])
    note = Note(Kind.DIAGNOSIS, "off", "x", topic="given gradient")
    assert report(wrong, notes=(note,)).to_dict()["summary"] == (
        "dense: the given gradient is wrong in 2 of 3 elements of x where tape and differences agree (worst: "
        "x[2], error 1,000,000 times its tolerance)"
    )
    other = variable([X], name="w", tape=3.0)
    assert "given" not in str(report(wrong, other, notes=(note,)).to_dict()["summary"])
    passed = report(variable([M, M], given=2.0), variable([M], name="w"))
    assert passed.to_dict()["summary"] == (
        "dense: tape and differences agree in all 3 elements of x and w; the given gradient of x agrees too"
    )


def test_orders_are_counted_beside_the_variables() -> None:
    both = [variable([M, M], name=name, order=order) for order in (1, 2) for name in "abcde"]
    agree = "dense: tape and differences agree in all"
    assert report(*both).to_dict()["summary"] == f"{agree} 20 elements of 5 variables, at orders 1 and 2"
    more = [variable([M], name="x", order=order) for order in range(1, 6)]
    assert report(*more).to_dict()["summary"] == f"{agree} 5 elements of x, at orders 1 to 5"
    apart = [variable([M], name="x", order=order) for order in (1, 2, 4, 6)]
    assert report(*apart).to_dict()["summary"] == f"{agree} 4 elements of x, at orders 1, 2, 4 and 6"
    assert report(*both[:6]).to_dict()["summary"] == f"{agree} 12 elements of 6 variables"
    wrong = report(*both, variable([X], name="f", tape=3.0, order=2)).to_dict()["summary"]
    assert str(wrong).startswith("dense: 1 of 1 element of f (order 2) fails")


def test_what_is_not_known_has_one_sign() -> None:
    made = report(variable([M, Q], difference=[2.0, np.nan], tolerance=[2e-6, np.nan]))
    [row] = [line.split() for line in str(made).splitlines() if line.startswith("  [1]")]
    assert row == ["[1]", "2", "–", "–", "–", "inconclusive"]


def test_strictness_is_the_reason_where_it_is() -> None:
    made = report(variable([M, K, K]), target="relu", strict=True)
    said = (
        "relu: 2 of 3 elements of x are at a kink, which --strict counts as a failure; nothing else disagrees"
    )
    assert made.to_dict()["summary"] == said
    worse = report(variable([M, K, X], tape=3.0), strict=True)
    assert "strict" not in str(worse.to_dict()["summary"])


def test_a_comparison_that_fails_is_the_reason_where_nothing_else_does() -> None:
    apart = Comparison("graph tape", "eager tape", "x", 1.0, 1e-6, X)
    made = replace(report(variable([M])), comparisons=(apart,))
    assert made.to_dict()["summary"] == "dense: graph tape and eager tape disagree for x"


def test_the_text_is_the_plain_table() -> None:
    from gradcheck.render.table import to_text

    for make, limit in product(ALL.values(), (1, 20)):
        made: Report = replace(make(), limit=limit)
        assert str(made) == to_text(made)
        assert "\x1b" not in str(made)
