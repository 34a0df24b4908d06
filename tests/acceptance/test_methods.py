"""Random functions of windows, dense parts, permutations, gathers and ties: moved together or one by one.

The verdicts of `auto` and `elementwise` must be the same in every element, and their differences equal within
what both say of themselves, and the same holds within a budget for the elements that it leaves room for; for
a right gradient, and for one that is off by a hundredth in one element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gradcheck import ElementVerdict, Variable, check
from tests.corpus.case import Function, distorted

Array = np.ndarray[Any, np.dtype[Any]]
Part = Callable[[Any], Any]

ALONG: dict[str, Callable[[Array], Part]] = {
    "smooth": lambda draws: lambda x: tf.sin(x) * tf.constant(1 + draws[: x.shape[-1]]),
    "window": lambda draws: lambda x: x[..., 1:] * x[..., :-1] + 0.5 * x[..., 1:],
    "far window": lambda draws: lambda x: tf.tanh(x[..., 3:]) - x[..., :-3] ** 2,
    "every other": lambda draws: lambda x: x[..., ::2] ** 2,
    "repeated": lambda draws: lambda x: tf.repeat(x, 2, axis=-1),
    "dense": lambda draws: lambda x: x - tf.reduce_mean(x**2, axis=-1, keepdims=True),
    "permuted": lambda draws: lambda x: tf.gather(x, np.argsort(draws[: x.shape[-1]]), axis=-1),
    "gathered": lambda draws: lambda x: tf.gather(x, (7 * np.arange(9)) % x.shape[-1], axis=-1),
    "sorted": lambda draws: lambda x: tf.sort(x, axis=-1),
    "largest of 3": lambda draws: (
        lambda x: tf.maximum(tf.maximum(x[..., 2:], x[..., 1:-1]), x[..., :-2]) if x.shape[-1] > 2 else x
    ),
    "rectified": lambda draws: lambda x: tf.nn.relu(x),
    "masked": lambda draws: lambda x: tf.where(x > 0.3, x**2, 0.1 * x),
    "rows mixed": lambda draws: lambda x: x + 0.3 * tf.roll(x, 1, axis=0),
    "all rows mixed": lambda draws: lambda x: x * tf.reduce_sum(x, axis=0, keepdims=True),
    "turned": lambda draws: lambda x: tf.transpose(x),
}


@st.composite
def functions(draw: st.DrawFn) -> tuple[list[str], Function, Array]:
    """One to three parts, one after the other, on a matrix with ties or without"""
    names = draw(st.lists(st.sampled_from(list(ALONG)), min_size=1, max_size=3))
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(12, 24))
    generator = np.random.default_rng(draw(st.integers(0, 2**16)))
    draws = generator.uniform(0, 1, 200)
    x = generator.standard_normal((rows, columns))
    if draw(st.booleans()):
        x = np.round(2 * x) / 2
    parts = [ALONG[name](draws) for name in names]

    def function(x: Any) -> Any:
        for part in parts:
            x = part(x)
        return x

    return names, function, x


def variable(function: Function, x: Array, **options: Any) -> Variable:
    return check(function, {"x": x}, **options).variables[0]


def agree(found: Variable, alone: Variable) -> None:
    """Two variables have the same verdicts and differences, where the first was checked"""
    assert found.verdicts[found.checked].tolist() == alone.verdicts[found.checked].tolist()
    smooth = found.checked & (found.verdicts != ElementVerdict.KINK)
    apart = np.abs(found.difference - alone.difference)
    assert (apart <= found.tolerance + alone.tolerance)[smooth].all()


def same_in_all_ways(function: Function, x: Array, budget: int) -> None:
    """Together, one by one, and a sample of the elements"""
    auto, alone = variable(function, x), variable(function, x, method="elementwise")
    sampled = variable(function, x, budget=budget)

    assert auto.coverage == alone.coverage == 1.0
    agree(auto, alone)
    assert 0 < sampled.coverage <= 1.0
    agree(sampled, alone)


def examples(full: bool, holds: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> None:
    """The property at the same examples in every run; with --full at six times as many"""
    limits = settings(
        max_examples=12 if full else 2,
        derandomize=True,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow],
    )
    limits(given(*strategies)(holds))()


BUDGETS = st.sampled_from([2, 6, 20, 60])


@pytest.mark.full
def test_a_right_gradient_is_judged_alike(full: bool) -> None:
    def holds(drawn: tuple[list[str], Function, Array], budget: int) -> None:
        _, function, x = drawn
        same_in_all_ways(function, x, budget)

    examples(full, holds, functions(), BUDGETS)


def test_a_wrong_gradient_is_judged_alike(full: bool) -> None:
    def holds(drawn: tuple[list[str], Function, Array], budget: int, place: int) -> None:
        _, function, x = drawn
        wrong = np.where(np.arange(x.size) == place % x.size, 1.01, 1.0).reshape(x.shape)
        same_in_all_ways(distorted(function, lambda gradient: gradient * wrong), x, budget)

    examples(full, holds, functions(), BUDGETS, st.integers(0, 2**16))
