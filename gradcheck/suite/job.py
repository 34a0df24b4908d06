"""A check of a suite as a value that any process can run."""

import shlex
from dataclasses import dataclass
from itertools import pairwise

from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure
from gradcheck.verdicts.verdict import Verdict

BY_NAME = ("dense", "maxpool1d", "avgpool1d")
"""Commands that check a layer of TensorFlow's."""


@dataclass(frozen=True)
class Job:
    """A command line, and the folder that its paths are relative to."""

    name: str
    """Unique in the suite."""
    arguments: tuple[str, ...]
    """Those of the command line, such as `("maxpool1d", "--x", "x.npy")`."""
    folder: str
    """Absolute: the working directory of the check."""
    expected: Verdict = Verdict.PASS
    place: tuple[str, int] | None = None
    """File and line of its table."""
    verbose: bool = False
    """Whether its stages are told on standard error too."""
    timeout: float | None = None
    """Seconds that it has; None for as long as it takes."""
    curve: bool = False
    """Whether its worst element is swept over many steps, for a page."""

    @property
    def runs_users_code(self) -> bool:
        """Whether it may run code of the user's, which may leave anything behind in its process: all but
        layers that have a name here or in Keras, with a configuration that names no module."""
        command, *rest = self.arguments
        configs = [text for option, text in pairwise(rest) if option == "--config"]
        own = any("module" in text or not text.lstrip().startswith("{") for text in configs)
        named = command == "layer" and ":" not in rest[0] and not own
        return command not in BY_NAME and not named

    @property
    def command(self) -> str:
        """What to write in a shell, in `folder`, to run this check alone."""
        return shlex.join(("gradcheck", *self.arguments))

    def ended(self, outcome: Findings | Failure, seconds: float = 0.0, printed: str = "") -> CheckResult:
        """How it ended, after so many seconds, and what was written meanwhile."""
        return CheckResult(self.name, outcome, self.expected, seconds, self.place, self.command, printed)
