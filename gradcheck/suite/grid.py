"""The table of a check → the cells of its matrix, and the names of all checks."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from gradcheck.errors import one_line
from gradcheck.suite.keys import MATRIX, OWN
from gradcheck.suite.lines import Path
from gradcheck.suite.tables import Tables
from gradcheck.suite.values import described

MOST_CELLS = 10_000
"""Checks of one table: at 0.1 s each they take a quarter of an hour."""
LONGEST = 40
"""Characters of a value in a name; longer ones are numbered."""


@dataclass(frozen=True)
class Cell:
    """A check of a grid, or the only one of a table without a matrix."""

    table: Mapping[str, Any]
    """The keys of the check, those of the cell among them."""
    chosen: Mapping[str, int]
    """The keys of the matrix, each with the position of its value there."""

    def named(self, base: str) -> str:
        """`name[padding=valid,pool_size=2]`."""
        inside = ",".join(f"{key}={_short(self.table[key], at + 1)}" for key, at in self.chosen.items())
        return f"{base}[{inside}]" if inside else base


def read_matrix(tables: Tables, check: Path, table: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values of a check by key; empty where it has no grid. What is wrong goes to `tables`."""
    path: Path = (*check, MATRIX)
    matrix = table.get(MATRIX, {})
    if not isinstance(matrix, dict):
        remedy = 'Write matrix = {padding = ["valid", "same"]}.'
        tables.wrong(path, f"{MATRIX!r} is {described(matrix)}", remedy)
        return {}
    found = {}
    for key, values in matrix.items():
        if key in OWN:
            tables.wrong((*path, key), f"{key!r} cannot vary in a matrix", "Vary options, or the target.")
        elif key in table:
            twice = f"{key!r} stands in the check and in its matrix"
            tables.wrong((*path, key), twice, "Leave one of them out.")
        elif not isinstance(values, list) or not values:
            what = "an empty array" if values == [] else described(values)
            remedy = "Write an array of values, such as seed = [0, 1]."
            tables.wrong((*path, key), f"{key!r} in a matrix is {what}", remedy)
        else:
            found[key] = values
    if (count := math.prod(map(len, found.values()))) > MOST_CELLS:
        tables.wrong(path, f"The matrix has {count:,} cells", f"At most {MOST_CELLS:,} are checked.")
        return {}
    return found


def cells(table: Mapping[str, Any], matrix: Mapping[str, Sequence[Any]]) -> Iterator[Cell]:
    """All combinations of the values in a matrix, the last key fastest."""
    every = itertools.product(*(range(len(values)) for values in matrix.values()))
    for chosen in (dict(zip(matrix, positions, strict=True)) for positions in every):
        yield Cell({**table, **{key: matrix[key][at] for key, at in chosen.items()}}, chosen)


def _short(value: Any, number: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, separators=(",", ":"))
    return text if len(text) <= LONGEST and text.isprintable() else f"#{number}"


def target_name(target: str) -> str:
    """The name of a check by its target, on one line: of the function in FILE.py:NAME, or the file."""
    file, colon, name = target.rpartition(":")
    return one_line(name if file and colon else PurePath(target).name.removesuffix(".keras"))


def unique(bases: Sequence[tuple[str, bool]]) -> list[str]:
    """Names that are given (true) as they are; those that are made with #2 and so on where they are taken."""
    taken = {name for name, given in bases if given}
    found = []
    made: dict[str, Iterator[str]] = {}
    for base, given in bases:
        if base not in made:
            made[base] = itertools.chain([base], (f"{base}#{number}" for number in itertools.count(2)))
        name = base if given else next(name for name in made[base] if name not in taken)
        taken.add(name)
        found.append(name)
    return found
