"""Text of a valid TOML file → the line of each key and array element, which `tomllib` does not tell."""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys and positions from the top of the file, such as `("check", 0, "args", "x")`."""

DEEPEST = 8
"""Parts of a path with a line of its own, as many as `tool.gradcheck.check[0].matrix.args[0].x` has: deep
arrays would take the memory of all paths to each of their numbers."""
_SKIPPED = re.compile(r"(?:\s|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # up to two quotes more belong to the string
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[\w-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")
"""Numbers, booleans, and dates, which may hold a space."""


def lines_of(text: str) -> Mapping[Path, int]:
    """The line, from 1, on which each key and element begins; a table's is that of its first mention."""
    scanner = _Scanner(text)
    scanner.file()
    return scanner.lines


class _Scanner:
    """Goes through a text that `tomllib` has read: nothing in it is wrong."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.breaks = [found.start() for found in re.finditer("\n", source)]
        self.lines: dict[Path, int] = {}
        self.last: dict[Path, int] = {}
        """Position of the last table in each array of tables."""

    def file(self) -> None:
        """Headers and keys, to the end."""
        table: Path = ()
        while self.skip(_SKIPPED) < len(self.source):
            if self.follows("["):
                table = self.header()
            else:
                self.assignment(table)

    def header(self) -> Path:
        """The table that `[key]` or `[[key]]` opens."""
        start = self.at - 1
        array = self.follows("[")
        *outer, last = self.keys()
        self.at += 2 if array else 1
        path: Path = ()
        for key in outer:
            path = self.inside((*path, key), start)
        path = (*path, last)
        if array:
            self.last[path] = self.last.get(path, -1) + 1
        return self.inside(path, start)

    def inside(self, path: Path, start: int) -> Path:
        """The path as it is mentioned in a header: the last table, where there is an array of them."""
        self.note(path, start)
        if path not in self.last:
            return path
        self.note((*path, self.last[path]), start)
        return (*path, self.last[path])

    def assignment(self, table: Path) -> None:
        """`key = value`, with dots in the key or without."""
        start = self.at
        path = table
        for key in self.keys():
            path = (*path, key)
            self.note(path, start)
        self.at += 1  # the sign =
        self.value(path)

    def keys(self) -> list[str]:
        """The parts of a key, quoted or not."""
        found = []
        while True:
            self.skip(_SPACE)
            quoted = _STRING.match(self.source, self.at)
            token = quoted or _BARE_KEY.match(self.source, self.at)
            assert token is not None
            self.at = token.end()
            found.append(tomllib.loads(f"key = {token[0]}")["key"] if quoted else token[0])
            self.skip(_SPACE)
            if not self.follows("."):
                return found

    def value(self, path: Path) -> None:
        """A value of any kind, and the keys and elements in it."""
        self.skip(_SPACE)
        if self.follows("["):
            count = 0
            while not self.ends("]"):
                self.note((*path, count), self.at)
                self.value((*path, count))
                count += 1
        elif self.follows("{"):
            while not self.ends("}"):
                self.assignment(path)
        else:
            token = _STRING.match(self.source, self.at) or _BARE_VALUE.match(self.source, self.at)
            assert token is not None
            self.at = token.end()

    def ends(self, bracket: str) -> bool:
        """Whether an array or inline table ends here; commas are passed over."""
        self.skip(_SKIPPED)
        if self.follows(","):
            self.skip(_SKIPPED)
        return self.follows(bracket)

    def follows(self, sign: str) -> bool:
        """Whether a sign stands here, which is passed over then."""
        found = self.source.startswith(sign, self.at)
        self.at += len(sign) if found else 0
        return found

    def skip(self, pattern: re.Pattern[str]) -> int:
        """Pass over what matters not; where that ends."""
        found = pattern.match(self.source, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def note(self, path: Path, at: int) -> None:
        """Keep the line of what is at a position, unless it was mentioned before."""
        if len(path) <= DEEPEST:
            self.lines.setdefault(path, bisect_left(self.breaks, at) + 1)
