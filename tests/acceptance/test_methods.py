"""Random functions of windows, dense parts, permutations, gathers and ties: moved together or one by one.

The verdicts of `auto` and `elementwise` must be the same in every element, and their differences equal within
what both say of themselves; the same holds for a gradient that is off by a hundredth in one element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
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


def variable(function: Function, x: Array, method: str) -> Variable:
    return check(function, {"x": x}, method=method).variables[0]


def agree(function: Function, x: Array) -> None:
    """The two methods say the same of every element"""
    auto, alone = (variable(function, x, method) for method in ("auto", "elementwise"))

    assert auto.verdicts.tolist() == alone.verdicts.tolist()
    smooth = auto.verdicts != ElementVerdict.KINK
    apart = np.abs(auto.difference - alone.difference)
    assert (apart <= auto.tolerance + alone.tolerance)[smooth].all()


FEW = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)


@FEW
@given(functions())
def test_a_right_gradient_is_judged_alike(drawn: tuple[list[str], Function, Array]) -> None:
    _, function, x = drawn
    agree(function, x)


@FEW
@given(functions(), st.integers(0, 2**16))
def test_a_wrong_gradient_is_judged_alike(drawn: tuple[list[str], Function, Array], place: int) -> None:
    _, function, x = drawn
    wrong = np.where(np.arange(x.size) == place % x.size, 1.01, 1.0).reshape(x.shape)
    agree(distorted(function, lambda gradient: gradient * wrong), x)
