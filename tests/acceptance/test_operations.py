"""TensorFlow's own operations: no false alarm, and no mistake planted in their gradients passes.

That the gradients are right is known from TensorFlow's own tests, not from this checker; where TensorFlow is
wrong or refuses, the last part says so operation by operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Verdict, check
from gradcheck.errors import TargetError
from tests.corpus.case import Array, Function, distorted, scaled, true_gradients
from tests.operations import OPERATIONS, Operation
from tests.operations.operation import SINGLE
from tests.parameters import every, named
from tests.saying import told

COARSE = 1.5
"""A mistake that differences in float32 show."""


def name_of(operation: Operation) -> str:
    """The id of the operation's tests."""
    return operation.name


def inputs(operation: Operation, dtype: str, seed: int = 0) -> dict[str, Array]:
    """The operation's inputs in a dtype."""
    return {name: array.astype(dtype) for name, array in operation.inputs(seed).items()}


def gradients(function: Function, arrays: dict[str, Array], seed: int) -> list[Array]:
    """TensorFlow's gradients for a random upstream gradient."""
    tensors = [tf.constant(array) for array in arrays.values()]
    rng = np.random.default_rng(seed)
    upstream = tf.nest.map_structure(
        lambda output: tf.cast(tf.constant(rng.standard_normal(output.shape)), output.dtype),
        function(*tensors),
    )
    return [gradient.numpy() for gradient in true_gradients(function, upstream, tensors)]


def one_output(function: Function) -> Function:
    """The function with its outputs joined: planted mistakes have one upstream gradient."""

    def joined(*tensors: Any) -> Any:
        outputs = tf.nest.flatten(function(*tensors))
        return outputs[0] if len(outputs) == 1 else tf.concat([tf.reshape(y, [-1]) for y in outputs], 0)

    return joined


def test_there_are_enough_operations() -> None:
    assert len(OPERATIONS) >= 300
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def in_float64(number: int, operation: Operation) -> bool:
    """A twelfth; those that another test plants a mistake in are found right there, but for one element.

    Not the one that takes two seconds.
    """
    return number % 12 == 1 and operation.name != "vectorized_map"


@pytest.mark.parametrize(
    "operation", named([o for o in OPERATIONS if "float64" in o.dtypes], name_of, in_float64)
)
def test_no_false_alarm_in_float64(operation: Operation) -> None:
    report = check(operation.function, inputs(operation, "float64"))

    assert report.verdict is Verdict.PASS, told(report)


IN_SINGLE = tuple(
    operation
    for number, operation in enumerate(OPERATIONS)
    if operation.dtypes == SINGLE or (number % 4 == 0 and "float32" in operation.dtypes)
)


@pytest.mark.parametrize(
    "operation",
    named(IN_SINGLE, name_of, lambda number, operation: operation.dtypes == SINGLE and number % 2 == 0),
)
def test_no_false_alarm_in_float32(operation: Operation) -> None:
    report = check(operation.function, inputs(operation, "float32"))

    assert report.verdict is Verdict.PASS, told(report)


@pytest.mark.parametrize("operation", named(OPERATIONS, name_of, every(96)))
def test_one_wrong_element_and_no_other_fails(operation: Operation) -> None:
    """A part in ten thousand of one element, chosen at random among those that are not nearly 0."""
    arrays = inputs(operation, operation.dtypes[0])
    function = one_output(operation.function)
    true = gradients(function, arrays, seed=0)
    sizes = [np.abs(gradient) for gradient in true]
    which = int(np.argmax([size.max() for size in sizes]))
    large = np.flatnonzero(sizes[which] > 0.05 * sizes[which].max())
    chosen = np.random.default_rng(0).choice(large)
    factor = COARSE if operation.coarse else 1 + 1e-4
    factors = np.where(np.arange(sizes[which].size) == chosen, factor, 1.0).reshape(sizes[which].shape)

    report = check(distorted(function, lambda g: g * tf.constant(factors, g.dtype), which), arrays)

    assert report.verdict is Verdict.FAIL, told(report)
    wrong = [np.flatnonzero(v.verdicts > ElementVerdict.KINK).tolist() for v in report.variables]
    assert wrong == [[chosen] if number == which else [] for number in range(len(wrong))], told(report)


@pytest.mark.parametrize("operation", named(OPERATIONS[1::4], name_of, every(80)))
def test_wrong_by_one_percent(operation: Operation) -> None:
    arrays = inputs(operation, operation.dtypes[0])
    function = one_output(operation.function)
    sizes = [np.abs(gradient).max() for gradient in gradients(function, arrays, seed=0)]
    which = int(np.argmax(sizes))

    report = check(distorted(function, scaled(COARSE if operation.coarse else 1.01), which), arrays)

    assert report.verdict is Verdict.FAIL, told(report)


# Where TensorFlow is wrong, or refuses.


