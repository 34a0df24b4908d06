"""Jumps: told from all that is continuous, however steep, and from what rounding explains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import Differences
from gradcheck.function.noise_level import NoiseLevel
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.jumps import ASKED, jumps
from gradcheck.verdicts.verdict import ElementVerdict
from tests.corpus.case import Function
from tests.posed import posed, variable

AT = 1e-3
"""The point, and its scale: moves there are of 1e-7 to 1e-11."""


def found(
    function: Function,
    x: Array,
    noise: float = 0.0,
    cotangents: Array | None = None,
    judged: Judgement | None = None,
) -> tuple[list[int], int]:
    """Where jumps are found among elements that were not judged, and the evaluations that takes: two for each
    element and step, and one at the point for each step"""
    problem = posed(function, x=x)
    size = problem.base.size
    differences = Differences(
        problem.exact,
        0,
        np.ones((1, size)) if cotangents is None else cotangents,
        NoiseLevel(np.full(size, noise), np.array([1e-16])),
        problem.base,
        problem.meter,
    )
    before = problem.meter.count
    where = jumps(differences, variable(problem).steps, inconclusive(x.size) if judged is None else judged)
    return where.tolist(), problem.meter.count - before


def inconclusive(count: int) -> Judgement:
    return replace(Judgement.none(count), verdicts=np.full(count, ElementVerdict.INCONCLUSIVE, np.uint8))


def step(x: Any, at: float | Array = AT) -> Any:
    return tf.cast(x >= at, x.dtype)


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "a step": (step, True),
    "a step down": (lambda x: -step(x), True),
    "a step on the other side": (lambda x: tf.cast(x > AT, x.dtype), True),
    "a value of its own": (lambda x: tf.cast(tf.equal(x, AT), x.dtype), True),
    # The rise at the longest move of 1e-7 is 1.5 of the one at the shortest.
    "a step on a slope": (lambda x: step(x) + 5e6 * (x - AT) * step(x), True),
    "a step lost in a slope": (lambda x: step(x) + 5e7 * (x - AT) * step(x), False),
    "a step near a larger one": (lambda x: step(x) + 9 * step(x, AT + 2e-7), True),
    "a step at some distance": (lambda x: step(x, AT + 1e-9), False),
    "a slope": (lambda x: 1e9 * x, False),
    "nothing": (lambda x: 0 * x, False),
    "a corner": (lambda x: tf.abs(x - AT), False),
    "a tenth root": (lambda x: tf.maximum(x - AT, 0) ** 0.1, False),
    "a root": (lambda x: tf.sqrt(tf.abs(x - AT)), False),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_jump_is_told_from_what_is_continuous(name: str) -> None:
    function, is_jump = FUNCTIONS[name]

    where, evaluations = found(function, np.array([AT]))

    assert where == ([0] if is_jump else [])
    assert evaluations <= 6 + 3


def test_each_element_is_moved_by_its_own_scale() -> None:
    """1000 is moved by 0.1 to 1e-5, and 1e-3 by the scale of their tensor, 0.07 to 7e-6."""
    x = np.array([1000.0, 1e-3])

    assert found(lambda moved: step(moved, x), x)[0] == [0, 1]
    assert found(lambda moved: step(moved, x + 1e-6), x)[0] == [0, 1]
    assert found(lambda moved: step(moved, x + 1e-3), x)[0] == []


@pytest.mark.parametrize(("noise", "told"), [(0.1, True), (0.24, True), (0.26, False), (1.0, False)])
def test_a_jump_is_more_than_four_roundings(noise: float, told: bool) -> None:
    assert found(step, np.array([AT]), noise)[0] == ([0] if told else [])


def test_a_jump_that_one_upstream_gradient_sees_is_enough() -> None:
    upstream = np.array([[0.0, 1.0], [1.0, 0.0]])

    assert found(lambda x: tf.concat([step(x), 0 * x], 0), np.array([AT]), cotangents=upstream)[0] == [0]


def test_only_what_was_moved_and_could_not_be_judged_is_asked_for() -> None:
    every = inconclusive(4)
    verdicts = every.verdicts.copy()
    verdicts[1] = ElementVerdict.MISMATCH
    some = replace(every, verdicts=verdicts, along=np.arange(4) == 2)

    assert found(step, np.full(4, AT))[0] == [0, 1, 2, 3]
    assert found(step, np.full(4, AT), judged=some) == ([0, 3], 12 + 3)
    assert found(step, np.full(4, AT), judged=Judgement.none(4)) == ([], 0)


def test_of_many_elements_so_many_are_asked_for() -> None:
    where, evaluations = found(step, np.full(3 * ASKED, AT))

    assert where == list(range(ASKED))
    assert evaluations == 6 * ASKED + 3
