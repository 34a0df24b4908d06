"""Short words for tests: a right gradient passes, a wrong one fails, and the lines of a report."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck import Report, Verdict, check
from tests.corpus.case import Array, Function


def normal(*shape: int, dtype: Any = np.float64, seed: int = 0) -> Array:
    """Standard normal numbers"""
    array: Array = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return array


def lines(report: Report) -> str:
    """Reasons, diagnosis and warnings in lower case"""
    reasons = [str(variable.reason) for variable in report.variables if variable.reason]
    return " ".join([*reasons, *report.diagnosis, *report.warnings]).lower()


def told(report: Report) -> str:
    """What to show when a verdict is not the expected one."""
    parts = [f"{v.name}: {v.counts} reason={v.reason} error={v.max_rel_error:.2e}" for v in report.variables]
    return "\n".join([report.verdict.value, *parts, *report.diagnosis, *report.warnings])


def passes(function: Function, **inputs: Array) -> Report:
    """The report of a right gradient"""
    report = check(function, inputs)
    assert report.verdict is Verdict.PASS, str(report)
    return report


def fails(function: Function, **inputs: Array) -> Report:
    """The report of a wrong gradient"""
    report = check(function, inputs)
    assert report.verdict is Verdict.FAIL, str(report)
    return report
