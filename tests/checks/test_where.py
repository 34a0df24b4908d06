"""Where in a function it is wrong: which custom gradient or layer is, by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Report, Verdict, check
from gradcheck.render.plain import to_dict
from gradcheck.verdicts.verdict import ElementVerdict
from tests.parameters import among, named
from tests.saying import normal, told

WIDTH = 2
X = {"x": normal(3, WIDTH), "w": 0.5 * normal(WIDTH, WIDTH, seed=1)}
Activation = Callable[[Any], Any]


def smooth(factor: float) -> Activation:
    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def my_tanh(x: Any) -> Any:
        y = tf.tanh(x)
        return y, lambda dy: factor * dy * (1 - y * y)

    found: Activation = my_tanh
    return found


def squared(factor: float) -> Activation:
    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def my_square(x: Any) -> Any:
        return x * x / 2, lambda dy: factor * dy * x

    found: Activation = my_square
    return found


def bent(factor: float) -> Activation:
    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def my_sine(x: Any) -> Any:
        return tf.sin(x), lambda dy: factor * dy * tf.cos(x)

    found: Activation = my_sine
    return found


def network(*activations: Activation) -> Callable[..., Any]:
    def function(x: Any, w: Any) -> Any:
        for activation in activations:
            x = activation(x @ w)
        return tf.reduce_sum(x * tf.linspace(tf.constant(1.0, x.dtype), 2.0, WIDTH))

    return function


def shown(report: Report) -> str:
    """The report in one line"""
    return " ".join(str(report).split())


def wrong(report: Report) -> list[str]:
    return [part.name for part in report.parts if part.wrong]


@pytest.mark.parametrize("depth", named([0, 2, 4], str, among({2})))
def test_one_of_five_is_wrong(depth: int) -> None:
    """The right ones are fed by a wrong one, or their gradients go through it."""
    activations = [smooth(1.0), squared(1.0), smooth(1.0), squared(1.0), smooth(1.0)]
    activations[depth] = bent(1.5)

    report = check(network(*activations), X)

    assert report.verdict is Verdict.FAIL
    assert wrong(report) == ["my_sine"], told(report)
    assert {part.name for part in report.parts if not part.wrong} == {"my_tanh", "my_square"}
    assert "my_sine (test_where.py:" in shown(report)
    assert "wrong by itself; 2 custom gradients: right" in shown(report)


def test_one_of_two_from_the_same_lines_is_wrong() -> None:
    report = check(network(smooth(1.0), smooth(0.5), smooth(1.0)), X)
    assert [(part.wrong, part.calls) for part in report.parts] == [(False, 2), (True, 1)], told(report)


def test_two_are_wrong() -> None:
    report = check(network(bent(2.0), smooth(1.0), squared(-1.0)), X)
    assert wrong(report) == ["my_sine", "my_square"], told(report)


@pytest.mark.parametrize("factor", [pytest.param(1.0, marks=pytest.mark.full), 1.1])
def test_inside_a_loop(factor: float) -> None:
    """All calls are one part"""
    step = smooth(factor)
    report = check(lambda x, w: tf.foldl(lambda h, _: step(h @ w), tf.range(4), initializer=x), X, where=True)
    assert report.passed == (factor == 1.0)
    assert [(part.name, part.calls, part.wrong) for part in report.parts] == [("my_tanh", 4, factor != 1.0)]


def test_inside_a_function_that_is_traced() -> None:
    report = check(tf.function(network(smooth(1.0), bent(1.5))), X)
    assert wrong(report) == ["my_sine"], told(report)
    assert not tf.config.functions_run_eagerly()


def test_the_upstream_gradient_is_that_of_the_point() -> None:
    """Clipped at 10, which no upstream gradient but that of the point comes to."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def clipped(x: Any) -> Any:
        return tf.identity(x), lambda dy: tf.clip_by_value(dy, -10.0, 10.0)

    report = check(lambda x, w: 100 * clipped(x @ w), X)
    assert wrong(report) == ["clipped"], told(report)


