"""One operation of TensorFlow that was executed eagerly, and the line of the user that led to it.

All of it hangs on private names of TensorFlow: another one may not have them, and no operation is noted.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import CodeType, FrameType
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.function.call import Call, array
from gradcheck.function.call_kind import CallKind
from gradcheck.function.eagerly import operations_noted
from gradcheck.targets import operation
from gradcheck.targets.defined import is_own


@dataclass(frozen=True, eq=False)
class Executed:
    """One operation."""

    kind: str
    """TensorFlow's name of it, such as `Cumprod`."""
    inputs: tuple[Any, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[Any, ...]
    file: str
    """The user's line that led to it; empty where there is none."""
    line: int
    function: str
    """The function of TensorFlow that the line calls; empty where that has no public name."""
    inside: str
    """Path of the layers that it was executed in."""

    @staticmethod
    @contextlib.contextmanager
    def noted(
        found: list[Executed], tape: Any, values: Sequence[Any], inside: Callable[[], str], until: CodeType
    ) -> Iterator[None]:
        """Note the operations on what depends on `values`, or on `tf.Variable`s, that are executed while the
        context is open, `inside` of layers, below a call of `until`."""
        depending = {id(value) for value in values}

        def note(kind: Any, inputs: Sequence[Any], attributes: Any, outputs: Sequence[Any], *_: Any) -> None:
            if not any(id(tensor) in depending or tensor.dtype == tf.resource for tensor in inputs):
                return
            # `found` keeps the tensors, so that no other one comes by their ids.
            depending.update(map(id, outputs))
            # Nothing comes back to a `StopGradient`, which is not on the tape, unless the tape is told to.
            with _recording():
                tape.watch([output for output in outputs if output.dtype.is_floating])
            given = dict(zip(attributes[::2], attributes[1::2], strict=True))
            name = tf.compat.as_str(kind)
            found.append(Executed(name, tuple(inputs), given, tuple(outputs), *_place(until), inside()))

        with operations_noted(note):
            yield

    def call(self, upstream: Sequence[Any]) -> Call | None:
        """The operation as a call with an upstream gradient for each output; None where no gradient comes by
        or it cannot be executed again by itself."""
        known = {number: array(one) for number, one in enumerate(upstream) if one is not None}
        if not any(np.any(one) for one in known.values()) or not operation.repeatable(self.kind, self.inputs):
            return None
        shapes = tuple(tuple(tensor.shape) for tensor in self.inputs)
        same = (self.kind, self.file, self.line, self.inside, shapes, str(self.attributes))
        alike = self.function.replace("_", "").lower() == self.kind.lower()
        name = self.kind if alike or not self.function else f"{self.kind} in {self.function}"
        where = name, self.file, self.line, self.inside
        target = partial(operation.target, self.kind, self.inputs, self.attributes)
        return Call(*where, None, target, same, CallKind.OPERATION, results=[self.outputs], upstream=known)


@contextlib.contextmanager
def _recording() -> Iterator[None]:
    """Tapes record, as they do not in `tf.stop_gradient`."""
    from tensorflow.python import pywrap_tfe

    stopped = pywrap_tfe.TFE_Py_TapeSetIsStopped()
    if stopped:
        pywrap_tfe.TFE_Py_TapeSetRestartOnThread()
    try:
        yield
    finally:
        if stopped:
            pywrap_tfe.TFE_Py_TapeSetStopOnThread()


def _place(until: CodeType) -> tuple[str, int, str]:
    """File and line of the user's innermost frame, none where there is none above a call of `until`, and the
    public function of TensorFlow that it calls, such as `moments`."""
    frame: FrameType | None = sys._getframe(1)
    called = ""
    while frame is not None and frame.f_code is not until:
        code = frame.f_code
        if _own(code.co_filename):
            return code.co_filename, frame.f_lineno, called
        called = code.co_name if operation.is_public(code.co_name) else called
        frame = frame.f_back
    return "", 0, ""


_own = cache(is_own)
