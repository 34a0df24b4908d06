"""One variable of a report: its gradients, element by element, and what is known of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.verdicts.verdict import COUNTED, ElementVerdict, error_ratio


@dataclass(frozen=True)
class Variable:
    """One differentiated input; all arrays have its shape and are float64 (verdicts: uint8)."""

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
    """Where some do, the smallest relative error of each that would have been seen; NaN without a match."""
    given: Array | None = None
    """The gradient that a user has worked out, if any."""
    order: int = 1
    """1 for a gradient, 2 for the gradient of the gradient, and so on."""

    @property
    def label(self) -> str:
        """The name, with the order where it is not the first."""
        return labelled(self.name, self.order)

    @cached_property
    def error(self) -> Array:
        """|tape − difference|."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(self.tape - self.difference))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the variable."""
        return tuple(int(n) for n in self.tape.shape)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of elements by verdict label; unchecked ones are left out."""
        return {verdict.label: int(np.count_nonzero(self.verdicts == verdict)) for verdict in COUNTED}

    @property
    def verdict(self) -> ElementVerdict:
        """The worst verdict of any element."""
        return ElementVerdict(int(self.verdicts.max()))

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

    @property
    def coverage(self) -> float:
        """Share of the elements that were checked, one by one or along directions, 0 to 1."""
        return sum(self.counts.values()) / self.verdicts.size

    @property
    def max_abs_error(self) -> float:
        """Largest |tape − difference| of the elements with a difference; NaN where a tape value is NaN."""
        return float(self.error[self.moved & ~self._jumps].max(initial=0.0))

    @property
    def max_rel_error(self) -> float:
        """Largest relative error of the elements checked one by one."""
        return float(self.relative_error()[self.moved & ~self._jumps].max(initial=0.0))

    def relative_error(self) -> Array:
        """error / max(|tape|, |difference|) per element; 0 where both are 0."""
        scale = np.maximum(np.abs(self.tape), np.abs(self.difference))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.error == 0, 0.0, self.error / scale)

    @property
    def _jumps(self) -> Array:
        """Mask of the elements without a difference since the function jumps there."""
        return np.asarray((self.verdicts == ElementVerdict.INCONCLUSIVE) & np.isnan(self.difference))

    def _ratios(self) -> Array:
        """error / tolerance per element, flat; infinite where the error is NaN, 0 where there is none."""
        return np.where(self.moved & ~self._jumps, error_ratio(self.error, self.tolerance), 0.0).reshape(-1)

    @property
    def worst_ratio(self) -> float:
        """Largest error as a share of its tolerance."""
        return float(self._ratios().max())

    def worst_first(self) -> Array:
        """Flat indices, the worst verdict first, then the largest error ratio; last what has no row."""
        verdicts = np.where(self.shown, self.verdicts, ElementVerdict.UNCHECKED).reshape(-1)
        return np.asarray(np.lexsort((-self._ratios(), -verdicts.astype(int))))

    def rows(self, limit: int) -> list[tuple[int, ...]]:
        """Indices of elements to show: all that have a row, in order, if they fit or limit is 0, else the
        worst."""
        chosen = np.flatnonzero(self.shown)
        if 0 < limit < chosen.size:
            chosen = self.worst_first()[:limit]
        return [tuple(int(i) for i in np.unravel_index(flat, self.shape)) for flat in chosen]

    @cached_property
    def worst_index(self) -> tuple[int, ...]:
        """Index of the worst element."""
        return tuple(int(i) for i in np.unravel_index(int(self.worst_first()[0]), self.shape))


def quantiles(sensitivity: Array | None) -> tuple[float, float, float] | None:
    """The sensitivity of the median element, of 99 % of the elements, and of the worst."""
    if sensitivity is None or np.isnan(sensitivity).all():
        return None
    # Infinite where nothing would have been seen: never interpolated.
    found = np.nanquantile(sensitivity, [0.5, 0.99, 1.0], method="higher")
    return float(found[0]), float(found[1]), float(found[2])


def labelled(name: str, order: int) -> str:
    """The name of a variable, with the order where it is not the first."""
    return name if order == 1 else f"{name} (order {order})"
