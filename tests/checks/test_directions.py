"""The check along directions: when it is made, what it says, and what it costs."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Report, Verdict, check
from gradcheck.amounts import Budget
from gradcheck.arrays.types import Array
from gradcheck.checking import check_target
from gradcheck.checks import directions, stratum
from gradcheck.checks.row import Row
from gradcheck.checks.search import NAMED
from gradcheck.checks.singles import Singles
from gradcheck.differences.stencils import Estimate
from gradcheck.progress import Forecast, Progress, Stage
from gradcheck.render.plain import to_npz
from gradcheck.settings import Settings
from gradcheck.targets.function import Target
from gradcheck.verdicts.along_directions import Slopes
from gradcheck.verdicts.candidate import Confirmed
from tests.corpus.case import Broken, Function, distorted, true_gradients
from tests.parameters import every, named
from tests.posed import Told, posed
from tests.posed import variable as candidate_of
from tests.saying import lines, normal, told

SIZES = (40, 30, 8)
"""A perceptron of 1,478 weights: more than are moved one by one."""
SMALL = (6, 5, 3)
"""One of 53 weights, which go along directions only if that is asked for."""


def loss(activation: Any = tf.nn.relu, sizes: tuple[int, ...] = SIZES) -> tuple[Function, dict[str, Array]]:
    """The cross-entropy of a perceptron by its weights"""
    random = np.random.default_rng(0)
    x, labels = random.standard_normal((32, sizes[0])), random.integers(0, sizes[-1], 32)
    weights = {}
    for number, (rows, columns) in enumerate(pairwise(sizes)):
        weights[f"w{number}"] = random.standard_normal((rows, columns)) * np.sqrt(2 / rows)
        weights[f"b{number}"] = 0.1 * random.standard_normal(columns)

    def function(*values: Any) -> Any:
        hidden = tf.constant(x, values[0].dtype)
        for number in range(0, len(values), 2):
            hidden = hidden @ values[number] + values[number + 1]
            hidden = activation(hidden) if number + 2 < len(values) else hidden
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=hidden))

    return function, weights


def one_wrong(place: tuple[int, int], factor: float) -> Function:
    """The perceptron with one element of w0 off by a factor"""
    function, weights = loss()
    factors = np.ones(weights["w0"].shape)
    factors[place] = factor
    return distorted(function, lambda g: g * factors)


class Seen(Progress):
    def __init__(self) -> None:
        self.planned: list[Forecast] = []
        self.elements = 0

    def start(self, ahead: Forecast) -> None:
        self.planned.append(ahead)

    def advance(self, elements: int, evaluations: int) -> None:
        self.elements += elements


@cache
def watched() -> tuple[Report, Seen]:
    seen = Seen()
    function, weights = loss()
    return check_target(Target("f", function, weights), Settings(), progress=seen), seen


def right() -> Report:
    return watched()[0]


def counts(report: Report, name: str) -> dict[str, int]:
    (variable,) = (variable for variable in report.variables if variable.name == name)
    return {label: count for label, count in variable.counts.items() if count}


def test_many_elements_go_along_directions_by_themselves() -> None:
    report = right()

    assert report.verdict is Verdict.PASS, told(report)
    assert report.directions is not None
    assert report.directions.elements >= 1_400
    assert report.directions.one_by_one < 120
    assert report.evaluations < 2_500, "one by one takes 12,000"
    assert all(variable.coverage == 1.0 for variable in report.variables)
    assert counts(report, "w0") == {"match": 1200}


def test_few_elements_are_moved_one_by_one_as_before() -> None:
    function, weights = loss(sizes=SMALL)
    report = check(function, weights)
    assert report.directions is None
    assert all(variable.along is None and variable.sensitivity is None for variable in report.variables)


def test_the_method_is_what_was_asked_for() -> None:
    function, weights = loss(sizes=SMALL)

    along, alone = (check(function, weights, method=method) for method in ("directions", "elementwise"))

    assert along.directions is not None
    assert alone.directions is None
    assert along.verdict is alone.verdict is Verdict.PASS
    many = {"x": normal(1_100)}
    assert check(lambda x: tf.reduce_sum(tf.sin(x)), many, method="elementwise").directions is None
    assert check(lambda x: tf.reduce_sum(tf.sin(x)), many).directions is not None


def test_rows_hold_differences_of_their_own() -> None:
    for variable in right().variables:
        rows = variable.rows(20)
        assert rows
        assert all(np.isfinite(variable.difference[index]) for index in rows)
    assert "nan" not in str(right())


def test_the_report_says_what_was_done() -> None:
    said = str(right())
    found = right().directions
    assert found is not None
    assert f"{found.one_by_one} of {found.elements:,} elements were moved one by one" in said
    assert f"the others along 20 signed directions in each of {found.strata} strata" in said
    assert "missed with a chance of 1 in 1,048,576" in said


def test_json_and_arrays_have_the_sensitivity() -> None:
    document: dict[str, Any] = right().to_dict()
    assert document["directions"]["directions"] == 20
    assert document["directions"]["chance"] == 2.0**-20
    (first, *_) = document["variables"]
    assert first["coverage"] == 1.0
    assert 0 < first["one_by_one"] < 120
    assert 0 < first["sensitivity"]["median"] <= first["sensitivity"]["most"] <= first["sensitivity"]["worst"]
    assert first["sensitivity"]["worst"] <= 1e-3

    saved = np.load(io.BytesIO(to_npz(right())))

    assert saved["w0.sensitivity"].shape == (40, 30)
    assert np.nanmax(saved["w0.sensitivity"]) == first["sensitivity"]["worst"]


@pytest.mark.full
def test_the_seed_decides_on_the_report() -> None:
    again, other = check(*loss()), check(*loss(), seed=1)
    assert again.evaluations == right().evaluations
    for variable, same, different in zip(right().variables, again.variables, other.variables, strict=True):
        np.testing.assert_array_equal(variable.difference, same.difference)
        np.testing.assert_array_equal(variable.along, same.along)
        if variable.name == "w0":
            assert variable.along is not None
            assert (variable.along != different.along).any()


@pytest.mark.parametrize("factor", named([1.001, 0.0, -1.0], str, every(3)))
def test_one_wrong_weight_is_named_and_no_other(factor: float) -> None:
    report = check(one_wrong((17, 4), factor), loss()[1])

    assert report.verdict is Verdict.FAIL
    (variable, *others) = report.variables
    assert np.argwhere(variable.verdicts == ElementVerdict.MISMATCH).tolist() == [[17, 4]]
    assert all(other.verdict is ElementVerdict.MATCH for other in others)
    assert variable.worst_index == (17, 4)
    assert report.evaluations <= 3 * right().evaluations


@pytest.mark.full
def test_a_wrong_layer_does_not_hold_up_the_others() -> None:
    function, weights = loss()
    report = check(distorted(function, lambda g: 1.0001 * g, 2), weights)

    assert report.verdict is Verdict.FAIL
    assert counts(report, "w1")["mismatch"] >= 5
    assert counts(report, "w0") == {"match": 1200}
    assert report.evaluations <= 3 * right().evaluations


def test_a_gradient_of_none_fails() -> None:
    function, weights = loss(sizes=SMALL)

    def stopped(w0: Any, *others: Any) -> Any:
        return function(tf.stop_gradient(w0), *others)

    report = check(stopped, weights, method="directions")
    assert report.directions is not None
    assert report.verdict is Verdict.FAIL
    assert "no gradient" in lines(report)


def test_a_gradient_that_is_not_finite_fails_where_it_is_not() -> None:
    function, weights = loss(sizes=SMALL)
    broken = np.ones((6, 5))
    broken[3, 4] = np.nan
    report = check(distorted(function, lambda g: g * broken), weights, method="directions")
    assert report.directions is not None
    assert counts(report, "w0") == {"match": 29, "nonfinite": 1}


def test_a_gradient_that_ignores_its_upstream_fails() -> None:
    function, weights = loss(sizes=SMALL)

    def backward(upstream: Any, *values: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(values)
            found = function(*values)
        return tape.gradient(found, values)

    report = check(Broken(function, backward), weights, method="directions")
    assert report.directions is not None
    assert report.verdict is Verdict.FAIL


@pytest.mark.full
def test_dead_units_and_zero_biases_pass() -> None:
    """Corners at the point in hundreds of elements: padding rows before a relu with zero biases."""
    function, weights = loss()
    weights = weights | {"b0": np.zeros(30), "b1": np.zeros(8)}
    weights["w0"][:, :5] = 0
    report = check(function, weights)
    assert report.verdict is Verdict.PASS, told(report)
    assert counts(report, "w0").get("kink", 0) >= 200 * 0.5


def test_evaluations_do_not_grow_with_the_size() -> None:
    small, large = (check(*loss(tf.nn.tanh, sizes)).evaluations for sizes in (SIZES, (100, 100, 10)))
    assert large < 2 * small


def test_directions_show_on_the_bar() -> None:
    seen = watched()[1]
    (planned,) = seen.planned
    assert planned.evaluations >= directions.USUAL
    assert seen.elements >= 0.9 * planned.elements


def test_a_budget_that_pays_for_directions_leaves_nothing_out() -> None:
    enough, little = (check(*loss(), budget=budget) for budget in (5_000, 300))
    assert enough.directions is not None
    assert all(variable.coverage == 1 for variable in enough.variables)
    assert little.directions is None
    assert min(variable.coverage for variable in little.variables) < 0.5
    assert "within the budget" in lines(little)


BUDGETS = [(500, "auto", 5), (1_000, "auto", 10), (50, "directions", 5)]


@pytest.mark.full  # other budgets are tested above
@pytest.mark.parametrize("given", named(BUDGETS, str, every(6)))
def test_a_budget_below_what_directions_need_makes_fewer_directions(given: tuple[int, str, int]) -> None:
    budget, method, count = given
    function, weights = loss()
    report = check(function, weights, budget=budget, method=method)

    assert report.directions is not None
    assert report.directions.directions == count
    assert report.verdict is Verdict.PASS, told(report)
    assert all(variable.coverage == 1 for variable in report.variables)
    assert f"{count} signed directions instead of 20" in lines(report)
    assert f"1 in {2**count}" in lines(report)
    assert report.evaluations < right().evaluations

    def backward(upstream: Any, *values: Any) -> Any:
        return [1.01 * g for g in true_gradients(function, upstream, values)]

    assert check(Broken(function, backward), weights, budget=budget, method=method).verdict is Verdict.FAIL


@pytest.mark.full
def test_corners_that_no_side_explains_are_moved_one_by_one() -> None:
    """The sign of 0 is 0: a tape between the slopes, and the limit of no gradients."""
    function, weights = loss()
    weights["b0"][::3] = 0
    weights["w1"][5, :4] = 0

    def penalised(*values: Any) -> Any:
        return function(*values) + 0.01 * tf.add_n([tf.reduce_sum(tf.abs(value)) for value in values])

    report = check(penalised, weights)

    assert report.verdict is Verdict.PASS, told(report)
    assert counts(report, "b0")["kink"] == 10
    assert counts(report, "w1")["kink"] == 4
    assert counts(report, "w0") == {"match": 1200}
    assert report.evaluations < 6_000


@pytest.mark.parametrize("size", [30, 60])
def test_a_stratum_of_nothing_but_corners_is_moved_one_by_one(size: int) -> None:
    report = check(lambda x: tf.reduce_sum(tf.abs(x)), {"x": np.zeros(size)}, method="directions")
    assert report.verdict is Verdict.PASS, told(report)
    assert counts(report, "x") == {"kink": size}


def test_many_corners_beside_smooth_elements() -> None:
    """|x| at 0 in 400 of 1,500 elements: one L1 term leaves nothing open."""
    x = np.concatenate([np.zeros(400), normal(1100)])
    report = check(lambda x: tf.reduce_sum(tf.abs(x)) + tf.reduce_sum(x) ** 2, {"x": x})
    assert report.verdict is Verdict.PASS, told(report)
    assert counts(report, "x") == {"match": 1100, "kink": 400}


def test_a_minimum_at_0_passes() -> None:
    for function in (lambda x: tf.reduce_sum(x**2), lambda x: tf.reduce_mean((x - 0.0) ** 2)):
        report = check(function, {"x": np.zeros(300)}, method="directions")
        assert report.verdict is Verdict.PASS, told(report)


def test_a_stratum_that_moves_less_than_a_rounding_is_no_mistake() -> None:
    x = 20 * np.random.default_rng(5).normal(size=(30, 30))
    report = check(lambda x: -tf.reduce_mean(tf.nn.log_softmax(x)[:, 0]), {"x": x}, method="directions")
    assert report.verdict is not Verdict.FAIL, told(report)


def test_weights_of_any_span_cost_a_bounded_number_of_evaluations() -> None:
    factors = 10 ** np.random.default_rng(0).uniform(-250, 0, 4000)
    report = check(lambda x: tf.reduce_sum(factors * x), {"x": normal(4000)}, method="directions")
    assert report.verdict is not Verdict.FAIL, told(report)
    assert report.evaluations < 30_000


@pytest.mark.full
def test_a_check_of_many_wrong_variables_is_not_dear() -> None:
    random = np.random.default_rng(2)
    x = tf.constant(random.normal(size=(5, 8)))
    weights = {f"w{k}": random.normal(size=(8, 8)) for k in range(12)}

    def deep(*values: Any) -> Any:
        hidden = x
        for value in values:
            hidden = hidden + 0.1 * tf.tanh(hidden @ value)
        return tf.reduce_mean(hidden**2)

    def backward(upstream: Any, *values: Any) -> Any:
        return [1.01 * g for g in true_gradients(deep, upstream, values)]

    right, wrong = (check(f, weights, method="directions") for f in (deep, Broken(deep, backward)))

    assert right.verdict is Verdict.PASS
    assert wrong.verdict is Verdict.FAIL
    # A thorough look for each of the 12, 73 evaluations; measured 3,320, where a right one takes 725.
    assert wrong.evaluations <= 3_700


WRONG = [set(range(12)), {0}, {3}, {0, 2, 4, 6, 8, 10}]


@pytest.mark.full
@pytest.mark.parametrize("wrong", WRONG, ids=lambda some: f"{len(some)} of 12")
def test_a_failing_check_costs_at_most_three_times_a_passing_one(wrong: set[int]) -> None:
    """A perceptron of 12 variables, of which some have a gradient that is 1.5 times too large."""
    function, weights = loss(tf.nn.tanh, (32, 64, 64, 64, 64, 64, 10))

    def backward(upstream: Any, *values: Any) -> Any:
        gradients = true_gradients(function, upstream, values)
        return [(1.5 if number in wrong else 1.0) * g for number, g in enumerate(gradients)]

    passing, failing = (check(f, weights) for f in (function, Broken(function, backward)))

    assert passing.verdict is Verdict.PASS
    refuted = {n for n, found in enumerate(failing.variables) if found.counts["mismatch"]}
    assert refuted == wrong
    assert failing.evaluations <= 3 * passing.evaluations


def test_a_budget_that_makes_fewer_directions_is_said_with_what_they_miss() -> None:
    function, weights = loss(sizes=SMALL)

    report = check(function, weights, budget=50, method="directions")

    assert report.directions is not None
    assert report.directions.directions == 5
    assert "within the budget of 50 evaluations: 5 signed directions instead of 20" in lines(report)
    assert "with a chance of 1 in 32" in lines(report)


@pytest.mark.parametrize(
    ("budget", "share", "count", "chance"),
    [
        (None, 1.0, 20, None),
        (9, 1.0, 20, None),
        (9, 0.99, 19, 524288),
        (9, 0.5, 10, 1024),
        # No fewer than a quarter of the directions.
        (9, 0.1, 5, 32),
        (None, 0.5, 10, None),
    ],
)
def test_fewer_directions_are_told_with_the_budget_that_made_them(
    budget: int | None, share: float, count: int, chance: int | None
) -> None:
    settings = Settings(budget=None if budget is None else Budget.of(budget))
    problem = posed(lambda x: tf.reduce_sum(tf.sin(x)), settings, x=normal(6))

    _, _, summary, notes = directions.check(problem, [candidate_of(problem)], Progress(), share)

    assert summary.directions == count
    assert [note.text for note in notes] == (
        []
        if chance is None
        else [
            f"Within the budget of 9 evaluations: {count} signed directions instead of 20, so that an error "
            f"in an element is missed with a chance of 1 in {chance}."
        ]
    )


def test_what_lies_ahead() -> None:
    others = Forecast(7, 11, 0.5)
    one = candidate_of(posed(lambda x: tf.reduce_sum(x), x=np.ones((2, 3))))

    assert directions.ahead(others, []) == others
    assert directions.ahead(others, [one, one]) == Forecast(7 + 12, 11 + 2000, 0.5)


def row_of(function: Function, **inputs: Array) -> Row:
    problem = posed(function, None, **inputs)
    return Row.of(problem, [candidate_of(problem, number) for number in range(len(inputs))])


def run(row: Row, count: int = 20) -> tuple[directions._Check, list[Confirmed], Any, Any]:
    made = directions._Check(row, Progress(), count)
    return made, *made.run()


def scales(wrong: float = 1.0) -> Function:
    """x (30) and y (40), of which y counts a thousandth as much; the gradient of x is off by a factor"""

    def backward(r: Any, x: Any, y: Any) -> Any:
        return r * wrong * tf.cos(x), r * 1e-3 * tf.cos(y)

    return Broken(lambda x, y: tf.reduce_sum(tf.sin(x)) + 1e-3 * tf.reduce_sum(tf.sin(y)), backward)


def test_searches_may_take_as_much_as_what_passes() -> None:
    """170 evaluations for each stratum and 600 besides, of which a right tape needs none."""
    made, found, _, summary = run(row_of(scales(), x=0.1 * np.ones(30), y=0.1 * np.ones(40)))

    assert made.searches == 600 + 2 * 170
    assert (made.strata, made.named, made.refuted) == (2, 0, False)
    assert (summary.elements, summary.strata, summary.directions) == (70, 2, 20)
    assert [(one.judgement.verdicts == ElementVerdict.MATCH).all() for one in found] == [True, True]


def test_a_wrong_variable_does_not_hold_up_another_of_its_stratum() -> None:
    """x and y are in one stratum; what is off in x is said of x, and directions still vouch for y."""

    def backward(r: Any, x: Any, y: Any) -> Any:
        return r * 1.01 * tf.cos(x), r * tf.cos(y)

    function = Broken(lambda x, y: tf.reduce_sum(tf.sin(x)) + tf.reduce_sum(tf.sin(y)), backward)

    made, (x, y), compared, _ = run(row_of(function, x=0.1 * np.ones(100), y=0.2 * np.ones(100)))

    assert made.refuted
    assert ElementVerdict.MISMATCH in x.judgement.verdicts
    assert ElementVerdict.MATCH not in x.judgement.verdicts
    assert (y.judgement.verdicts == ElementVerdict.MATCH).all()
    # All but those of the sample, and the two that are least sensitive.
    assert y.judgement.along.sum() >= 100 - 20 - 2
    assert compared.verdict is ElementVerdict.MATCH
    assert made.searches > 0
    assert made.named == 0, "where most of a variable is wrong no search would end"


@pytest.mark.parametrize("left", [128, 129])
def test_what_directions_do_not_resolve_is_moved_one_by_one_as_long_as_it_is_few(
    left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a thousand elements some are known to none, by no corner."""
    function = lambda x: tf.reduce_sum(tf.sin(x))  # noqa: E731
    row = row_of(function, x=np.linspace(0.1, 1, 1000))
    others = np.setdiff1d(np.arange(1000), directions._sample(row, 40))
    open_ = np.isin(np.arange(1000), others[:left])
    monkeypatch.setattr(Row, "resolved", lambda self, bound, moved: ~open_)

    made, *_ = run(row)

    alone = made.singles.checked
    assert alone[open_].all() == (left == 128)
    # Besides those a sample of 40, and the two that are least sensitive.
    assert alone[~open_].sum() <= 42


