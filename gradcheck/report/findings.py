"""Everything that a check found out, as values."""

from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import ExitCode
from gradcheck.notes import Kind, Note
from gradcheck.report.variable import Variable
from gradcheck.settings import Settings
from gradcheck.verdicts.part import Part
from gradcheck.verdicts.summary import Summary
from gradcheck.verdicts.sweep import Sweep
from gradcheck.verdicts.verdict import Comparison, ElementVerdict, Verdict
from gradcheck.verdicts.widening import Applied

ROWS, PASSING = 20, 10
"""Rows of elements of a variable, and of one that passes, where nobody has asked for another number."""


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
    limit: int | None = None
    """Rows of elements shown per variable; 0 for all, None for as many as `rows_of` says."""
    comparisons: tuple[Comparison, ...] = ()
    """Other ways to the same gradients (modes, executions, Jacobians), each held against another."""
    directions: Summary | None = None
    """How much was checked along signed directions; None for nothing."""
    parts: tuple[Part, ...] = ()
    """Custom gradients and layers inside the function, checked by themselves; none where nobody looked."""
    timing: bool = True
    """Show the time that the check took; without it, equal checks have equal reports."""
    only_failing: bool = False
    """Show the elements of those variables only that did not pass, and list the worst variable first."""
    heatmap: bool = False
    """Draw error ÷ tolerance of the variables as maps."""
    tolerance: Applied | None = None
    """The tolerance that was applied; None where no element had one."""
    sweep: Sweep | None = None
    """The worst element at many steps; None where nobody asked for it."""
    source: tuple[str, int] | None = None
    """File and line of the part that is wrong by itself, else where the function begins; None where that is
    no code of the user's own."""

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
        """The worst verdict first, and within one the largest error ÷ tolerance."""

        def measure(variable: Variable) -> tuple[ElementVerdict, float]:
            return variable.verdict, float(np.nan_to_num(variable.worst_ratio, nan=0.0, posinf=np.inf))

        return tuple(sorted(self.variables, key=measure, reverse=True))

    @property
    def detailed(self) -> tuple[Variable, ...]:
        """The variables whose elements are shown."""
        return tuple(v for v in self.listed if not (self.only_failing and self.fine(v)))

    def counted(self, verdicts: Array) -> Array:
        """Verdicts of elements as what they count: a kink is a mismatch with `strict`."""
        if not self.settings.strict:
            return verdicts
        return np.where(verdicts == ElementVerdict.KINK, ElementVerdict.MISMATCH, verdicts)

    def fine(self, variable: Variable) -> bool:
        """Whether a variable passes."""
        return bool(self.counted(variable.verdicts).max() <= ElementVerdict.KINK)

    def rows_of(self, variable: Variable) -> int:
        """Rows of elements shown of a variable; 0 for all."""
        if self.limit is None:
            return PASSING if self.fine(variable) else ROWS
        return self.limit

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
