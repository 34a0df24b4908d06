"""Every right gradient passes; every wrong one fails, where it is wrong, with the diagnosis that it names.

The corpus itself is held to plain differences at steps that the cases give (`tests/corpus/oracle.py`), and
where a gradient is wrong is known from TensorFlow's own (`tests/corpus/wrong_elements.py`): neither uses the
checker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import gradcheck
from gradcheck import ElementVerdict, Verdict
from tests.corpus import RIGHT, WRONG, Case
from tests.corpus.oracle import is_right, promoted, values
from tests.corpus.wrong_elements import Overheard, marked
from tests.parameters import every, named
from tests.saying import told

SMALL, LARGE = (6, 0), (60, 1)
"""Elements of an array, roughly, and the seed: elements are moved one by one, and together."""


PLAIN = {
    "convolution",
    "dense",
    "elementwise",
    "indexing",
    "linear algebra",
    "pooling",
    "recurrences",
    "reductions",
}
"""Families whose mistakes are alike to a checker: another function each, smooth and of ordinary size."""


def by_label(cases: Iterable[Case]) -> list[Any]:
    """Parameters whose test ids are the labels."""
    return [pytest.param(case, id=case.label) for case in cases]


SLOW = {
    "domain edges: fast oscillation without its frequency",
    "domain edges: logarithm near 0 with a tiny epsilon",
    "low precision: bfloat16 inside, sign",
    "recurrences: hidden state detached",
}
"""Cases of more than a second, where a quicker one of the family is in every run."""
FIRST = {case.family: case.label for case in reversed(WRONG) if case.label not in SLOW}


def in_every_run(number: int, case: Case) -> bool:
    """Of the plain families the first case, of the others every eighth, and a fourth of ties and corners."""
    if case.family in PLAIN:
        return case.label == FIRST[case.family]
    return number % (8 if case.smooth else 4) == 0 and case.label not in SLOW


# The corpus itself.


def test_there_are_enough_cases_of_every_family() -> None:
    assert len(RIGHT) >= 90
    assert len(WRONG) >= 90
    right, wrong = (Counter(case.family for case in cases) for cases in (RIGHT, WRONG))
    assert right.keys() == wrong.keys()
    assert min(right.values()) >= 5
    assert min(wrong.values()) >= 5


def test_labels_are_unique() -> None:
    repeated = [label for label, n in Counter(case.label for case in RIGHT + WRONG).items() if n > 1]
    assert repeated == []


def test_the_maker_decides_the_verdict() -> None:
    assert not any(case.wrong for case in RIGHT)
    assert all(case.wrong for case in WRONG)


@pytest.mark.full
@pytest.mark.parametrize("case", by_label(RIGHT + WRONG))
def test_plain_differences_agree_with_the_label(case: Case) -> None:
    assert is_right(case, SMALL[0], SMALL[1]) is not case.wrong


@pytest.mark.full
@pytest.mark.parametrize("case", by_label(case for case in WRONG if case.truth is not None))
def test_the_truth_of_a_wrong_case_has_the_same_outputs(case: Case) -> None:
    assert case.truth is not None
    function, inputs = case.make(*SMALL)
    arrays = [array if case.native_only else promoted(array) for array in inputs.values()]
    expected = values(case.truth, arrays)

    # atol for sums that cancel: the outputs themselves may then differ by a rounding.
    np.testing.assert_allclose(
        values(function, arrays), expected, rtol=1e-6, atol=1e-12 * np.abs(expected).max()
    )


# The checker.


@pytest.mark.parametrize(("size", "seed"), [pytest.param(*SMALL, marks=pytest.mark.full), LARGE])
@pytest.mark.parametrize("case", named(RIGHT, lambda case: case.label, every(8)))
def test_right_gradients_pass(case: Case, size: int, seed: int) -> None:
    function, inputs = case.make(size, seed)

    report = gradcheck.check(function, inputs, seed=seed)

    assert report.verdict is Verdict.PASS, told(report)


TOGETHER = {
    "ties: tie counted twice",
    "ties: ties of rows counted in full",
    "ties: tie not counted",
    "ties: tie divided by the length of the row",
    "ties: three tied, divided by two",
    "ties: both of two equals",
    "ties: tied and a factor",
    "pooling: tie counted twice",
    "pooling: tie not counted",
}
"""Cases whose tied elements are wrong only together: each by itself is within its one-sided slopes."""
NOISY = "low precision: float32 differences"
"""A rounding of x moves its float32 gradient, which is noise, by as much as it is off: that excuses some."""


@pytest.mark.parametrize(("size", "seed"), [SMALL, pytest.param(*LARGE, marks=pytest.mark.full)])
@pytest.mark.parametrize("case", named(WRONG, lambda case: case.label, in_every_run))
def test_wrong_gradients_fail_at_the_elements_that_are_wrong(case: Case, size: int, seed: int) -> None:
    function, inputs = case.make(size, seed)
    overheard = Overheard(function)

    report = gradcheck.check(overheard, inputs, seed=seed)

    assert report.verdict is Verdict.FAIL, told(report)
    if case.diagnosis is not None:
        assert case.diagnosis in " ".join(report.diagnosis).lower(), told(report)
    marks = marked(case, inputs, overheard.distinct())
    verdicts = np.concatenate([variable.verdicts.reshape(-1) for variable in report.variables])
    assert marks.wrong.any() or case.label in TOGETHER
    assert np.flatnonzero(marks.right & (verdicts > ElementVerdict.KINK)).tolist() == [], told(report)
    missed = np.flatnonzero(marks.wrong & (verdicts < ElementVerdict.MISMATCH))
    assert missed.tolist() == [] or case.label == NOISY, told(report)
