"""Right gradients broken in twenty known ways on twenty functions: the line said is right, or none is said.

What applies is decided beforehand, by the mathematics of each pair and not by what the product says: a
transposed gradient needs a square one that is not symmetric, a missing sum needs a broadcast, a surrogate a
function of steps, and what is linear in the elements cannot tell a missing linear term from a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Verdict, check
from tests.corpus.case import Array, Broken, Function, true_gradients
from tests.parameters import named
from tests.saying import normal

A, B = normal(4, 4, seed=5), normal(4, 5, seed=6)


@dataclass(frozen=True)
class Subject:
    """A right function of `x`, which it is broken for, and of others."""

    name: str
    forward: Function
    inputs: dict[str, Array]
    marks: frozenset[str]
    """What the mathematics says of it: see `APPLIES`."""


def subject(name: str, forward: Function, *inputs: Array, marks: str = "") -> Subject:
    """The marks in one word list"""
    return Subject(name, forward, dict(zip(("x", "y", "z"), inputs, strict=False)), frozenset(marks.split()))


def steps(x: Any) -> Any:
    """Stairs of a seventh"""
    return tf.round(x * 7) / 7


def normalised(x: Any) -> Any:
    """Layer normalisation"""
    mean = tf.reduce_mean(x, -1, keepdims=True)
    return (x - mean) / tf.sqrt(tf.math.reduce_variance(x, -1, keepdims=True) + 1e-3)


def decayed(x: Any) -> Any:
    """A loss with a weight decay"""
    return tf.reduce_sum(tf.sin(x)) + 0.3 * tf.reduce_sum(x * x)


SUBJECTS = (
    subject("sin", tf.sin, normal(9), marks="vector own"),
    subject("exp", tf.exp, normal(4, 4), marks="square own"),
    subject("tanh", tf.tanh, normal(5, 4), marks="own"),
    subject("square", lambda x: x * x, normal(3, 3), marks="square own"),
    subject("relu and line", lambda x: tf.nn.relu(x) + 0.5 * x, normal(12), marks="vector own"),
    subject("softplus", tf.math.softplus, normal(2, 6), marks="own"),
    subject("product", lambda x: x @ A, normal(4, 4), marks="square"),
    subject("wide product", lambda x: x @ B, normal(3, 4), marks=""),
    subject("squares of a product", lambda x: tf.square(x @ A), normal(4, 4), marks="square"),
    subject("softmax", tf.nn.softmax, normal(3, 5), marks="constant"),
    subject("layer normalisation", normalised, normal(3, 6), marks="constant"),
    subject("log softmax", tf.nn.log_softmax, normal(4, 5), marks=""),
    subject("sum of sines", lambda x: tf.reduce_sum(tf.sin(x)), normal(7), marks="vector scalar"),
    subject("mean of cubes", lambda x: tf.reduce_mean(x**3), normal(4, 4), marks="square scalar"),
    subject("decayed loss", decayed, normal(8), marks="vector scalar"),
    subject("bias", lambda x, y: tf.sin(y + x), normal(5), normal(4, 5, seed=1), marks="vector broadcast"),
    subject("scale", lambda x, y: tf.tanh(y * x), normal(4), normal(6, 4, seed=1), marks="vector broadcast"),
    subject("weights", lambda x, y: tf.tanh(y @ x), normal(4, 4), normal(3, 4, seed=1), marks="square"),
    subject("rounding", tf.round, 3 * normal(7), marks="flat"),
    subject("stairs", steps, normal(3, 4), marks="flat"),
)


Backward = Callable[..., Any]
"""(true gradient of x for an upstream gradient, upstream gradient, x) → the broken one."""


@dataclass(frozen=True)
class Mistake:
    """One way to break a gradient, and the words that name it."""

    name: str
    broken: Callable[[Subject], Backward]
    words: tuple[str, ...]
    """Any of them is a right diagnosis."""
    applies: Callable[[Subject], bool]


def of_gradient(change: Callable[[Any], Any]) -> Callable[[Subject], Backward]:
    """The true gradient through `change`"""
    return lambda _: lambda true, dy, x: change(true(dy))


def of_upstream(change: Callable[[Any], Any]) -> Callable[[Subject], Backward]:
    """The true gradient for a changed upstream gradient"""
    return lambda _: lambda true, dy, x: true(change(dy))


def one(g: Any) -> Any:
    """A factor in the middle element"""
    flat = tf.reshape(g, [-1])
    return tf.reshape(
        flat * (1 + 0.5 * tf.one_hot(flat.shape[0] // 2, flat.shape[0], dtype=g.dtype)), g.shape
    )


def only_first(dy: Any) -> Any:
    """The upstream gradient with all rows but the first left out"""
    mask = np.zeros((dy.shape[0], 1))
    mask[0] = 1
    return dy * tf.cast(mask, dy.dtype)


def rounded(dy: Any) -> Any:
    """The upstream gradient in float16"""
    return tf.cast(tf.cast(dy, tf.float16), dy.dtype)


def branch(true: Any, dy: Any, x: Any) -> Any:
    """A wrong slope on one side of 0"""
    return true(dy) * tf.where(x > 0, tf.cast(1.7, x.dtype), tf.ones_like(x))


def missing_term(subject: Subject) -> Backward:
    """Without a term 0.3 x² (`decayed loss`, and what has as many outputs), or without the sum that makes
    rows of softmax and normalisations constant"""
    if "constant" in subject.marks:
        return lambda true, dy, x: true(dy) + 0.1 * tf.reduce_mean(dy * x, -1, keepdims=True) * x
    return lambda true, dy, x: true(dy) - 0.6 * x * dy


def smooth(s: Subject) -> bool:
    """A function that its elements move"""
    return "flat" not in s.marks


def all_of(*marks: str) -> Callable[[Subject], bool]:
    """Subjects with all of these marks"""
    return lambda s: set(marks) <= s.marks


def any_of(*marks: str) -> Callable[[Subject], bool]:
    """Subjects with one of these marks"""
    return lambda s: bool(set(marks) & s.marks)


MISTAKES = (
    Mistake("factor", of_gradient(lambda g: 1.3 * g), ("constant factor: tape = 1.3",), smooth),
    Mistake("sign", of_gradient(lambda g: -g), ("the sign is wrong",), smooth),
    Mistake(
        "transpose",
        of_gradient(lambda g: tf.transpose(g)),
        ("transpose of the difference",),
        all_of("square"),
    ),
    Mistake("one element", of_gradient(one), ("only one element",), smooth),
    Mistake(
        "cut",
        lambda _: lambda true, dy, x: None,
        ("the custom gradient of `function` returned None",),
        smooth,
    ),
    Mistake("reversed", of_gradient(lambda g: -0.4 * g), ("gradient reversal",), smooth),
    Mistake("surrogate", of_gradient(lambda g: g), ("surrogate",), all_of("flat")),
    Mistake(
        "mean for sum",
        lambda s: lambda true, dy, x: true(dy) / (s.inputs["y"].shape[0] if "y" in s.inputs else x.shape[0]),
        ("batch size", "number of elements", "length of axis"),
        any_of("broadcast", "scalar", "own"),
    ),
    Mistake("missing sum", of_upstream(only_first), ("not summed over axis 0",), all_of("broadcast")),
    Mistake(
        "missing term",
        missing_term,
        ("multiple of the variable", "a term", "a sum is missing"),
        lambda s: bool({"own", "scalar", "constant"} & s.marks) and s.name != "square",
    ),
    Mistake(
        "shifted",
        of_gradient(lambda g: tf.roll(g, 1, 0)),
        ("shifted by one along axis 0",),
        lambda s: smooth(s) and s.inputs["x"].shape[0] >= 4,
    ),
    Mistake(
        "clipped",
        of_gradient(lambda g: tf.clip_by_value(g, -0.3, 0.25)),
        ("clipped",),
        lambda s: s.name not in ("mean of cubes", "softmax") and smooth(s),
    ),
    Mistake("squared upstream", of_upstream(tf.square), ("non-linearly",), smooth),
    Mistake("upstream of one sign", of_upstream(tf.nn.relu), ("relu",), smooth),
    Mistake("absolute upstream", of_upstream(tf.abs), ("its sign is lost",), smooth),
    Mistake(
        "upstream rounded", of_upstream(rounded), ("rounded to float16",), lambda s: "flat" not in s.marks
    ),
    Mistake(
        "upstream turned round",
        of_upstream(lambda dy: tf.reshape(tf.reverse(tf.reshape(dy, [-1]), [0]), dy.shape)),
        ("its entries are mixed up", "reversed along"),
        lambda s: smooth(s) and not {"scalar", "constant"} & s.marks,
    ),
    Mistake(
        "a factor of the point",
        lambda _: lambda true, dy, x: true(dy) * (1.5 + tf.reduce_mean(x * x)),
        ("off by the same factor in all elements at this point, but not at another",),
        smooth,
    ),
    Mistake(
        "ignored upstream",
        of_upstream(tf.ones_like),
        ("ignored",),
        lambda s: smooth(s) and "constant" not in s.marks,
    ),
    Mistake(
        "wrong branch",
        lambda _: branch,
        ("only where x > ", "tape = 1.7 × difference, where elements fail"),
        smooth,
    ),
)


def broken(subject: Subject, mistake: Mistake) -> Broken:
    """The subject with the gradient of `x` broken, and the others right"""
    backward = mistake.broken(subject)

    def gradients(dy: Any, *tensors: Any) -> Any:
        if "flat" in subject.marks:
            return dy
        gradients = true_gradients(subject.forward, dy, tensors)
        gradients[0] = backward(lambda r: true_gradients(subject.forward, r, tensors)[0], dy, tensors[0])
        return gradients

    return Broken(subject.forward, gradients)


def pairs() -> Iterator[tuple[Subject, Mistake]]:
    """Every mistake on every function that it applies to."""
    for mistake in MISTAKES:
        for subject in SUBJECTS:
            if mistake.applies(subject):
                yield subject, mistake


def told(pair: tuple[Subject, Mistake]) -> tuple[str, str]:
    """right, silent or wrong, and the line"""
    subject, mistake = pair
    report = check(broken(subject, mistake), subject.inputs)
    assert report.verdict is Verdict.FAIL, f"{subject.name}, {mistake.name}: {report}"
    line = " ".join(report.diagnosis)
    if not line:
        return "silent", line
    return ("right" if any(word in line for word in mistake.words) else "wrong"), line


@pytest.mark.parametrize("mistake", named(MISTAKES, lambda mistake: mistake.name, lambda number, _: True))
def test_a_mistake_is_named_or_nothing_is_said(mistake: Mistake, full: bool) -> None:
    chosen = [pair for pair in pairs() if pair[1] is mistake]
    found = [(subject.name, *told((subject, mistake))) for subject, mistake in chosen[:: 1 if full else 12]]

    wrong = [f"{name}: {line}" for name, how, line in found if how == "wrong"]
    right = sum(how == "right" for _, how, _ in found)
    assert wrong == []
    assert right >= 0.8 * len(found), [name for name, how, _ in found if how == "silent"]