def test_what_is_wrong_between_right_ones_is_said_to_be_there() -> None:
    step = smooth(1.0)
    report = check(lambda x, w: step(x @ w) + tf.stop_gradient(step(x)), X)
    assert report.verdict is Verdict.FAIL
    assert wrong(report) == ["StopGradient"], told(report)
    assert "lets no gradient through; 1 custom gradient: right" in shown(report)


def test_what_no_part_explains_is_looked_for_between_them() -> None:
    step = smooth(1.0)
    report = check(lambda x, w: step(x @ w) + tf.numpy_function(np.sin, [x], x.dtype), X)
    assert report.verdict is Verdict.FAIL
    assert wrong(report) == []
    assert "look between them, for a cut gradient" in shown(report)


def test_nothing_is_noted_of_code_without_any() -> None:
    """TensorFlow's own custom gradients are not the user's"""
    report = check(lambda x, w: tf.nn.silu(x @ w) + tf.numpy_function(np.sin, [x], x.dtype), X)
    assert report.verdict is Verdict.FAIL
    assert report.parts == ()
    assert not any(line.startswith("where  ") for line in str(report).splitlines())


def line_of(function: Any, text: str) -> int:
    """The line of a function's source that holds a text."""
    lines, first = inspect.getsourcelines(function)
    return first + next(n for n, line in enumerate(lines) if text in line)


def product_of(x: Any) -> Any:
    return tf.tanh(x) + tf.math.cumprod(x)


def normalised(x: Any) -> Any:
    return tf.tanh(x) * tf.nn.moments(x, [0])[1]


def length(x: Any) -> Any:
    return tf.sin(x) + tf.norm(0.0 * x)


def looped(x: Any) -> Any:
    return tf.foldl(lambda h, _: tf.sin(h) + tf.stop_gradient(h * h), tf.range(3), initializer=x)


@pytest.mark.parametrize(
    ("function", "order", "operation", "text"),
    [
        (product_of, 1, "Cumprod", "cumprod"),
        (normalised, 2, "StopGradient in moments", "moments"),
        (length, 1, "Sqrt in norm", "norm"),
        (looped, 1, "StopGradient", "stop_gradient"),
    ],
)
def test_an_operation_of_tensorflow_that_is_wrong_at_the_point(
    function: Any, order: int, operation: str, text: str
) -> None:
    """A product over a 0, a gradient that TensorFlow stops itself, a norm at 0, and a loop"""
    report = check(function, {"x": np.array([1.5, 0.0, -2.0, 0.5])}, order=order)
    assert report.verdict is Verdict.FAIL
    assert [(part.name, part.line) for part in report.parts] == [(operation, line_of(function, text))]
    assert report.parts[0].calls == (3 if function is looped else 1)


def test_an_operation_that_is_right_at_the_point_is_not_named() -> None:
    """Ties, steps and integers along the way to what is wrong"""

    def busy(x: Any) -> Any:
        y = tf.nn.relu(x) * tf.sort(x) + tf.round(x) + tf.cast(tf.cast(x, tf.int32), x.dtype)
        y += tf.gather(x, [0, 0, 1, 2]) + tf.concat([x[:2], tf.reverse(x, [0])[2:]], 0) + tf.split(x, 1)[0]
        return y + tf.reduce_max(x) + tf.einsum("i,j->i", x, x) - tf.stop_gradient(tf.sin(x))

    report = check(busy, {"x": np.array([1.3, 0.0, 0.0, 1.3])})
    assert wrong(report) == ["StopGradient"], told(report)


def test_a_passing_check_looks_only_where_it_is_asked_to() -> None:
    function = network(smooth(1.0), squared(1.0))
    assert check(function, X).parts == ()
    report = check(function, X, where=True)
    assert [part.wrong for part in report.parts] == [False, False]
    assert "2 custom gradients: right" in shown(report)
    assert "look between them" not in shown(report)


