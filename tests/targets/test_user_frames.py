"""The user's own lines out of exceptions that Keras and TensorFlow have wrapped."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck.targets.user_frames import message, own_lines, refusal, where


class Fussy(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Raises when it is called"""

    def call(self, x: Any) -> Any:
        raise ValueError("not\nlike that")


@tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
def graph(x: Any) -> Any:
    """Raises when it is traced"""
    return inner(x)


def inner(x: Any) -> Any:
    """The innermost line"""
    raise ValueError("not like that")


def kernel(x: Any) -> Any:
    """A kernel refuses"""
    return tf.matmul(x, x)


@pytest.mark.parametrize(
    ("function", "text", "lines"),
    [
        (inner, "not like that.", ['    raise ValueError("not like that")']),
        (graph, "not like that.", ["    return inner(x)", '    raise ValueError("not like that")']),
        (Fussy(), "not like that.", ['    raise ValueError("not\\nlike that")']),
        (
            kernel,
            "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3].",
            ["    return tf.matmul(x, x)"],
        ),
    ],
    ids=["plain", "tf.function", "Keras", "kernel"],
)
def test_message_and_lines(function: Any, text: str, lines: list[str]) -> None:
    with pytest.raises(Exception) as caught:  # whatever TensorFlow makes of it
        function(tf.ones((2, 3)))

    assert message(caught.value) == text
    shown = own_lines(caught.value).splitlines()
    assert shown[-2 * len(lines) + 1 :: 2] == lines
    assert all("test_user_frames.py" in line for line in shown[::2])


def test_an_error_from_no_line_of_the_user() -> None:
    error = ValueError()

    assert message(error) == "(no message)."
    assert own_lines(error) == ""
    assert where(error, "Look elsewhere.") == "Look elsewhere."


def test_the_sentence_for_a_function_that_raised() -> None:
    with pytest.raises(ValueError) as caught:
        inner(0)

    lines = str(refusal("layer", caught.value, "when it was built")).splitlines()
    assert lines[:2] == ["layer raised ValueError when it was built: not like that.", "It happened here:"]
    assert lines[-1] == '    raise ValueError("not like that")'
    otherwise = "Call it by itself with the same tensors to see the cause."
    assert str(refusal("f", KeyError("x"), "when it was called")).endswith(otherwise)


def test_frames_of_numpy_are_left_out() -> None:
    with pytest.raises(ValueError) as caught:  # NumPy's own words
        np.linalg.inv(np.ones((2, 3)))

    assert "linalg" not in own_lines(caught.value).splitlines()[0]
