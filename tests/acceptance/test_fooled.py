"""Functions built to fool the search for structure: verdicts are those of one element at a time.

Whatever the probes believe, `auto` and `elementwise` must agree in every element, for the right gradient, for
one that is off by 1 % at one element, and for one that is off by a thousandth everywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Report, Verdict, check
from tests.corpus.case import Broken, Function, distorted, scaled
from tests.parameters import among, every, named
from tests.saying import normal

Array = np.ndarray[Any, np.dtype[Any]]

N = 24
"""Elements of most cases: enough to be moved together."""
KINK = int(ElementVerdict.KINK)
GRADIENTS: dict[str, Callable[[Function, Array], Function]] = {
    "right": lambda function, x: function,
    "one element by 1 %": lambda function, x: distorted(function, at_the_largest(x)),
    "all by 0.1 %": lambda function, x: distorted(function, scaled(1.001)),
}


def at_the_largest(x: Array) -> Function:
    """The mistake of 1 % where x is largest: an element that routing by size never leaves out"""
    return lambda gradient: gradient * np.where(x == x.max(), 1.01, 1.0)


def both(function: Function, x: Array) -> tuple[Report, Report]:
    """The reports of the two methods"""
    return check(function, {"x": x}), check(function, {"x": x}, method="elementwise")


def codes(report: Report) -> list[int]:
    return [int(code) for code in report.variables[0].verdicts.reshape(-1)]


# Dependence that the moves of a probe do not show.


def narrow(x: Any) -> Any:
    """Those 20 apart meet only where the first is between 0.1 and 0.2"""
    inside = tf.where((x > 0.1) & (x < 0.2), x, tf.zeros_like(x))
    return tf.sin(x) + inside * tf.roll(x, 20, axis=0)


def negative(x: Any) -> Any:
    """Only negative numbers reach the end of the vector"""
    return tf.cos(x) + tf.reverse(tf.minimum(x, 0.0) ** 2, [0])


def large(x: Any) -> Any:
    """Only what is larger than 2 reaches half way round"""
    return x**2 + tf.nn.relu(x - 2.0) ** 2 * tf.roll(x, 13, axis=0)


def far(x: Any) -> Any:
    """The first and the last meet, all others are alone"""
    return tf.concat([tf.sin(x[:1] * x[-1:]), tf.sin(x[1:])], axis=0)


def gate(x: Any) -> Any:
    """The first element decides which neighbour counts"""
    return tf.where(x[0] > 0.5, tf.roll(x, 1, axis=0), tf.roll(x, 7, axis=0)) * x


def threshold(x: Any) -> Any:
    """All meet where the sum is within one percent of what it is here, and nowhere else"""
    total = tf.reduce_sum(x)
    here = tf.abs(total - float(normal(N).sum())) < 0.01
    return tf.where(here, x * total, x)


def faint(x: Any) -> Any:
    """Far neighbours meet by a millionth"""
    return tf.sin(x) + 1e-6 * tf.roll(x, 11, axis=0) ** 2


def last_of_many(x: Any) -> Any:
    """A batch of which the last row adds a bit to all"""
    return tf.tanh(x) + 0.01 * tf.sin(x[-1:])


# Data decides where a number goes.


def routed(x: Any) -> Any:
    return tf.gather(x, tf.argsort(x)) ** 2


def masked(x: Any) -> Any:
    """As many outputs as there are positive numbers"""
    return tf.exp(tf.boolean_mask(x, x > 0))


def weighted_best(x: Any) -> Any:
    values, _ = tf.math.top_k(x, 5)
    return values * tf.range(1.0, 6.0, dtype=x.dtype)


def best_place(x: Any) -> Any:
    """The row of the largest element, scaled"""
    return x * tf.one_hot(tf.argmax(x), x.shape[0], dtype=x.dtype) + tf.sin(x)


def segments(x: Any) -> Any:
    """Numbers are added up by their sign and size"""
    return tf.math.unsorted_segment_sum(x**2, tf.cast(tf.floor(tf.abs(x) * 3), tf.int32), 12)


def firsts(x: Any) -> Any:
    """The different numbers, in order of appearance"""
    values, _ = tf.unique(x)
    return tf.gather(tf.sin(x), tf.range(tf.size(values)))


# Functions that do not like how they are called.


def of_this_size_only(x: Any) -> Any:
    if x.shape != (N,):
        raise ValueError(f"the batch must be {N}")
    return tf.sin(x) * tf.roll(x, 1, axis=0)


def python_state() -> Function:
    calls = itertools.count()

    def function(x: Any) -> Any:
        next(calls)
        return tf.sin(x) ** 2

    return function


def untraceable(x: Any) -> Any:
    """Looks at the numbers in Python"""
    return tf.stack([tf.sin(part) if float(part) > 0 else part**2 for part in tf.unstack(x)])


def in_numpy(x: Any) -> Any:
    """NumPy's sine, for which there is no gradient but the one written"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def sine(x: Any) -> Any:
        value = tf.numpy_function(np.sin, [x], x.dtype)
        value.set_shape(x.shape)
        return value, lambda dy: dy * tf.cos(x)

    return sine(x) * tf.roll(x, 2, axis=0)


