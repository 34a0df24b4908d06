"""What is said of the elements of a variable that were not plainly right or wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.progress import Progress
from gradcheck.sparsity.colouring import elementwise
from gradcheck.verdicts.candidate import Examined
from gradcheck.verdicts.examination import examine
from gradcheck.verdicts.judgement import Judgement, Opinion, Source
from gradcheck.verdicts.outcome import Outcome, VariableOutcome, conclude
from gradcheck.verdicts.verdict import Comparison, ElementVerdict
from tests.corpus.case import Broken
from tests.posed import posed, variable

MATCH, KINK, OPEN = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.INCONCLUSIVE
MISMATCH = ElementVerdict.MISMATCH


def outcome(*verdicts: int, jumps: tuple[int, ...] = (), **numbers: list[float]) -> VariableOutcome:
    known = {name: np.array(values) for name, values in numbers.items()}
    judged = replace(Judgement.none(len(verdicts)), verdicts=np.array(verdicts, np.uint8), **known)
    return VariableOutcome("x", (len(verdicts),), judged, None, 1e-3, jumps=jumps)


def test_why_an_element_could_not_be_judged() -> None:
    one = outcome(
        *(OPEN,) * 5,
        jumps=(1,),
        bound=[0.25, 0.25, np.inf, np.inf, 0.5],
        along=[False, False, True, True, True],
        corner=[False, False, False, True, False],
    )

    assert [one.untold(flat) for flat in range(5)] == [
        "the difference there is known to ± 0.25 only",
        "the function jumps there",
        "along directions it is hidden by others, most of which are wrong",
        "along directions there is a corner, and they were too many to be moved one by one",
        "an error of up to 0.5 would not have been seen along directions",
    ]


def test_what_a_user_should_know() -> None:
    one = outcome(
        *(MATCH, KINK, OPEN, OPEN, OPEN, MATCH),
        jumps=(3,),
        bound=[0.0, 0.0, 0.25, 0.5, 0.75, 2e-3],
        size=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        one_sided=[True, False, False, False, False, False],
    )

    said = [note.text for note in one.notes]

    assert [text.split(" (")[0].split(",")[0] for text in said] == [
        "1 of 6 elements is at a kink",
        "1 element at the edge of the function's domain",
        "1 element is at a jump of the function",
        "2 elements could not be judged",
        "1 element is below what differences can resolve",
    ]
    assert "(first: [1])" in said[0]
    assert "(first: [3])" in said[2]
    assert "(first: [2]): the difference there is known to ± 0.25 only." in said[3]
    assert "(an error up to 0.002 could not be seen)" in said[4]
    assert one.verdict == OPEN
    assert outcome(MATCH, MATCH).notes == ()


def test_further_opinions_overrule() -> None:
    one = outcome(MATCH, MISMATCH, error_ratio=[0.5, 7.0])
    wrong = Opinion(Source.GIVEN, np.array([0]), MISMATCH, "given", ratio=np.array([3.0]))

    revised = one.revised([wrong])

    assert revised.judgement.verdicts.tolist() == [MISMATCH, MISMATCH]
    assert revised.reason == "given"
    assert revised.ratio is not None
    assert revised.ratio.tolist() == [3.0, 7.0]
    again = replace(one, ratio=np.array([4.0, 6.0])).revised([wrong])
    assert again.ratio is not None
    assert again.ratio.tolist() == [4.0, 7.0]
    right = outcome(MATCH).revised([])
    assert (right.reason, right.ratio) == (None, None)
    assert replace(one, reason="before").revised([]).reason == "before"
    assert replace(outcome(MATCH), reason="before").revised([]).reason is None


def test_several_elements_of_a_matrix_are_counted_and_the_first_is_shown() -> None:
    kinds = np.array([MATCH, KINK, KINK, OPEN, OPEN, OPEN, OPEN, MATCH, MATCH, MATCH], np.uint8)
    judged = replace(
        Judgement.none(10),
        verdicts=kinds,
        bound=np.array([0, 0, 0, 1, 1, 0.125, 0.25, 2e-3, 5e-3, 1e-3]),
        size=np.ones(10),
        one_sided=np.arange(10) < 2,
    )

    said = [note.text for note in VariableOutcome("x", (2, 5), judged, None, 1e-3, jumps=(3, 4)).notes]

    assert said == [
        "2 of 10 elements are at a kink (first: [0, 1]), a corner, where there is no single derivative and "
        "the tape's value is a valid one.",
        "2 elements at the edge of the function's domain, differenced on one side only, by a one-sided "
        "formula of second order.",
        "2 elements are at a jump of the function (first: [0, 3]), where differences grow as 1 / step and "
        "there is no derivative.",
        "2 elements could not be judged (first: [1, 0]): the difference there is known to ± 0.12 only.",
        "2 elements are below what differences can resolve (an error up to 0.005 could not be seen).",
    ]


def test_a_check_is_as_bad_as_its_worst_variable_or_comparison() -> None:
    problem = posed(lambda x: x, x=np.ones(1))
    match, wrong, kink = outcome(MATCH, MATCH), outcome(MATCH, MISMATCH), outcome(MATCH, KINK)
    apart = Comparison.of("one", "another", "x", np.ones(1), np.zeros(1))
    alike = Comparison.of("one", "another", "x", np.zeros(1), np.ones(1))

    assert Outcome(problem, (match, wrong, kink)).verdict is MISMATCH
    assert Outcome(problem, (match, kink), (alike,)).verdict is KINK
    assert Outcome(problem, (match,), (alike, apart)).verdict is MISMATCH
    assert Outcome(problem, ()).verdict is ElementVerdict.UNCHECKED


@pytest.mark.parametrize(("dtype", "verdict"), [("float32", MISMATCH), ("float64", MATCH)])
def test_a_gradient_that_is_wrong_at_the_dtype_of_the_tensors_alone_is_wrong(
    dtype: str, verdict: ElementVerdict
) -> None:
    """By a hundredth, where float32 may cost 8e-6"""
    function = Broken(lambda x: 3 * x, lambda r, x: r * (3.03 if x.dtype == "float32" else 3.0))
    problem = posed(function, x=np.ones(2, dtype))
    confirmed = examine(variable(problem), elementwise((2,), 1), None, Progress(), problem.meter)
    assert confirmed.judgement.verdicts.tolist() == [MATCH] * 2

    found = conclude(problem, 0, Examined(confirmed))

    assert found.judgement.verdicts.tolist() == [verdict] * 2
    assert (found.reason is not None and "float32 tape" in found.reason) is (verdict is MISMATCH)


@pytest.mark.parametrize("cotangents", [[0], [2], [0, 1, 2]])
def test_an_element_whose_tape_is_not_finite_for_one_cotangent_is_not_finite(cotangents: list[int]) -> None:
    """Whatever else was thought of it."""
    problem = posed(lambda x: 3 * x, x=np.ones(2))
    confirmed = examine(variable(problem), elementwise((2,), 1), None, Progress(), problem.meter)
    tape = confirmed.candidate.tape.copy()
    tape[cotangents, 1] = np.nan
    assert confirmed.judgement.verdicts.tolist() == [MATCH] * 2

    found = conclude(
        problem, 0, Examined(replace(confirmed, candidate=replace(confirmed.candidate, tape=tape)))
    )

    assert found.judgement.verdicts.tolist() == [MATCH, ElementVerdict.NONFINITE]
