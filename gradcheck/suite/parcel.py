"""A job with the files that it names, for a machine that may not have them: by path where the same file is
there, otherwise by value."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from gradcheck.suite.job import Job

CODE = 2**20
"""Bytes of the .py files beside one that is named up to which they travel with it: a file imports them."""
Digest = tuple[int, str]
"""Size and SHA-256 of a file."""


@dataclass(frozen=True)
class Parcel:
    """A job to be run elsewhere."""

    job: Job
    digests: Mapping[str, Digest]
    """Of each file, by its path as the job names it."""
    contents: Mapping[str, bytes] | None = None
    """What the files hold; None where they are to be found by path."""

    @classmethod
    def of(cls, job: Job) -> "Parcel":
        """A job with all files that its arguments name."""
        return cls(job, {name: _digest(Path(job.folder, name)) for name in sorted(files_named(job))})

    def packed(self) -> "Parcel":
        """The same with the contents of the files."""
        return replace(
            self, contents={name: Path(self.job.folder, name).read_bytes() for name in self.digests}
        )

    @property
    def here(self) -> bool:
        """Whether this machine has the same files at the same paths."""
        paths = {name: Path(self.job.folder, name) for name in self.digests}
        return os.path.isdir(self.job.folder) and all(
            path.is_file() and _digest(path) == self.digests[name] for name, path in paths.items()
        )

    @contextmanager
    def unpacked(self) -> Iterator[Job]:
        """The job, with the files that came by value in a folder of their own, removed at the end."""
        if self.contents is None:
            yield self.job
            return
        folder = tempfile.mkdtemp(prefix="gradcheck-")
        try:
            arguments = list(self.job.arguments)
            for number, (name, content) in enumerate(self.contents.items()):
                path = Path(folder, name)
                if _outside(name):
                    path = Path(folder, f"outside-{number}", PurePath(name).name)
                    arguments = [_renamed(argument, name, str(path)) for argument in arguments]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            yield replace(self.job, arguments=tuple(arguments), folder=folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def files_named(job: Job) -> set[str]:
    """The files that the arguments name, from the job's folder, and the Python files beside code."""
    texts = {part for argument in job.arguments for part in _parts(argument)}
    found = {text for text in texts if text and os.path.isfile(os.path.join(job.folder, text))}
    for code in [name for name in found if name.endswith(".py")]:
        beside = [path for path in Path(job.folder, code).parent.glob("*.py") if path.is_file()]
        if sum(path.stat().st_size for path in beside) <= CODE:
            found |= {os.path.join(os.path.dirname(code), path.name) for path in beside}
    return found


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


def _outside(name: str) -> bool:
    """Whether a path leads out of the job's folder."""
    return os.path.isabs(name) or os.path.normpath(name).startswith("..")


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
