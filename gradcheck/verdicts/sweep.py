"""The difference of one element at many steps, beside the one that the check takes it for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradcheck.arrays.types import Array


@dataclass(frozen=True)
class Sweep:
    """Differences of one element for the upstream gradient that is shown; arrays are [n], coarse to fine.

    Truncation makes the error of a central difference fall as h² while the step h shrinks, and rounding makes
    it rise as 1/h.
    """

    target: str
    variable: str
    index: tuple[int, ...]
    value: float
    """x_j."""
    scale: float
    """max(|x_j|, rms x), which steps are relative to."""
    steps: Array
    """h, in the unit of x."""
    up: Array
    """D⁺ = (L(x + h) − L(x)) / h; NaN where f refuses x + h or is not finite there."""
    down: Array
    """D⁻ = (L(x) − L(x − h)) / h."""
    noise: Array
    """What rounding alone can do to a difference."""
    tape: float
    step: float
    """The step that the check takes; where the function is curved it extrapolates from this one and finer
    ones."""
    difference: float
    """The difference that the check takes, its best estimate of the derivative."""
    bound: float
    """How far that can be off."""
    tolerance: float
    """How far apart the check lets tape and difference be."""
    half: float
    """Half the distance of the slopes of the two sides at a corner; 0 where the check finds none."""
    precision: str
    """The dtype that shows in differences."""
    evaluations: int
    """Evaluations of the function in all, those before the sweep included."""
    judged: bool = True
    """Whether the check knows the difference well enough to judge the element; not at a jump."""

    @property
    def element(self) -> str:
        """The element as `--element` takes it, such as `x[0,1]`."""
        return f"{self.variable}[{','.join(map(str, self.index))}]" if self.index else self.variable

    @cached_property
    def differences(self) -> Array:
        """(D⁺ + D⁻) / 2; the slope of one side at the edge of the domain, where no step has both; NaN where
        there is none."""
        central = (self.up + self.down) / 2
        if np.isfinite(central).any():
            return np.where(np.isfinite(central), central, np.nan)
        sides = max((self.up, self.down), key=lambda side: np.count_nonzero(np.isfinite(side)))
        return np.where(np.isfinite(sides), sides, np.nan)

    @property
    def one_sided(self) -> bool:
        """Whether the differences are slopes of one side."""
        return not np.isfinite(self.up + self.down).any()

    @property
    def slopes(self) -> tuple[float, float] | None:
        """The slopes of the two sides at a corner, the smaller first; None where the check finds none."""
        return (self.difference - self.half, self.difference + self.half) if self.half > 0 else None

    @property
    def errors(self) -> Array:
        """|difference − tape| at each step, at a corner how far the tape lies outside of both slopes; NaN
        where there is no difference."""
        if self.slopes is None:
            return np.abs(self.differences - self.tape)
        low, high = np.minimum(self.up, self.down), np.maximum(self.up, self.down)
        return np.maximum(np.maximum(low - self.tape, self.tape - high), 0.0)

    @property
    def distances(self) -> Array:
        """|difference − best estimate| at each step."""
        return np.abs(self.differences - self.difference)

    @property
    def error(self) -> float:
        """That of the check: at a corner how far the tape lies outside of both slopes."""
        if self.slopes is None:
            return abs(self.difference - self.tape)
        low, high = self.slopes
        return max(low - self.tape, self.tape - high, 0.0)