def in_python(x: Any) -> Any:
    return tf.py_function(lambda value: tf.sin(value) * value, [x], x.dtype)


def seeded(x: Any) -> Any:
    """Noise of a fixed seed: the same in every call, another in every row of a batch"""
    return tf.sin(x) * tf.random.stateless_uniform(x.shape, [1, 2], dtype=x.dtype)


def by_loop(x: Any) -> Any:
    """Has no converter for vectorised maps"""
    return tf.scan(lambda a, b: 0.5 * a + tf.sin(b), x)


# Moves that leave the domain.


def edge_of_log(x: Any) -> Any:
    return tf.math.log(x - 0.999999 * tf.reduce_min(tf.stop_gradient(tf.constant(EDGE))))


EDGE = np.abs(normal(N)) + 0.5


def root_of_difference(x: Any) -> Any:
    """NaN as soon as neighbours change places"""
    return tf.sqrt(x[1:] - x[:-1])


CASES: dict[str, tuple[Function, Array]] = {
    "narrow": (narrow, normal(N)),
    "narrow, inside": (narrow, np.linspace(0.11, 0.19, N)),
    "negative": (negative, np.abs(normal(N)) + 0.1),
    "negative, mixed": (negative, normal(N)),
    "large": (large, normal(N)),
    "large, some are": (large, 2.5 * normal(N)),
    "far": (far, normal(N)),
    "gate": (gate, normal(N)),
    "threshold": (threshold, normal(N)),
    "faint": (faint, normal(N)),
    "last of many": (last_of_many, normal(12, 3)),
    "routed": (routed, normal(N)),
    "sorted": (lambda x: tf.sort(x) * tf.range(1.0, N + 1.0, dtype=x.dtype), normal(N)),
    "masked": (masked, normal(N)),
    "top k": (weighted_best, normal(N)),
    "best place": (best_place, normal(N)),
    "segments": (segments, normal(N)),
    "firsts": (firsts, normal(N)),
    "of this size only": (of_this_size_only, normal(N)),
    "state in Python": (python_state(), normal(N)),
    "untraceable": (untraceable, normal(17)),
    "in NumPy": (in_numpy, normal(N)),
    "in Python": (in_python, normal(N)),
    "seeded": (seeded, normal(N)),
    "by a loop": (by_loop, normal(17)),
    "edge of log": (edge_of_log, EDGE),
    "root of difference": (root_of_difference, np.sort(normal(N))),
}


# Every mismatch costs a closer look: one case of each kind has a gradient that is wrong everywhere.
WRONG_EVERYWHERE = ("narrow", "negative, mixed", "gate", "routed", "top k", "in NumPy", "root of difference")
EVERY_RUN = {
    *((name, "right") for name in ("narrow", "large", "gate", "sorted", "in Python", "seeded")),
    ("root of difference", "right"),
    ("narrow", "one element by 1 %"),
}
"""What every run tries: the quickest for each way of being fooled, and a mistake in one element."""
TRIED = [
    (name, gradient)
    for name in CASES
    for gradient in GRADIENTS
    if gradient != "all by 0.1 %" or name in WRONG_EVERYWHERE
]


@pytest.mark.parametrize("tried", named(TRIED, ": ".join, among(EVERY_RUN)))
def test_verdicts_are_those_of_one_element_at_a_time(tried: tuple[str, str]) -> None:
    name, gradient = tried
    function, x = CASES[name]

    auto, alone = both(GRADIENTS[gradient](function, x), x)

    assert codes(auto) == codes(alone)
    assert (auto.verdict is Verdict.PASS) == (gradient == "right"), str(auto)


# Forward passes that leak between samples.


def leaking(leak: Function, gradient: Function | None = None) -> Broken:
    """sin(x) + leak(x) with a gradient that knows nothing of the leak, unless it is given"""

    def backward(dy: Any, x: Any) -> Any:
        return dy * tf.cos(x) if gradient is None else gradient(dy, x)

    return Broken(lambda x: tf.sin(x) + leak(x), backward)


