"""One call inside a function, and what its code says of it: names of arguments, file, line, whose it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.call_kind import CallKind
from gradcheck.targets.function import Target

SMALL = 64
"""Numbers of a tensor up to which it tells functions apart: larger ones are data of the call."""
THEIRS = ("tensorflow", "keras", "tf_keras", "gradcheck")
"""Packages whose own custom gradients and layers are not looked at."""


@dataclass(eq=False)
class Call:
    """One call at the point."""

    name: str
    file: str
    line: int
    """Where the function begins in the file, 0 where that is not known."""
    inside: str
    """Path of the layers that it is called in, such as `block_2/ffn`."""
    within: Call | None
    """The call that encloses it."""
    target: Callable[[], Target]
    """Makes what was called a target at its inputs."""
    same: tuple[Any, ...]
    """Equal for repeated calls of one function at the same shapes."""
    kind: CallKind
    everything: bool = False
    """Whether it was called with all variables of the check and nothing else."""
    results: list[Any] = field(default_factory=list)
    """What it returned, once it has."""
    upstream: dict[int, Array] = field(default_factory=dict)
    """The upstream gradient of each output by number, as far as the tape came by."""

    def around(self) -> Iterator[Call]:
        """The calls that enclose it, the innermost first."""
        call = self.within
        while call is not None:
            yield call
            call = call.within

    def shown(self) -> Array | None:
        """The upstream gradient at the point, of all floating outputs joined where there are several; None
        where the tape did not come by all of them, or with nothing."""
        outputs = list(enumerate(tf.nest.flatten(self.results[0])))
        floating = [number for number, leaf in outputs if leaf.dtype.is_floating or leaf.dtype.is_complex]
        if not floating or any(number not in self.upstream for number in floating):
            return None
        known = [self.upstream[number].astype(np.float64) for number in floating]
        flat = np.concatenate([one.reshape(-1) for one in known])
        if not np.isfinite(flat).all() or not flat.any():
            return None
        return known[0] if len(known) == 1 else flat


def tapped(call: Call, number: int, output: Any) -> Any:
    """An output whose upstream gradient is noted when the tape comes by."""
    if not tf.is_tensor(output) or not output.dtype.is_floating:
        return output

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def tap(y: Any) -> Any:
        def backward(upstream: Any) -> Any:
            call.upstream[number] = array(upstream)
            return upstream

        return tf.identity(y), backward

    return tap(output)


def theirs(made: Any) -> bool:
    """Whether a function or class is TensorFlow's, Keras' or this package's own."""
    module = str(getattr(made, "__module__", ""))
    return module.partition(".")[0] in THEIRS


def array(tensor: Any) -> Array:
    """A tensor, or its dense form, in NumPy."""
    return np.asarray(tf.convert_to_tensor(tensor))


def names(f: Any, args: Sequence[Any], count: int) -> list[str]:
    """Names of the tensors among the arguments: those of the parameters where each is one tensor."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a callable without a signature
        parameters = []
    single = len(args) == count and all(map(tf.is_tensor, args))
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return named[:count] if single and len(named) >= count else [f"x{n}" for n in range(1, count + 1)]


def source(cls: type) -> tuple[str, int]:
    """File and line of a class; none where there is no file."""
    try:
        return str(inspect.getsourcefile(cls)), inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return "", 0


def enclosed(f: Any, depth: int = 2) -> tuple[Any, ...]:
    """What tells functions of one place in the code apart: numbers, text, small tensors and objects that they
    hold, and what the functions hold that they hold; never data, such as larger tensors and lists."""
    cells = getattr(inspect.unwrap(f), "__closure__", None) or ()
    found: list[Any] = []
    for content in (cell.cell_contents for cell in cells):
        if isinstance(content, (int, float, str, type(None))):
            found.append(content)
        elif tf.is_tensor(content):
            if hasattr(content, "numpy") and content.shape.num_elements() <= SMALL:
                found.append((content.dtype.name, content.numpy().tobytes()))
        elif inspect.isfunction(content):
            found.append((content.__code__, enclosed(content, depth - 1) if depth else ()))
        elif not isinstance(content, (np.ndarray, list, tuple, dict)):
            found.append(id(content))
    return tuple(found)
