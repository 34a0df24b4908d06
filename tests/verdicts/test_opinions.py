"""Which opinion overrules which: the table of precedence, written out, against every pair of sources."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.verdicts.judgement import Judgement, Opinion, Source, combined, reason
from gradcheck.verdicts.verdict import ElementVerdict

MATCH, KINK, MISMATCH = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.MISMATCH
OPEN, NONFINITE = ElementVerdict.INCONCLUSIVE, ElementVerdict.NONFINITE

WEAKEST_FIRST = [
    "NEIGHBOURING_SLOPES",
    "TIES_TOGETHER",
    "NONFINITE_TAPE",
    "OWN_DTYPE",
    "UNUSABLE_TAPE",
    "REPEATABILITY",
    "CLOSED_FORM",
    "GIVEN",
    "ORDER_ROUNDING",
    "ORDER_KINK",
]


def judged(*verdicts: ElementVerdict) -> Judgement:
    """What the differences say, with a tolerance of 1 everywhere"""
    found = Judgement.none(len(verdicts))
    return replace(found, verdicts=np.array(verdicts, np.uint8), tolerance=np.ones(len(verdicts)))


def at(*places: int) -> Array:
    return np.array(places, np.int64)


def test_the_sources_from_the_weakest_to_the_strongest() -> None:
    assert [source.name for source in sorted(Source)] == WEAKEST_FIRST


@pytest.mark.parametrize("weaker", WEAKEST_FIRST)
def test_a_stronger_source_overrules_a_weaker_one_whatever_both_say(weaker: str) -> None:
    """In either order, for milder verdicts and for worse ones, and only where both speak."""
    for stronger in WEAKEST_FIRST[WEAKEST_FIRST.index(weaker) + 1 :]:
        for weak, strong in itertools.permutations((KINK, OPEN, MISMATCH, NONFINITE), 2):
            pair = [
                Opinion(Source[weaker], at(0, 1), weak, tolerance=np.array([2.0, 3.0])),
                Opinion(Source[stronger], at(1, 2), strong, tolerance=np.array([5.0, 7.0])),
            ]
            for opinions in (pair, pair[::-1]):
                found = combined(judged(MATCH, MATCH, MATCH, MATCH), opinions)

                assert found.verdicts.tolist() == [weak, strong, strong, MATCH]
                assert found.tolerance.tolist() == [2.0, 5.0, 7.0, 1.0]


def test_an_opinion_overrules_the_differences_only_where_it_is_of_an_element() -> None:
    base = judged(MISMATCH, KINK, OPEN, MATCH)

    found = combined(base, [Opinion(Source.TIES_TOGETHER, at(1), MISMATCH)])

    assert found.verdicts.tolist() == [MISMATCH, MISMATCH, OPEN, MATCH]
    # Without a tolerance of its own the tolerance stays.
    assert found.tolerance.tolist() == [1, 1, 1, 1]
    assert base.verdicts.tolist() == [MISMATCH, KINK, OPEN, MATCH], "the judgement was edited"


def test_without_an_element_nothing_changes() -> None:
    base = judged(MISMATCH, KINK)

    for opinions in ([], [Opinion(Source.CLOSED_FORM, at(), MISMATCH)]):
        assert combined(base, opinions) is base


def test_what_is_combined_is_read_only() -> None:
    found = combined(judged(MATCH), [Opinion(Source.CLOSED_FORM, at(0), MISMATCH)])

    for array in (found.verdicts, found.tolerance, found.difference):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_reason_is_that_of_the_strongest_source_that_gives_one() -> None:
    opinions = [
        Opinion(Source.REPEATABILITY, at(0), MISMATCH, "two runs differ"),
        Opinion(Source.OWN_DTYPE, at(0), MISMATCH, "float16 is too coarse"),
        Opinion(Source.CLOSED_FORM, at(0), MISMATCH),
    ]

    for order in itertools.permutations(opinions):
        assert reason(judged(MISMATCH), order) == "two runs differ"
    assert reason(judged(MISMATCH), opinions[2:]) is None
    assert reason(judged(MISMATCH), []) is None


@pytest.mark.parametrize(
    ("verdict", "given"), [(MATCH, False), (KINK, False), (OPEN, False), (MISMATCH, True), (NONFINITE, True)]
)
def test_there_is_no_reason_where_nothing_fails(verdict: ElementVerdict, given: bool) -> None:
    """A gradient of None is right where nothing moves."""
    opinion = Opinion(Source.UNUSABLE_TAPE, at(), MISMATCH, "the tape returned no gradient")

    assert (reason(judged(MATCH, verdict), [opinion]) is not None) == given
