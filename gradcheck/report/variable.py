"""One variable of a report, its elements in order: the worst verdict first, within one error ÷ tolerance."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.elements import Elements
from gradcheck.verdicts.verdict import COUNTED, ElementVerdict


@dataclass(frozen=True)
class Variable(Elements):
    """One differentiated input."""

    @property
    def label(self) -> str:
        """The name, with the order where it is not the first."""
        return labelled(self.name, self.order)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of elements by verdict label; unchecked ones are left out."""
        return {verdict.label: int(np.count_nonzero(self.verdicts == verdict)) for verdict in COUNTED}

    @property
    def verdict(self) -> ElementVerdict:
        """The worst verdict of any element."""
        return ElementVerdict(int(self.verdicts.max()))

    @property
    def coverage(self) -> float:
        """Share of the elements that were checked, one by one or along directions, 0 to 1."""
        return sum(self.counts.values()) / self.verdicts.size

    @property
    def max_abs_error(self) -> float:
        """Largest error of the elements with a difference; NaN where a tape value is NaN."""
        return float(self.error[self.moved & self.measured].max(initial=0.0))

    @property
    def max_rel_error(self) -> float:
        """Largest relative error of the elements checked one by one."""
        return float(self.relative_error()[self.moved & self.measured].max(initial=0.0))

    @property
    def worst_ratio(self) -> float:
        """error ÷ tolerance of the worst element."""
        return float(self.error_ratio[self.worst_index])

    def worst_first(self) -> Array:
        """Flat indices, worst verdict first and the largest error ÷ tolerance first within one; last what has
        no row of its own."""
        return self._worst_first

    @cached_property
    def _worst_first(self) -> Array:
        verdicts = np.where(self.shown, self.verdicts, ElementVerdict.UNCHECKED).reshape(-1)
        ratio = np.where(self.shown, np.nan_to_num(self.error_ratio, nan=0.0, posinf=np.inf), 0.0)
        return np.asarray(np.lexsort((-ratio.reshape(-1), -verdicts.astype(int))))

    def rows(self, limit: int) -> list[tuple[int, ...]]:
        """Indices of elements to show: all that have a row, in order, if they fit or limit is 0, else the
        worst."""
        chosen = np.flatnonzero(self.shown)
        if 0 < limit < chosen.size:
            chosen = self.worst_first()[:limit]
        return [tuple(int(i) for i in np.unravel_index(flat, self.shape)) for flat in chosen]

    def interval(self, index: tuple[int, ...]) -> tuple[float, float] | None:
        """The lowest and the highest right value of an element, where it is at a kink or outside of them."""
        if self.low is None or self.high is None or not np.isfinite(self.low[index]):
            return None
        if self.verdicts[index] != ElementVerdict.KINK and not self.error[index] > 0:
            return None
        return float(self.low[index]), float(self.high[index])

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
