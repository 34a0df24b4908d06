"""A gradient from elsewhere against the differences: what is off by no more than the tolerance agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.third_opinion import _apart
from gradcheck.verdicts.verdict import ElementVerdict
from tests.posed import posed


def test_off_by_more_than_both_tolerances_is_wrong() -> None:
    """0.25 of the judgement and 0.25 besides; the tape where only directions were taken."""
    problem = posed(lambda x: 3 * x, x=np.ones(7))
    judged = replace(
        Judgement.none(7),
        verdicts=np.array([*[ElementVerdict.MATCH] * 6, ElementVerdict.UNCHECKED], np.uint8),
        difference=np.array([2.0, 2.0, 2.0, 2.0, np.nan, 2.0, 2.0]),
        along=np.arange(7) == 4,
        tolerance=np.full(7, 0.25),
    )
    tape = float(problem.exact_tape.columns(0)[0, 4])
    values: Any = np.array([2.0, 2.5, 1.5, 2.75, tape + 0.25, np.nan, 99.0])

    wrong, ratio = _apart(problem, 0, judged, values, np.full(7, 0.25))

    assert wrong.tolist() == [3, 5]
    assert ratio.tolist() == [1.5, np.inf]