def test_zeta_has_one_of_its_two_partial_derivatives() -> None:
    """∂ζ(x, q)/∂q = −x ζ(x + 1, q) is there, ∂ζ/∂x is None."""
    report = check(lambda x, q: tf.math.zeta(x, q), {"x": np.array([2.5, 3.5]), "q": np.array([0.7, 1.3])})

    x, q = report.variables
    assert report.verdict is Verdict.FAIL
    assert "no gradient" in str(x.reason)
    assert q.counts["match"] == 2


def test_polygamma_has_no_derivative_in_its_order() -> None:
    report = check(lambda a: tf.math.polygamma(a, tf.constant(1.5, a.dtype)), {"a": np.array([2.0])})

    assert report.verdict is not Verdict.PASS


@pytest.mark.parametrize(
    "function",
    named([tf.math.xlogy, tf.math.xlog1py, tf.math.xdivy], lambda function: function.__name__, every(3)),
)
def test_x_times_a_function_of_y_at_zero(function: Function) -> None:
    """∂(x log y)/∂x = log y for every x, but TensorFlow has 0 at x = 0."""
    report = check(
        lambda x, y: function(x, y), {"x": np.array([0.0, 1.0, -0.5]), "y": np.array([3.0, 2.0, 1.5])}
    )

    assert report.verdict is Verdict.FAIL
    assert report.variables[0].counts["mismatch"] == 1
    assert report.variables[1].counts["match"] == 3


def test_cholesky_of_a_matrix_that_is_not_kept_symmetric() -> None:
    """Only the lower triangle is read, and the gradient is spread over both."""
    a = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.0]])

    report = check(lambda a: tf.linalg.cholesky(a), {"a": a})

    assert report.verdict is Verdict.FAIL
    assert report.variables[0].verdicts[0, 0] == 1


def test_dynamic_stitch_that_overwrites() -> None:
    """The element that is overwritten moves nothing, but gets the gradient of its place."""
    report = check(
        lambda x, y: tf.dynamic_stitch([[0, 2], [1, 2]], [x, y]),
        {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 4.0])},
    )

    assert report.variables[0].verdicts.tolist() == [1, 4]
    assert report.variables[1].counts["match"] == 2


@pytest.mark.full
def test_projective_transform_is_not_differentiated_but_inverted() -> None:
    """Its gradient samples the upstream gradient at the inverse transform: the adjoint only for shifts."""

    def transformed(x: Any) -> Any:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=x,
            transforms=tf.constant([[1.0, 0.1, 0.2, -0.1, 1.0, 0.3, 0.0, 0.0]]),
            output_shape=[4, 4],
            fill_value=0.0,
            interpolation="BILINEAR",
        )

    x = np.random.default_rng(0).standard_normal((1, 4, 4, 1)).astype(np.float32)

    assert check(transformed, {"x": x}).verdict is Verdict.FAIL


def refused(function: Function, message: str, **arrays: Array) -> None:
    """The check cannot run, and says why in one sentence."""
    with pytest.raises(TargetError, match=message):
        check(function, arrays)


def test_dilated_convolution_in_float64_has_no_gradient_on_the_cpu() -> None:
    x, k = np.ones((1, 9, 1)), np.ones((3, 1, 1))

    refused(lambda x, k: tf.nn.conv1d(x, k, 1, "VALID", dilations=2), "in its backward pass", x=x, k=k)


def test_grouped_convolution_has_no_gradient_on_the_cpu() -> None:
    x, k = np.ones((1, 5, 4)), np.ones((3, 2, 4))

    refused(
        lambda x, k: tf.nn.conv1d(x, k, 1, "SAME"),
        "(?i)group.*in its backward|in its backward.*group",
        x=x,
        k=k,
    )


def test_adjust_contrast_has_no_gradient_at_all() -> None:
    refused(
        lambda x: tf.image.adjust_contrast(x, 1.7), "no entry for: AdjustContrast", x=np.ones((1, 2, 2, 1))
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.nn.local_response_normalization(x),
        lambda x: tf.nn.max_pool2d(x, 2, 1, "SAME") + tf.raw_ops.LRN(input=x),
    ],
)
def test_no_kernel_for_float64(function: Function) -> None:
    """A float64 input is refused by TensorFlow; there is nothing to check."""
    refused(function, "when it was evaluated", x=np.ones((1, 2, 2, 2)))


def test_lanczos_has_a_gradient_in_float32_only() -> None:
    refused(lambda x: tf.image.resize(x, [5, 6], "lanczos3"), "in its backward pass", x=np.ones((1, 3, 4, 1)))


def test_the_slope_of_a_norm_at_zero_is_not_finite() -> None:
    """The tape gives NaN (0 / 0) where the norm has a corner."""
    report = check(lambda x: tf.norm(x), {"x": np.zeros(3)})

    assert report.verdict is Verdict.FAIL
    assert report.variables[0].counts["nonfinite"] == 3


@pytest.mark.full
def test_incomplete_beta_function_has_one_of_its_three_partial_derivatives() -> None:
    report = check(
        lambda a, b, x: tf.math.betainc(a, b, x),
        {"a": np.array([1.5]), "b": np.array([2.5]), "x": np.array([0.3])},
    )

    assert [v.reason is not None for v in report.variables] == [True, True, False]
    assert report.verdict is Verdict.FAIL
