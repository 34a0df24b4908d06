"""A TOML file → its tables, and everything that is wrong with them, each with its line."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcheck.errors import SuiteError, one_line
from gradcheck.suite.finding import PROJECT, WITHIN, bytes_of
from gradcheck.suite.lines import Path as Keys
from gradcheck.suite.lines import lines_of

MOST_ERRORS = 100
"""Errors that are told at once: a file can hold some for each of its bytes."""
_REFUSED = (
    # `tomllib` takes the square of their number: 20 s for 10,000.
    (
        r"""(?:^|[\s\[{,])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""",
        "A key has more than 32 parts",
    ),
    # Python writes none of more than 4,300 decimal digits.
    (r"0[xob]\w{3000}", "A number has more than 3,000 digits"),
)
_POSITION = re.compile(r"(.*?) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


class Tables:
    """The tables of a suite file; what is found wrong is gathered, and raised at once."""

    def __init__(self, file: Path) -> None:
        """Read; raises `SuiteError` where the file cannot be read or is no TOML."""
        self.file = file
        self.name = one_line(str(file))
        """As errors say it."""
        text = _text(file, self.name)
        self.top: Keys = WITHIN if file.name == PROJECT else ()
        content = _parsed(self.name, text)
        self._lines: Mapping[Keys, int] = lines_of(text)
        self._errors: dict[str, tuple[int, str, str]] = {}
        for key in self.top:
            content = content.get(key) if isinstance(content, dict) else None
        if content is None:
            raise SuiteError(
                f"{self.name} has no table [tool.gradcheck].",
                "Write [[tool.gradcheck.check]] for each check.",
            )
        self.content: Any = content

    def line(self, *path: str | int) -> int:
        """The line of a key, or of what it stands in."""
        whole = (*self.top, *path)
        return next((self._lines[whole[:n]] for n in range(len(whole), 0, -1) if whole[:n] in self._lines), 1)

    def wrong(self, path: Keys, found: str, remedy: str) -> None:
        """Keep an error, `found` without a full stop; with the last that can be kept, raise `SuiteError`."""
        place = f"{self.name}:{self.line(*path)}: "
        sentence = f"{place}{found}."
        self._errors.setdefault(sentence, (self.line(*path), sentence, remedy.strip()))
        if len(self._errors) == MOST_ERRORS:
            self.raise_errors()

    def raise_errors(self) -> None:
        """Raise `SuiteError` if there was any: one line each, as they stand in the file."""
        errors = sorted(self._errors.values(), key=lambda error: error[0])
        if len(errors) == 1:
            raise SuiteError(*errors[0][1:])
        if errors:
            raise SuiteError("\n".join(f"{found} {remedy}".strip() for _, found, remedy in errors))


def _text(path: Path, file: str) -> str:
    try:
        return bytes_of(path).decode("utf-8-sig")
    except OSError as error:
        raise SuiteError(f"{file} cannot be read: {error.strerror}.", "Name a TOML file.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SuiteError(f"{file}:{line}: This is no UTF-8 text.", "Save the file as UTF-8.") from error


def _parsed(file: str, text: str) -> Any:
    for pattern, sentence in _REFUSED:
        if long := re.search(pattern, text, re.MULTILINE):
            line = text.count("\n", 0, long.end()) + 1
            raise SuiteError(f"{file}:{line}: {sentence}.", "Write it shorter.")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise SuiteError(f"{file}:1: The arrays are nested too deeply.", "Save tensors as files.") from error
    except ValueError as error:
        found = _POSITION.fullmatch(str(error))
        place = (found and found[2]) or text.rstrip().count("\n") + 1
        reason = found[1] if found else str(error)
        raise SuiteError(
            f"{file}:{place}: This is no TOML: {reason[:1].lower()}{reason[1:]}.",
            "Strings stand in quotes, and a table on one line has braces {key = value}.",
        ) from error
