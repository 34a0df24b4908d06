"""A gradient from elsewhere against the differences: what is off by no more than the tolerance agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcheck.verdicts.judgement import Judgement, Source
from gradcheck.verdicts.third_opinion import _apart, opinions
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


BEYOND = np.array([0.0, 0.98, -0.98, 1.02, -1.02])
"""Errors as a share of what is allowed."""


@pytest.mark.parametrize("natural", [0.0, 1e-3, 1e9])
def test_a_closed_form_may_be_off_by_what_16_roundings_of_the_outputs_hide(natural: float) -> None:
    """The tolerance and 16 ε Σ w |f| / |x|"""
    problem = posed(lambda x: 3 * x, x=np.ones(5))
    judged = replace(judgement(5), tolerance=np.full(5, 1e-7))
    allowed = 1e-7 + 16 * problem.noise.coarsest * natural
    problem = replace(problem, closed_forms={"x": judged.difference + allowed * BEYOND})

    (found,) = opinions(problem, 0, judged, np.full(5, natural))

    assert (found.source, found.verdict) == (Source.CLOSED_FORM, ElementVerdict.MISMATCH)
    assert found.where.tolist() == [3, 4]
    assert found.ratio == pytest.approx([1.02] * 2, rel=1e-5)


@pytest.mark.parametrize(("dtype", "share"), [("float64", 2.0**-46), ("float32", 2.0**-17)])
@pytest.mark.parametrize(("size", "natural"), [(0.0, 0.0), (700.0, 0.0), (0.0, 50.0), (700.0, 50.0)])
def test_a_given_gradient_may_be_off_by_64_roundings_of_its_dtype(
    dtype: str, share: float, size: float, natural: float
) -> None:
    """The tolerance, 64 ε of the dtype of S and of Σ w |f| / |x|, and 16 ε of float64 of the latter"""
    problem = posed(lambda x: 3 * x, x=np.ones(5))
    judged = replace(judgement(5), difference=np.zeros(5), tolerance=np.full(5, 1e-12), size=np.full(5, size))
    allowed = 1e-12 + share * (size + natural) + 16 * problem.noise.coarsest * natural
    target = replace(problem.target, given={"x": (allowed * BEYOND).astype(dtype)})

    (found,) = opinions(replace(problem, target=target), 0, judged, np.full(5, natural))

    assert (found.source, found.verdict) == (Source.GIVEN, ElementVerdict.MISMATCH)
    assert found.where.tolist() == [3, 4]
    assert found.ratio == pytest.approx([1.02] * 2, rel=1e-5)


def judgement(count: int) -> Judgement:
    """Differences of 3, all of which agree"""
    verdicts = np.full(count, ElementVerdict.MATCH, np.uint8)
    return replace(Judgement.none(count), verdicts=verdicts, difference=np.full(count, 3.0))
