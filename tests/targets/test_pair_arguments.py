"""What the parameters of a backward function in NumPy get: right and wrong ones of homework, and what is
refused since an array in the place of another could hide an error."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from gradcheck import GradcheckError, Verdict, check
from gradcheck.targets.arguments import UPSTREAM
from tests.corpus.case import Array
from tests.saying import normal

X, W, B = normal(2, 3), normal(3, 2, seed=1), normal(2, seed=2)
LABELS = np.array([1, 0])
AFFINE = {"x": X, "w": W, "b": B}


def affine(x: Array, w: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ w + b, (x, w)


def plain(x: Array, w: Array, b: Array) -> Array:
    return affine(x, w, b)[0]


def slopes(r: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    return r @ w.T, x.T @ r, r.sum(axis=0)


def halved(r: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """The bias divided by the number of samples"""
    return r @ w.T, x.T @ r, r.mean(axis=0)


def squares(a: Array) -> tuple[float, Array]:
    return float(0.5 * (a**2).sum()), a


def product(a: Array, b: Array) -> tuple[Any, tuple[Array, Array]]:
    return (a * b).sum(), (a, b)


def step(h: Array, c: Array) -> tuple[Array, Array, tuple[Array, Array]]:
    """Two outputs"""
    return np.tanh(h) * c, c**2, (h, c)


def stepped(r: Array, s: Array, h: Array, c: Array) -> tuple[Array, Array]:
    return r * c * (1 - np.tanh(h) ** 2), r * np.tanh(h) + 2 * s * c


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def softmax_loss(x: Array, y: Array, error: float = 1.0) -> tuple[float, Array]:
    """The loss and its gradient, (p − y) / N"""
    p = softmax(x)
    loss = float(-np.log(p[np.arange(len(y)), y]).mean())
    p[np.arange(len(y)), y] -= 1
    return loss, error * p / len(y)


def wrong_softmax_loss(x: Array, y: Array) -> tuple[float, Array]:
    return softmax_loss(x, y, 2.0)


def logistic(w: Array, x: Array, y: Array) -> tuple[float, dict[str, Array]]:
    loss, d = softmax_loss(x @ w, y)
    return loss, {"w": x.T @ d}


@dataclass(frozen=True)
class Case:
    """A forward function with a right and a wrong gradient."""

    forward: Callable[..., Any]
    inputs: Mapping[str, Any]
    right: Callable[..., Any]
    wrong: Callable[..., Any]
    spoiled: set[str]
    """Where the wrong one is wrong."""
    constants: Mapping[str, Any] | None = None


CASES = {
    "dZ and cache": Case(
        affine,
        AFFINE,
        lambda dZ, cache: slopes(dZ, *cache),
        lambda dZ, cache: halved(dZ, *cache),
        {"b"},
    ),
    "dh and caches": Case(
        affine,
        AFFINE,
        lambda dh, caches: slopes(dh, *caches),
        lambda dh, caches: halved(dh, *caches),
        {"b"},
    ),
    "the only one beside cache": Case(
        affine,
        AFFINE,
        lambda cache, error: slopes(error, *cache),
        lambda cache, error: halved(error, *cache),
        {"b"},
    ),
    "an input that is not needed": Case(
        plain, AFFINE, lambda dz, x, w: slopes(dz, x, w), lambda dz, x, w: halved(dz, x, w), {"b"}
    ),
    "the only one beside all inputs": Case(
        plain, AFFINE, lambda delta, x, w, b: slopes(delta, x, w), lambda q, x, w, b: halved(q, x, w), {"b"}
    ),
    "one for each output": Case(
        step,
        {"h": X, "c": X + 1},
        lambda dnext_h, dnext_c, cache: stepped(dnext_h, dnext_c, *cache),
        lambda dnext_h, dnext_c, cache: stepped(dnext_h, 2 * dnext_c, *cache),
        {"c"},
    ),
    "one for all outputs": Case(
        step,
        {"h": X, "c": X + 1},
        lambda upstream, cache: stepped(*upstream, *cache),
        lambda upstream, cache: stepped(*upstream[::-1], *cache),
        {"h", "c"},
    ),
    "of a loss": Case(
        squares,
        {"a": X},
        lambda dloss, cache: dloss * cache,
        # The wrong one would be right if it got the input as `dloss`.
        lambda dloss, cache: dloss * np.ones_like(cache),
        {"a"},
    ),
    "of a loss, as g": Case(
        product,
        {"a": B, "b": B + 1},
        lambda g, cache: (g * cache[1], g * cache[0]),
        lambda g, cache: (g * cache[0], g * cache[1]),
        {"a", "b"},
    ),
    "a loss first": Case(
        softmax_loss,
        {"x": W},
        lambda x, y: softmax_loss(x, y)[1],
        lambda x, y: softmax_loss(x, y)[1] * len(y),
        {"x"},
        {"y": np.array([0, 1, 1])},
    ),
    "its own gradient": Case(
        softmax_loss, {"x": X, "y": LABELS}, softmax_loss, lambda x, y: softmax(x), {"x"}
    ),
    "its own gradients by name": Case(
        logistic,
        {"w": W, "x": X, "y": LABELS},
        logistic,
        lambda w, x, y: {"grad_w": logistic(w, x, y)[1]["w"].T.reshape(w.shape)},
        {"w"},
    ),
    "names with grad_": Case(
        plain,
        AFFINE,
        lambda dout, x, w: dict(zip(("grad_x", "d_w", "db"), slopes(dout, x, w), strict=True)),
        lambda dout, x, w: dict(zip(("grad_x", "d_w", "db"), halved(dout, x, w), strict=True)),
        {"b"},
    ),
    "weights beside their gradients": Case(
        lambda w: (w**2).sum(),
        {"w": W},
        lambda w: {"w": w, "dw": 2 * w},
        lambda w: {"w": 2 * w, "dw": w},
        {"w"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_right_one_passes_and_a_wrong_one_fails(name: str) -> None:
    case = CASES[name]

    right = check(case.forward, case.inputs, gradient=case.right, constants=case.constants)
    wrong = check(case.forward, case.inputs, gradient=case.wrong, constants=case.constants)

    assert right.verdict is Verdict.PASS, str(right)
    assert {v.name for v in wrong.variables if v.counts["mismatch"]} == case.spoiled, str(wrong)


def test_a_function_that_is_its_own_gradient_can_be_wrong() -> None:
    assert not check(wrong_softmax_loss, {"x": X, "y": LABELS}, gradient=wrong_softmax_loss)


@pytest.mark.parametrize(
    "name", ["upstream", "dout", "dZ", "dAL", "dnext_h", "dh_next", "dloss", "grad", "out_grad"]
)
def test_names_of_an_upstream_gradient(name: str) -> None:
    assert UPSTREAM.fullmatch(name)


@pytest.mark.parametrize(
    "name",
    ["data", "dim", "dt", "decay", "dropout_param", "d_model", "clip_grad", "delta", "dvalues", "x", "AL"],
)
def test_other_names(name: str) -> None:
    assert not UPSTREAM.fullmatch(name)


def tanh(x: Array) -> Array:
    return np.tanh(x)


def mean(x: Array) -> float:
    return float((x**2).mean())


REFUSED: dict[str, tuple[Callable[..., Any], Mapping[str, Any], Callable[..., Any], str]] = {
    "an output": (
        tanh,
        {"x": X},
        lambda dout, out: dout * (1 - out**2),
        "what out of <lambda> takes: it could be x or the output of tanh.",
    ),
    "an input or the upstream gradient": (
        tanh,
        {"x": X},
        lambda z: 1 - np.tanh(z) ** 2,
        "what z of <lambda> takes: it could be x, the upstream gradient or the output of tanh.",
    ),
    "the number of samples": (
        mean,
        {"x": X},
        lambda x, m: 2 * x / m,
        "what m of <lambda> takes: it could be the upstream gradient or the output of mean.",
    ),
    "another order": (
        lambda x, w: (x * w**2).sum(),
        {"x": B, "w": B},
        lambda weights, data: {"x": weights**2, "w": 2 * weights * data},
        "what weights and data of <lambda> take: it could be x, w, the upstream gradient or the output of",
    ),
    "an output beside a cache": (
        squares,
        {"a": X},
        lambda AL, cache: AL * cache,
        "what AL of <lambda> takes: it could be a, the upstream gradient or the output of squares.",
    ),
    "no names at all": (
        tanh,
        {"x": X},
        lambda *all: all[1] * (1 - np.tanh(all[0]) ** 2),
        "<lambda> does not tell its parameters, one of which takes the upstream gradient. Write a function",
    ),
    "more upstream gradients than outputs": (
        affine,
        AFFINE,
        lambda dZ, dA, cache: slopes(dZ, *cache),
        "takes 2 upstream gradients (dZ, dA), and affine returns 1 floating outputs.",
    ),
    "two numbers": (
        lambda x: ((x**2).sum(), x.mean()),
        {"x": X},
        lambda x: 2 * x,
        "takes no upstream gradient, which it needs where the output is not one number.",
    ),
    "its own gradient without a loss": (
        np.exp,
        {"x": X},
        np.exp,
        "exp is given as its own gradient, and did not return a loss, one number, and then gradients.",
    ),
    "one name for two": (
        lambda a, b: a["w"].sum() + b["w"].sum(),
        {"a": {"w": X}, "b": {"w": X}},
        lambda a, b: {"dw": np.ones_like(X)},
        "returned one gradient for several variables named w, and the 2 variables are a/w, b/w.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nothing_tells_is_refused(name: str) -> None:
    forward, inputs, gradient, words = REFUSED[name]
    with pytest.raises(GradcheckError) as caught:
        check(forward, inputs, gradient=gradient)
    assert words in str(caught.value)


def test_what_is_told_by_order_or_first_is_noted() -> None:
    def noted(name: str) -> str:
        case = CASES[name]
        report = check(case.forward, case.inputs, gradient=case.right, constants=case.constants)
        return " ".join(report.warnings)

    assert "Only the loss, the first that softmax_loss returns, is differentiated" in noted("a loss first")
    assert "dnext_h, dnext_c of <lambda> are taken in the order of the outputs" in noted(
        "one for each output"
    )
    assert "upstream of <lambda> gets the upstream gradients of all 2 outputs" in noted("one for all outputs")
    assert noted("dZ and cache") == ""


# What has no gradient.


def cost(parameters: Mapping[str, Any], X: Array, Y: Array) -> float:
    z = X @ parameters["W"] + parameters["b"]
    return float((((np.tanh(z) if parameters["act"] == "tanh" else z) - Y) ** 2).sum())


def grads(parameters: Mapping[str, Any], X: Array, Y: Array) -> dict[str, Array]:
    assert parameters["skip"] is None and parameters["steps"] == 3
    h = np.tanh(X @ parameters["W"] + parameters["b"])
    d = 2 * (h - Y) * (1 - h**2)
    return {"dW": X.T @ d, "db": d.sum(axis=0)}


INPUTS = {"parameters": {"W": W, "act": "tanh", "b": B, "skip": None, "steps": 3}, "X": X, "Y": normal(2, 2)}


def test_inputs_without_a_gradient_are_named_unless_they_are_asked_for() -> None:
    report = check(cost, INPUTS, gradient=grads)
    assert report.verdict is Verdict.PASS, str(report)
    assert [v.name for v in report.variables] == ["parameters/W", "parameters/b"]
    assert "Not checked: X, Y, for which grads returns no gradient" in " ".join(report.warnings)

    asked = check(cost, INPUTS, gradient=grads, wrt=["parameters/W", "X"])
    assert {v.name for v in asked.variables if v.counts["mismatch"]} == {"X"}


def test_a_gradient_of_one_parameter_that_is_forgotten_fails() -> None:
    report = check(cost, INPUTS, gradient=lambda parameters, X, Y: {"dW": grads(parameters, X, Y)["dW"]})
    assert {v.name for v in report.variables if v.counts["mismatch"]} == {"parameters/b"}


def slope(x: Array, W: Array, dout: Array) -> dict[str, Array]:
    return {"dW": x.T @ dout}


@pytest.mark.parametrize(
    ("forward", "backward", "forgotten"),
    [
        (lambda x, W: x @ W, slope, {"x"}),
        (lambda x, W: float((x @ W).sum()), lambda x, W: {"dW": x.T @ np.ones((2, 2))}, set()),
        (lambda x, W: float((x @ W).sum()), lambda x, W: {"dx": np.ones((2, 2)) @ W.T}, {"W"}),
        (lambda labels, W: labels @ W, lambda labels, W, dout: {"dW": labels.T @ dout}, set()),
    ],
    ids=["x of a layer", "x of a loss", "a weight of a loss", "labels of a layer"],
)
def test_only_data_may_lack_a_gradient(forward: Any, backward: Any, forgotten: set[str]) -> None:
    """A weight's gradient that is missing was forgotten, and so was that of a layer's input"""
    names = list(signature(forward).parameters)
    report = check(forward, {names[0]: normal(2, 3), "W": normal(3, 2, seed=1)}, gradient=backward)
    assert {v.name for v in report.variables if v.counts["mismatch"]} == forgotten
    assert report.passed == (not forgotten)


def test_the_trial_run_leaves_everything_as_it_is() -> None:
    def forward(x: Array, k: Array) -> float:
        x *= k
        return float(x.sum())

    def backward(x: Array, k: Array) -> Array:
        x[...] = k
        k[...] = 0
        return x

    x, k = X.copy(), np.full(X.shape, 3)
    assert check(forward, {"x": x, "k": k}, gradient=backward).passed
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(k, 3)


def test_text_is_no_input_by_itself() -> None:
    with pytest.raises(
        GradcheckError, match=r"The input `act` is no array of numbers .* goes into constants"
    ):
        check(lambda x, act: x.sum(), {"x": X, "act": "tanh"}, gradient=lambda x, act: x**0)


def test_what_the_trial_run_raises_is_said_once_it_is_evaluated() -> None:
    def forward(x: Array) -> float:
        raise KeyError("missing")

    with pytest.raises(GradcheckError, match="forward raised KeyError when it was evaluated"):
        check(forward, {"x": X}, gradient=lambda x: x)
