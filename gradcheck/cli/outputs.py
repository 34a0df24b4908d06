"""Where documents go: files, devices and standard output.

A place is looked at before the check and written after it. A regular file is replaced in one move, so that a
failure leaves what was there; everything else is written to.
"""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from gradcheck.cli.group import document, unwritable
from gradcheck.cli.process import writable
from gradcheck.errors import GradcheckError, beginning
from gradcheck.render.plain_ascii import PLAIN
from gradcheck.replacing import pour, replace_file

_DESCRIPTOR = re.compile(rf"/dev/fd/(\d+)|/proc/(?:self|{os.getpid()})/fd/(\d+)")
MOST_LINKS = 40
"""Symbolic links that Linux follows in one name."""


SHOWN = 120
"""The most characters of a name that an error repeats."""


@dataclass(frozen=True)
class Place:
    """Where a document goes."""

    name: str
    """What an error calls it: `--output report.json`."""
    path: str = ""
    """The file or device, symbolic links not followed."""
    descriptor: int | None = None
    """The number of an open stream, 1 for standard output; None for what is opened by its path."""
    grows: bool = False
    """Whether what is written there comes after what there is."""

    @classmethod
    def of(cls, option: str, text: str, *, grows: bool = False) -> Self:
        """The place that a text names; raises `GradcheckError` where it names none."""
        if not text.strip():
            raise GradcheckError(f"{option} is empty text.", "Name a file, or - for standard output.")
        place = cls(f"{option} {beginning(text, SHOWN)}", os.path.expanduser(text), grows=grows)
        number = 1 if text == "-" else _descriptor(place.path)
        return place if number is None else cls(place.name, "", number)

    def refusal(self) -> GradcheckError | None:
        """Why it cannot be written, as far as that shows before; None where it can."""
        try:
            self._try()
        except GradcheckError as error:
            return error
        except OSError as error:
            return self._refusal(error.strerror or str(error))
        return None

    def _try(self) -> None:
        """Raise unless it can be written, as far as that shows before."""
        if self.descriptor == 1:
            if (error := writable(sys.stdout)) is not None:
                raise unwritable(error)
            return
        if self.descriptor is not None:
            os.write(self.descriptor, b"")
            return
        try:
            mode = os.stat(self.path).st_mode
        except FileNotFoundError:
            self._try_new(Path(os.path.realpath(self.path)))
            return
        if stat.S_ISDIR(mode):
            raise GradcheckError(f"{self.name} is a directory.", "Name a file in it.")
        if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            # The superuser could write it all the same, and is asked not to, as everybody else is.
            raise self._refusal(f"it is read-only (mode {stat.S_IMODE(mode):03o})")
        if stat.S_ISREG(mode):
            os.close(os.open(self.path, os.O_WRONLY))
        elif not os.access(self.path, os.W_OK):
            raise self._refusal("permission denied")

    def _try_new(self, path: Path) -> None:
        if not path.parent.is_dir():
            # As it was written, unless a symbolic link leads elsewhere.
            folder = path.parent if Path(self.path).parent.is_dir() else Path(self.path).parent
            raise GradcheckError(
                f"The folder {str(folder)!r} of {self.name} does not exist.", "Make it first."
            )
        if self.path.endswith(os.sep):
            raise GradcheckError(f"{self.name} names a folder.", "Name a file in it.")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        path.unlink()

    def _refusal(self, reason: str) -> GradcheckError:
        return GradcheckError(f"{self.name} cannot be written: {reason}.", "Choose another file.")

    @property
    def standard_output(self) -> bool:
        """Whether it is standard output, where a terminal gets colours."""
        return self.descriptor == 1

    @property
    def encoding(self) -> tuple[str, str]:
        """Encoding of text, and what becomes of what it has no sign for."""
        return (sys.stdout.encoding, PLAIN) if self.standard_output else ("utf-8", PLAIN)

    def write(self, content: bytes) -> None:
        """Write a document; a reader that has gone away is no error.

        Raises `GradcheckError` where there is no place for it; a regular file is then what it was.
        """
        try:
            if self.standard_output:
                with document():
                    sys.stdout.flush()
                    sys.stdout.buffer.write(content)
                    sys.stdout.flush()
            elif self.descriptor is not None:
                pour(self.descriptor, content)
            elif not self.grows and (not os.path.exists(self.path) or os.path.isfile(self.path)):
                replace_file(Path(os.path.realpath(self.path)), content)
            else:
                with open(self.path, "ab" if self.grows else "wb", buffering=0) as stream:
                    pour(stream.fileno(), content)
        except BrokenPipeError:
            return
        except OSError as error:
            raise self._refusal(error.strerror or str(error)) from error

    def size(self) -> int:
        """Bytes of the file that there is."""
        try:
            return os.stat(self.path).st_size
        except OSError:
            return 0

    @property
    def identity(self) -> tuple[object, ...] | None:
        """What two names of one place have in common; None for the null device, where nothing is lost."""
        try:
            found = os.fstat(self.descriptor) if self.descriptor is not None else os.stat(self.path)
        except OSError:
            return (os.path.realpath(self.path),)
        return None if _null(found) else (found.st_dev, found.st_ino)


STANDARD_OUTPUT = Place("standard output", "", 1)
"""Where the report goes unless it is told otherwise."""


def refuse_overwriting(places: Sequence[Place], texts: Mapping[str, Any]) -> None:
    """Raise unless the places differ from one another, and from every file that is read.

    `texts` are those of all other options, of which some name files.
    """
    taken: dict[tuple[object, ...], str] = {}
    for place in places:
        identity = place.identity
        if identity in taken:
            raise GradcheckError(
                f"{taken[identity]} and {place.name} are one place, which holds one document.",
                "Choose another file for one of them.",
            )
        if identity is not None:
            taken[identity] = place.name
    for option, text in _read(texts):
        if (identity := _file(text)) in taken:
            raise GradcheckError(
                f"{taken[identity]} would overwrite {option} {text}, which is read.", "Choose another file."
            )


def spares(place: Place, file: Path | None) -> bool:
    """Whether a document overwrites nothing that is read by a suite which cannot be read yet: it is not the
    file of the suite, and its name does not stand there."""
    if file is None or not os.path.isfile(file) or not place.path:
        return True
    names = {os.path.basename(path) for path in (place.path, os.path.realpath(place.path))}
    named = "|".join(re.escape(name) for name in names)
    text = ""
    with contextlib.suppress(OSError):  # which whoever reads the suite tells
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    return _file(str(file)) != place.identity and not re.search(rf"(?<![\w.-])({named})(?![\w-])", text)


def _read(texts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Texts that may name a file, with their options: whole, after NAME=, and without :key."""
    for option, given in texts.items():
        every = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
        for text in every:
            for part in (text, text.partition("=")[2]):
                yield from ((option, part), (option, part.rpartition(":")[0]))


def _file(text: str) -> tuple[object, ...] | None:
    """The identity of a regular file; None where the text names none."""
    try:
        found = os.fstat(0) if text == "-" else os.stat(os.path.expanduser(text))
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _null(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == os.stat(os.devnull).st_rdev


def _descriptor(path: str) -> int | None:
    """The number of the open stream that a path leads to, such as /dev/stdout or /dev/fd/3."""
    for _ in range(MOST_LINKS):
        path = os.path.abspath(path)
        if found := _DESCRIPTOR.fullmatch(path):
            return int(found[1] or found[2])
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            return None
    return None
