"""How a command ends that cannot do what it is asked to: a sentence, JSON, and an exit code."""

import contextlib
import os
import traceback as tracebacks
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import click

from gradcheck.cli.process import by_signal
from gradcheck.errors import ExitCode, GradcheckError, TimedOut, text_of
from gradcheck.report.suite import Failure, overdue


@dataclass(frozen=True)
class Ending:
    """What is said of an exception, and the code to end with."""

    kind: str
    """The name of the exception's class, such as `TensorError` or `MissingParameter`."""
    found: str
    """What was found, and the rule that it breaks."""
    remedy: str
    code: ExitCode = ExitCode.UNUSABLE
    trace: str = ""
    """Where it happened, if that is to be shown."""

    @classmethod
    def of(cls, error: BaseException, trace: str = "") -> Self:
        """The ending for what was raised."""
        kind = type(error).__name__
        described = f"{kind}: {said}" if (said := text_of(error)) else kind
        if isinstance(error, click.ClickException):
            return cls(kind, " ".join(error.format_message().split()), _help(error))
        if isinstance(error, GradcheckError):
            return cls(kind, error.found, error.remedy, error.exit_code, trace)
        if isinstance(error, TimedOut):
            failure = overdue(error.seconds)
            return cls(failure.kind, failure.found, failure.remedy, trace=trace)
        if not isinstance(error, Exception):
            from gradcheck.targets.user_frames import where

            # Neither the code of a SystemExit nor the 1 of an exception that nobody catches is a verdict.
            found = f"the code under check ended the process ({described})."
            return cls(kind, found, where(error, ""), trace=trace)
        if isinstance(error, MemoryError):
            found = f"the memory of this machine is not enough ({said or kind})."
            return cls(
                kind, found, "Give smaller tensors: a gradient can be checked on small ones.", trace=trace
            )
        found = f"this is a bug in gradcheck, not in your gradient ({described})."
        return cls(kind, found, "--traceback shows where; please report it.", ExitCode.BUG, trace)

    @property
    def failure(self) -> Failure:
        """The same as the outcome of a check."""
        return Failure(self.kind, self.found, self.remedy, self.code)


class Ended(Exception):
    """A command has ended, as its first argument says, and nobody has been told."""

    def __init__(self, ending: Ending, *, told: bool = False) -> None:
        """Keep the ending, and whether it is on standard output already, as JSON."""
        super().__init__(ending)
        self.ending = ending
        self.told = told


@contextlib.contextmanager
def guard(traceback: bool) -> Iterator[None]:
    """Turn what goes wrong into an ending."""
    try:
        yield
    except (click.ClickException, Ended):
        raise
    except BaseException as error:
        if by_signal(error):
            raise
        raise Ended(Ending.of(error, tracebacks.format_exc() if traceback else "")) from error


def _help(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return "" if context is None else f"Try '{context.command_path} --help'."


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether an error is to be told as JSON too, also where the arguments cannot be parsed."""
    wanted = [os.environ.get("GRADCHECK_FORMAT", ""), "json" if os.environ.get("GRADCHECK_JSON") else ""]
    wanted += ["json" for word in arguments if word == "--json"]
    wanted += [word.removeprefix("--format=") for word in arguments if word.startswith("--format=")]
    wanted += [after for word, after in pairwise(arguments) if word == "--format"]
    silent = {"-q", "--quiet"}.intersection(arguments) or os.environ.get("GRADCHECK_QUIET")
    return not silent and "json" in wanted
