"""What is quoted of a gradient or an error: one line of it, and what would mend it."""

from collections.abc import Sequence

import numpy as np

from gradcheck.arrays.types import Array

NAMED = 5
"""Variables that are named in a sentence."""
LINE = 160
"""Characters that are quoted of an error of TensorFlow, which may tell of a whole graph."""
QUOTED = 4
"""Numbers of a gradient that are quoted."""


def in_one_line(said: str) -> str:
    """The start of a message, on one line."""
    line = " ".join(said.split())
    return line if len(line) <= LINE else f"{line[:LINE].rsplit(' ', 1)[0]} …"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many there are more."""
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def of_another_shape(gradient: Array, shape: tuple[int, ...]) -> tuple[Array, str]:
    """A gradient brought to the shape of its variable, NaN where it cannot be, and what is said of it: its
    shape, its values, and what would mend it."""
    said = f"of shape {gradient.shape} for a variable of shape {shape}, with the values {_quoted(gradient)}"
    axes = _summed(gradient.shape, shape)
    if axes is not None:
        which = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
        return gradient.sum(axis=axes).reshape(shape), f"{said}: sum it over {which}"
    if gradient.size == int(np.prod(shape)):
        how = "transpose or reshape" if gradient.shape == shape[::-1] else "reshape"
        return np.full(shape, np.nan), f"{said}: {how} it"
    if gradient.size < int(np.prod(shape)):
        return np.full(shape, np.nan), f"{said}: it was summed too far, or not broadcast back"
    return np.full(shape, np.nan), said


def _summed(found: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes over which a sum gives the shape, as after broadcasting; None where none do."""
    extra = len(found) - len(shape)
    if extra < 0:
        return None
    pairs = list(zip(found[extra:], shape, strict=True))
    if not all(length in (n, 1) or length == 1 for n, length in pairs):
        return None
    axes = (*range(extra), *(extra + axis for axis, (n, length) in enumerate(pairs) if n != length))
    return axes or None


def _quoted(gradient: Array) -> str:
    flat = gradient.reshape(-1)
    numbers = ", ".join(f"{number:.4g}" for number in flat[:QUOTED])
    return f"{numbers}, …" if flat.size > QUOTED else numbers
