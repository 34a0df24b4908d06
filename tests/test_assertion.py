"""assert_gradients, and the few lines that a test shows."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradcheck
from gradcheck import ElementVerdict, GradcheckError, GradientError, assert_gradients
from gradcheck.render.short import to_short

X = np.linspace(0.5, 2.0, 8).reshape(2, 4)


@tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
def square(x: Any, y: Any) -> Any:
    """x² + y, with three times x's gradient"""
    return x**2 + y, lambda r: (6 * x * r, r)


def test_right_gradients_give_the_report() -> None:
    report = assert_gradients(tf.tanh, {"x": X}, rtol=1e-5)

    assert report.passed and report.settings.rtol == 1e-5
    assert to_short(report) == "the gradient of tanh is right"


def test_a_wrong_gradient_is_an_assertion_with_the_diagnosis_and_the_worst_elements() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_gradients(square, {"x": X, "y": X})

    assert type(caught.value) is GradientError
    headline, diagnosis, headings, *rows = str(caught.value).splitlines()
    assert headline == "the gradient of square is wrong"
    assert diagnosis == "  x: off by a constant factor: tape = 3 × difference (8 of 8 elements fail)"
    assert headings.split() == ["element", "tape", "finite", "difference", "error/tolerance", "verdict"]
    assert len(rows) == 5
    for row in rows:
        assert row.startswith("  x[") and row.endswith("mismatch")
        tape, difference = map(float, row.partition("]")[2].split()[:2])
        # As many digits as agree, which is none, and two more.
        assert tape == pytest.approx(3 * difference, rel=0.1)
    assert len({len(row) for row in rows}) == 1


def test_a_scalar_has_no_index() -> None:
    with pytest.raises(GradientError, match=r"\n  x +1\.8 +0\.6 "):
        assert_gradients(square, {"x": np.array(0.3), "y": np.array(1.0)})


def test_what_could_not_be_judged_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    report = gradcheck.check(tf.tanh, {"x": X})
    unknown = np.full(X.shape, ElementVerdict.INCONCLUSIVE, np.uint8)
    variable = replace(report.variables[0], verdicts=unknown)
    monkeypatch.setattr("gradcheck.checking.check", lambda *_, **__: replace(report, variables=(variable,)))

    with pytest.raises(GradientError, match=r"^the gradient of tanh could not be judged\n.*element"):
        assert_gradients(tf.tanh, {"x": X})


def test_kinks_fail_only_where_strict() -> None:
    zero = {"x": np.zeros(3)}
    assert assert_gradients(tf.nn.relu, zero).passed

    said = r"^the gradient of relu has kinks, which strict counts as failures\n.*element(.*\n)+.*x\[0\].*kink"
    with pytest.raises(GradientError, match=said):
        assert_gradients(tf.nn.relu, zero, strict=True)


def test_a_layer() -> None:
    assert assert_gradients(keras.layers.Dense(2), {"x": X}).target == "Dense"


def test_a_check_that_cannot_run_is_no_assertion() -> None:
    with pytest.raises(GradcheckError) as caught:
        assert_gradients(lambda x: None, {"x": X})

    assert not isinstance(caught.value, AssertionError)
