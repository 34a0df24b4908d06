"""Judgements: of nothing, and what several opinions make of one."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from gradcheck.verdicts.judgement import Judgement, Opinion, Source, combined, reason, refuted_by
from gradcheck.verdicts.verdict import ElementVerdict

MATCH, KINK, MISMATCH = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.MISMATCH
WHERE = np.array([1])


def test_of_nothing_nothing_is_known() -> None:
    none = Judgement.none(3)

    assert none.verdicts.tolist() == [ElementVerdict.UNCHECKED] * 3
    for field in fields(Judgement)[1:]:
        assert getattr(none, field.name).tolist() == [0, 0, 0], field.name
    assert none.scale() == 0.0
    assert not none.checked.any()
    assert Judgement.none().verdicts.size == 0


def judged(*verdicts: int, **numbers: list[float]) -> Judgement:
    known = {name: np.array(values, float) for name, values in numbers.items()}
    return replace(Judgement.none(len(verdicts)), verdicts=np.array(verdicts, np.uint8), **known)


def test_the_typical_size_is_that_of_what_was_judged_and_is_finite() -> None:
    sizes = [3.0, 4.0, 100.0, np.inf]

    assert judged(MATCH, MATCH, 0, MATCH, size=sizes).scale() == pytest.approx(12.5**0.5)
    assert judged(MATCH, MATCH, 0, MATCH, size=[0.0, 0.0, 100.0, np.nan]).scale() == 0.0


def test_the_worst_come_first() -> None:
    one = judged(MISMATCH, MATCH, MISMATCH, MISMATCH, error_ratio=[2.0, 9.0, 5.0, 5.0])

    assert one.worst_first().tolist() == [2, 3, 0]


def test_what_is_faint_and_what_would_have_been_seen() -> None:
    """A bound above a share of S; the larger of tolerance and bound as a share of S."""
    one = judged(
        *(MATCH, MATCH, MATCH, MATCH, KINK, MATCH),
        bound=[0.02, 0.05, 0.0, 1.0, 1.0, 0.0],
        size=[1.0, 1.0, 0.5, 0.0, 1.0, 0.0],
        tolerance=[0.04, 0.01, 0.5, 0.1, 0.1, 0.1],
    )

    assert one.faint(0.03).tolist() == [1, 3]
    assert one.seen().tolist() == [True, True, True, True, False, False]
    assert one.sensitivity().tolist() == [0.04, 0.05, 1.0, np.inf]


def test_the_strongest_opinion_counts() -> None:
    base = judged(MATCH, MATCH, tolerance=[0.1, 0.2])
    weak = Opinion(Source.NEIGHBOURING_SLOPES, WHERE, KINK, "weak", tolerance=np.array([0.7]))
    strong = Opinion(Source.GIVEN, WHERE, MISMATCH, "strong", ratio=np.array([3.0]))
    silent = Opinion(Source.ORDER_KINK, WHERE[:0], MISMATCH)

    for opinions in ([weak, strong, silent], [silent, strong, weak]):
        both = combined(base, opinions)
        assert both.verdicts.tolist() == [MATCH, MISMATCH]
        assert both.tolerance.tolist() == [0.1, 0.7]
        assert reason(both, opinions) == "strong"
        assert reason(base, opinions) is None
        ratio = refuted_by(base, opinions)
        assert ratio is not None
        assert ratio.tolist() == [0.0, 3.0]
    assert combined(base, [silent]) is base
    assert base.verdicts.tolist() == [MATCH, MATCH]
    assert base.tolerance.tolist() == [0.1, 0.2]
    assert refuted_by(base, [weak]) is None


def test_a_refutation_without_a_number_is_infinite() -> None:
    base = judged(MISMATCH, MATCH, error_ratio=[5.0, 0.5])

    ratios = refuted_by(base, [Opinion(Source.UNUSABLE_TAPE, np.array([0, 1]), MISMATCH)])

    assert ratios is not None
    assert ratios.tolist() == [np.inf, np.inf]
    alone = refuted_by(base, [])
    assert alone is not None
    assert alone.tolist() == [5.0, 0.0]
