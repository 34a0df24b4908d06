"""A TOML file → its tables, and everything that is wrong with them, each with its line."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcheck.errors import SuiteError
from gradcheck.suite.finding import PROJECT, WITHIN
from gradcheck.suite.lines import Path as Keys
from gradcheck.suite.lines import lines_of

_POSITION = re.compile(r"(.*?) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


class Tables:
    """The tables of a suite file; what is found wrong is gathered, and raised at once."""

    def __init__(self, file: Path) -> None:
        """Read; raises `SuiteError` where the file cannot be read or is no TOML."""
        self.file = file
        text = _text(file)
        self.top: Keys = WITHIN if file.name == PROJECT else ()
        content = _parsed(file, text)
        self._lines: Mapping[Keys, int] = lines_of(text)
        self._errors: dict[str, tuple[int, str, str]] = {}
        for key in self.top:
            content = content.get(key) if isinstance(content, dict) else None
        if content is None:
            raise SuiteError(
                f"{file} has no table [tool.gradcheck].", "Write [[tool.gradcheck.check]] for each check."
            )
        self.content: Any = content

    def line(self, *path: str | int) -> int:
        """The line of a key, or of what it stands in."""
        whole = (*self.top, *path)
        return next((self._lines[whole[:n]] for n in range(len(whole), 0, -1) if whole[:n] in self._lines), 1)

    def wrong(self, path: Keys, found: str, remedy: str) -> None:
        """Keep an error: `found` without a full stop."""
        place = f"{self.file}:{self.line(*path)}: "
        sentence = f"{place}{found}."
        self._errors.setdefault(sentence, (self.line(*path), sentence, remedy.strip()))

    def raise_errors(self) -> None:
        """Raise `SuiteError` if there was any: one line each, as they stand in the file."""
        errors = sorted(self._errors.values(), key=lambda error: error[0])
        if len(errors) == 1:
            raise SuiteError(*errors[0][1:])
        if errors:
            raise SuiteError("\n".join(f"{found} {remedy}".strip() for _, found, remedy in errors))


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SuiteError(f"{file} cannot be read: {error.strerror}.", "Name a TOML file.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SuiteError(f"{file}:{line}: This is no UTF-8 text.", "Save the file as UTF-8.") from error


def _parsed(file: Path, text: str) -> Any:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise SuiteError(f"{file}:1: The arrays are nested too deeply.", "Save tensors as files.") from error
    except ValueError as error:
        found = _POSITION.fullmatch(str(error))
        line = (found and found[2]) or text.rstrip().count("\n") + 1
        reason = found[1] if found else str(error)
        raise SuiteError(
            f"{file}:{line}: This is no TOML: {reason[:1].lower()}{reason[1:]}.",
            "Strings stand in quotes, and a table on one line has braces {key = value}.",
        ) from error
