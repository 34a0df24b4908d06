"""Rounds of elements: both sides of each, from the point itself."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.large import Movable
from gradcheck.differences.evaluator import VariableEvaluator
from gradcheck.differences.rounds import of_rounds
from gradcheck.function.primal import Meter, Primal
from gradcheck.targets.function import Target
from tests.saying import normal


@pytest.mark.parametrize(("thin", "evaluations"), [(0, 4), (23, 4), (24, 5)])
def test_rounds_are_each_moved_from_the_point(
    thin: int, evaluations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elements 0 and 9 up and down by 1 and 2, then 3 by ½; in place, or where there are
    no more numbers in and out in copies, beside one of the point."""
    monkeypatch.setattr("gradcheck.differences.rounds.THIN", thin)
    x, meter = normal(3, 4), Meter()
    primal = Primal(Target("f", lambda x: tf.sin(x), {"x": x}), ["x"], "float64")
    evaluator = VariableEvaluator(primal, 0, primal.at_point().numpy(), meter)
    rounds = [(np.array([0, 9]), np.array([1.0, 2.0])), (np.array([3]), np.array([0.5]))]

    found = list(of_rounds(evaluator, Movable(x), rounds, plain=True))

    assert len(found) == 2
    assert meter.count == evaluations
    for (flat, steps), (up, down, base) in zip(rounds, found, strict=True):
        move = np.zeros(12)
        move[flat] = steps
        for side, sign in ((up, 1), (down, -1), (base, 0)):
            np.testing.assert_allclose(side, np.sin(x.reshape(-1) + sign * move), rtol=1e-12)
