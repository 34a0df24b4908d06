"""Gradient checkers on the corpus, each at its defaults: `python -m tests.benchmarks.verdicts`.

The functions stay TensorFlow's: torch and jax call them, and TensorFlow's gradients, as operations of their
own, so that every checker judges the same gradient. Outputs are joined to one real vector and inputs that are
not floating are bound, since not all checkers take anything else. An exception counts as a refusal.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

import gradcheck
from gradcheck import Verdict
from tests.corpus import RIGHT, WRONG, Case
from tests.corpus.oracle import floating_outputs, is_floating

SIZE, SEED = 6, 0

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Problem:
    """A case as a function of floating inputs to one real vector."""

    case: Case

    def inputs(self) -> dict[str, Array]:
        """All inputs by name."""
        return self.case.make(SIZE, SEED)[1]

    def floating(self) -> list[Array]:
        """The inputs that are differentiated."""
        return [array for array in self.inputs().values() if is_floating(array)]

    def function(self, *tensors: Any) -> Any:
        """All floating outputs as one vector of the first one's dtype; complex numbers as pairs."""
        function, inputs = self.case.make(SIZE, SEED)
        given = iter(tensors)
        outputs = function(*(next(given) if is_floating(a) else tf.constant(a) for a in inputs.values()))
        parts: list[Any] = []
        for tensor in floating_outputs(outputs):
            pair = [tf.math.real(tensor), tf.math.imag(tensor)] if tensor.dtype.is_complex else [tensor]
            parts += [tf.reshape(part, [-1]) for part in pair]
        return tf.concat([tf.cast(part, parts[0].dtype) for part in parts], axis=0)

    def forward(self, *arrays: Array) -> Array:
        """The function in NumPy."""
        result: Array = self.function(*map(tf.constant, arrays)).numpy()
        return result

    def backward(self, upstream: Array, *arrays: Array) -> list[Array | None]:
        """TensorFlow's gradients for one upstream gradient; None where the tape gives none."""
        tensors = [tf.constant(array) for array in arrays]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            output = self.function(*tensors)
        found = tape.gradient(output, tensors, output_gradients=tf.cast(tf.constant(upstream), output.dtype))
        return [None if g is None else tf.convert_to_tensor(g).numpy() for g in found]


def judged_by_gradcheck(problem: Problem) -> Verdict:
    """gradcheck.check with its defaults, on the case as it is."""
    function, inputs = problem.case.make(SIZE, SEED)
    return gradcheck.check(function, inputs).verdict


def judged_by_tensorflow(problem: Problem) -> Verdict:
    """tf.test.compute_gradient, which has no verdict of its own, and numpy.allclose."""
    tape, difference = tf.test.compute_gradient(
        problem.function, [tf.constant(a) for a in problem.floating()]
    )
    pairs = zip(tape, difference, strict=True)
    close = all(np.allclose(a.astype(np.float64), d.astype(np.float64)) for a, d in pairs)
    return Verdict.PASS if close else Verdict.FAIL


def to_torch(array: Array) -> Any:
    """A torch tensor; torch does not know NumPy's bfloat16, so that goes through float32."""
    import torch

    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.astype(np.float32)).to(torch.bfloat16)
    return torch.from_numpy(np.array(array))


def from_torch(tensor: Any, like: Array) -> Array:
    """The way back, in the dtype of `like`."""
    import torch

    wide = tensor.detach().to(torch.float32) if tensor.dtype is torch.bfloat16 else tensor.detach()
    array: Array = wide.numpy().astype(like.dtype)
    return array


