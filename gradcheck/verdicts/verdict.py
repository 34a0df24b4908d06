"""What is known of an element, of a whole check, and of two ways to the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np

from gradcheck.arrays.types import Array


class ElementVerdict(IntEnum):
    """What is known of one element; the numbers order them from harmless to worst."""

    UNCHECKED = 0
    MATCH = 1
    KINK = 2
    INCONCLUSIVE = 3
    MISMATCH = 4
    NONFINITE = 5

    @property
    def label(self) -> str:
        """The word shown in tables and JSON."""
        return self.name.lower()


COUNTED = (
    ElementVerdict.MATCH,
    ElementVerdict.KINK,
    ElementVerdict.MISMATCH,
    ElementVerdict.NONFINITE,
    ElementVerdict.INCONCLUSIVE,
)


class Verdict(Enum):
    """What is known of the whole check."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


def error_ratio(error: Array, tolerance: Array) -> Array:
    """error / tolerance; 0 where there is no error, infinite where it is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error == 0, 0.0, error / tolerance)
    return np.where(np.isnan(ratio), np.inf, ratio)


@dataclass(frozen=True)
class Comparison:
    """What was held against what, for one variable, and how far apart they are."""

    what: str
    """One side, such as `XLA tape`."""
    against: str
    """The other side, such as `eager tape`."""
    variable: str
    error: float
    """The error at `where`; NaN where nothing could be compared."""
    tolerance: float
    """The error that still counts as agreement there; NaN where nothing could be compared."""
    verdict: ElementVerdict
    """The worst of the entries; `unchecked` where one side cannot be had at all."""
    where: tuple[int, ...] | None = None
    """Index of the worst entry, in the gradient, the output or the Jacobian; None for a single number."""
    note: str = ""
    """Why nothing was compared, or what the two sides are."""

    @staticmethod
    def of(
        what: str,
        against: str,
        variable: str,
        error: Array,
        tolerance: Array,
        verdicts: Array | None = None,
        note: str = "",
    ) -> Comparison:
        """The comparison of many entries, shown at the worst; without verdicts, match or mismatch.

        `error` and `tolerance` have the shape that `where` indexes. Not small enough is wrong, so NaN is.
        """
        if verdicts is None:
            with np.errstate(invalid="ignore"):
                agrees = error <= tolerance
            verdicts = np.where(agrees, ElementVerdict.MATCH, ElementVerdict.MISMATCH)
        ratio = error_ratio(error, tolerance)
        if not error.size:
            return Comparison(what, against, variable, 0.0, 0.0, ElementVerdict.MATCH, None, note)
        worst = int(np.lexsort((-ratio.reshape(-1), -verdicts.reshape(-1).astype(int)))[0])
        index = tuple(int(i) for i in np.unravel_index(worst, error.shape))
        return Comparison(
            what,
            against,
            variable,
            float(error[index]),
            float(tolerance[index]),
            ElementVerdict(int(verdicts[index])),
            index or None,
            note,
        )

    @staticmethod
    def without(
        what: str, against: str, variable: str, note: str, verdict: ElementVerdict = ElementVerdict.UNCHECKED
    ) -> Comparison:
        """A comparison that could not be made, and why."""
        return Comparison(what, against, variable, float("nan"), float("nan"), verdict, None, note)

    @property
    def ratio(self) -> float:
        """error ÷ tolerance; infinite where the error is NaN."""
        return float(error_ratio(np.asarray(self.error), np.asarray(self.tolerance)))

    @property
    def made(self) -> bool:
        """Whether there were two sides to compare."""
        return not (np.isnan(self.tolerance) and np.isnan(self.error))
