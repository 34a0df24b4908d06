"""Gradients where signed directions could be fooled: losses that some directions do not move, losses of any
size, rounding inside, and variables that are used twice.

What is right is TensorFlow's own gradient, and what is wrong is left out of it or put into it here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Report, Verdict, check
from tests.acceptance.test_directions import missed
from tests.corpus.case import Array, Broken, Function, distorted, scaled
from tests.networks.right import Network, drawn
from tests.networks.wrong import MISTAKES, Mistake, broken, put
from tests.parameters import among, every, named
from tests.saying import normal, told

Path = Callable[[Any], Any]
"""What a value goes through on one of its ways to the loss."""
SIZES: dict[str, Path] = {
    "+ 1e9": lambda y: y + 1e9,
    "× 1e9": lambda y: 1e9 * y,
    "× 1e-12": lambda y: 1e-12 * y,
}


def along(function: Function, weights: dict[str, Array]) -> Report:
    """The report of a check in which directions judge most elements, whatever the verdict"""
    report = check(function, weights, method="directions")
    assert report.directions is not None
    assert report.directions.one_by_one < 0.4 * report.directions.elements
    return report


def blamed(report: Report) -> list[tuple[str, tuple[int, ...]]]:
    """Names and indices of the elements that mismatch"""
    return [
        (variable.name, tuple(map(int, index)))
        for variable in report.variables
        for index in np.argwhere(variable.verdicts == ElementVerdict.MISMATCH)
    ]


def cross_entropy(logits: Any) -> Any:
    """The mean over the rows, whose labels are their numbers"""
    labels = tf.range(logits.shape[0]) % logits.shape[1]
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def normalised(axis: int, mean_by: Path = tf.identity, variance_by: Path = tf.identity) -> Network:
    """A perceptron of 460 weights whose hidden layer is normalised: a multiple of w does not move the loss,
    and neither does b where the statistics are those of the batch"""
    x = normal(12, 16)

    def function(w: Any, b: Any, scale: Any, shift: Any, head: Any) -> Any:
        hidden = tf.constant(x, w.dtype) @ w + b
        mean, variance = tf.nn.moments(hidden, [axis], keepdims=True)
        hidden = (hidden - mean_by(mean)) * tf.math.rsqrt(variance_by(variance))
        return cross_entropy(tf.nn.gelu(hidden * scale + shift) @ head)

    weights = {"w": normal(16, 20, seed=1) / 4, "b": 0.1 * normal(20, seed=2)}
    weights |= {"scale": 1 + 0.1 * normal(20, seed=3), "shift": 0.1 * normal(20, seed=4)}
    return Network(f"normalised along {axis}", function, weights | {"head": normal(20, 4, seed=5) / 4})


def perceptron(inner: Any = tf.float64, loss: Path = tf.identity) -> Network:
    """A perceptron of 361 weights that multiplies by the first of them in another dtype"""
    x = normal(12, 16)

    def function(w0: Any, b0: Any, w1: Any, b1: Any) -> Any:
        hidden = tf.cast(tf.constant(x, inner) @ tf.cast(w0, inner), w0.dtype)
        return loss(cross_entropy(tf.tanh(hidden + b0) @ w1 + b1))

    weights = {"w0": normal(16, 17, seed=1) / 4, "b0": 0.1 * normal(17, seed=2)}
    weights |= {"w1": normal(17, 4, seed=3) / 4, "b1": normal(4, seed=4)}
    return Network("perceptron", function, weights)


def tied(looked_up: Path = tf.identity, multiplied: Path = tf.identity) -> Network:
    """A table of 50 words of which 15 are looked up, and all are compared with what comes of them"""
    words = np.random.default_rng(0).integers(0, 15, (12, 3))

    def function(table: Any, w: Any) -> Any:
        hidden = tf.tanh(tf.reduce_mean(tf.gather(looked_up(table), words), axis=1) @ w)
        return cross_entropy(hidden @ tf.transpose(multiplied(table)))

    return Network("tied", function, {"table": normal(50, 8) / 2, "w": normal(8, 8, seed=1) / 2})


RIGHT = {
    "batch normalisation": normalised(0),
    "layer normalisation": normalised(1),
    "a tied table": tied(),
    **{f"a loss {size}": perceptron(loss=loss) for size, loss in SIZES.items()},
    "in float32": perceptron(tf.float32),
    "in bfloat16": perceptron(tf.bfloat16),
}
ROUNDED = {"a loss + 1e9", "in float32", "in bfloat16"}
"""May be inconclusive."""
OFTEN = among({"batch normalisation", "in bfloat16"})


@pytest.mark.parametrize("name", named(RIGHT, str, OFTEN))
def test_right_gradients_are_not_refused(name: str) -> None:
    report = along(RIGHT[name].function, RIGHT[name].weights)

    assert report.passed or (name in ROUNDED and report.verdict is Verdict.INCONCLUSIVE), told(report)


def one_of_the_first(by: float) -> Mistake:
    """One of the first 200 weights is off by a factor"""

    def mistake(gradient: Array, scale: Array, random: np.random.Generator) -> Array:
        where = random.choice(np.flatnonzero(gradient[:200]), 1)
        return put(where, (by - 1) * gradient[where], gradient.size)

    return mistake


@pytest.mark.full
@pytest.mark.parametrize("name", list(RIGHT)[:6])
def test_a_wrong_weight_is_named_and_no_other(name: str) -> None:
    """Beside 1e9 the rounding of the loss is 1e-7, and the error some 1e-3."""
    wrong = broken(RIGHT[name], one_of_the_first(1.5 if name in ROUNDED else 1.01), 3)

    report = along(wrong.function, wrong.weights)

    expected = [(n, tuple(map(int, i))) for n, e in wrong.errors.items() for i in np.argwhere(e)]
    assert blamed(report) == expected, told(report)
    assert missed(report, wrong) == []


TERMS = [(0, "variance_by"), (1, "variance_by"), (0, "mean_by"), (1, "mean_by")]


@pytest.mark.parametrize("term", named(TERMS, "{0[0]} {0[1]}".format, every(8)))
def test_a_normalisation_without_a_term_fails(term: tuple[int, str]) -> None:
    """Without the mean's or the variance's (the x-hat term): what comes after it is right."""
    wrong = normalised(term[0], **{term[1]: tf.stop_gradient})

    report = along(wrong.function, wrong.weights)

    # The variance of a batch does not go with b.
    names = {"w"} if term == (0, "variance_by") else {"w", "b"}
    assert {name for name, _ in blamed(report)} == names, told(report)


def orthogonal(weights: dict[str, Array], count: int) -> Mistake:
    """An error in some of the first variable's weights, of 1 % of the gradient's norm, that a step along the
    weights does not show"""
    (first, *_) = weights.values()

    def mistake(gradient: Array, scale: Array, random: np.random.Generator) -> Array:
        where = random.choice(first.size, count, replace=False)
        values, w = random.standard_normal(count), first.reshape(-1)[where]
        values -= w * (values @ w) / (w @ w)
        size = 0.01 * np.linalg.norm(gradient) / np.linalg.norm(values)
        return put(where, size * values, gradient.size)

    return mistake


@pytest.mark.parametrize("count", named([2, 272], str, every(2)))
def test_an_error_orthogonal_to_the_weights_fails(count: int) -> None:
    network = perceptron()
    wrong = broken(network, orthogonal(network.weights, count), 0)
    assert abs(np.sum(wrong.errors["w0"] * network.weights["w0"])) < 1e-15

    report = along(wrong.function, wrong.weights)

    assert report.verdict is Verdict.FAIL, told(report)
    found, off = {index for _, index in blamed(report)}, np.argwhere(wrong.errors["w0"])
    assert found <= set(map(tuple, off.tolist()))
    assert len(found) >= min(count, 10)


WRONG_LAYERS = [(tf.bfloat16, 2.0, 2), (tf.float32, 2.0, 0), (tf.float32, 2.0, 2), (tf.bfloat16, -1.0, 0)]


@pytest.mark.parametrize("layer", named(WRONG_LAYERS, "{0[0].name} {0[1]} {0[2]}".format, every(8)))
def test_a_wrong_layer_fails_beside_rounding(layer: tuple[Any, float, int]) -> None:
    inner, by, number = layer
    network = perceptron(inner)
    report = along(distorted(network.function, scaled(by), number), network.weights)
    assert report.verdict is Verdict.FAIL, told(report)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4))
def test_a_doubled_layer_never_passes_in_bfloat16(seed: int) -> None:
    """Where rounding hides all that a layer does, nothing has been seen of it."""
    network = perceptron(tf.bfloat16)
    report = check(distorted(network.function, scaled(2.0)), network.weights, method="directions", seed=seed)
    assert report.verdict is not Verdict.PASS, told(report)


def test_a_softmax_whose_gradients_do_not_add_up_to_0_fails() -> None:
    """Without a term, and off by as much in all of a row, which does not move the loss."""
    x = {"x": normal(15, 30, seed=1)}

    def terms(x: Any) -> Any:
        return tf.constant(normal(15, 30), x.dtype) * tf.nn.softmax(x)

    def loss(x: Any) -> Any:
        return tf.reduce_sum(terms(x))

    without = Broken(loss, lambda upstream, x: upstream * terms(x))
    shifted = distorted(loss, lambda g: g + 0.01 * tf.reduce_max(g, 1, keepdims=True))

    verdicts = [along(function, x).verdict for function in (loss, without, shifted)]

    assert verdicts == [Verdict.PASS, Verdict.FAIL, Verdict.FAIL]


@pytest.mark.parametrize("forgotten", named(["looked_up", "multiplied"], str, every(2)))
def test_one_use_of_a_tied_table_forgotten_fails(forgotten: str) -> None:
    wrong = tied(**{forgotten: tf.stop_gradient})

    report = along(wrong.function, wrong.weights)

    found = blamed(report)
    assert {name for name, _ in found} == {"table"}, told(report)
    if forgotten == "looked_up":
        assert max(row for _, (row, _) in found) < 15, "the other rows are used once only"


SMALL = [network for network in map(drawn, range(60)) if network.size <= 400]
CASES = list(zip(range(len(SMALL)), SMALL, strict=True))


@pytest.mark.full  # each method is tested alone
@pytest.mark.parametrize("case", named(CASES, lambda case: str(case[0]), every(30)))
def test_both_methods_come_to_the_same_verdict(case: tuple[int, Network]) -> None:
    number, network = case
    name, mistake = list(MISTAKES.items())[number % len(MISTAKES)]
    wrong = broken(network, mistake, number)

    for function, verdict in ((network.function, Verdict.PASS), (wrong.function, Verdict.FAIL)):
        for method in ("elementwise", "directions"):
            report = check(function, network.weights, method=method)
            assert report.verdict is verdict, f"{method}, {name} in {network.name}\n{told(report)}"
