"""The checks of a suite as values: how each of them ended, and what the process ends with."""

from collections import Counter
from dataclasses import dataclass, replace

from gradcheck.errors import ExitCode
from gradcheck.report.findings import Findings
from gradcheck.verdicts.verdict import Verdict

WORST_FIRST = (
    ExitCode.FAIL,
    ExitCode.BUG,
    ExitCode.UNUSABLE,
    ExitCode.INCONCLUSIVE,
    ExitCode.PASS,
)
"""Exit codes, of which a suite ends with the first that one of its checks ends with."""
UNRUN = "error"
"""The word for a check that could not run, beside the verdicts."""


@dataclass(frozen=True)
class Failure:
    """Why a check could not run."""

    kind: str
    """The class of the exception, such as `TensorError`, or `Crashed` where the process is gone."""
    found: str
    """What was found, and the rule that it breaks: one sentence."""
    remedy: str = ""
    """What to do."""
    exit_code: ExitCode = ExitCode.UNUSABLE

    def __str__(self) -> str:
        return f"{self.found}{'' if self.remedy.startswith(chr(10)) else ' '}{self.remedy}".strip()


def overdue(seconds: float) -> Failure:
    """Why a check was ended that was given so many seconds."""
    found = f"the check did not end within {seconds:g} s, as --timeout says."
    return Failure("TimedOut", found, "Give it more time, or smaller tensors.")


@dataclass(frozen=True)
class CheckResult:
    """How one check of a suite ended."""

    name: str
    outcome: Findings | Failure
    expected: Verdict = Verdict.PASS
    seconds: float = 0.0
    """Time from its start to its end, reading and building included."""
    place: tuple[str, int] | None = None
    """File and line of its table in the suite; None for a check of the command line."""
    command: str = ""
    """The command that runs this check alone, quoted for a shell."""
    printed: str = ""
    """What went to standard error meanwhile: notes, and what the code under check prints."""

    @property
    def word(self) -> str:
        """`pass`, `fail`, `inconclusive` or `error`."""
        return UNRUN if isinstance(self.outcome, Failure) else self.outcome.verdict.value

    def shown(self, *, timing: bool) -> "CheckResult":
        """The same, with or without times in its report."""
        if isinstance(self.outcome, Failure):
            return self
        return replace(self, outcome=replace(self.outcome, timing=timing))

    @property
    def worst_ratio(self) -> float:
        """error ÷ tolerance of the worst element, or comparison where there are no variables; NaN of what
        could not run."""
        if isinstance(self.outcome, Failure):
            return float("nan")
        if variables := self.outcome.worst_variables:
            return variables[0].worst_ratio
        return max((one.ratio for one in self.outcome.comparisons if one.made), default=float("nan"))

    @property
    def size(self) -> int:
        """Number of elements that were to be checked; 0 where there are none to count."""
        variables = () if isinstance(self.outcome, Failure) else self.outcome.variables
        return sum(variable.verdicts.size for variable in variables)

    @property
    def expectedly(self) -> bool:
        """Whether it ended as it is expected to; a check that could not run never did."""
        return not isinstance(self.outcome, Failure) and self.outcome.verdict is self.expected

    @property
    def exit_code(self) -> ExitCode:
        """What a suite of this check alone ends with: a known failure that passes is a fail."""
        if isinstance(self.outcome, Failure):
            return self.outcome.exit_code
        if self.expectedly:
            return ExitCode.PASS
        return ExitCode.INCONCLUSIVE if self.outcome.verdict is Verdict.INCONCLUSIVE else ExitCode.FAIL


@dataclass(frozen=True)
class SuiteReport:
    """How the checks of a suite ended, in the order of the file."""

    name: str
    """The file."""
    results: tuple[CheckResult, ...]
    not_run: tuple[str, ...] = ()
    """Names of the checks that were not begun, after too many failures, or had not ended when the run was
    stopped."""
    seconds: float = 0.0
    """Time from start to end: less than the sum where checks ran side by side."""
    timing: bool = True
    """Show times; without them, equal suites have equal reports."""
    stopped: int = 0
    """The exit code of the signal that has stopped the run; 0 for none."""

    @property
    def exit_code(self) -> ExitCode:
        """The worst of all; 2 where nothing ran. A run that was stopped has no verdict."""
        if self.stopped:
            return ExitCode.INTERRUPTED
        codes = {result.exit_code for result in self.results} or {ExitCode.UNUSABLE}
        return next(code for code in WORST_FIRST if code in codes)

    @property
    def unexpected(self) -> tuple[CheckResult, ...]:
        """The checks that ended otherwise than they are expected to."""
        return tuple(result for result in self.results if not result.expectedly)

    @property
    def counts(self) -> dict[str, int]:
        """Number of checks by `word`, those that there are."""
        found = Counter(result.word for result in self.results)
        words = [*(verdict.value for verdict in Verdict), UNRUN]
        return {word: found[word] for word in words if found[word]}
