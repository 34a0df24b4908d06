"""A job with the files that it names, for a machine that may not have them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gradcheck.suite.files import Files, with_neighbours
from gradcheck.suite.job import Job


@dataclass(frozen=True)
class Parcel:
    """A job to be run elsewhere."""

    job: Job
    files: Files

    @classmethod
    def of(cls, job: Job) -> Parcel:
        """A job with all files that its arguments name."""
        return cls(job, Files.of(job.folder, files_named(job)))

    def packed(self) -> Parcel:
        """The same with the contents of the files."""
        return replace(self, files=self.files.packed())

    @property
    def whole(self) -> bool:
        """Whether this machine has all files, or has got what they hold."""
        return self.files.contents is not None or self.files.here

    @contextmanager
    def unpacked(self) -> Iterator[Job]:
        """The job as it can be run on this machine, meanwhile."""
        with self.files.placed() as (folder, elsewhere):
            arguments = list(self.job.arguments)
            for name, path in elsewhere.items():
                arguments = [_renamed(argument, name, path) for argument in arguments]
            yield replace(self.job, arguments=tuple(arguments), folder=folder)


def files_named(job: Job) -> set[str]:
    """The files that the arguments name, from the job's folder, and the Python files beside code."""
    texts = {part for argument in job.arguments for part in _parts(argument)}
    found = {text for text in texts if text and os.path.isfile(os.path.join(job.folder, text))}
    return with_neighbours(job.folder, found)


def _parts(argument: str) -> Iterator[str]:
    """What may name a file in an argument: the whole, what follows NAME=, and both without :key."""
    for text in (argument, argument.partition("=")[2]):
        yield text
        yield text.rpartition(":")[0]


def _renamed(argument: str, name: str, path: str) -> str:
    """An argument that names another path."""
    for head, tail in ((argument, ""), argument.rpartition(":")[::2]):
        if head == name or head.endswith(f"={name}"):
            separator = ":" if tail else ""
            return f"{head.removesuffix(name)}{path}{separator}{tail}"
    return argument
