"""A long function as one graph: recurrences and large models, which TensorFlow runs eagerly, step by step.

Whether a function is long is counted in operations, never in seconds: the same function is evaluated in the
same way on any machine.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import alike
from gradcheck.arrays.types import Array
from gradcheck.function.primal import Primal
from gradcheck.function.traced import traced
from gradcheck.runtime import quiet

LONG = 40
"""Operations from which one call of a function takes so long eagerly, some milliseconds, that a graph pays:
recurrences, Keras models."""
EXECUTED = {"TFE_Py_FastPathExecute", "TFE_Py_Execute"}
"""The calls by which TensorFlow's Python runs an operation."""


def counted(call: Callable[[], Any]) -> tuple[Any, int]:
    """What a call returns, and how many TensorFlow operations it ran eagerly; 0 where the process is
    profiled, since a profiler cannot be set aside and put back."""
    if sys.getprofile() is not None:
        return call(), 0
    count = 0

    def note(frame: FrameType, event: str, called: Any) -> None:
        nonlocal count
        count += event == "c_call" and getattr(called, "__name__", "") in EXECUTED

    sys.setprofile(note)
    try:
        found = call()
    finally:
        sys.setprofile(None)
    return found, count


def in_graph(primal: Primal, base: Array, operations: int) -> Primal:
    """A function whose call takes many `operations`, evaluated in a graph; as it is where the function is
    short, does not trace or must not, or is not `base` in a graph."""
    if operations <= LONG or not primal.target.compiles:
        return primal
    # Not rewritten by AutoGraph: the same Python as runs eagerly.
    graph = traced(lambda *tensors: primal(tensors), autograph=False)
    try:
        with quiet():
            found = view(graph(*primal.values))
    except Exception:  # whatever a user's function does when it is traced
        return primal
    return primal.called_by(lambda tensors: graph(*tensors), operations) if alike(found, base) else primal
