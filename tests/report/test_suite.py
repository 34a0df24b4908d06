"""The exit code of a suite: the worst of all, 1 before 2 before 3, and 2 where nothing ran."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from gradcheck import ExitCode, Verdict
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from tests.hand_made import ALL

REPORTS = {report.verdict: report for report in (make() for make in ALL.values())}
CODES = {
    # expected, found: exit code
    (Verdict.PASS, Verdict.PASS): 0,
    (Verdict.PASS, Verdict.FAIL): 1,
    (Verdict.PASS, Verdict.INCONCLUSIVE): 3,
    (Verdict.FAIL, Verdict.PASS): 1,
    (Verdict.FAIL, Verdict.FAIL): 0,
    (Verdict.FAIL, Verdict.INCONCLUSIVE): 3,
    (Verdict.INCONCLUSIVE, Verdict.PASS): 1,
    (Verdict.INCONCLUSIVE, Verdict.FAIL): 1,
    (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE): 0,
}


def ended(code: int, name: str = "a") -> CheckResult:
    """A check that ends with a code."""
    if code in (2, 70):
        return CheckResult(name, Failure("TensorError", "No such file.", exit_code=ExitCode(code)))
    verdict = {0: Verdict.PASS, 1: Verdict.FAIL, 3: Verdict.INCONCLUSIVE}[code]
    return CheckResult(name, REPORTS[verdict])


@pytest.mark.parametrize(("expected", "found"), CODES)
def test_a_check_ends_with_0_where_it_ends_as_expected(expected: Verdict, found: Verdict) -> None:
    result = CheckResult("a", REPORTS[found], expected)

    assert result.exit_code == CODES[expected, found]
    assert result.expectedly == (expected is found)


@pytest.mark.parametrize("expected", Verdict)
def test_a_check_that_could_not_run_never_ends_as_expected(expected: Verdict) -> None:
    result = replace(ended(2), expected=expected)

    assert (result.exit_code, result.expectedly, result.word) == (2, False, "error")


def test_a_suite_ends_with_the_worst_code() -> None:
    order = [1, 70, 2, 3, 0]
    for codes in permutations(order, 3):
        report = SuiteReport("a", tuple(ended(code, str(code)) for code in codes))
        assert report.exit_code == min(codes, key=order.index)


def test_a_suite_that_ran_nothing_ends_with_2() -> None:
    assert SuiteReport("a", ()).exit_code == 2


def test_counts_are_by_word() -> None:
    report = SuiteReport("a", tuple(ended(code, str(n)) for n, code in enumerate([0, 1, 0, 2, 3, 70])))

    assert report.counts == {"pass": 2, "fail": 1, "inconclusive": 1, "error": 2}
    assert [result.exit_code for result in report.unexpected] == [1, 2, 3, 70]
