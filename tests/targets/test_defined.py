"""Where what is checked is defined, against the line on which this file says so."""

from __future__ import annotations

import functools
import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck import check
from gradcheck.targets.defined import defined


@tf.custom_gradient  # type: ignore[untyped-decorator]  # line of custom
def custom(x: Any) -> Any:
    return 2 * x, lambda r: 2 * r


@tf.function  # type: ignore[untyped-decorator]  # line of traced
@tf.custom_gradient  # type: ignore[untyped-decorator]
def traced(x: Any) -> Any:
    return 2 * x, lambda r: 2 * r


def plain(x: Any, factor: Any = 2.0) -> Any:  # line of plain
    return factor * x


class Scaled(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:  # line of layer
        return custom(x)


class Doubled:
    def __call__(self, x: Any) -> Any:  # line of object
        return custom(x)

    def method(self, x: Any) -> Any:  # line of method
        return custom(x)


def wrong(x: Any) -> Any:  # line of wrong
    return tf.sin(tripled(x))


@tf.custom_gradient  # type: ignore[untyped-decorator]  # line of part
def tripled(x: Any) -> Any:
    return 2 * x, lambda r: 3 * r


def line_of(word: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, start=1) if line.endswith(f"# line of {word}"))


CASES: dict[str, tuple[Any, str | None]] = {
    "a function": (plain, "plain"),
    "a custom gradient": (custom, "custom"),
    "a traced custom gradient": (traced, "traced"),
    "partial": (functools.partial(functools.partial(plain), factor=3.0), "plain"),
    "partial of a custom gradient": (functools.partial(traced), "traced"),
    "an object": (Doubled(), "object"),
    "a method": (Doubled().method, "method"),
    "a layer": (Scaled(), "layer"),
    "a layer of Keras": (keras.layers.Dense(2), None),
    "a function of TensorFlow": (tf.tanh, None),
    "a function of NumPy": (np.tanh, None),
}


@pytest.mark.parametrize("name", CASES)
def test_the_line_where_it_begins(name: str) -> None:
    made, word = CASES[name]
    assert defined(made) == (None if word is None else (__file__, line_of(word)))


@pytest.mark.parametrize(
    ("function", "word"), [(plain, "plain"), (Scaled(), "layer"), (wrong, "part"), (tf.tanh, None)]
)
def test_a_report_tells_the_line_to_look_at(function: Any, word: str | None) -> None:
    """That of a part that is wrong by itself, else that of the function."""
    report = pickle.loads(pickle.dumps(check(function, {"x": np.ones(3, np.float32)})))
    expected = None if word is None else {"file": __file__, "line": line_of(word)}
    assert report.to_dict()["source"] == expected
    assert report.source == (None if expected is None else (__file__, line_of(word or "")))


def test_the_backward_pass_of_a_pair_is_what_is_looked_at() -> None:
    def backward(dout: Any) -> Any:  # line of backward
        return 2.0 * dout

    report = check(lambda x: 2.0 * x, {"x": np.ones(3)}, gradient=backward)
    assert report.source == (__file__, line_of("backward"))
