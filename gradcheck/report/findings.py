"""Everything that a check found out, as values: variables, element by element, and the whole."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import ExitCode
from gradcheck.notes import Kind, Note
from gradcheck.settings import Settings
from gradcheck.verdicts.verdict import COUNTED, Comparison, ElementVerdict, Verdict, error_ratio


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
        """Mask of the elements that were checked one by one."""
        return np.asarray(self.verdicts != ElementVerdict.UNCHECKED)

    @property
    def coverage(self) -> float:
        """Share of the elements that were checked one by one, 0 to 1."""
        return sum(self.counts.values()) / self.verdicts.size

    @property
    def max_abs_error(self) -> float:
        """Largest |tape − difference| of the elements checked; NaN where a tape value is NaN."""
        return float(self.error[self.checked].max(initial=0.0))

    @property
    def max_rel_error(self) -> float:
        """Largest relative error of the elements checked."""
        return float(self.relative_error()[self.checked].max(initial=0.0))

    def relative_error(self) -> Array:
        """error / max(|tape|, |difference|) per element; 0 where both are 0."""
        scale = np.maximum(np.abs(self.tape), np.abs(self.difference))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.error / scale
        return np.where(self.error == 0, 0.0, ratio)

    def _ratios(self) -> Array:
        """error / tolerance per element, flat; infinite where the error is NaN, 0 where there is none."""
        return np.where(self.checked, error_ratio(self.error, self.tolerance), 0.0).reshape(-1)

    @property
    def worst_ratio(self) -> float:
        """Largest error as a share of its tolerance."""
        return float(self._ratios().max())

    def worst_first(self) -> Array:
        """Flat indices, worst verdict first and the largest error ratio first within one."""
        share = self._ratios()
        return np.asarray(np.lexsort((-share, -self.verdicts.reshape(-1).astype(int))))

    def rows(self, limit: int) -> list[tuple[int, ...]]:
        """Indices of checked elements to show: all in order if they fit or limit is 0, else the worst."""
        chosen = np.flatnonzero(self.checked)
        if 0 < limit < chosen.size:
            chosen = self.worst_first()[:limit]
        return [tuple(int(i) for i in np.unravel_index(flat, self.shape)) for flat in chosen]

    @cached_property
    def worst_index(self) -> tuple[int, ...]:
        """Index of the worst element."""
        return tuple(int(i) for i in np.unravel_index(int(self.worst_first()[0]), self.shape))


def labelled(name: str, order: int) -> str:
    """The name of a variable, with the order where it is not the first."""
    return name if order == 1 else f"{name} (order {order})"


@dataclass(frozen=True)
class Findings:
    """What is known of a target; `gradcheck.Report` adds how it is shown."""

    target: str
    variables: tuple[Variable, ...]
    settings: Settings
    evaluations: int
    """How often the function was evaluated."""
    seconds: float
    precision: str
    """The dtypes that tape and differences were computed in, in words."""
    notes: tuple[Note, ...] = ()
    sensitivity: tuple[float, float] | None = None
    """Smallest relative error that would have been a mismatch: (median, worst) over the elements that
    match."""
    limit: int = 20
    """Rows of elements shown per variable; 0 for all."""
    comparisons: tuple[Comparison, ...] = ()
    """Other ways to the same gradients (modes, executions, Jacobians), each held against another."""
    only_failing: bool = False
    """Show the elements of those variables only that did not pass, and list the worst variable first."""

    def said(self, kind: Kind) -> tuple[str, ...]:
        """The notes of a kind, a line each."""
        return tuple(str(note) for note in self.notes if note.kind is kind)

    @property
    def diagnosis(self) -> tuple[str, ...]:
        """What the failing elements have in common, a line per failing variable."""
        return self.said(Kind.DIAGNOSIS)

    @property
    def involved(self) -> tuple[str, ...]:
        """For the worst elements, the outputs whose partial derivatives are wrong."""
        return self.said(Kind.OUTPUTS)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know although nothing failed."""
        return self.said(Kind.WARNING)

    @property
    def listed(self) -> tuple[Variable, ...]:
        """The variables in the order to show them."""
        return self.worst_variables if self.only_failing else self.variables

    @property
    def worst_variables(self) -> tuple[Variable, ...]:
        """The worst verdict first, and within one the largest error as a share of its tolerance."""
        return tuple(sorted(self.variables, key=lambda v: (v.verdict, v.worst_ratio), reverse=True))

    @property
    def detailed(self) -> tuple[Variable, ...]:
        """The variables whose elements are shown."""
        return tuple(v for v in self.listed if not self.only_failing or v.verdict > ElementVerdict.KINK)

    @property
    def verdict(self) -> Verdict:
        """fail if anything disagrees, else inconclusive if anything could not be judged, else pass."""
        found: list[Variable | Comparison] = [*self.variables, *self.comparisons]
        worst = max((one.verdict for one in found), default=ElementVerdict.UNCHECKED)
        kinks = any(variable.counts["kink"] for variable in self.variables)
        if worst >= ElementVerdict.MISMATCH or (self.settings.strict and kinks):
            return Verdict.FAIL
        # A report of which nothing was checked has seen nothing agree.
        judged = worst in (ElementVerdict.MATCH, ElementVerdict.KINK)
        return Verdict.PASS if judged else Verdict.INCONCLUSIVE

    @property
    def passed(self) -> bool:
        """Whether everything agrees."""
        return self.verdict is Verdict.PASS

    @property
    def exit_code(self) -> ExitCode:
        """How a process that made these findings should end."""
        return ExitCode[self.verdict.name]
