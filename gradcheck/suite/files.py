"""Files for a machine that may not have them: by path where the same file is there, otherwise by value."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

CODE = 2**20
"""Bytes of the .py files beside one that is named up to which they travel with it: a file imports them."""
Digest = tuple[int, str]
"""Size and SHA-256 of a file."""


@dataclass(frozen=True)
class Files:
    """Files by their names, which are relative to a folder or absolute."""

    folder: str
    """Absolute."""
    digests: Mapping[str, Digest]
    """By name."""
    contents: Mapping[str, bytes] | None = None
    """None where they are to be found by path."""

    @classmethod
    def of(cls, folder: str, names: Iterable[str]) -> Files:
        """The files of this machine."""
        return cls(folder, {name: _digest(Path(folder, name)) for name in sorted(names)})

    def packed(self) -> Files:
        """The same with their contents."""
        return replace(self, contents={name: Path(self.folder, name).read_bytes() for name in self.digests})

    @property
    def here(self) -> bool:
        """Whether this machine has the same files at the same paths."""
        paths = {name: Path(self.folder, name) for name in self.digests}
        return os.path.isdir(self.folder) and all(
            path.is_file() and _digest(path) == self.digests[name] for name, path in paths.items()
        )

    @contextmanager
    def placed(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """The folder in which they are found by their names, and the paths of those whose names lead out of
        it and do not: what came by value is in a folder of its own, removed at the end."""
        if self.contents is None or self.here:
            yield self.folder, {}
            return
        with tempfile.TemporaryDirectory(prefix="gradcheck-", ignore_cleanup_errors=True) as folder:
            elsewhere: dict[str, str] = {}
            for number, (name, content) in enumerate(self.contents.items()):
                path = Path(folder, name)
                if _outside(name):
                    path = Path(folder, f"outside-{number}", PurePath(name).name)
                    elsewhere[name] = str(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            yield folder, elsewhere


def with_neighbours(folder: str, names: Iterable[str]) -> set[str]:
    """Names of files, and those of the Python files beside the ones that are code."""
    found = set(names)
    for code in [name for name in found if name.endswith(".py")]:
        beside = [path for path in Path(folder, code).parent.glob("*.py") if path.is_file()]
        if sum(path.stat().st_size for path in beside) <= CODE:
            found |= {os.path.join(os.path.dirname(code), path.name) for path in beside}
    return found


def _outside(name: str) -> bool:
    """Whether a name leads out of the folder."""
    return os.path.isabs(name) or os.path.normpath(name).startswith("..")


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
