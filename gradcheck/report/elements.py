"""The elements of a variable, and the one measure of how far each is off: error ÷ tolerance."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.verdicts.verdict import ElementVerdict, error_ratio


@dataclass(frozen=True)
class Elements:
    """What is known of each; all arrays have the shape of the variable and are float64 (verdicts: uint8)."""

    name: str
    dtype: str
    """The dtype the user's tensor has, such as `float32`."""
    tape: Array
    """Tape gradient for the upstream gradient that is shown (ones unless given)."""
    difference: Array
    """Finite-difference gradient for the same upstream gradient; NaN where it was not taken."""
    tolerance: Array
    """The error that still counts as agreement."""
    verdicts: Array
    """`ElementVerdict` codes: the worst over all upstream gradients tried."""
    closed_form: Array | None = None
    """The textbook gradient, where there is one."""
    reason: str | None = None
    """Why the variable as a whole fails, such as `the tape returned no gradient`."""
    along: Array | None = None
    """Mask of the elements whose verdict comes from directions, which have no difference; None for none."""
    sensitivity: Array | None = None
    """Where some do, the smallest relative error that would have been seen of each element; NaN of those that
    do not match."""
    given: Array | None = None
    """The gradient that a user has worked out, if any."""
    untold: str | None = None
    """Which element that could not be judged is the worst, and why it could not; None where all could."""
    order: int = 1
    """1 for a gradient, 2 for the gradient of the gradient, and so on."""
    low: Array | None = None
    """Lowest right value where the function has a corner and both sides are known, else NaN; None for no
    corner."""
    high: Array | None = None
    """Highest right value there."""
    refuted: Array | None = None
    """Error ÷ tolerance by which elements fail, the largest of all upstream gradients tried, the closed form
    and the tensors' own dtype; None where none fails."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the variable."""
        return tuple(int(n) for n in self.tape.shape)

    @cached_property
    def error(self) -> Array:
        """|tape − difference|; at a corner the distance of the tape from the nearest right value, NaN where
        none is known."""
        with np.errstate(invalid="ignore"):
            error = np.abs(self.tape - self.difference)
            if self.low is not None and self.high is not None:
                outside = np.maximum(np.maximum(self.low - self.tape, self.tape - self.high), 0.0)
                error = np.where(np.isnan(self.low), error, outside)
            # At a kink without an interval the distance from the difference is no error.
            unknown = (self.verdicts == ElementVerdict.KINK) & (error > self.tolerance)
        return np.where(unknown, np.nan, error) if unknown.any() else np.asarray(error)

    @cached_property
    def error_ratio(self) -> Array:
        """error ÷ tolerance: at most 1 of what agrees, more than 1 of what does not; infinite where the error
        is no number, NaN where it is not known.

        Where an element agrees for the upstream gradient that is shown and fails by something else, as for
        another one or by the closed form, the ratio of that.
        """
        ratio = error_ratio(self.error, self.tolerance)
        if self.refuted is not None:
            failing = self.verdicts >= ElementVerdict.MISMATCH
            elsewhere = failing & (np.isnan(self.error) | ~(ratio > 1))
            ratio = np.where(elsewhere, self.refuted, ratio)
        return np.where(self.measured, ratio, np.nan)

    def stands_alone(self, third: Array) -> Array:
        """Mask of the elements that fail where tape and difference agree with one another, but not with a
        third gradient."""
        with np.errstate(invalid="ignore"):
            # Not `error`, which at a corner is the distance from an interval.
            agree = np.abs(self.tape - self.difference) <= self.tolerance
            apart = ~(np.abs(third - self.difference) <= self.tolerance)
        return np.asarray(agree & apart & (self.verdicts >= ElementVerdict.MISMATCH))

    def telling_error(self) -> Array:
        """The relative error that belongs to the verdict: of a closed form or a given gradient where it alone
        is wrong, else of the tape."""
        found = self.relative_error()
        for third in (self.given, self.closed_form):
            if third is not None and (alone := self.stands_alone(third)).any():
                scale = np.maximum(np.abs(third), np.abs(self.difference))
                found[alone] = (np.abs(third - self.difference) / np.where(scale == 0, 1.0, scale))[alone]
        return found

    def relative_error(self) -> Array:
        """error / max(|tape|, |difference|) per element; 0 where there is none."""
        scale = np.maximum(np.abs(self.tape), np.abs(self.difference))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.error == 0, 0.0, self.error / scale)

    @property
    def measured(self) -> Array:
        """Mask of the elements whose error is known, or is known to be none: not those without a difference
        since the function jumps there or was not asked, nor kinks without an interval."""
        untold = self.verdicts <= ElementVerdict.INCONCLUSIVE
        return np.asarray(~(untold & np.isnan(self.error)))

    @property
    def checked(self) -> Array:
        """Mask of the elements that were checked, one by one or along directions."""
        return np.asarray(self.verdicts != ElementVerdict.UNCHECKED)

    @property
    def moved(self) -> Array:
        """Mask of the elements that were checked one by one."""
        return self.checked if self.along is None else self.checked & ~self.along

    @property
    def shown(self) -> Array:
        """Mask of the elements that have a row: those that were moved by themselves, and all that fail."""
        return np.asarray(self.moved | (self.verdicts >= ElementVerdict.MISMATCH))
