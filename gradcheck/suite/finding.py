"""Where a suite is: the file that is named, or the nearest one above the working directory."""

import errno
import os
import tomllib
from pathlib import Path

from gradcheck.errors import SuiteError
from gradcheck.inputs.opening import open_binary

OWN = "gradcheck.toml"
PROJECT = "pyproject.toml"
WITHIN = ("tool", "gradcheck")
"""The table of pyproject.toml."""
MOST = 2**20
"""Bytes of a suite: some 10,000 checks, which are read in a second."""


def find_suite(folder: Path) -> Path | None:
    """The nearest gradcheck.toml, or pyproject.toml with [tool.gradcheck], in a folder and those above it."""
    for place in (folder, *folder.absolute().parents):
        if os.path.isfile(place / OWN):
            return place / OWN
        if _mentions(place / PROJECT):
            return place / PROJECT
    return None


def found_suite(folder: Path) -> Path:
    """The same; raises `SuiteError` where there is none."""
    if (found := find_suite(folder)) is not None:
        return found
    raise SuiteError(
        f"There is no {OWN}, and no {PROJECT} with [tool.gradcheck], in {folder.absolute()} or a folder "
        "above it.",
        "Name the file of the suite.",
    )


def bytes_of(file: Path) -> bytes:
    """The bytes of a file or pipe; `OSError` where it cannot be read, or has more than `MOST`."""
    with open_binary(file) as stream:
        data = stream.read(MOST + 1)
    if len(data) > MOST:
        raise OSError(errno.EFBIG, f"it is longer than {MOST:,} bytes")
    return data


def _mentions(path: Path) -> bool:
    """Whether a pyproject.toml has the table; where it cannot be read as TOML, whether it could."""
    try:
        text = bytes_of(path).decode("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return False
    if WITHIN[1] not in text:
        return False
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError):
        return True
    tables = found.get(WITHIN[0], {})
    return isinstance(tables, dict) and WITHIN[1] in tables
