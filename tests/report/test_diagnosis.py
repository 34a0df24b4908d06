"""What a report says: the mistake by its name, what could have been seen, and warnings that help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ExitCode, check
from tests.corpus.case import Array, Broken, Function, distorted, one_element, scaled
from tests.parameters import every, named
from tests.saying import fails, lines, normal, passes

# Custom gradients.


@pytest.mark.parametrize(
    ("backward", "word"),
    [
        (lambda dy, x, y: (dy * y,), "expected to return 2 gradients, but returned 1"),
        (lambda dy, x, y: (dy * y, dy * x, dy), "expected to return 2 gradients, but returned 3"),
        (lambda dy, x, y: (tf.reduce_sum(dy * y), dy * x), "shape () for a variable of shape (3,)"),
        (lambda dy, x, y: ((dy * y)[None], dy * x), "shape (1, 3) for a variable of shape (3,)"),
        (lambda dy, x, y: (tf.cast(dy * y, tf.float32), dy * x), "float32 gradient for a float64 variable"),
        (lambda dy, x, y: (None, dy * x), "no gradient"),
        (lambda dy, x, y: (dy * np.nan, dy * x), "not finite"),
        (lambda dy, x, y: (dy * np.inf, dy * x), "not finite"),
    ],
    ids=["too few", "too many", "scalar", "an axis more", "dtype", "None", "nan", "inf"],
)
def test_a_gradient_that_is_none_says_so(backward: Callable[..., Any], word: str) -> None:
    report = fails(Broken(lambda x, y: x * y, backward), x=normal(3), y=normal(3, seed=1))

    assert word in lines(report)
    assert "y:" not in " ".join(report.diagnosis) or "expected" in word


def test_no_gradient_where_nothing_moves_is_right() -> None:
    report = passes(lambda x, y: tf.sin(x) + tf.stop_gradient(tf.sign(y)), x=normal(3), y=normal(3, seed=1))

    assert report.variables[1].reason is None


# Sensitivity.


def test_sensitivity_is_the_smallest_mistake_that_would_have_been_seen() -> None:
    report = passes(lambda x: tf.sin(x), x=normal(50))

    assert report.sensitivity is not None
    median, worst = report.sensitivity
    assert 1e-7 < median <= worst < 1e-3
    fails(distorted(lambda x: tf.sin(x), scaled(1 + 3 * worst)), x=normal(50))
    assert report.to_dict()["sensitivity"] == {"median": median, "worst": worst}


def test_a_looser_tolerance_sees_less() -> None:
    report = check(lambda x: tf.sin(x), {"x": normal(5)}, rtol=1e-2)

    assert report.sensitivity is not None
    assert report.sensitivity[0] == pytest.approx(1e-2, rel=0.1)
    assert check(distorted(lambda x: tf.sin(x), scaled(1.005)), {"x": normal(5)}, rtol=1e-2)


def test_nothing_to_see_has_no_sensitivity() -> None:
    assert passes(lambda x: tf.ones_like(x), x=normal(3)).sensitivity is None


def test_what_could_not_be_seen_counts_in_the_sensitivity() -> None:
    """tanh(20) is 1 but for 4e-18: whatever the tape says there, no difference sees it."""
    few = passes(tf.tanh, x=np.array([20.0, 0.3, 0.5]))
    most = passes(tf.tanh, x=np.array([20.0, 21.0, 22.0, 0.5]))

    for report, count in ((few, 1), (most, 3)):
        elements = "1 element is" if count == 1 else f"{count} elements are"
        assert f"{elements} below what differences can resolve" in lines(report)
        assert report.sensitivity is not None
        assert report.sensitivity[1] == np.inf
        assert report.to_dict()["sensitivity"] == {
            "median": "inf" if report is most else report.sensitivity[0],
            "worst": "inf",
        }
    assert few.sensitivity is not None
    assert few.sensitivity[0] < 1e-5
    assert "would have been seen in half of the elements, none in the least sensitive" in str(few)
    assert "no error in half of the elements or more would have been seen" in str(most)


# Warnings.


def test_kinks_are_counted_and_located() -> None:
    report = passes(lambda x: tf.abs(x), x=np.array([[1.0, -2.0], [0.0, 0.0]]))

    assert "2 of 4 elements are at a kink (first: [1, 0])" in lines(report)
    assert report.exit_code == ExitCode.PASS


def test_strict_counts_kinks_as_failures() -> None:
    x = {"x": np.array([0.0, 1.0])}

    assert check(lambda x: tf.nn.relu(x), x, strict=True).exit_code == ExitCode.FAIL
    assert check(lambda x: tf.sin(x), x, strict=True).exit_code == ExitCode.PASS


def test_float32_lost_through_conditioning_is_a_warning() -> None:
    """A rounding of x = 1e4 moves sin' by 1e-3: the gradient is as good as float32 allows."""
    report = passes(lambda x: tf.sin(100 * x), x=np.array([123.4, 77.7, 1.0], np.float32))

    assert "ill-conditioned" in lines(report)