def judged_by_torch(problem: Problem, fast: bool) -> Verdict:
    """torch.autograd.gradcheck, slow or fast."""
    import torch

    arrays = problem.floating()

    class Operation(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(context: Any, *tensors: Any) -> Any:
            context.save_for_backward(*tensors)
            return to_torch(problem.forward(*map(from_torch, tensors, arrays)))

        @staticmethod
        def backward(context: Any, upstream: Any) -> Any:
            point = map(from_torch, context.saved_tensors, arrays)
            found = problem.backward(from_torch(upstream, np.zeros(0)), *point)
            return tuple(None if gradient is None else to_torch(gradient) for gradient in found)

    tensors = [to_torch(array).requires_grad_() for array in arrays]
    passed = torch.autograd.gradcheck(Operation.apply, tensors, fast_mode=fast)
    return Verdict.PASS if passed else Verdict.FAIL


def judged_by_jax(problem: Problem) -> Verdict:
    """jax.test_util.check_grads of order 1, reverse mode."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    arrays = problem.floating()
    output = jax.ShapeDtypeStruct(problem.forward(*arrays).shape, problem.forward(*arrays).dtype)
    inputs = tuple(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays)

    def forward(*tensors: Any) -> Any:
        return jax.pure_callback(lambda *given: problem.forward(*map(np.asarray, given)), output, *tensors)

    def gradients(upstream: Any, *tensors: Any) -> tuple[Array, ...]:
        found = problem.backward(*map(np.asarray, (upstream, *tensors)))
        zeros = (np.zeros(array.shape, array.dtype) for array in arrays)
        return tuple(z if g is None else g for g, z in zip(found, zeros, strict=True))

    operation = jax.custom_vjp(forward)
    operation.defvjp(
        lambda *tensors: (forward(*tensors), tensors),
        lambda tensors, upstream: jax.pure_callback(gradients, inputs, upstream, *tensors),
    )
    check_grads(operation, tuple(arrays), order=1, modes=["rev"])
    return Verdict.PASS


def checkers() -> Iterator[tuple[str, Callable[[Problem], Verdict]]]:
    """Name and judge of every checker that is installed."""
    yield "gradcheck", judged_by_gradcheck
    yield "`tf.test.compute_gradient` + `np.allclose`", judged_by_tensorflow
    if importlib.util.find_spec("torch"):
        yield "`torch.autograd.gradcheck`", lambda problem: judged_by_torch(problem, fast=False)
        yield (
            "`torch.autograd.gradcheck(fast_mode=True)`",
            lambda problem: judged_by_torch(problem, fast=True),
        )
    if importlib.util.find_spec("jax"):
        yield '`jax.test_util.check_grads(modes=["rev"])`', judged_by_jax


def verdicts(judge: Callable[[Problem], Verdict], cases: Sequence[Case]) -> dict[str, Verdict]:
    """Verdict by case; an exception is a refusal."""
    found = {}
    for case in cases:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[case.label] = judge(Problem(case))
        except Exception:  # whatever a checker raises, it did not accept
            found[case.label] = Verdict.FAIL
    return found


def row(name: str, judge: Callable[[Problem], Verdict], detailed: bool) -> str:
    """One line of the table; with `detailed` the errors are named on stderr."""
    on_right, on_wrong = verdicts(judge, RIGHT), verdicts(judge, WRONG)
    refused = [label for label, verdict in on_right.items() if verdict is Verdict.FAIL]
    accepted = [label for label, verdict in on_wrong.items() if verdict is Verdict.PASS]
    unsure = [label for label, v in (on_right | on_wrong).items() if v is Verdict.INCONCLUSIVE]
    if detailed:
        for title, labels in (("refused", refused), ("accepted", accepted), ("inconclusive", unsure)):
            for label in labels:
                print(f"{name}: {title}: {label}", file=sys.stderr)
    return f"| {name} | {len(refused)} of {len(RIGHT)} | {len(accepted)} of {len(WRONG)} | {len(unsure)} |"


def main(arguments: Sequence[str]) -> None:
    """Print the table, a line as soon as it is known; `--list` names the errors on stderr."""
    print("| checker | right refused | wrong accepted | inconclusive |")
    print("|---|---|---|---|")
    for name, judge in checkers():
        print(row(name, judge, "--list" in arguments), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
