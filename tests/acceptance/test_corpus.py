"""Every right gradient passes and every wrong one fails, with the diagnosis that it names.

The corpus itself is held to plain differences at steps that the cases give (`tests/corpus/oracle.py`) and to
TensorFlow's own gradients, neither of which uses the checker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import gradcheck
from gradcheck import Verdict
from tests.corpus import RIGHT, WRONG, Case
from tests.corpus.oracle import flat, is_right, misshapen, promoted, tape, values

DRAWN = ((6, 0), (60, 1))
"""Sizes of the arrays, each with a seed of its own."""


def by_label(cases: Iterable[Case]) -> list[Any]:
    """Parameters whose test ids are the labels."""
    return [pytest.param(case, id=case.label) for case in cases]


def told(report: gradcheck.Report) -> str:
    """What to show when a verdict is not the expected one."""
    parts = [f"{v.name}: {v.counts} reason={v.reason} error={v.max_rel_error:.2e}" for v in report.variables]
    return "\n".join([report.verdict.value, *parts, *report.diagnosis, *report.warnings])


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


@pytest.mark.parametrize("seed", (0, 1))
@pytest.mark.parametrize("case", by_label(RIGHT + WRONG))
def test_plain_differences_agree_with_the_label(case: Case, seed: int) -> None:
    assert is_right(case, DRAWN[0][0], seed) is not case.wrong


@pytest.mark.parametrize(("size", "seed"), DRAWN)
@pytest.mark.parametrize("case", by_label(case for case in WRONG if case.truth is not None))
def test_wrong_gradients_differ_from_the_truth(case: Case, size: int, seed: int) -> None:
    assert case.truth is not None
    function, inputs = case.make(size, seed)
    native = list(inputs.values())
    wide = native if case.native_only else [promoted(array) for array in native]
    output = values(function, wide)
    expected = values(case.truth, wide)
    upstream = 3 * np.random.default_rng(seed).standard_normal(output.size)
    true = flat(tape(case.truth, wide, upstream), wide)

    # atol for sums that cancel: the outputs themselves may then differ by a rounding.
    np.testing.assert_allclose(output, expected, rtol=1e-6, atol=1e-12 * np.abs(expected).max())
    assert any(differs(function, arrays, upstream, true) for arrays in (wide, native))


def differs(function: Any, arrays: list[Any], upstream: Any, true: Any) -> bool:
    """Whether a gradient is misshapen or some element is off by more than rounding."""
    found = tape(function, arrays, upstream)
    if misshapen(found, arrays):
        return True
    return not np.allclose(flat(found, arrays), true, rtol=3e-6, atol=0.0)


# The checker.


@pytest.mark.parametrize(("size", "seed"), DRAWN)
@pytest.mark.parametrize("case", by_label(RIGHT))
def test_right_gradients_pass(case: Case, size: int, seed: int) -> None:
    function, inputs = case.make(size, seed)

    report = gradcheck.check(function, inputs, seed=seed)

    assert report.verdict is Verdict.PASS, told(report)


@pytest.mark.parametrize(("size", "seed"), DRAWN)
@pytest.mark.parametrize("case", by_label(WRONG))
def test_wrong_gradients_fail(case: Case, size: int, seed: int) -> None:
    function, inputs = case.make(size, seed)

    report = gradcheck.check(function, inputs, seed=seed)

    assert report.verdict is Verdict.FAIL, told(report)
    if case.diagnosis is not None:
        assert case.diagnosis in " ".join(report.diagnosis).lower(), told(report)