# Diagnosis.


def wrong_where(mask: Callable[[Any], Any], factor: float) -> Function:
    """sin with a gradient that is off by a factor where `mask` says"""
    return Broken(
        lambda x: tf.sin(x), lambda dy, x: dy * tf.cos(x) * tf.where(mask(x), tf.cast(factor, x.dtype), 1.0)
    )


def border(x: Any) -> Any:
    """The last two columns"""
    return tf.broadcast_to(np.arange(8) >= 6, x.shape)


DIAGNOSES: dict[str, tuple[Function, Array, str]] = {
    "factor": (distorted(tf.sin, scaled(2.0)), normal(6), "off by a constant factor: tape = 2 × difference"),
    "small factor": (distorted(tf.sin, scaled(1.001)), normal(6), "tape = 1.001 × difference"),
    "sign": (distorted(tf.sin, scaled(-1.0)), normal(6), "the sign is wrong"),
    "batch": (
        distorted(lambda x: tf.sin(x), scaled(1 / 5)),
        normal(5, 3),
        "tape = difference / 5, and 5 is the batch size",
    ),
    "transpose": (
        distorted(lambda x: tf.matmul(x, normal(4, 4, seed=2)), lambda g: tf.transpose(g)),
        normal(4, 4),
        "the transpose of the difference gradient",
    ),
    "shift": (
        distorted(lambda x: tf.sin(x), lambda g: tf.roll(g, 1, 0)),
        normal(7),
        "shifted by one along axis 0: tape[i] = difference[i − 1]",
    ),
    "shift back": (
        distorted(lambda x: tf.sin(x), lambda g: tf.roll(g, -1, 1)),
        normal(2, 7),
        "shifted by one along axis 1: tape[i] = difference[i + 1]",
    ),
    "zero": (distorted(tf.sin, scaled(0.0)), normal(6), "zero where it should not be"),
    "ignored": (Broken(tf.sin, lambda dy, x: tf.cos(x)), normal(6), "the upstream gradient is ignored"),
    "squared": (Broken(tf.sin, lambda dy, x: dy**2 * tf.cos(x)), normal(6), "or used non-linearly"),
    "below": (wrong_where(lambda x: x < 0.0, 0.5), normal(9), "wrong only where x <"),
    "above": (wrong_where(lambda x: x > 0.2, 3.0), normal(9), "wrong only where x >"),
    "border": (wrong_where(border, 0.5), normal(3, 8), "wrong only at the border of axis 1"),
    "one element": (distorted(tf.sin, one_element(1.01)), normal(9), "only one element is wrong, [4]"),
    "ties twice": (
        Broken(
            lambda x: tf.reduce_max(x, keepdims=True),
            lambda dy, x: dy * tf.cast(x == tf.reduce_max(x), x.dtype),
        ),
        np.array([1.0, 3.0, 3.0, 2.0]),
        "a tie is counted twice",
    ),
    "ties not at all": (
        Broken(lambda x: tf.reduce_max(x, keepdims=True), lambda dy, x: dy * tf.zeros_like(x)),
        np.array([3.0, 3.0, 3.0]),
        "a tie is not counted at all",
    ),
    "this very point": (
        lambda x: tf.nn.relu(-x) + x - tf.nn.relu(x),
        np.array([0.0, 1.0, -1.0, 0.5]),
        "right at a neighbouring point but not at this very point",
    ),
    "no gradient": (lambda x: tf.stop_gradient(tf.sin(x)), normal(4), "no gradient"),
}


ELSEWHERE = {
    *("factor", "small factor", "sign", "transpose", "shift back", "ignored", "squared", "above"),
    *("one element", "no gradient"),
}
"""Mistakes that are named as another is, or that other tests of every run see named: with --full only."""


