"""Each way gives the function at every point, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.differences.points import Points, elements, rays, values
from gradcheck.differences.ways import Unable, Way, Ways
from gradcheck.function.primal import Primal
from gradcheck.targets.function import Target
from tests.corpus.case import Array, Function
from tests.saying import normal

X = normal(3, 4)
MOVES = normal(2, 2, seed=1)


def ways(function: Function, x: Array = X) -> Ways:
    whole = Primal(Target("f", function, {"x": x}), ["x"], "float64")
    return Ways(partial(whole.with_moved, outputs=whole.at_point().numpy().size), whole.values)


def moved(flat: Sequence[int], move: Array) -> Array:
    found = X.copy()
    found.reshape(-1)[list(flat)] += move
    return found


FAMILIES: dict[str, Callable[[], tuple[Points, list[Array]]]] = {
    "elements": lambda: (
        elements(0, np.array([7, 2]), np.array([1.0, -2.0])),
        [moved([7], np.ones(1)), moved([2], np.full(1, -2.0)), X],
    ),
    "values": lambda: (values(0, tf.constant(X), np.stack([X + 1, 2 * X])), [X + 1, 2 * X, X]),
    "rays": lambda: (
        rays({0: (np.array([1, 9]), MOVES)}, np.array([1, 0, 1]), np.array([0.5, -1.0, 2.0])),
        [moved([1, 9], 0.5 * MOVES[1]), moved([1, 9], -MOVES[0]), moved([1, 9], 2 * MOVES[1]), X],
    ),
}


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_way_gives_the_function_at_every_point(name: str, way: Way) -> None:
    points, places = FAMILIES[name]()

    found = ways(lambda x: tf.cumsum(x, 1))(way, points)

    assert isinstance(found, np.ndarray), found
    np.testing.assert_allclose(found, [np.cumsum(x, 1).reshape(-1) for x in places], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", [Way.LOOP, Way.AT_ONCE])
def test_a_graph_says_why_it_gives_nothing(way: Way) -> None:
    def untraceable(x: Any) -> Any:
        return x if float(x[0, 0]) < 100 else 2 * x

    singular = elements(0, np.array([3]), np.array([-1.0]))

    assert ways(untraceable)(way, FAMILIES["elements"]()[0]) is Unable.UNTRACEABLE
    assert ways(tf.linalg.inv, np.eye(2))(way, singular) is Unable.REFUSED
    alone = ways(tf.linalg.inv, np.eye(2))(Way.ONE_BY_ONE, singular)
    assert isinstance(alone, np.ndarray)
    assert np.isnan(alone).all(axis=1).tolist() == [True, False]
