"""A forward and a backward function in NumPy: closed forms as oracles, every style of call, every refusal."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import GradcheckError, Report, Verdict, assert_gradients, check
from gradcheck.targets.paths import from_paths
from gradcheck.targets.structure import filled, named, paths
from tests.corpus.case import Array
from tests.parameters import named as tried
from tests.saying import normal

X, Y = normal(5, 3), np.random.default_rng(1).integers(0, 2, 5)
PARAMS = {
    "W1": normal(3, 4, seed=2),
    "b1": normal(4, seed=3),
    "W2": normal(4, 2, seed=4),
    "b2": normal(2, seed=5),
}


# A network of two layers with softmax cross-entropy, whose gradient is (p − y) / N on the way back.


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def loss(params: Mapping[str, Array], x: Array, y: Array) -> float:
    h = np.maximum(x @ params["W1"] + params["b1"], 0)
    p = softmax(h @ params["W2"] + params["b2"])
    return float(-np.log(p[np.arange(len(y)), y]).mean())


def slopes(params: Mapping[str, Array], x: Array, y: Array, mistake: str = "") -> dict[str, Any]:
    z = x @ params["W1"] + params["b1"]
    h = np.maximum(z, 0)
    d = softmax(h @ params["W2"] + params["b2"])
    d[np.arange(len(y)), y] -= 1
    d /= 1 if mistake == "not divided by N" else len(y)
    back = d @ params["W2"].T
    back *= 1 if mistake == "no mask of the relu" else z > 0
    found = {"W1": x.T @ back, "b1": back.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}
    if mistake == "transposed":
        found["W2"] = found["W2"].T
    if mistake == "bias not summed":
        found["b1"] = back[0]
    if mistake == "a gradient forgotten":
        del found["b2"]
    return found


MISTAKES = {
    "": set(),
    "not divided by N": {"W1", "b1", "W2", "b2"},
    "no mask of the relu": {"W1", "b1"},
    "transposed": {"W2"},
    "bias not summed": {"b1"},
    "a gradient forgotten": {"b2"},
}
"""The variables that each mistake spoils."""


def failing(report: Report) -> set[str]:
    return {variable.name for variable in report.variables if variable.counts["mismatch"]}


@pytest.mark.parametrize("mistake", tried(MISTAKES, lambda m: m or "right", lambda number, _: number < 5))
def test_each_mistake_fails_at_the_variables_that_it_spoils(mistake: str) -> None:
    report = check(
        loss, PARAMS, gradient=lambda params, x, y: slopes(params, x, y, mistake), constants={"x": X, "y": Y}
    )

    assert failing(report) == MISTAKES[mistake], str(report)
    assert report.verdict is (Verdict.FAIL if mistake else Verdict.PASS)
    assert not [note for note in report.warnings if "trace" in note or "graph" in note]


def test_what_is_wrong_is_said() -> None:
    def said(mistake: str) -> str:
        report = check(
            loss,
            {**PARAMS, "x": X, "y": Y},
            gradient=lambda params, x, y: slopes(params, x, y, mistake),
            wrt=list(PARAMS),
        )
        return " ".join([*report.diagnosis, *(v.reason or "" for v in report.variables)])

    assert "tape = 5 × difference" in said("not divided by N")
    assert "the tape returned a gradient of shape (2, 4) for a variable of shape (4, 2)" in said("transposed")
    assert "returned no gradient for it (None, or no entry of that name)" in said("a gradient forgotten")


@pytest.mark.full  # test_directions has larger networks
@pytest.mark.parametrize("mistake", [pytest.param("", marks=pytest.mark.full), "no mask of the relu"])
def test_a_larger_network_goes_along_directions(mistake: str) -> None:
    params = {"W1": normal(50, 180) / 7, "b1": normal(180), "W2": normal(180, 10) / 13, "b2": normal(10)}
    x, y = normal(32, 50, seed=1), np.random.default_rng(0).integers(0, 10, 32)

    report = check(
        loss, params, gradient=lambda params, x, y: slopes(params, x, y, mistake), constants={"x": x, "y": y}
    )

    assert sum(variable.verdicts.size for variable in report.variables) > 10_000
    assert report.directions is not None
    assert report.evaluations < 10_000
    assert failing(report) == MISTAKES[mistake], str(report)
    assert bool(report) is not bool(mistake)


# Styles.


def affine(x: Array, w: Array, b: Array) -> Array:
    return np.asarray(x @ w + b)


def back(x: Array, w: Array, r: Array) -> tuple[Array, Array, Array]:
    return r @ w.T, x.T @ r, r.sum(axis=0)


def by_name(names: str, gradients: tuple[Array, ...]) -> dict[str, Array]:
    return dict(zip(names.split(), gradients, strict=True))


AFFINE = {"x": X, "w": PARAMS["W1"], "b": PARAMS["b1"]}
STYLES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "last": (affine, lambda x, w, b, r: back(x, w, r)),
    "first, as upstream": (affine, lambda upstream, x, w: back(x, w, upstream)),
    "dout and cache": (
        lambda x, w, b: (x @ w + b, (x, w)),
        lambda dout, cache: back(cache[0], cache[1], dout),
    ),
    "keyword only": (affine, lambda x, w, *, dy: list(back(x, w, dy))),
    "by name": (affine, lambda x, w, dy: by_name("x w b", back(x, w, dy))),
    "by name with a d": (affine, lambda x, w, dy: by_name("dx dw db", back(x, w, dy)) | {"dz": dy}),
    "a dict": (
        lambda params: affine(**params),
        lambda params, dout: by_name("x w b", back(params["x"], params["w"], dout)),
    ),
    "a dict with an option": (
        lambda params, scale=1.0: affine(**params) * scale,
        lambda params, g: by_name("x w b", back(params["x"], params["w"], g)),
    ),
    "an array and a dict": (
        lambda x, params: affine(x, **params),
        lambda x, params, g: (
            back(x, params["w"], g)[0],
            by_name("dw db", back(x, params["w"], g)[1:]),
        ),
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_a_pair(style: str) -> None:
    forward, gradient = STYLES[style]

    report = check(forward, AFFINE, gradient=gradient)

    assert report.passed, str(report)
    assert {v.name for v in report.variables} == AFFINE.keys()


def test_an_upstream_gradient_that_is_ignored_is_seen() -> None:
    report = check(affine, AFFINE, gradient=lambda x, w, dy: back(x, w, np.ones_like(dy)))
    assert failing(report) == {"x", "w", "b"}


def test_the_upstream_gradient_of_several_outputs_is_nested_as_they_are() -> None:
    def forward(x: Array) -> dict[str, Any]:
        return {"sum": x.sum(), "both": (np.sin(x), x**2), "argmax": np.argmax(x)}

    def gradient(x: Array, upstream: Any) -> Array:
        assert upstream["argmax"] is None
        one, two = upstream["both"]
        return np.asarray(upstream["sum"] + one * np.cos(x) + 2 * two * x)

    assert check(forward, {"x": X}, gradient=gradient).passed


@pytest.mark.parametrize("returned", [float, np.asarray, lambda s: np.array([[s]]), np.float64])
def test_a_loss_needs_no_upstream_gradient(returned: Callable[[Any], Any]) -> None:
    assert check(lambda x: returned((x**2).sum()), {"x": X}, gradient=lambda x: 2 * x).passed
    report = check(lambda x: returned((x**2).sum()), {"x": [1.0, 2.0]}, gradient=lambda x: [2.0, 4.0])
    assert report.passed and report.variables[0].dtype == "float64"


def test_names_that_two_arguments_have_are_those_of_the_forward_function() -> None:
    def forward(w: Array, b: Array) -> float:
        return float((w**2).sum() + (b**3).sum())

    inputs = {"x": X, "w": X + 1}
    assert check(forward, inputs, gradient=lambda w, b: (2 * w, 3 * b**2)).passed
    assert check(forward, inputs, gradient=lambda x, w: {"x": 2 * x, "w": 3 * w**2}).passed
    with pytest.raises(GradcheckError, match="w of <lambda> could be the parameter of forward or the input"):
        check(forward, inputs, gradient=lambda w: {"x": 2 * w})


def test_gradients_of_one_shape_are_no_array() -> None:
    x = np.arange(6.0).reshape(3, 2)

    def forward(x: Array, y: Array, z: Array) -> float:
        return float((x**2).sum() + y.sum() + z.sum())

    inputs = {"x": x, "y": x[0], "z": x[1]}
    wrong = check(forward, inputs, gradient=lambda x, y, z: (2 * x[0], y**0, z**0), wrt="x")
    assert "a gradient of shape (2,) for a variable of shape (3, 2)" in str(wrong.variables[0].reason)
    assert check(forward, inputs, gradient=lambda x, y, z: (2 * x, y**0, z**0), wrt="x").passed
    assert check(lambda x: (x**2).sum(), {"x": x}, gradient=lambda x: list(2 * x)).passed


def test_only_what_is_asked_for_needs_a_gradient() -> None:
    def forward(w: Array, x: Array, y: Array) -> float:
        return float(((x @ w)[np.arange(len(y)), y]).sum())

    def gradient(w: Array, x: Array, y: Array) -> Array:
        return np.asarray(x.T @ np.eye(2)[y])

    inputs = {"w": PARAMS["W1"][:, :2], "x": X, "y": Y}
    assert check(forward, inputs, gradient=gradient, wrt="w").passed
    assert check(forward, {"w": inputs["w"]}, gradient=gradient, constants={"x": X, "y": Y}).passed


def test_an_input_without_a_gradient_passes_where_it_moves_nothing() -> None:
    assert check(lambda x, y: x.sum(), {"x": X, "y": X}, gradient=lambda x, y: (np.ones_like(x), None)).passed
    pair: Any = (lambda x, y: x.sum() + y.sum(), {"x": X, "y": X})
    report = check(*pair, gradient=lambda x, y: {"x": x**0}, wrt=["x", "y"])
    assert failing(report) == {"y"}
    assert failing(check(*pair, gradient=lambda x, y: {})) == {"x", "y"}


def test_arrays_become_float64_and_stay_the_users() -> None:
    seen = set()

    def forward(x: Array, shift: Array) -> Any:
        seen.add(x.dtype.name)
        shift += 1
        x -= shift
        return np.sum(x * x, out=BUFFER)

    x, shift = X.astype(np.float32), np.ones(3)
    before = x.copy()
    report = check(
        forward, {"x": x}, gradient=lambda x, shift: 2 * (x - shift - 1), constants={"shift": shift}
    )

    assert report.passed, str(report)
    assert seen == {"float64"}
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(shift, 1)


BUFFER = np.zeros(())


def test_a_function_that_leaves_its_domain_is_not_asked_there() -> None:
    x = np.array([1e-9, 0.5, 2.0])
    assert check(lambda x: sum(map(math.log, x)), {"x": x}, gradient=lambda x: 1 / x).passed

    def log_determinant(a: Array) -> float:
        return float(2 * np.log(np.diag(np.linalg.cholesky(a))).sum())

    nearly = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-7]])  # no points nearby have a root
    report = check(log_determinant, {"a": nearly}, gradient=lambda a: np.linalg.inv(a))
    assert report.verdict is not Verdict.PASS  # only one of the triangles is read


def test_assert_gradients_takes_a_pair() -> None:
    assert_gradients(np.tanh, {"x": X}, gradient=lambda x, upstream: upstream * (1 - np.tanh(x) ** 2))
    with pytest.raises(AssertionError, match="x: off by"):
        assert_gradients(np.tanh, {"x": X}, gradient=lambda x, upstream: 2 * upstream * (1 - np.tanh(x) ** 2))


# Nested inputs.


class Layer(NamedTuple):
    w: Any
    b: Any


LAYERS: dict[str, Any] = {
    "params": OrderedDict(
        layers=[Layer(normal(3, 4), normal(4)), Layer(normal(4, 2), normal(2))], scale=np.array(2.0)
    )
}
PATHS = ["params/layers/0/0", "params/layers/0/1", "params/layers/1/0", "params/layers/1/1", "params/scale"]


def test_leaves_are_named_by_path_and_structures_are_as_they_were_given() -> None:
    template, leaves = named(LAYERS)

    assert list(leaves) == paths(template) == PATHS
    again = filled(template, leaves)
    assert type(again["params"]) is OrderedDict
    assert type(again["params"]["layers"][1]) is Layer
    assert again["params"]["layers"][1].w is LAYERS["params"]["layers"][1].w
    assert named({"x": [[1.0, 2.0], (3.0, 4.0)]})[1].keys() == {"x"}
    assert named({"x": [X, X]})[1].keys() == {"x/0", "x/1"}


def test_tensorflow_takes_nested_inputs() -> None:
    def forward(x: Any, params: Any) -> Any:
        assert type(params) is OrderedDict and type(params["layers"]) is list
        for layer in params["layers"]:
            x = tf.tanh(x @ layer.w + layer.b)
        return x * params["scale"]

    report = check(forward, {"x": X, **LAYERS})

    assert report.passed, str(report)
    assert [v.name for v in report.variables] == ["x", *PATHS]
    assert check(lambda p: p["a"] * p["b"], {"a": X, "b": X}, order=2, execution="graph").passed
    one = check(lambda x, params: forward(x, params), {"x": X, **LAYERS}, wrt="params/scale")
    assert [v.name for v in one.variables] == ["params/scale"]


SLOPES = [{"w": np.outer(X.sum(axis=0), np.ones(2)), "db": np.full(2, 5.0)}] * 2
NESTED: dict[str, Callable[[Array], Any]] = {
    "as given": lambda dx: {"params": SLOPES, "x": dx},
    "in a tuple": lambda dx: (dx, SLOPES),
    "in a list, with a tuple": lambda dx: [dx, tuple(SLOPES)],
    "by path": lambda dx: {
        "x": dx,
        **{f"params/{n}/{k[-1]}": g for n, part in enumerate(SLOPES) for k, g in part.items()},
    },
}


@pytest.mark.parametrize("nesting", NESTED)
def test_gradients_of_nested_inputs(nesting: str) -> None:
    def forward(x: Array, params: Any) -> float:
        return float(sum((x @ layer["w"] + layer["b"]).sum() for layer in params))

    def gradient(x: Array, params: Any) -> Any:
        return NESTED[nesting](np.ones((5, 2)) @ sum(layer["w"].T for layer in params))

    layers = [{"w": normal(3, 2, seed=n), "b": normal(2, seed=n)} for n in range(2)]

    assert check(forward, {"x": X, "params": layers}, gradient=gradient).passed


def test_the_gradient_of_the_only_structure_may_come_by_itself() -> None:
    def forward(weights: Any) -> float:
        return float(np.tanh(X @ weights[0] @ weights[1]).sum())

    def gradient(weights: Any) -> list[Array]:
        d = 1 - np.tanh(X @ weights[0] @ weights[1]) ** 2
        return [X.T @ d @ weights[1].T, (X @ weights[0]).T @ d]

    weights = [normal(3, 4), normal(4, 2)]

    assert check(forward, {"weights": weights}, gradient=gradient).passed
    assert check(forward, {"weights": weights}, gradient=lambda weights: (gradient(weights),)).passed
    assert check(
        lambda w: forward([w["a"], weights[1]]),
        {"w": {"a": weights[0]}},
        gradient=lambda w: {"a": gradient([w["a"], weights[1]])[0]},
    ).passed


def test_paths_of_a_command_line() -> None:
    assert from_paths(["x", "p/W", "layers/1/b", "layers/0/b"]) == {
        "x": "x",
        "p": {"W": "p/W"},
        "layers": [{"b": "layers/0/b"}, {"b": "layers/1/b"}],
    }


# Refusals: what was found, the rule, what to do.


def square(x: Array, w: Array) -> float:
    return float((x @ w).sum())


def scaled(x: Array, w: Array) -> Array:
    return x * w


TWO = {"x": X, "w": PARAMS["W1"]}
SAME = {"x": X, "w": X}
REFUSED: dict[str, tuple[Callable[..., Any], dict[str, Any], Callable[..., Any], dict[str, Any], str]] = {
    "no upstream": (
        scaled,
        SAME,
        lambda x, w: (w, x),
        {},
        "takes no upstream gradient, which it needs where the output is not one number. Give it",
    ),
    "another parameter": (
        square,
        TWO,
        lambda x, z, q, r: None,
        {},
        "Nothing tells what z and q and r of <lambda> take: it could be w, the upstream gradient or the "
        "output of square. Name",
    ),
    "other names": (
        square,
        TWO,
        lambda x, w: {"a": x, "c": w},
        {},
        "returned gradients named a, c, and the 2 variables are x, w. Return a dict by these names",
    ),
    "too few": (square, TWO, lambda x, w: (x,), {}, "returned 1 gradients, and the 2 variables are x, w."),
    "one array": (square, TWO, lambda x, w: x, {}, "returned one ndarray, and the 2 variables are x, w."),
    "text": (square, TWO, lambda x, w: ("a", w), {}, "returned for x no array of real numbers but str."),
    "complex": (square, TWO, lambda x, w: (x * 1j, w), {}, "no array of real numbers but ndarray."),
    "raises": (square, TWO, lambda x, w: x @ x, {}, "square raised ValueError in its backward pass: matmul"),
    "forward raises": (square, SAME, lambda x, w: None, {}, "square raised ValueError when it was evaluated"),
    "None": (lambda x: None, {"x": X}, lambda x: x, {}, "<lambda> returned None as its output."),
    "an object": (lambda x: object(), {"x": X}, lambda x: x, {}, "no array of numbers but object."),
    "no cache": (
        lambda x: x.sum(),
        {"x": X},
        lambda x, cache: x,
        {},
        "takes a `cache`, and <lambda> returned no",
    ),
    "mode": (square, TWO, lambda x, w: None, {"mode": "forward"}, "nothing to check for mode forward. Leave"),
    "both modes": (square, TWO, lambda x, w: None, {"mode": "both"}, "nothing to check for mode both."),
    "graph": (
        square,
        TWO,
        lambda x, w: None,
        {"execution": "graph"},
        "nothing to check for execution graph.",
    ),
    "xla": (
        square,
        TWO,
        lambda x, w: None,
        {"execution": ["eager", "xla"]},
        "nothing to check for execution xla.",
    ),
    "pfor": (square, TWO, lambda x, w: None, {"check_pfor": True}, "nothing to check for check_pfor."),
    "order": (square, TWO, lambda x, w: None, {"order": 2}, "nothing to check for order 2."),
    "wrt": (square, TWO, lambda x, w: None, {"wrt": "z"}, "`wrt` names 'z'"),
    "one path": (square, {"x": {"a": X}, "x/a": X}, lambda x, w: None, {}, "Two inputs are named 'x/a'."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_checked_is_refused(name: str) -> None:
    forward, inputs, gradient, options, words = REFUSED[name]
    with pytest.raises(GradcheckError) as caught:
        check(forward, inputs, gradient=gradient, **options)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "a/b"], "'a' is an array, and 'a/b' would be in it."),
        (["a/b", "a"], "'a' is an array, and others would be in it."),
        (["a/0", "a/2"], "a/1 is missing, and a list has no gaps."),
    ],
)
def test_paths_that_are_no_structure_are_refused(names: list[str], words: str) -> None:
    with pytest.raises(GradcheckError, match=words):
        from_paths(names)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "elementwise", "upstream": 2.0, "execution": "eager"},
        {"method": "directions"},
        {"budget": 60, "seed": 3, "strict": True, "memory": "1MiB", "device": "CPU:0"},
    ],
)
def test_the_other_options_work(options: dict[str, Any]) -> None:
    report = check(loss, PARAMS, gradient=slopes, constants={"x": X, "y": Y}, **options)
    assert report.verdict is Verdict.PASS or "budget" in options, str(report)
    report = check(
        loss,
        PARAMS,
        gradient=lambda params, x, y: slopes(params, x, y, "not divided by N"),
        constants={"x": X, "y": Y},
        **options,
    )
    assert report.verdict is Verdict.FAIL, str(report)
