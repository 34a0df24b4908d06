"""What is known of the last run of a suite: how long each check took, and how it ended."""

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from gradcheck.replacing import replace_file
from gradcheck.report.suite import CheckResult
from gradcheck.suite.finding import bytes_of
from gradcheck.suite.job import Job

FOLDER = ".gradcheck_cache"
SCHEMA = 1
"""Changes with the form of the file; files of another one are ignored."""


@dataclass(frozen=True)
class Entry:
    """The last run of one check."""

    seconds: float
    word: str
    """`pass`, `fail`, `inconclusive` or `error`."""
    expectedly: bool
    """Whether it ended as it is expected to."""


@dataclass(frozen=True)
class Record:
    """The last run of each check of a suite, as far as one is known."""

    path: Path | None = None
    entries: Mapping[str, Entry] = field(default_factory=dict)
    """By name."""

    @classmethod
    def read(cls, file: Path) -> Self:
        """The record beside a suite file; empty where there is none, or a damaged one."""
        path = file.absolute().parent / FOLDER / f"{file.name}.json"
        return cls(path, _read(path))

    @property
    def failed(self) -> frozenset[str]:
        """Names of the checks that did not end as they are expected to."""
        return frozenset(name for name, entry in self.entries.items() if not entry.expectedly)

    def updated(self, results: Sequence[CheckResult], jobs: Sequence[Job]) -> "Record":
        """The record after a run, with what other runs have written meanwhile; `jobs` are all checks of the
        suite: what is no more is forgotten."""
        new = {result.name: Entry(result.seconds, result.word, result.expectedly) for result in results}
        every = {**(self.entries if self.path is None else _read(self.path)), **new}
        return Record(self.path, {job.name: every[job.name] for job in jobs if job.name in every})

    def write(self) -> None:
        """Write it in one move, if that is possible there."""
        if self.path is None:
            return
        entries = {name: asdict(entry) for name, entry in self.entries.items()}
        content = json.dumps({"schema": SCHEMA, "checks": entries}, indent=1)
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(exist_ok=True)
            ignored = self.path.parent / ".gitignore"
            if not ignored.exists():
                replace_file(ignored, b"*\n")
            replace_file(self.path, content.encode())


def _read(path: Path) -> dict[str, Entry]:
    """What a file holds; nothing where there is none, or a damaged one."""
    try:
        content = json.loads(bytes_of(path) if path.is_file() else b"")
        return _entries(content) if content["schema"] == SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return {}


def _entries(content: Any) -> dict[str, Entry]:
    """The entries of a file; raises where they are not what `write` writes."""
    entries = {name: Entry(**entry) for name, entry in dict(content["checks"]).items()}
    for entry in entries.values():
        number = isinstance(entry.seconds, int | float) and math.isfinite(entry.seconds)
        if not (number and entry.seconds >= 0 and isinstance(entry.expectedly, bool)):
            raise ValueError(f"{entry} is none")
    return entries