def test_a_tape_that_is_not_finite_for_one_cotangent_is_left_out() -> None:
    row = row_of(scales(), x=0.1 * np.ones(100), y=0.1 * np.ones(40))
    place = int(np.setdiff1d(np.arange(100), directions._sample(row, 40))[7])
    tape = row.tape.copy()
    tape[-1, place] = np.nan

    _, (x, y), _, _ = run(replace(row, tape=tape))

    assert np.flatnonzero(x.judgement.verdicts != ElementVerdict.MATCH).tolist() == [place]
    assert x.judgement.verdicts[place] == ElementVerdict.NONFINITE
    assert (y.judgement.verdicts == ElementVerdict.MATCH).all()


@pytest.mark.parametrize(
    ("tolerance", "noise", "enough"),
    [
        (1e-6, 0.0, 0.25 * 1e-6 * 0.5),
        (1e-6, 1.0, 128.0),
        (1e-6, 2.0, 256.0),
        (1e-6, 0.03, 0.25 * 1e-6 * 0.5),
        # An element moves L by 3, between 30 times this and 45 times.
        (1e-6, 0.08, 0.25 * 1e-6 * 0.5),
    ],
)
def test_slopes_need_be_known_to_a_quarter_of_the_smallest_tolerance(
    tolerance: float, noise: float, enough: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or to 128 times the noise of L, where no element moves L by more than 30 times that."""
    row = row_of(lambda x: tf.reduce_sum(x), x=np.ones(30))
    size = np.where(np.arange(30) == 7, 0.5, 3.0)
    elements = replace(row.elements, size=size, gradient=np.ones(30))
    row = replace(row, elements=elements, tolerance=np.full(30, tolerance))
    monkeypatch.setattr(Row, "noise", noise)
    asked = []

    def along(*given: Any) -> Any:
        asked.append(given)
        return SimpleNamespace(corners=False)

    monkeypatch.setattr("gradcheck.checks.stratum.Slopes.along", along)

    found = stratum.Places(row, 20).stratum(np.arange(30), (0, 0))

    ((_, tape, longest, _, given),) = asked
    assert given == pytest.approx(enough)
    assert longest == pytest.approx(1 / 3)
    assert tape.shape == row.tape.shape
    assert found is not None
    assert found.kinks is None
    assert not found.apart.any()


def test_each_stage_is_told() -> None:
    """|x| has a corner at 0, and its tape of 0 there is the limit of no gradient."""
    x = np.where(np.arange(200) % 4 == 0, 0.0, 0.1)
    told = Told()
    row = row_of(lambda x: tf.reduce_sum(tf.abs(x)) + tf.reduce_sum(x), x=x)

    directions._Check(row, told, 20).run()

    assert (Stage.DIRECTIONS, {"elements": 200, "directions": 20}) in told.stages
    found = [counts["elements"] for stage, counts in told.stages if stage is Stage.SEARCH]
    # Corners of opposite signs in one part may hide each other, until others are taken out.
    assert found
    assert 40 <= sum(found) <= 50
    assert told.stages[0] == (Stage.ALONE, {"elements": 40})


def test_one_direction_that_is_off_refutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error e moves a direction by ½ e to e: of ¾ e, which tolerances explain, about half are beyond."""
    monkeypatch.setattr(directions, "BESIDES", 0)
    monkeypatch.setattr(directions, "STRATUM", 0)
    place = int(
        np.setdiff1d(np.arange(100), directions._sample(row_of(tf.reduce_sum, x=np.ones(100)), 40))[7]
    )

    def backward(r: Any, x: Any) -> Any:
        return r * (1 + 1e-3 * tf.one_hot(place, 100, dtype=x.dtype))

    row = row_of(Broken(lambda x: tf.reduce_sum(x), backward), x=np.ones(100))

    for share, refuted in ((0.75, True), (1.5, False)):
        # Six times the root of a hundred squares.
        tolerance = np.full(100, share * 1e-3 / 60) * np.abs(row.tape).max() / 1.001
        made, *_ = run(replace(row, tolerance=tolerance))
        assert made.refuted is refuted


@pytest.mark.parametrize(("left", "rounds"), [(directions.FEW - 1, 1), (directions.FEW, 2)])
def test_finer_strata_are_made_as_long_as_they_leave_fewer_open_and_those_are_not_few(
    left: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second round leaves open as many as the first."""
    row = row_of(lambda x: tf.reduce_sum(tf.sin(x)), x=np.linspace(0.1, 1, 200))
    others = np.setdiff1d(np.arange(200), directions._sample(row, 40))
    open_ = np.isin(np.arange(200), others[:left])
    monkeypatch.setattr(Row, "resolved", lambda self, bound, moved: ~open_)
    made = directions._Check(row, Progress(), 20)
    levels = []
    monkeypatch.setattr(made, "_stratum", lambda chosen, seeds: levels.append(seeds[0]))

    made.run()

    assert levels == list(range(rounds))


def test_a_small_stratum_is_moved_one_by_one_whatever_is_wrong_elsewhere() -> None:
    """Of y, 23 elements, 20 are in the sample."""
    made, (x, y), *_ = run(row_of(scales(1.01), x=0.1 * np.ones(100), y=0.1 * np.ones(23)))

    assert made.refuted
    assert ElementVerdict.MISMATCH in x.judgement.verdicts
    assert (y.judgement.verdicts == ElementVerdict.MATCH).all()


@pytest.mark.parametrize(("bound", "beside"), [(np.inf, False), (1e-3, True)])
def test_more_are_moved_one_by_one_at_corners(
    bound: float, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directions have either bounded nothing, or have done so beside the corners, and not well enough."""
    row = row_of(lambda x: tf.reduce_sum(tf.sin(x)), x=np.linspace(0.1, 1, 200))
    monkeypatch.setattr(directions, "LEFT_OVER", 0)
    monkeypatch.setattr(Row, "resolved", lambda self, bound, moved: np.zeros(200, bool))
    made = directions._Check(row, Progress(), 20)
    made.bound[:], made.beside[:] = bound, beside
    monkeypatch.setattr(made, "_stratum", lambda chosen, seeds: None)

    made.run()

    assert made.singles.checked.all()


def test_the_two_elements_that_are_least_sensitive_are_moved_by_themselves() -> None:
    """All are as large, so that directions bound all errors alike: by the largest share where g is least."""
    factors = np.ones(200)
    sample = directions._sample(row_of(lambda x: tf.reduce_sum(factors * x), x=np.ones(200)), 40)
    least = np.setdiff1d(np.arange(200), sample)[[11, 70]]
    factors[least] = 0.5

    made, *_ = run(row_of(lambda x: tf.reduce_sum(factors * x), x=np.ones(200)))

    assert np.flatnonzero(made.singles.checked).tolist() == sorted([*sample, *least])


def test_an_element_that_is_not_told_from_0_has_no_sensitivity() -> None:
    """Up to 4 times its bound; of the others, the bound as a share of the gradient counts."""
    row = row_of(lambda x: tf.reduce_sum(x), x=np.ones(4))
    row = replace(row, elements=replace(row.elements, gradient=np.array([4.0, 4.5, 8.0, 5.0])))

    assert directions._least_sensitive(row, np.array([1.0, 1.0, 1.0, 1.2])).tolist() == [3, 1]
    assert directions._least_sensitive(row, np.array([1.0, 1.0, 2.0, 1.2])).tolist() == [3, 1]
    assert directions._least_sensitive(row, np.array([0.9, 1.0, 1.0, 1.0])).tolist() == [0, 1]


def test_a_sample_has_some_of_every_variable_and_no_element_twice() -> None:
    row = row_of(
        lambda x, y, z: tf.reduce_sum(x) + tf.reduce_sum(y) + z[0], x=np.ones(50), y=np.ones(25), z=np.ones(1)
    )

    found = directions._sample(row, 66)

    assert np.unique(found).size == found.size
    assert np.histogram(found, [0, 50, 75, 76])[0].tolist() == [22, 22, 1]
    assert found[-1] == 75
    # However few are asked for, some.
    assert np.histogram(directions._sample(row, 3), [0, 50, 75, 76])[0].all()


@pytest.mark.parametrize("size", [directions.FEW - 1, directions.FEW])
def test_a_part_of_few_elements_is_moved_one_by_one(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = directions._Check(row_of(lambda x: tf.reduce_sum(x), x=np.ones(50)), Progress(), 20)
    taken = []
    monkeypatch.setattr(made, "_stratum", lambda chosen, seeds: taken.append((chosen.size, seeds)))

    made._part(np.arange(size), (0, 1, 2))

    few = size < directions.FEW
    assert taken == ([] if few else [(size, (0, 1, 2))])
    assert np.flatnonzero(made.singles.checked).tolist() == (list(range(size)) if few else [])


def test_where_most_of_a_variable_is_wrong_no_mismatch_is_looked_at_closely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is in doubt there, and evaluations are saved."""
    row = row_of(scales(1.01), x=0.1 * np.ones(30), y=0.1 * np.ones(30))
    spent = {}
    for wrong in (True, False):
        monkeypatch.setattr(Singles, "most_are_wrong", lambda self, chosen, wrong=wrong: wrong)
        singles, before = Singles(row), row.problem.meter.count

        assert directions._move(singles, np.arange(5), Progress()) == 5

        spent[wrong] = row.problem.meter.count - before
        assert (singles.judged.verdicts[:5] == ElementVerdict.MISMATCH).all()
        assert directions._move(singles, np.arange(4, 7), Progress()) == 2, "one was moved already"
    assert spent[True] < spent[False]


def hand_made(
    row: Row, chosen: Array, signed: Any, bound: Any, kinks: Array | None = None, apart: float = 0.0
) -> stratum.Stratum:
    """A stratum whose slopes [cotangents, K] are off by `signed` and known to `bound`; L moves by 3"""
    shape = len(row.problem.cotangents), np.shape(signed)[-1]
    off, known = np.broadcast_to(signed, shape).copy(), np.broadcast_to(bound, shape).copy()
    nothing, each = np.zeros(shape[1]), np.zeros(shape)
    estimate = Estimate(each, known, each, nothing, nothing, nothing, np.zeros(shape[1], bool), nothing)
    along = stratum.Places(row, shape[1]).directions(chosen, (0, 0))
    slopes = Slopes(along, estimate, 0.1, 3.0, row.tape[:, chosen], off)
    return stratum.Stratum(chosen, slopes, np.full(chosen.size, apart), kinks)


@pytest.mark.parametrize(("unknown", "reach"), [(0.25, 0.75), (np.inf, np.inf)])
@pytest.mark.parametrize("beside", [False, True])
def test_what_directions_say_of_a_stratum_is_kept(
    unknown: float, reach: float, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error is at most 2 max (r + b) / a, and as far as the two tapes are apart more; what is shown is of
    the first cotangent: r, and 4 b + 6 √Σ (t a)²."""
    seen, row = Seen(), row_of(lambda x: tf.reduce_sum(x), x=np.full(30, 2.0))
    row = replace(row, tolerance=np.full(30, 1e-3))
    chosen, kinks = np.arange(5, 30), np.arange(25) % 3 == 0
    count = len(row.problem.cotangents) - 1
    signed, bound = [[0.5, -0.1]] + count * [[0.3, 0.2]], [[0.25, 0.5]] + count * [[unknown, 0.125]]
    found = hand_made(row, chosen, signed, bound, kinks if beside else None, apart=0.125)
    made = directions._Check(row, seen, 2)
    monkeypatch.setattr(made, "places", SimpleNamespace(stratum=lambda chosen, seeds: found))
    made.corners[:] = True

    made._stratum(chosen, (0, 0))

    assert seen.elements == 25
    assert (made.strata, made.refuted) == (1, False)
    assert np.isinf(made.bound[:5]).all()
    assert made.bound[5:].tolist() == [reach + 0.125] * 25
    assert made.moved.tolist() == [0.0] * 5 + [1.5] * 25
    assert made.corners.tolist() == [True] * 5 + [False] * 25
    assert made.beside.tolist() == [False] * 5 + [beside] * 25
    assert made.kinks[5:].tolist() == (kinks & beside).tolist()
    np.testing.assert_array_equal(made.distances, [[0.5, 0.1]])
    np.testing.assert_allclose(made.tolerances, [4 * np.array([0.25, 0.5]) + 6 * np.sqrt(25) * 2e-3])


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_corners_are_moved_one_by_one_and_the_others_along_directions_where_corners_are_few(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that has found as many as it may has not found all; one that has found none would not the
    next time either."""
    monkeypatch.setattr(directions, "CORNERS", 5)
    monkeypatch.setattr(directions, "corners", lambda *_: np.arange(count))
    made = directions._Check(row_of(lambda x: tf.reduce_sum(x), x=np.ones(60)), Progress(), 20)
    parts = []
    monkeypatch.setattr(made, "_part", lambda chosen, seeds: parts.append(chosen.tolist()))

    made._without_corners(np.arange(10, 60), (0, 0))

    few = 0 < count < 5
    assert np.flatnonzero(made.singles.checked).tolist() == (list(range(10, 10 + count)) if few else [])
    assert parts == ([list(range(10 + count, 60))] if few else [])
    assert np.flatnonzero(made.corners).tolist() == list(range(10, 60))


def test_a_stratum_is_not_taken_apart_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each search for corners finds one more, and directions still run into others."""
    monkeypatch.setattr(directions, "corners", lambda *_: np.zeros(1, np.int64))
    made = directions._Check(row_of(lambda x: tf.reduce_sum(x), x=np.ones(100)), Progress(), 20)
    places = SimpleNamespace(stratum=lambda chosen, seeds: None, directions=lambda chosen, seeds: None)
    monkeypatch.setattr(made, "places", places)

    made._stratum(np.arange(100), (0, 0))

    assert np.flatnonzero(made.singles.checked).tolist() == list(range(directions.DEEPEST - 1))
    assert made.corners.all()


@pytest.mark.parametrize(("searches", "apart"), [(-1, False), (0, False), (1, True), (100, True)])
def test_variables_are_taken_apart_as_long_as_searches_have_evaluations_left(
    searches: int, apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the parts take is taken from the searches."""
    row = row_of(scales(), x=np.ones(30), y=np.ones(40))
    made = directions._Check(row, Progress(), 20)
    made.searches = searches
    parts = []

    def part(chosen: Array, seeds: tuple[int, ...]) -> None:
        parts.append(chosen.tolist())
        row.problem.meter.add(7)

    monkeypatch.setattr(made, "_part", part)

    assert made._by_variable(np.arange(20, 50), (0, 0)) is apart

    assert parts == ([list(range(20, 30)), list(range(30, 50))] if apart else [])
    assert made.searches == searches - (14 if apart else 0)
    assert not made._by_variable(np.arange(30), (0, 0)), "there is but one"


def test_a_search_is_made_again_without_what_was_found_until_it_finds_nothing_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them together may take the evaluations that are left, and name as many as are left."""
    told, row = Told(), row_of(lambda x: tf.reduce_sum(x), x=np.ones(50))
    made = directions._Check(row, told, 20)
    made.searches, made.named = 1000, 2
    meter, chosen = row.problem.meter, np.arange(10, 50)
    start, asked = meter.count, []
    finds = iter([[3, 5], [5, 7], [3]])

    def suspects(slopes: Slopes, most: int, counted: Any, until: int) -> Array:
        asked.append((most, until))
        counted.add(10)
        return np.array(next(finds))

    monkeypatch.setattr(directions, "suspects", suspects)
    monkeypatch.setattr(directions, "_worth_a_search", lambda singles, slopes: True)

    made._searched(hand_made(row, chosen, [0.0], 0.0))

    assert asked == [(NAMED - named, start + 1000) for named in (2, 4, 5)]
    assert made.named == 5
    assert made.searches == 1000 - (meter.count - start)
    assert np.flatnonzero(made.singles.checked).tolist() == [13, 15, 17]
    assert [counts for stage, counts in told.stages if stage is Stage.SEARCH] == [
        {"elements": 2},
        {"elements": 2},
        {"elements": 1},
    ]


@pytest.mark.parametrize(
    ("named", "searches", "searched"),
    [
        (NAMED - 1, 100, True),
        (NAMED, 100, False),
        (0, 1, True),
        (0, 0, False),
        (0, -1, False),
    ],
)
def test_no_more_is_named_nor_spent_than_may_be(
    named: int, searches: int, searched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = row_of(lambda x: tf.reduce_sum(x), x=np.ones(50))
    made = directions._Check(row, Progress(), 20)
    made.named, made.searches = named, searches
    asked = []

    def suspects(*given: Any) -> Array:
        asked.append(given)
        return np.zeros(0, np.int64)

    monkeypatch.setattr(directions, "suspects", suspects)
    monkeypatch.setattr(directions, "_worth_a_search", lambda singles, slopes: True)

    made._searched(hand_made(row, np.arange(50), [0.0], 0.0))

    assert len(asked) == searched


@pytest.mark.parametrize("beside", [False, True])
def test_what_is_refused_at_a_corner_stays_in_beside_it(
    beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = row_of(lambda x: tf.reduce_sum(x), x=np.ones(50))
    made = directions._Check(row, Progress(), 20)
    asked = []

    def taken_out(self: Singles, slopes: Slopes, *, beside: bool) -> Slopes:
        asked.append(beside)
        return slopes

    monkeypatch.setattr(Singles, "taken_out", taken_out)
    found = hand_made(row, np.arange(50), [0.0], 0.0, np.zeros(50, bool) if beside else None)

    made._searched(found)

    assert asked == [beside]


@pytest.mark.parametrize(
    ("off", "tolerance", "worth"),
    [
        # With a bound of ¼ and a scale of 2 an error is at most r + ¼; r is seen above ½.
        (1.0, [1.2, 2.0], True),
        (1.0, [1.25, 1.25], False),
        (1.0, [1.5, 1.5], False),
        (0.5, [0.1, 0.1], False),
        (0.625, [0.5, 0.5], True),
    ],
)
def test_a_search_is_worth_it_for_an_error_that_is_seen_and_may_be_beyond_a_tolerance(
    off: float, tolerance: list[float], worth: bool
) -> None:
    row = row_of(lambda x: tf.reduce_sum(x), x=np.full(30, 2.0))
    row = replace(row, tolerance=np.repeat(tolerance, [1, 29]))
    found = hand_made(row, np.arange(30), [0.0, off], 0.25)

    assert directions._worth_a_search(Singles(row), found.slopes) is worth