@pytest.mark.parametrize("mistake", named(DIAGNOSES, str, lambda _, mistake: mistake not in ELSEWHERE))
def test_each_mistake_is_named(mistake: str) -> None:
    function, x, words = DIAGNOSES[mistake]

    report = fails(function, x=x)

    assert len(report.diagnosis) == 1, lines(report)
    assert words in report.diagnosis[0]
    assert report.diagnosis[0].startswith("x: ")


@pytest.mark.parametrize("seed", named(range(6), str, every(6)))
def test_silent_where_nothing_fits(seed: int) -> None:
    """Random factors of every element have nothing in common."""
    factors = np.random.default_rng(seed + 10).uniform(0.3, 3.0, (3, 4))

    report = fails(distorted(tf.sin, lambda g: g * tf.constant(factors, g.dtype)), x=normal(3, 4, seed=seed))

    assert report.diagnosis == ()


@pytest.mark.parametrize("seed", named(range(6), str, every(6)))
def test_silent_about_scattered_mistakes(seed: int) -> None:
    """Five of twenty elements at random places, each off by an amount of its own."""
    rng = np.random.default_rng(seed)
    factors = np.ones(20)
    factors[rng.choice(np.arange(1, 19), 5, replace=False)] = rng.uniform(1.5, 3.0, 5)
    x = rng.permutation(np.linspace(-1.4, 1.4, 20))

    report = fails(distorted(tf.sin, lambda g: g * tf.constant(factors, g.dtype)), x=x)

    told = " ".join(report.diagnosis)
    assert not any(word in told for word in ("factor", "sign", "transpose", "shifted", "batch", "zero"))


def test_a_line_for_each_failing_variable() -> None:
    function = Broken(lambda x, y, z: x * y + z, lambda dy, x, y, z: (-dy * y, dy * x, 2 * dy))

    report = fails(function, x=normal(4), y=normal(4, seed=1), z=normal(4, seed=2))

    assert [line.split(":")[0] for line in report.diagnosis] == ["x", "z"]


# Names of variables.

CUT = "the tape returned no gradient (None): tf.stop_gradient in the function lets none through"


def slope_off_by(factor: float) -> Function:
    """x³ with a right gradient, whose own gradient by x is off by a factor"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def cube(x: Any) -> Any:
        def backward(r: Any) -> Any:
            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def slope(r: Any, x: Any) -> Any:
                return 3 * r * x**2, lambda d: (3 * d * x**2, factor * 6 * d * r * x)

            return slope(r, x)

        return x**3, backward

    def function(x: Any) -> Any:
        return cube(x)

    return function


@pytest.mark.parametrize("name", named(["weight:a", "a: b", "x (order 2)", ":"], str, every(2)))
def test_a_name_with_a_colon_is_said_once(name: str) -> None:
    """The reason of a failure stands in its diagnosis, and nowhere else."""
    report = check(lambda x: tf.stop_gradient(x) ** 2, {name: normal(4)})

    text = str(report)
    assert report.diagnosis == (f"{name}: {CUT} (4 of 4 elements fail)",)
    assert text.count("the tape returned no gradient") == 1
    assert "\nreason" not in text


@pytest.mark.parametrize("name", named(["weight:a", "x"], str, every(2)))
def test_a_higher_order_keeps_its_diagnosis(name: str) -> None:
    """A second derivative that is off by a constant factor."""
    report = check(slope_off_by(1.5), {name: normal(5)}, order=2)

    line = f"{name} (order 2): off by a constant factor: tape = 1.5 × difference (5 of 5 elements fail)"
    assert report.diagnosis == (line,)
    assert str(report).count("off by a constant factor") == 1


def test_names_that_begin_alike_are_kept_apart() -> None:
    """`a` fails for a reason and `a: b` is off by a factor: each has a line of its own."""
    report = check(
        lambda a, b: tf.stop_gradient(a) * 3 + distorted(tf.sin, scaled(2.0))(b),
        {"a": normal(4), "a: b": normal(4, seed=1)},
    )

    assert report.diagnosis == (
        f"a: {CUT} (4 of 4 elements fail)",
        "a: b: off by a constant factor: tape = 2 × difference (4 of 4 elements fail)",
    )
    assert str(report).count("no gradient (None)") == 1
