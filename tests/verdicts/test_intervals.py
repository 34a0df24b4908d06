"""The right values at corners, made up: between the slopes of both sides, and what others say besides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcheck.verdicts.intervals import Intervals
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.verdict import ElementVerdict

KINK, MISMATCH, MATCH = ElementVerdict.KINK, ElementVerdict.MISMATCH, ElementVerdict.MATCH


def judged() -> Judgement:
    """Kinks and mismatches of slope 3 ± ½ and a slack of ¼, but for 2 (smooth), 3 (along) and 4 (NaN)"""
    return replace(
        Judgement.none(6),
        verdicts=np.array([KINK, MISMATCH, MISMATCH, KINK, KINK, MATCH], np.uint8),
        difference=np.array([3.0, 3, 3, 3, np.nan, 3]),
        half=np.array([0.5, 0.5, 0, 0.5, 0.5, 0.5]),
        along=np.arange(6) == 3,
        tolerance=np.full(6, 0.75),
    )


def test_an_interval_is_that_of_the_two_slopes() -> None:
    found = Intervals.of(judged(), (), judged().verdicts)

    assert found is not None
    assert found.where.tolist() == [0, 1]
    assert found.low.tolist() == [2.5, 2.5]
    assert found.high.tolist() == [3.5, 3.5]
    assert found.slack.tolist() == [0.25, 0.25]


def test_smooth_elements_have_none() -> None:
    assert Intervals.of(judged(), (), np.full(6, MATCH)) is None


def test_it_is_stretched_to_what_others_say_and_never_shrinks() -> None:
    found = Intervals.of(judged(), (), judged().verdicts)
    assert found is not None

    wider = found.widened(np.array([1, 5]), np.array([2.0, 0]), np.array([3.0, 9]), np.array([0.5, 9]))
    unknown = found.widened(np.array([0]), np.array([np.nan]), np.array([4.0]), np.array([0.125]))

    assert (wider.low.tolist(), wider.high.tolist()) == ([2.5, 2.0], [3.5, 3.5])
    assert wider.slack.tolist() == [0.25, 0.5]
    assert (unknown.low.tolist(), unknown.high.tolist()) == ([2.5, 2.5], [4.0, 3.5])
    assert unknown.slack.tolist() == [0.25, 0.25]