def test_the_function_of_the_check_itself_is_not_checked_twice() -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def product(x: Any, w: Any) -> Any:
        return x @ w, lambda dy: (dy @ tf.transpose(w), 2 * tf.transpose(x) @ dy)

    plain = check(product, X)
    # The same inside a function that adds nothing, but another number.
    inside = check(lambda x, w: product(x, w) + 0.5, X)
    assert plain.verdict is inside.verdict is Verdict.FAIL
    assert plain.parts == ()
    assert wrong(inside) == ["product"]


class Block(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A layer whose output does not carry the gradient of one branch"""

    def __init__(self, cut: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.cut = cut
        self.dense = keras.layers.Dense(WIDTH, "tanh")

    def build(self, shape: tuple[int, ...]) -> None:
        self.dense.build(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cut": self.cut}

    def call(self, x: Any) -> Any:
        return self.dense(x) + (tf.stop_gradient(x) if self.cut else x)


def test_a_layer_inside_a_model() -> None:
    layers = [Block(name="first"), Block(cut=True, name="second")]
    model = keras.Sequential([keras.Input((WIDTH,)), *layers, keras.layers.Dense(1)])
    report = check(model, {"x": X["x"].astype(np.float32)})
    assert wrong(report) == ["second", "StopGradient"], told(report)
    (found, _) = (part for part in to_dict(report)["where"] if part["verdict"] == "mismatch")  # type: ignore[attr-defined]
    assert found["name"] == "second"
    assert found["file"].endswith("test_where.py")


class Holder(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A right layer around a wrong function"""

    def call(self, x: Any) -> Any:
        return bent(1.5)(x) + x


def test_a_layer_around_what_is_wrong_is_not_named() -> None:
    model = keras.Sequential([keras.Input((WIDTH,)), Holder(name="block"), keras.layers.Dense(1)])
    report = check(model, {"x": X["x"].astype(np.float32)})
    assert wrong(report) == ["my_sine"], told(report)
    assert "called in block: wrong by itself" in shown(report)


def test_a_closure_over_a_tensor_is_told_from_others() -> None:
    def scaled(factor: Any) -> Activation:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def by(x: Any) -> Any:
            return x * 1.0, lambda dy: dy * tf.cast(factor, dy.dtype)

        found: Activation = by
        return found

    factors = [1.0, 1.3, *[1.0] * 10]
    report = check(network(*(scaled(tf.constant(factor)) for factor in factors)), X)
    assert [(part.calls, part.wrong) for part in report.parts] == [(11, False), (1, True)], told(report)


def test_what_the_tape_never_comes_by_is_left_out() -> None:
    off = bent(1.5)
    report = check(lambda x, w: tf.stop_gradient(off(x)) + smooth(1.0)(x @ w), X)
    assert [part.name for part in report.parts] == ["my_tanh", "StopGradient"]


@pytest.mark.parametrize(
    ("by_x", "by_gain"), [(1.0, 1.0), (1.0, 2.0), pytest.param(2.0, 1.0, marks=pytest.mark.full)]
)
def test_what_reads_variables_is_judged_by_them_too(by_x: float, by_gain: float) -> None:
    gain = tf.Variable(2.0, dtype=tf.float64)

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def gained(x: Any) -> Any:
        def backward(dy: Any, variables: Any = None) -> Any:
            return by_x * dy * gain, [by_gain * tf.reduce_sum(dy * x) for _ in variables or []]

        return x * gain, backward

    report = check(lambda x, w: gained(x @ w), X, where=True)
    assert [part.verdict is ElementVerdict.MATCH for part in report.parts] == [by_x == by_gain == 1.0]
    assert gain.numpy() == 2.0


class Reader(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Its backward pass reads its own kernel, which is bound by assignment for that"""

    def __init__(self, factor: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def build(self, shape: tuple[int, ...]) -> None:
        self.w = self.add_weight(shape=(shape[-1], WIDTH))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}

    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def product(x: Any, w: Any) -> Any:
            return x @ w, lambda dy: (dy @ tf.transpose(self.w), self.factor * tf.transpose(x) @ dy)

        return product(x, tf.convert_to_tensor(self.w))


def test_inside_layers_whose_weights_are_assigned() -> None:
    layers = [Reader(name="first"), Reader(1.5, name="second")]
    report = check(keras.Sequential([keras.Input((WIDTH,)), *layers]), {"x": X["x"].astype(np.float32)})
    assert [(part.name, part.inside) for part in report.parts if part.wrong] == [("product", "second")]
    # The layer around it is not named, since what it holds is.
    assert {part.name for part in report.parts if part.right} == {"product", "first"}


class Gated(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Takes several tensors, by position and by keyword, and a mask"""

    def call(self, x: Any, gate: Any, scale: float = 1.0, mask: Any = None) -> Any:
        y = bent(scale)(x) * gate
        return y if mask is None else y * tf.cast(mask, y.dtype)[..., None]


class Gating(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner, self.masking = Gated(name="gated"), keras.layers.Masking()

    def call(self, x: Any) -> Any:
        return self.inner(self.masking(x), gate=tf.tanh(x))


def test_a_layer_with_arguments_besides_its_input() -> None:
    model = keras.Sequential([keras.Input((3, WIDTH)), Gating(name="gating"), keras.layers.Dense(1)])
    x = normal(2, 3, WIDTH).astype(np.float32)
    x[0, 1] = 0.0  # masked
    report = check(model, {"x": x}, where=True)
    assert report.verdict is Verdict.PASS, told(report)
    assert {part.name: part.verdict.label for part in report.parts}["gated"] in ("match", "kink")


class Switched(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Right in training mode only"""

    def call(self, x: Any, training: bool = False) -> Any:
        return bent(1.0 if training else 1.5)(x)


class Outer(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = Switched(name="inner")

    def call(self, x: Any) -> Any:
        return self.inner(x)


def test_training_mode_is_taken_on_from_the_model() -> None:
    model = keras.Sequential([keras.Input((WIDTH,)), Outer(name="outer"), keras.layers.Dense(1)])
    data = {"x": X["x"].astype(np.float32)}
    report = check(model, data, constants={"training": True}, where=True)
    assert report.verdict is Verdict.PASS, told(report)
    assert wrong(report) == []
    assert check(model, data).verdict is Verdict.FAIL


def test_what_was_not_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither functions nor calls are passed over in silence"""
    step = smooth(1.0)
    report = check(lambda x: sum(step(x * n) for n in range(1, 10)), {"x": X["x"]}, where=True)
    assert [(part.calls, part.looked_at) for part in report.parts] == [(9, 8)]
    assert "1 custom gradient: right in the 8 of 9 calls that were looked at" in shown(report)

    monkeypatch.setattr("gradcheck.checks.where.SHARE", 0)
    monkeypatch.setattr("gradcheck.checks.where.BESIDES", 0)
    report = check(network(smooth(1.0), bent(1.5), squared(1.0)), X)
    assert "not looked at: my_tanh (test_where.py:" in shown(report)
    assert "look between them" not in shown(report)


def test_closures_over_different_objects_are_told_apart() -> None:
    class Factor:
        def __init__(self, value: float) -> None:
            self.value = value

    def scaled(factor: Factor) -> Activation:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def by(x: Any) -> Any:
            return x * 1.0, lambda dy: dy * factor.value

        found: Activation = by
        return found

    report = check(network(*(scaled(Factor(1.3 if n == 4 else 1.0)) for n in range(12))), X)
    assert [part.wrong for part in report.parts].count(True) == 1, told(report)


class Frozen(Reader):
    """Its kernel is cut off inside of a call that is traced"""

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def call(self, x: Any) -> Any:
        return x @ tf.stop_gradient(tf.convert_to_tensor(self.w))


def test_what_binds_the_weights_of_a_layer_is_no_cause() -> None:
    """The layer is called through a custom gradient of gradcheck's own, which is not the user's"""
    report = check(Frozen(), {"x": X["x"]})
    assert wrong(report) == ["StopGradient"], told(report)
    assert "custom gradient of" not in shown(report)
