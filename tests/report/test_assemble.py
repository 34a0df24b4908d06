"""Outcomes made by hand → findings: what goes where, and in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.report.assemble import assemble
from gradcheck.report.findings import Findings
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.outcome import Outcome, VariableOutcome
from gradcheck.verdicts.verdict import Comparison, ElementVerdict
from tests.hand_made import M, Q, U, X
from tests.posed import posed
from tests.saying import normal


def outcome(
    problem: Problem, *verdicts: ElementVerdict, notes: tuple[Note, ...] = (), of: str = "", **numbers: Array
) -> Outcome:
    """An outcome of one variable; numbers that are not given are those of sin to a tolerance of 1e-6"""
    count = len(verdicts)
    truth = np.cos(problem.target.inputs["x"].astype(np.float64))
    known = {"difference": truth, "tolerance": np.full(count, 1e-6), "size": np.abs(truth)} | numbers
    judged = replace(Judgement.none(count), verdicts=np.array(verdicts, np.uint8), **known)
    said = (Note(Kind.WARNING, f"said{of} of x", "x"),)
    variable = VariableOutcome("x", (count,), judged, None, 1e-3, said)
    comparisons = (Comparison(f"a{of}", f"b{of}", "x", 0.0, 1.0, M),)
    return Outcome(problem, (variable,), comparisons, notes)


def sine(count: int = 3) -> Problem:
    return posed(tf.sin, x=normal(count).astype(np.float32))


def both() -> Findings:
    """The findings of two orders, with all that may be said"""
    problem = sine()
    return assemble(
        [
            outcome(problem, M, M, M, notes=(Note(Kind.WARNING, "of all"),), of="1"),
            outcome(problem, M, M, M, notes=(Note(Kind.WARNING, "of all at 2"),), of="2"),
        ],
        [Comparison("c", "d", "x", 0.0, 1.0, M)],
        [Note(Kind.WARNING, "at the end")],
    )


def test_variables_of_all_orders() -> None:
    found = both()

    assert [(v.label, v.order, v.dtype, v.shape) for v in found.variables] == [
        ("x", 1, "float32", (3,)),
        ("x (order 2)", 2, "float32", (3,)),
    ]
    np.testing.assert_allclose(
        found.variables[0].tape, np.cos(normal(3).astype(np.float32).astype(np.float64)), rtol=1e-9
    )


def test_comparisons_of_the_first_order_then_those_of_the_check_then_those_above() -> None:
    assert [c.what for c in both().comparisons] == ["a1", "c", "a2"]


def test_notes_say_which_order_they_are_about() -> None:
    said = both().warnings

    assert said == (
        "of all",
        "x: said1 of x",
        "Order 2: of all at 2",
        "x (order 2): said2 of x",
        "at the end",
    )


def test_notes_of_the_problem_come_first() -> None:
    problem = replace(sine(), notes=(Note(Kind.WARNING, "posed"),))

    found = assemble([outcome(problem, M, M, M)], [], [])

    assert found.warnings == ("posed", "x: said of x")


def test_a_difference_that_was_not_taken_is_no_number() -> None:
    found = assemble([outcome(sine(), M, U, Q)], [], [])

    assert np.isnan(found.variables[0].difference).tolist() == [False, True, False]


def test_the_sensitivity_is_the_worse_of_the_orders() -> None:
    """Tolerance over S, for elements that match; infinite where nothing could be seen."""
    problem = sine(4)
    first = outcome(problem, M, M, M, X, size=np.ones(4), tolerance=np.array([1e-6, 2e-6, 8e-6, 1.0]))
    second = outcome(problem, M, M, M, M, size=np.ones(4), tolerance=np.full(4, 4e-6))
    blind = outcome(problem, M, M, M, M, size=np.array([1.0, 1, 1, 0]), bound=np.array([0, 0, 0, 1e-18]))

    assert assemble([first], [], []).sensitivity == (2e-6, 8e-6)
    assert assemble([first, second], [], []).sensitivity == (4e-6, 8e-6)
    assert assemble([first, blind], [], []).sensitivity == (2e-6, np.inf)
    assert assemble([outcome(problem, Q, Q, Q, Q)], [], []).sensitivity is None


def test_what_fails_is_explained_and_its_differences_are_counted() -> None:
    """The third element is said to be wrong: the tape is right, so that no output is to blame."""
    problem = sine()
    twice = np.cos(normal(3).astype(np.float32)) * [1, 1, 2.0]
    before = problem.meter.count

    found = assemble([outcome(problem, M, M, X, difference=twice)], [], [])

    assert found.diagnosis == ("x: only one element is wrong, [2] (1 of 3 elements fail)",)
    assert found.evaluations == problem.meter.count > before


def test_settings_target_and_words() -> None:
    problem = sine()

    found = assemble([outcome(problem, M, M, M)], [], [])

    assert (found.target, found.settings) == ("f", problem.settings)
    assert found.precision == "tape and differences in float64, tape also in float32"
