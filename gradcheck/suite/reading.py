"""A suite file → its checks, each a command line.

`[defaults]` and `[[check]]` tables in a TOML file, or under [tool.gradcheck] in pyproject.toml.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck.errors import did_you_mean
from gradcheck.suite.check_table import CheckTable, Made
from gradcheck.suite.finding import found_suite
from gradcheck.suite.grid import unique
from gradcheck.suite.job import Job
from gradcheck.suite.keys import CHECK, DEFAULTS, MATRIX, NAME, Keys
from gradcheck.suite.tables import Tables
from gradcheck.suite.values import WrongValue, arguments, described
from gradcheck.suite.vocabulary import Vocabulary

MOST_CHECKS = 20_000
"""Checks of a suite: at 0.1 s each they take half an hour, and a grid makes 10,000 of a few bytes."""


@dataclass(frozen=True)
class Suite:
    """The checks of a file, in its order."""

    file: Path
    jobs: tuple[Job, ...]
    defaults: Mapping[str, Any]
    """The table [defaults], as TOML has it."""
    lines: Mapping[str, Mapping[str, int]]
    """Where the options of each check stand, by its name and the option."""


def read_suite(file: Path | None, vocabulary: Vocabulary) -> Suite:
    """The suite in a file, or in the nearest one above the working directory.

    Raises `SuiteError` where there is none, or with one line for everything that is wrong in it.
    """
    tables = Tables(found_suite(Path()) if file is None else file)
    keys = Keys(vocabulary, tables)
    defaults, checks = _parts(tables)
    for key in defaults:
        if not vocabulary.owners(key):
            keys.unknown((DEFAULTS, key), key, None)
    made: list[Made] = []
    for number, table in enumerate(checks):
        made += CheckTable(tables, keys, defaults, number).read(table)
        if len(made) > MOST_CHECKS:
            tables.wrong((CHECK, number), f"The suite has more than {MOST_CHECKS:,} checks", "Split it.")
            break
    _try_unused(tables, vocabulary, defaults, made)
    jobs = _named(tables, made)
    tables.raise_errors()
    lines = {job.name: one.lines for job, one in zip(jobs, made, strict=True)}
    return Suite(tables.file, jobs, defaults, lines)


def _parts(tables: Tables) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """[defaults] and the [[check]] tables, as far as they are what they should be."""
    content = tables.content
    if not isinstance(content, dict):
        tables.wrong((), f"'gradcheck' is {described(content)}", "Write a table, [tool.gradcheck].")
        return {}, []
    within = ".".join(map(str, (*tables.top, "")))
    for key in content:
        if key not in (CHECK, DEFAULTS):
            near = did_you_mean(key, (CHECK, DEFAULTS))
            remedy = f"{near}A suite holds [{within}defaults] and [[{within}check]]."
            tables.wrong((key,), f"There is no key {key!r} at the top of a suite", remedy)
    defaults, checks = content.get(DEFAULTS, {}), content.get(CHECK, [])
    if not isinstance(defaults, dict):
        remedy = f"Write a table, [{within}defaults]."
        tables.wrong((DEFAULTS,), f"{DEFAULTS!r} is {described(defaults)}", remedy)
        defaults = {}
    if not isinstance(checks, list) or not all(isinstance(check, dict) for check in checks):
        found = described(checks) if not isinstance(checks, list) else "an array of other things than tables"
        tables.wrong((CHECK,), f"{CHECK!r} is {found}", f"Write [[{within}check]] above each check.")
        checks = []
    return defaults, checks


def _try_unused(
    tables: Tables, vocabulary: Vocabulary, defaults: Mapping[str, Any], made: list[Made]
) -> None:
    """Look at the values of defaults that no check has."""
    used = {key for one in made for key in one.command.entries}
    for key, value in defaults.items():
        if key not in used:
            for command in vocabulary.owners(key)[:1]:
                try:
                    arguments(key, command.entries[key], value)
                except WrongValue as error:
                    tables.wrong((DEFAULTS, key, *error.inside), error.found, error.remedy)


def _named(tables: Tables, made: list[Made]) -> tuple[Job, ...]:
    """The jobs, after names that are there twice became errors."""
    # A table has one name, whatever the number of its cells.
    by_table = {one.number: (one.base, one.given) for one in made}
    bases = dict(zip(by_table, unique(list(by_table.values())), strict=True))
    first: dict[str, Made] = {}
    jobs = []
    for one in made:
        base = bases[one.number]
        name = one.cell.named(base)
        line = tables.line(CHECK, one.number)
        before = first.setdefault(name, one)
        if before.number != one.number:
            found = f"The name {base!r} is that of the check in line {tables.line(CHECK, before.number)} too"
            tables.wrong((CHECK, one.number, NAME), found, "Give each check a name of its own.")
        elif before is not one:
            tables.wrong((CHECK, one.number, MATRIX), f"The matrix gives {name!r} twice", "Leave one out.")
        folder = str(tables.file.absolute().parent)
        jobs.append(Job(name, one.arguments, folder, one.expected, (str(tables.file), line)))
    return tuple(jobs)
