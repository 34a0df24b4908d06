"""Forward mode: right operations pass, J u is what NumPy says, and wrong or missing derivatives are found."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, ExitCode, GradcheckError, Report, Verdict, check
from gradcheck.arrays.types import Array
from gradcheck.checks.forward_mode import _Line
from gradcheck.verdicts.verdict import Comparison
from tests.corpus import RIGHT, Case
from tests.parameters import named
from tests.posed import posed
from tests.saying import normal


def against_differences(report: Report) -> Comparison:
    """Forward mode of the first variable."""
    return next(c for c in report.comparisons if (c.what, c.against) == SIDES)


SIDES = "forward mode", "differences along u"
SQUARE = normal(3, 3) + 3 * np.eye(3)
OPERATIONS: dict[str, tuple[Any, Array]] = {
    "sin": (tf.sin, normal(5)),
    "exp": (tf.exp, normal(5)),
    "log": (tf.math.log, np.exp(normal(5))),
    "tanh": (tf.tanh, normal(5)),
    "erf": (tf.math.erf, normal(5)),
    "square root at 1e-12": (tf.sqrt, np.array([1e-12, 1.0, 2.0])),
    "1/x of mixed scales": (lambda x: 1 / x, np.array([1e-8, 1.0, 1e8])),
    "sine of 1e4 x": (lambda x: tf.sin(1e4 * x), normal(4)),
    "softmax": (tf.nn.softmax, normal(2, 4)),
    "log softmax": (tf.nn.log_softmax, normal(2, 4)),
    "gelu": (tf.nn.gelu, normal(5)),
    "elu": (tf.nn.elu, normal(5)),
    "matmul": (lambda x: x @ tf.transpose(x), normal(3, 4)),
    "einsum": (lambda x: tf.einsum("ij,kj->ik", x, x), normal(3, 4)),
    "conv1d": (lambda x: tf.nn.conv1d(x, tf.ones([2, 3, 4], x.dtype), 1, "SAME"), normal(2, 5, 3)),
    "max pool": (lambda x: tf.nn.max_pool1d(x, 2, 2, "VALID"), normal(2, 6, 3)),
    "average pool": (lambda x: tf.nn.avg_pool1d(x, 2, 2, "VALID"), normal(2, 6, 3)),
    "reduce logsumexp": (lambda x: tf.reduce_logsumexp(x, -1), normal(3, 4)),
    "cumulative sum": (lambda x: tf.cumsum(x, -1), normal(3, 4)),
    "gather": (lambda x: tf.gather(x, [0, 2, 2]), normal(4, 2)),
    "sort": (tf.sort, normal(6)),
    "pad and reverse": (lambda x: tf.reverse(tf.pad(x, [[1, 1]]), [0]), normal(4)),
    "inverse": (tf.linalg.inv, SQUARE),
    "cholesky": (lambda x: tf.linalg.cholesky(x @ tf.transpose(x)), SQUARE),
    "complex spectrum": (lambda x: tf.signal.fft(tf.cast(x, tf.complex128)), normal(4)),
    "nested outputs": (lambda x: {"a": x**2, "b": [tf.sin(x), tf.reduce_sum(x)]}, normal(3)),
    "straight": (lambda x: 3 * x, normal(4)),
    "constant": (lambda x: tf.ones_like(x), normal(4)),
    "relu at 0": (tf.nn.relu, np.array([0.0, 1.0, -1.0])),
    "tied maxima": (lambda x: tf.math.top_k(x, 2).values, np.array([2.0, 2.0, 2.0, 1.0])),
}


@pytest.mark.parametrize(
    "name",
    named(OPERATIONS, str, lambda number, name: number % 3 == 0 or name in ("nested outputs", "relu at 0")),
)
def test_right_operations_pass_in_forward_mode(name: str) -> None:
    function, x = OPERATIONS[name]

    report = check(function, {"x": x}, mode="both")

    assert report.verdict is Verdict.PASS, str(report)
    assert [(c.what, c.against) for c in report.comparisons] == [SIDES]
    assert [v.label for v in report.variables] == ["x"]


def test_tangent_is_the_jacobian_times_the_direction() -> None:
    a, x, u = normal(4, 3), normal(3, 2, seed=1), normal(3, 2, seed=2)
    problem = posed(lambda x: tf.constant(a) @ x, x=x)

    line = _Line(problem, 0, u)
    tangent = line.tangent(problem.exact.values)

    assert tangent is not None
    np.testing.assert_allclose(tangent.reshape(4, 2), a @ u, rtol=1e-12)
    right = line.judge(tangent)
    assert (right.verdicts == ElementVerdict.MATCH).all()
    assert not right.corner.any()


@pytest.mark.parametrize("factor", [1.0001, -1.0, 0.0, np.nan])
def test_one_wrong_entry_of_a_tangent_is_found(factor: float) -> None:
    x = normal(50)
    problem = posed(tf.sin, x=x)
    line = _Line(problem, 0, normal(50, seed=1))
    tangent = line.tangent(problem.exact.values)
    assert tangent is not None
    tangent[7] *= factor

    judged = line.judge(tangent)

    assert np.flatnonzero(judged.verdicts >= ElementVerdict.MISMATCH).tolist() == [7]


def test_a_tangent_between_the_slopes_of_a_corner_is_valid_and_one_beyond_is_not() -> None:
    line = _Line(posed(tf.abs, x=np.zeros(3)), 0, np.ones(3))

    judged = line.judge(np.array([0.5, -1.0, 1.5]))

    assert judged.corner.all()
    np.testing.assert_allclose(judged.difference, 0.0, atol=1e-9)
    # Half of the width of [−1, 1], and the tolerance of a smooth slope.
    np.testing.assert_allclose(judged.tolerance, 1.0, rtol=1e-5)
    assert judged.verdicts.tolist() == [ElementVerdict.KINK, ElementVerdict.KINK, ElementVerdict.MISMATCH]


def test_a_tie_does_not_count_as_rounding() -> None:
    """A rounding of the inputs moves J u by 2 there, which may not be taken for what rounding does to it."""
    line = _Line(posed(tf.reduce_max, x=np.ones(2)), 0, np.array([1.0, -1.0]))

    verdicts = [int(line.judge(np.array([slope])).verdicts[0]) for slope in (1.0, -1.0, 0.0, 3.0)]

    assert verdicts == [ElementVerdict.KINK] * 3 + [ElementVerdict.MISMATCH]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def broken_sine(x: Any) -> Any:
    """A cosine that is 10 % too large"""
    return tf.sin(x), lambda dy: 1.1 * dy * tf.cos(x)


def test_a_wrong_custom_gradient_inside_a_tf_function_spoils_forward_mode() -> None:
    """ForwardAccumulator differentiates the call by its backward pass, so that the tape is wrong as well."""
    function = tf.function(lambda x: broken_sine(x))

    alone = check(lambda x: function(x), {"x": normal(4)}, mode="forward")
    both = check(lambda x: function(x), {"x": normal(4)}, mode="both")

    assert alone.verdict is both.verdict is Verdict.FAIL
    assert against_differences(alone).verdict is ElementVerdict.MISMATCH
    assert against_differences(both).verdict is ElementVerdict.MISMATCH
    assert both.variables[0].counts["mismatch"] == 4


def test_a_wrong_custom_gradient_called_eagerly_is_seen_by_the_tape_alone() -> None:
    """There ForwardAccumulator differentiates the operations inside, and never sees the wrong gradient."""
    both = check(lambda x: broken_sine(x), {"x": normal(4)}, mode="both")
    alone = check(lambda x: broken_sine(x), {"x": normal(4)}, mode="forward")

    assert against_differences(both).verdict is ElementVerdict.MATCH
    assert both.variables[0].counts["mismatch"] == 4
    assert both.verdict is Verdict.FAIL
    assert alone.verdict is Verdict.PASS
    assert any("does not look at a gradient written by hand" in line for line in alone.warnings)


def test_forward_mode_that_is_silently_missing_is_found() -> None:
    """The backward pass of a resized image has no gradient, and ForwardAccumulator returns None for it."""
    report = check(lambda x: tf.image.resize(x, [4, 4]), {"x": normal(1, 3, 3, 1)}, mode="both")

    assert report.verdict is Verdict.FAIL
    assert against_differences(report).note == "forward mode returned None"


def test_forward_mode_that_is_refused_could_not_be_judged() -> None:
    function = tf.recompute_grad(lambda x: tf.tanh(x) ** 2)

    report = check(function, {"x": normal(3)}, mode="both")

    assert report.exit_code is ExitCode.INCONCLUSIVE
    assert "NotImplementedError" in against_differences(report).note


def test_forward_mode_alone_shows_no_tape() -> None:
    report = check(tf.sin, {"x": normal(3)}, mode="forward")

    assert report.verdict is Verdict.PASS
    assert report.variables == ()
    assert report.evaluations > 0
    assert report.precision == "forward mode and differences in float64"


@pytest.mark.parametrize("option", [{"order": 2}, {"execution": "xla"}, {"check_pfor": True}])
def test_forward_mode_alone_leaves_nothing_for_the_tape_to_show(option: dict[str, Any]) -> None:
    with pytest.raises(GradcheckError, match="checks no tape gradient"):
        check(tf.sin, {"x": normal(3)}, mode="forward", **option)


def test_every_variable_is_compared() -> None:
    layer = keras.layers.Dense(3, "tanh", dtype="float64")
    layer.build((2, 4))

    def dense(x: Any, kernel: Any, bias: Any) -> Any:
        return layer.stateless_call([kernel, bias], [], x)[0]

    report = check(
        dense, {"x": normal(2, 4), "kernel": normal(4, 3, seed=1), "bias": normal(3, seed=2)}, mode="both"
    )

    assert report.verdict is Verdict.PASS
    assert [c.variable for c in report.comparisons] == ["x", "kernel", "bias"]
    assert [v.name for v in report.variables] == ["x", "kernel", "bias"]


SILENT = "low precision: resized image"
REFUSED = "custom gradients: recomputed"


@pytest.mark.parametrize(
    "case",
    named(
        RIGHT,
        lambda case: case.label,
        lambda number, case: number % 32 == 0 or case.label in (SILENT, REFUSED),
    ),
)
def test_the_corpus_in_forward_mode(case: Case) -> None:
    function, inputs = case.make(6, 0)

    report = check(function, inputs, mode="forward")

    # TensorFlow has no forward mode for two of them: one it leaves out without a word, one it refuses.
    expected = {SILENT: Verdict.FAIL, REFUSED: Verdict.INCONCLUSIVE}.get(case.label, Verdict.PASS)
    assert report.verdict is expected, str(report)
