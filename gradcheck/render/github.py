"""A suite as workflow commands of GitHub Actions: annotations at the lines of functions.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions says how they are encoded.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gradcheck.errors import ExitCode, legible
from gradcheck.render.endings import WORDS, closing, details, relative, worst_first
from gradcheck.report.suite import CheckResult, Failure, SuiteReport

MOST = 10
"""Annotations of one kind that GitHub shows of a step."""
LINES = 25
"""Lines of an annotation, of which GitHub shows some at first."""


def to_github(suite: SuiteReport, root: Path) -> str:
    """Errors, warnings for what could not be judged, and a closing line; paths below `root` are relative to
    it."""
    found = worst_first(suite.unexpected)
    warnings = [result for result in found if result.exit_code is ExitCode.INCONCLUSIVE]
    errors = [result for result in found if result.exit_code is not ExitCode.INCONCLUSIVE]
    commands = [*_commands("error", errors, root), *_commands("warning", warnings, root)]
    # No name here: a line with `::` or `##[` in it might be a command itself.
    last = f"gradcheck: {WORDS[suite.exit_code]}, {closing(suite)}"
    return "".join(f"{line}\n" for line in [*commands, last])


def _commands(kind: str, results: Sequence[CheckResult], root: Path) -> Iterator[str]:
    for result in results[:MOST]:
        properties = {**_place(result, root), "title": f"gradcheck: {result.name}"}
        said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        yield f"::{kind} {said}::{_data(_message(result))}"
    if (more := len(results) - MOST) > 0:
        yield f"gradcheck: {more:,} more without an annotation, of which GitHub shows {MOST}"


def _message(result: CheckResult) -> str:
    lines = details(result).split("\n")
    return "\n".join(lines if len(lines) <= LINES else [*lines[: LINES - 1], "…"])


def _place(result: CheckResult, root: Path) -> dict[str, str]:
    """The line of the function, or of the check in its suite."""
    found = None if isinstance(result.outcome, Failure) else result.outcome.source
    place = found or result.place
    if place is None:
        return {}
    return {"file": relative(place[0], root), "line": str(place[1])}


def _data(text: str) -> str:
    return legible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
