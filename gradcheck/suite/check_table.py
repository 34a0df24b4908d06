"""A [[check]] table → the checks of its grid, each with its command and arguments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gradcheck.errors import did_you_mean
from gradcheck.suite.grid import Cell, cells, read_matrix, target_name
from gradcheck.suite.keys import CHECK, DEFAULTS, EXPECT, MATRIX, NAME, OWN, Keys
from gradcheck.suite.lines import Path
from gradcheck.suite.tables import Tables
from gradcheck.suite.values import WrongValue, arguments, described
from gradcheck.suite.vocabulary import Command
from gradcheck.verdicts.verdict import Verdict


@dataclass(frozen=True)
class Made:
    """A check before the names of all are known."""

    number: int
    """Of its table."""
    cell: Cell
    command: Command
    arguments: tuple[str, ...]
    expected: Verdict
    base: str
    """The name of the table."""
    given: bool
    """Whether the file gives it."""
    lines: Mapping[str, int]
    """Where its options stand, by the option."""


class CheckTable:
    """Reads a table; what is wrong with it goes to `tables`."""

    def __init__(self, tables: Tables, keys: Keys, defaults: Mapping[str, Any], number: int) -> None:
        self.tables = tables
        self.keys = keys
        self.defaults = defaults
        self.number = number

    def read(self, table: Mapping[str, Any]) -> list[Made]:
        """The checks of the table, those that can be made."""
        name, expected = self._name(table), self._expected(table)
        matrix = read_matrix(self.tables, (CHECK, self.number), table)
        key = self._target_key(table, matrix)
        if key is None:
            for other in (*table, *matrix):
                if other not in self.keys.own and not self.keys.vocabulary.owners(other):
                    self.keys.unknown(self._path(other, dict.fromkeys(matrix, 0)), other, None)
            return []
        made = []
        for cell in cells({key: value for key, value in table.items() if key not in OWN}, matrix):
            found = self._command(cell, key)
            if found is not None:
                command, words = found
                base = name or (key if key in matrix else target_name(cell.table[key]))
                options = list(self._options(cell, command))
                texts = [text for key, value, at in options for text in self._texts(at, key, value, command)]
                lines = {command.entries[key].option: self.tables.line(*at) for key, _, at in options}
                whole = (*words, *texts)
                made.append(Made(self.number, cell, command, whole, expected, base, name is not None, lines))
        return made

    def _path(self, key: str, chosen: Mapping[str, int]) -> Path:
        """Where a key stands, or its value where a matrix has chosen that."""
        within = (MATRIX, key, chosen[key]) if key in chosen else (key,)
        return (CHECK, self.number, *within)

    def _name(self, table: Mapping[str, Any]) -> str | None:
        name = table.get(NAME)
        if name is None or (isinstance(name, str) and name.strip() and name.isprintable()):
            return name
        self.tables.wrong(
            (CHECK, self.number, NAME), f"{NAME!r} is {described(name)}", "Give text on one line."
        )
        return None

    def _expected(self, table: Mapping[str, Any]) -> Verdict:
        given = table.get(EXPECT, Verdict.PASS.value)
        known = [verdict.value for verdict in Verdict]
        if given in known:
            return Verdict(given)
        near = did_you_mean(given, known) if isinstance(given, str) else ""
        path = (CHECK, self.number, EXPECT)
        self.tables.wrong(
            path, f"{EXPECT!r} is {described(given)}", f"{near}Choose from: {', '.join(known)}."
        )
        return Verdict.PASS

    def _target_key(self, table: Mapping[str, Any], matrix: Mapping[str, Any]) -> str | None:
        targets = self.keys.vocabulary.targets
        given = [key for key in targets if key in table or key in matrix]
        if len(given) == 1:
            return given[0]
        listed = f"{', '.join(targets[:-1])} or {targets[-1]}"
        if given:
            path = max(
                (self._path(key, dict.fromkeys(matrix, 0)) for key in given),
                key=lambda path: self.tables.line(*path),
            )
            found = f"The check has {' and '.join(map(repr, given))}, and one target is checked at a time"
            self.tables.wrong(path, found, f"Give one of {listed}.")
        else:
            found = "The check has no target"
            self.tables.wrong((CHECK, self.number), found, f"Give {listed}.")
        return None

    def _command(self, cell: Cell, key: str) -> tuple[Command, tuple[str, ...]] | None:
        """The command of a cell, and its first arguments."""
        target = cell.table[key]
        if not isinstance(target, str) or not target.strip() or target.startswith("-"):
            found = f"{key!r} is {described(target)}, which names nothing to check"
            self.tables.wrong(self._path(key, cell.chosen), found, f"`gradcheck {key} --help` has examples.")
            return None
        command = self.keys.of_command(key, target)
        return command, (command.name, target) if command.positional else (command.name,)

    def _options(self, cell: Cell, command: Command) -> Iterator[tuple[str, Any, Path]]:
        """The options of a cell, and those of the defaults that it does not give: keys, values, places."""
        for key, value in cell.table.items():
            if key in command.entries:
                yield key, value, self._path(key, cell.chosen)
            elif key not in self.keys.vocabulary.targets:
                self.keys.unknown(self._path(key, cell.chosen), key, command)
        for key, value in self.defaults.items():
            if key in command.entries and key not in cell.table:
                yield key, value, (DEFAULTS, key)

    def _texts(self, path: Path, key: str, value: Any, command: Command) -> tuple[str, ...]:
        # All cells of a grid, and all checks with a default, hold the same text.
        known = self.keys.texts
        if (path, command.name) not in known:
            try:
                known[path, command.name] = arguments(key, command.entries[key], value)
            except WrongValue as error:
                self.tables.wrong((*path, *error.inside), error.found, error.remedy)
                known[path, command.name] = ()
        return known[path, command.name]
