"""An element of an input, as `x[0,1]` names it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from gradcheck.errors import ShapeError, TargetError, did_you_mean

_FORM = re.compile(
    r"(?P<name>[^\[\]]+)(?:\[(?P<index>\s*-?[0-9]{1,18}\s*(?:,\s*-?[0-9]{1,18}\s*)*|\s*)\])?", re.DOTALL
)


@dataclass(frozen=True)
class Element:
    """One element; an index below 0 counts from the end of its axis, as in NumPy."""

    variable: str
    index: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """The element that a text names, `x` or `x[]` that of a scalar; ValueError with a sentence for what
        names none."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no element: name an input and an index, such as 'x[0,1]'.")
        index = (found["index"] or "").strip()
        return cls(found["name"].strip(), tuple(int(part) for part in index.split(",")) if index else ())

    def __str__(self) -> str:
        return f"{self.variable}[{','.join(map(str, self.index))}]" if self.index else self.variable

    def flat(self, shapes: Mapping[str, tuple[int, ...]], target: str) -> int:
        """Its flat index, by the shape of every variable; `GradcheckError` where there is no such element."""
        shape = shapes.get(self.variable)
        if shape is None:
            raise TargetError(
                f"--element names {self.variable!r}, which is no variable of {target}.",
                f"{did_you_mean(self.variable, shapes)}Choose from: {', '.join(shapes)}.",
            )
        if len(self.index) != len(shape):
            given, first = len(self.index), Element(self.variable, (0,) * len(shape))
            raise ShapeError(
                f"--element {self} has {given} {'index' if given == 1 else 'indices'}, and {self.variable} "
                f"has shape {shape}.",
                f"Give one for each axis, such as '{first}'.",
            )
        for axis, (place, size) in enumerate(zip(self.index, shape, strict=True)):
            if not -size <= place < size:
                raise ShapeError(
                    f"--element {self} is outside of {self.variable}, which has shape {shape}.",
                    f"Along axis {axis} give 0 to {size - 1}, or -1 to {-size} from its end.",
                )
        places = tuple(place % size for place, size in zip(self.index, shape, strict=True))
        return int(np.ravel_multi_index(places, shape)) if math.prod(shape) and shape else 0