def close_to(x: Any, point: Array) -> Any:
    """1 where every element is within 1 % of a point, else 0"""
    return tf.cast(tf.reduce_all(tf.abs(x - point) < 0.01 * np.abs(point)), x.dtype)


ROWS = normal(24, 2)
SIGNS = np.where(np.arange(24) % 2, 1.0, -1.0)[:, None]
LEAKS: dict[str, Function] = {
    "all rows": lambda x: 1e-3 * tf.reduce_mean(x, axis=0),
    "the row above": lambda x: 0.1 * tf.roll(x, 1, axis=0),
    "the row half way": lambda x: 0.1 * tf.roll(x, 12, axis=0),
    "faintly": lambda x: 1e-5 * tf.reduce_sum(x, axis=0),
    "one row to another": lambda x: tf.one_hot([3], 24, axis=0, dtype=x.dtype) * x[19:20],
    "negative rows": lambda x: 0.1 * tf.reverse(tf.minimum(x, 0.0), [0]),
    # No probe far from the point sees these.
    "here only": lambda x: close_to(x, ROWS) * tf.reduce_sum(x - ROWS, axis=0),
    "here only, faintly, cancelling": lambda x: (
        close_to(x, ROWS) * 1e-7 * tf.reduce_sum((x - ROWS) * SIGNS, axis=0)
    ),
    "here only, one row to another": lambda x: (
        close_to(x, ROWS) * tf.one_hot([3], 24, axis=0, dtype=x.dtype) * (x - ROWS)[19:20]
    ),
}


@pytest.mark.parametrize("name", named(LEAKS, str, every(9)))
def test_a_forward_that_leaks_where_its_gradient_does_not_fails(name: str) -> None:
    auto, alone = both(leaking(LEAKS[name]), ROWS)

    assert auto.verdict is Verdict.FAIL
    assert codes(auto) == codes(alone)


@pytest.mark.parametrize("name", named(LEAKS, str, every(3)))
def test_a_leak_that_the_gradient_knows_passes(name: str) -> None:
    function = leaking(LEAKS[name]).forward

    auto, alone = both(function, ROWS)

    assert auto.verdict is Verdict.PASS
    assert codes(auto) == codes(alone)


def test_a_gradient_that_leaks_where_the_forward_does_not_fails() -> None:
    def backward(dy: Any, x: Any) -> Any:
        return dy * tf.cos(x) + 1e-3 * tf.roll(dy, 1, axis=0)

    auto, alone = both(leaking(tf.zeros_like, backward), ROWS)

    assert auto.verdict is Verdict.FAIL
    assert codes(auto) == codes(alone)


def test_a_layer_without_a_leak_passes_in_few_evaluations() -> None:
    auto, alone = both(leaking(tf.zeros_like), ROWS)

    assert auto.verdict is alone.verdict is Verdict.PASS
    assert auto.evaluations < alone.evaluations / 4


# Corners and ties, where verdicts are kinks.

TIED = np.random.default_rng(0).integers(0, 4, (2, 12, 1)).astype(np.float64)
CORNERS: dict[str, tuple[Function, Array]] = {
    "ties of a maximum": (lambda x: tf.nn.max_pool1d(x, 3, 1, "VALID"), TIED),
    "relu at 0": (lambda x: tf.nn.relu(x), np.where(np.arange(24) % 3, normal(24), 0.0)),
    "ties when sorted": (lambda x: tf.sort(x) * tf.range(1.0, 25.0, dtype=x.dtype), TIED.reshape(-1)),
    "the largest, thrice": (lambda x: tf.reduce_max(x) + tf.sin(x), np.minimum(normal(24), 1.0)),
}


@pytest.mark.parametrize("name", named(CORNERS, str, every(4)))
def test_kinks_are_those_of_one_element_at_a_time(name: str) -> None:
    function, x = CORNERS[name]

    auto, alone = both(function, x)

    assert KINK in codes(auto)
    assert codes(auto) == codes(alone)
    assert auto.verdict is Verdict.PASS


@pytest.mark.parametrize("name", named(["relu at 0", "the largest, thrice"], str, every(2)))
def test_corners_do_not_hide_a_wrong_gradient(name: str) -> None:
    function, x = CORNERS[name]

    auto, alone = both(distorted(function, scaled(1.01)), x)

    assert codes(auto) == codes(alone)
    assert auto.verdict is Verdict.FAIL
