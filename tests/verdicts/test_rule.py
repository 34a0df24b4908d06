"""Verdicts by the rule, one element at a time: slopes and tapes are made up, verdicts written beside them."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.stencils import Estimate
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.rule import Rule, judge, judge_most, tolerance_of, unsettled
from gradcheck.verdicts.verdict import ElementVerdict
from gradcheck.verdicts.widening import Widening

MATCH, KINK, MISMATCH = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.MISMATCH
OPEN, NONFINITE = ElementVerdict.INCONCLUSIVE, ElementVerdict.NONFINITE
INF, NAN = float("inf"), float("nan")
FIELDS = [field.name for field in fields(Judgement)]
RULE = Rule(rtol=1e-6, asked=1e-6, atol=0.0, limit=1e-3, scale=0.0, floor=1e-6, reach=0.0)


def one(
    tape: float, value: float, bound: float = 0.0, half: float = 0.0, size: float | None = None
) -> Judgement:
    """The judgement of one element for one cotangent"""
    return several([tape], [value], bound, half, abs(value) if size is None else size)


def several(tapes: list[float], values: list[float], bound: float, half: float, size: float) -> Judgement:
    """The judgement of one element for several cotangents"""

    def full(number: float) -> Array:
        return np.full((len(tapes), 1), number)

    estimate = Estimate(
        np.array(values)[:, None],
        full(bound),
        full(half),
        np.array([size]),
        np.zeros(1),
        np.zeros(1),
        np.zeros(1, bool),
        np.ones(1),
    )
    tape = np.array(tapes)[:, None]
    found, short = judge(estimate, tape, RULE), judge_most(estimate, tape, RULE)
    for name in FIELDS:
        assert np.array_equal(getattr(found, name), getattr(short, name), equal_nan=True), name
    return found


@pytest.mark.parametrize(
    ("tape", "value", "bound", "half", "verdict"),
    [
        (2.0, 2.0, 0.0, 0.0, MATCH),
        (2.0, 2.0 + 1.9e-6, 0.0, 0.0, MATCH),
        (2.0, 2.0 + 2.1e-6, 0.0, 0.0, MISMATCH),
        (-2.0, 2.0, 0.0, 0.0, MISMATCH),
        (0.0, 0.0, 0.0, 0.0, MATCH),
        (1e-300, 0.0, 0.0, 0.0, MISMATCH),
        # A bound widens the tolerance, but not without limit.
        (2.0, 2.0 + 1e-5, 2e-5, 0.0, MATCH),
        (2.0, 2.0 + 1e-5, 5e-6, 0.0, MISMATCH),
        (2.0, 2.1, 0.2, 0.0, OPEN),
        (2.0, 3.0, 0.2, 0.0, MISMATCH),
        (2.0, 2.0, INF, 0.0, OPEN),
        (2.0, 3.0, INF, 0.0, OPEN),
        (2.0, 2.0, NAN, 0.0, OPEN),
        # At a corner the tape may be anything in the interval.
        (0.0, 0.5, 0.0, 0.5, KINK),
        (1.0, 0.5, 0.0, 0.5, KINK),
        (0.3, 0.5, 0.0, 0.5, KINK),
        (1.001, 0.5, 0.0, 0.5, MISMATCH),
        (-0.001, 0.5, 0.0, 0.5, MISMATCH),
        # Nothing that is not a number agrees with anything.
        (NAN, 2.0, 0.0, 0.0, NONFINITE),
        (INF, 2.0, 0.0, 0.0, NONFINITE),
        (INF, INF, 0.0, 0.0, NONFINITE),
        (NAN, NAN, NAN, 0.0, NONFINITE),
        (NAN, 0.5, 0.0, 0.5, NONFINITE),
        (NAN, 0.5, INF, 0.0, NONFINITE),
    ],
)
def test_the_rule(tape: float, value: float, bound: float, half: float, verdict: ElementVerdict) -> None:
    assert one(tape, value, bound, half).verdicts.tolist() == [verdict]


@pytest.mark.parametrize("tape", [0.0, 2.0, NAN, INF])
@pytest.mark.parametrize(
    ("value", "bound", "half", "size"),
    [
        (NAN, 0.0, 0.0, 2.0),
        (2.0, NAN, 0.0, 2.0),
        (2.0, 0.0, NAN, 2.0),
        (2.0, 0.0, 0.0, NAN),
        (NAN, NAN, NAN, NAN),
    ],
)
def test_nan_never_passes(tape: float, value: float, bound: float, half: float, size: float) -> None:
    assert one(tape, value, bound, half, size).verdicts[0] not in (MATCH, KINK)


def test_an_element_is_as_bad_as_its_worst_cotangent() -> None:
    assert several([2.0, 2.0], [2.0, 2.0], 0.0, 0.0, 2.0).verdicts.tolist() == [MATCH]
    assert several([2.0, 2.0], [2.0, 2.1], 0.0, 0.0, 2.0).verdicts.tolist() == [MISMATCH]
    assert several([2.0, NAN], [2.0, 2.0], 0.0, 0.0, 2.0).verdicts.tolist() == [NONFINITE]


def test_the_numbers_are_those_of_the_cotangent_that_is_shown() -> None:
    judged = several([2.0, 9.0], [2.5, 3.0], 0.0, 0.0, 4.0)

    assert judged.difference.tolist() == [2.5]
    assert judged.tolerance.tolist() == [4e-6]
    # The ratio is the worst of all.
    assert judged.error_ratio.tolist() == [6.0 / 4e-6]


def test_tolerance_follows_the_sum_of_the_sizes() -> None:
    """1e6 − 1e6 + 1: an error of a millionth of the parts is rounding, one of the whole is none."""
    assert one(1.0 + 1e-1, 1.0, size=2e6).verdicts.tolist() == [MATCH]
    assert one(1.0 + 1e-1, 1.0, size=1.0).verdicts.tolist() == [MISMATCH]


def test_atol_alone() -> None:
    loose = Rule(rtol=0.0, asked=0.0, atol=0.1, limit=1e-3, scale=0.0, floor=1e-6, reach=0.0)
    zeros = np.zeros((1, 2))
    estimate = Estimate(np.ones((1, 2)), zeros, zeros, np.ones(2), zeros[0], zeros[0], zeros[0] > 0, zeros[0])

    judged = judge(estimate, np.array([[1.09, 1.11]]), loose)

    assert judged.verdicts.tolist() == [MATCH, MISMATCH]


@pytest.mark.parametrize("eps", [2.0**-52, 2.0**-23, 2.0**-10, 2.0**-7])
def test_limits_grow_with_the_rounding_of_the_function(eps: float) -> None:
    rule = Rule.of(1e-6, 0.0, eps)

    assert 1e-3 <= rule.limit <= 0.3
    assert rule.floor >= 1e-6
    assert rule.reach == pytest.approx(30 * eps ** (-1 / 3))


def test_the_short_way_is_the_same_way() -> None:
    """For made-up elements of every kind at once, those that plainly match among them"""
    generator = np.random.default_rng(0)
    count = 20_000

    def scattered(low: float, odd: tuple[float, ...], shape: tuple[int, ...]) -> Array:
        sizes = 10.0 ** generator.uniform(low, low + 8, shape)
        return np.where(generator.random(shape) < 0.05, generator.choice(odd, shape), sizes)

    value = scattered(-4, (0.0, NAN, INF), (3, count)) * generator.choice([-1, 1], (3, count))
    estimate = Estimate(
        value,
        np.where(generator.random(count) < 0.5, 0.0, scattered(-12, (0.0, NAN, INF), (3, count))),
        np.where(generator.random((3, count)) < 0.05, scattered(-4, (0.0,), (3, count)), 0.0),
        scattered(-4, (0.0, NAN), (count,)),
        np.where(generator.random(count) < 0.5, 0.0, scattered(-14, (0.0,), (count,))),
        np.zeros(count),
        generator.random(count) < 0.1,
        np.ones(count),
    )
    tape = np.where(generator.random((3, count)) < 0.9, value, value + scattered(-12, (0.0, NAN), (3, count)))
    for rule in (RULE, Rule.of(1e-6, 1e-3, 1e-16), Rule.of(1e-4, 0.0, 1e-7), Rule.of(1e-6, 0.0, 1e-16, 1e-3)):
        found, short = judge(estimate, tape, rule), judge_most(estimate, tape, rule)

        for name in FIELDS:
            assert np.array_equal(getattr(found, name), getattr(short, name), equal_nan=True), name
        assert {*found.verdicts} == {MATCH, KINK, MISMATCH, OPEN, NONFINITE}


def by_definition(
    estimate: Estimate, tape: Array, rule: Rule, rounding: float, noise: float
) -> tuple[ElementVerdict, float, float]:
    """Verdict, first tolerance and worst ratio of one element, by numbers"""
    size, contributions = float(estimate.size[0]), float(estimate.rounding[0])
    rows = [row[:, 0].tolist() for row in (tape, estimate.value, estimate.bound, estimate.half)]
    tapes, values, bounds, halves = rows
    allowed = rule.atol + rule.rtol * size + 16 * contributions
    errors = [abs(t - v) for t, v in zip(tapes, values, strict=True)]
    widths = [h + allowed + (0 if b <= allowed / 4 else b) for b, h in zip(bounds, halves, strict=True)]
    extra = 0 if all(e <= w for e, w in zip(errors, widths, strict=True)) else rounding
    widths = [width + extra for width in widths]
    agrees = all(e <= w for e, w in zip(errors, widths, strict=True))
    ratio = max(0.0 if e == 0 else e / w if w else INF for e, w in zip(errors, widths, strict=True))
    still = size == 0 and not any(values) and not any(tapes)
    zero = all(
        abs(t) <= 4 * b + 16 * noise and abs(v) <= 4 * (b + extra)
        for t, v, b in zip(tapes, values, bounds, strict=True)
    )
    floor = max(
        (rule.limit if still else rule.floor) * rule.scale,
        rule.reach * float(estimate.output_noise[0]) if zero else 0,
    )
    known = all(max(b, extra) <= max(rule.limit * size, floor) for b in bounds)
    good = KINK if any(half > 0 for half in halves) else MATCH
    return (good if known else OPEN) if agrees else MISMATCH, widths[0], ratio


def test_each_element_is_judged_by_the_definition() -> None:
    """Made-up numbers about the tolerance: zeros, contributions, corners, bounds, noise of tape and f"""
    random = np.random.default_rng(1)
    count = 300

    def among(*values: float, rows: int = 2) -> Array:
        return np.asarray(random.choice(values, (rows, count)) * random.uniform(0.5, 2, (rows, count)))

    value = among(0, 0, 1e-7, 1, 1, -3)
    estimate = Estimate(
        value,
        among(0, 0, 1e-9, 3e-7, 1e-6, 1e-3, 1e-1),
        np.where(random.random(count) < 0.2, among(0.1, 1e-6), 0.0),
        np.where(random.random(count) < 0.3, 0.0, np.abs(value).max(axis=0) * random.uniform(1, 3, count)),
        among(0, 0, 1e-7, rows=1)[0],
        among(0, 1e-9, 1e-5, rows=1)[0],
        np.zeros(count, bool),
        np.ones(count),
    )
    error = among(0, 0, 1e-9, 1e-6, 2e-6, 1e-3, 0.1) * random.choice([-1, 1], (2, count))
    tape = np.where(random.random(count) < 0.1, 0.0, value + error)
    seen = set()
    for rule in (
        Rule(rtol=1e-6, asked=1e-6, atol=0.0, limit=1e-3, scale=0.0, floor=1e-6, reach=0.0),
        Rule(rtol=1e-6, asked=1e-6, atol=1e-8, limit=1e-3, scale=0.5, floor=1e-6, reach=30.0),
        Rule(rtol=1e-4, asked=1e-6, atol=0.0, limit=0.1, scale=3.0, floor=1e-3, reach=1e4),
    ):
        for rounding, noise in ((0.0, 0.0), (1e-6, 1e-7), (1e-2, 1e-4)):
            judged = judge(estimate, tape, rule, np.full(count, rounding), np.full(count, noise))
            for u in range(count):
                one = estimate.take(np.array([u]))
                truth = by_definition(one, tape[:, [u]], rule, rounding, noise)
                assert judged.verdicts[u] == truth[0], (u, rounding)
                assert judged.tolerance[u] == pytest.approx(truth[1], rel=1e-12)
                assert judged.error_ratio[u] == pytest.approx(truth[2], rel=1e-9)
                seen.add(truth[0])
    assert seen == {MATCH, KINK, MISMATCH, OPEN}


def test_what_widens_a_tolerance_is_its_largest_part() -> None:
    """Nothing below 1 % of 3e-6; else the dtype, contributions, the difference or the tape."""
    rule = Rule(rtol=1e-6, asked=1e-6, atol=1e-6, limit=1e-3, scale=0.0, floor=1e-6, reach=0.0)
    zeros, two = np.zeros((1, 1)), np.full(1, 2.0)

    def widened(wider: float, contributions: float, bound: float, rounding: float) -> int:
        estimate = Estimate(
            zeros, zeros, zeros, two, np.full(1, contributions), zeros[0], zeros[0] > 0, zeros[0]
        )
        (code,) = replace(rule, rtol=1e-6 + wider).widened(estimate, np.full(1, bound), np.full(1, rounding))
        return int(code)

    assert widened(0, 1e-9, 1e-9, 1e-9) == Widening.NONE
    assert widened(1e-6, 1e-7, 1.9e-6, 0) == Widening.DTYPE
    assert widened(1e-7, 1e-7, 1e-6, 1e-6) == Widening.CONTRIBUTIONS
    assert widened(1e-7, 1e-8, 3e-6, 2e-6) == Widening.DIFFERENCE
    assert widened(0, 0, 2e-6, 3e-6) == Widening.TAPE


def test_a_dtype_may_cost_64_roundings_and_a_quarter_at_most() -> None:
    assert [tolerance_of(dtype) for dtype in ("float64", "float32", "float16", "bfloat16")] == [
        2.0**-46,
        2.0**-17,
        2.0**-4,
        0.25,
    ]


def test_the_rule_of_a_precision() -> None:
    """Differences are good to eps^(2/3); floor and limit are 30 and 1,000 times that, no more than 0.3."""
    fine, coarse, own = Rule.of(1e-6, 1e-9, 1e-15), Rule.of(1e-6, 0.0, 1e-6), Rule.of(1e-6, 0.0, 1e-15, 0.25)

    assert (fine.rtol, fine.asked, fine.atol, fine.scale) == (1e-6, 1e-6, 1e-9, 0.0)
    assert [fine.limit, fine.floor, fine.reach] == pytest.approx([1e-3, 1e-6, 3e6])
    assert [coarse.limit, coarse.floor, coarse.reach] == pytest.approx([0.1, 3e-3, 3e3])
    assert (own.rtol, own.asked, own.limit, own.floor) == (0.25, 1e-6, 0.25, 0.25)


def test_where_nothing_moves_only_what_a_rounded_output_can_hide_is_unknown() -> None:
    """Up to the limit of the typical S where the tape is 0 as well, and up to the floor of it elsewhere."""
    rule = Rule(rtol=1e-6, asked=1e-6, atol=1e-9, limit=1e-3, scale=2.0, floor=1e-6, reach=0.0)
    bound = np.array([[1.9e-3, 2.1e-3, 1.9e-6, 2.1e-6, 1.9e-3, 1.9e-3, 5e-4]])
    tape = np.array([[0.0, 0.0, 1e-12, 1e-12, 1e-12, 0.0, 0.0]])
    size = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1e-12, 1.0])
    none = np.zeros(7)
    estimate = Estimate(0 * bound, bound, 0 * bound, size, none, none, none > 0, none)

    judged = judge(estimate, tape, rule)

    assert judged.verdicts.tolist() == [MATCH, OPEN, MATCH, OPEN, OPEN, OPEN, MATCH]
    # Those are all that a ladder of steps is not asked for, though their bounds are beyond atol + rtol·S.
    assert unsettled(estimate, judged, tape, rule).tolist() == [1, 2, 3, 4, 5, 6]


def test_a_corner_for_any_cotangent_is_one() -> None:
    value, zeros = np.array([[0.5], [2.0]]), np.zeros((2, 1))
    half = np.array([[0.5], [0.0]])
    estimate = Estimate(value, zeros, half, np.ones(1), zeros[0], zeros[0], zeros[0] > 0, zeros[0])

    judged = judge(estimate, np.array([[0.1], [2.0]]), RULE)

    assert judged.verdicts.tolist() == [KINK]
    assert judged.corner.tolist() == [True]


def test_only_a_slope_that_neither_side_tells_from_0_need_be_known_no_better() -> None:
    """Both |tape| and |difference| up to four bounds, where a bound is the rounding of the outputs."""
    rule = Rule(rtol=1e-6, asked=1e-6, atol=0.0, limit=1e-3, scale=0.0, floor=1e-6, reach=30.0)
    value, tape = np.array([[3.9, 3.9, 4.5, 4.5]]), np.array([[3.9, 4.5, 3.9, 4.5]])
    full = np.ones(4)
    estimate = Estimate(value, np.ones((1, 4)), 0 * value, 5 * full, 0 * full, full, full < 0, full)

    assert judge(estimate, tape, rule).verdicts.tolist() == [MATCH, OPEN, OPEN, OPEN]
    # With a rounding of its own, the tape may be as far from 0 as that.
    assert judge(estimate, tape, rule, 0.0, 0.1).verdicts.tolist() == [MATCH, MATCH, OPEN, OPEN]


@pytest.mark.parametrize(("value", "tape"), [([0.0, 1e-3], [0.0, 0.0]), ([0.0, 0.0], [0.0, 1e-3])])
def test_an_output_that_only_another_cotangent_sees_moves_something(
    value: list[float], tape: list[float]
) -> None:
    rule = Rule(rtol=1e-6, asked=1e-6, atol=0.0, limit=1e-3, scale=2.0, floor=1e-6, reach=0.0)
    column, none = np.array(value)[:, None], np.zeros(1)
    bound = np.full((2, 1), 1.9e-3)
    estimate = Estimate(column, bound, 0 * bound, none, none, none, none > 0, none)

    judged = judge(estimate, np.array(tape)[:, None], rule)

    assert judged.verdicts.tolist() == [OPEN]
    assert unsettled(estimate, judged, np.array(tape)[:, None], rule).tolist() == [0]


@pytest.mark.parametrize("least", [0.0, 1.005e-6, 1.02e-6, 1.5e-6, 2.5e-6, 1e-3])
def test_the_short_way_says_as_well_what_a_dtype_widens(least: float) -> None:
    """From 1 % more than was asked for"""
    rule, zeros, two = Rule.of(1e-6, 0.0, 1e-16, least), np.zeros((1, 1)), np.full(1, 2.0)
    estimate = Estimate(zeros + 2, zeros, zeros, two, zeros[0], zeros[0], zeros[0] > 0, zeros[0])
    tape = zeros + 2

    found, short = judge(estimate, tape, rule), judge_most(estimate, tape, rule)

    assert found.verdicts.tolist() == short.verdicts.tolist() == [MATCH]
    wide = Widening.DTYPE if least > 1.01e-6 else Widening.NONE
    assert found.widened.tolist() == short.widened.tolist() == [wide]


@pytest.mark.parametrize("unknown", [INF, NAN])
@pytest.mark.parametrize("tape", [[2.0, 2.0], [2.0, 9.0], [9.0, 2.0]])
def test_a_slope_that_is_unknown_for_any_cotangent_is_no_ground_for_a_verdict(
    unknown: float, tape: list[float]
) -> None:
    value, bound = np.full((2, 1), 2.0), np.array([[0.0], [unknown]])
    none = np.zeros(1)
    estimate = Estimate(value, bound, 0 * value, value[0], none, none, none > 0, none)

    assert judge(estimate, np.array(tape)[:, None], RULE).verdicts.tolist() == [OPEN]


def test_a_cotangent_that_sees_nothing_at_all_asks_for_no_better_bound() -> None:
    """Tape, difference and bound of 0 for one cotangent, and what rounding hides for the other"""
    rule = Rule(rtol=1e-6, asked=1e-6, atol=0.0, limit=1e-3, scale=0.0, floor=1e-6, reach=30.0)
    value, bound = np.array([[0.0], [3.9]]), np.array([[0.0], [1.0]])
    one, none = np.ones(1), np.zeros(1)
    estimate = Estimate(value, bound, 0 * value, 5 * one, none, one, one < 0, none)

    assert judge(estimate, value, rule).verdicts.tolist() == [MATCH]


@pytest.mark.parametrize(("value", "tape"), [([0.0, 1e-3], [0.0, 0.0]), ([0.0, 0.0], [0.0, 1e-3])])
def test_what_moves_for_any_cotangent_is_looked_at_again_though_it_agrees(
    value: list[float], tape: list[float]
) -> None:
    """The floor of a scale of 10⁴ is far above the bound, the bound above atol + rtol·S."""
    rule = Rule(rtol=1e-6, asked=1e-6, atol=0.0, limit=1e-3, scale=1e4, floor=1e-6, reach=0.0)
    column, none, bound = np.array(value)[:, None], np.zeros(1), np.full((2, 1), 1.9e-3)
    estimate = Estimate(column, bound, 0 * bound, none, none, none, none > 0, none)

    judged = judge(estimate, np.array(tape)[:, None], rule)

    assert judged.verdicts.tolist() == [MATCH]
    assert unsettled(estimate, judged, np.array(tape)[:, None], rule).tolist() == [0]
