"""What is said of the elements of a variable that were not plainly right or wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcheck.verdicts.judgement import Judgement, Opinion, Source
from gradcheck.verdicts.outcome import VariableOutcome
from gradcheck.verdicts.verdict import ElementVerdict

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
    right = outcome(MATCH).revised([])
    assert (right.reason, right.ratio) == (None, None)
    assert replace(one, reason="before").revised([]).reason == "before"
    assert replace(outcome(MATCH), reason="before").revised([]).reason is None
