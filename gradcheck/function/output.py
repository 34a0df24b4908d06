"""What is known of an output of the function: name, shape and dtype."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """One floating output; a complex one counts as pairs of reals along a last axis of length 2."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of real values."""
        return math.prod(self.shape)
