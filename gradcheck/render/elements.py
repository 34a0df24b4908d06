"""The elements of a variable: tape beside difference, and how far apart they are for their tolerance.

In a narrow terminal columns are left out in a fixed order: relative error, closed form, error/tolerance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from gradcheck.arrays.types import Array
from gradcheck.render.layout import Column, Form, indented, table
from gradcheck.render.numbers import UNKNOWN, interval, number, ratio, significant, small
from gradcheck.render.words import shortened
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import ElementVerdict

INDENT = 2
DROPPED = ("relative error", "closed form", "error/tolerance")
"""Columns in the order in which they are left out."""


def heading(report: Findings, variable: Variable, width: int) -> Iterator[Text]:
    """What is differentiated by what, and how many of its elements have a row, in lines."""
    # Order 2 is the derivative of the gradient ∇f, order 3 that of ∇∇f.
    of = report.target if variable.order == 1 else f"({'∇' * (variable.order - 1)}{report.target})"
    line = Text(shortened(f"∂{of}/∂{variable.name}", width), style="bold")
    size, limit = int(variable.shown.sum()), report.rows_of(variable)
    if not 0 < limit < size:
        yield line
        return
    sampled = "" if size == variable.verdicts.size else " checked" if variable.along is None else " moved"
    said = f"{limit:,} of {size:,}{sampled} elements shown, worst first; --limit 0 shows all"
    if len(line) + 3 + len(said) <= width:
        yield line.append(f"   {said}", style="dim not bold")
    else:
        yield line
        yield from (Text(part, style="dim") for part in indented(said, width))


def elements(report: Findings, variable: Variable, width: int) -> RenderableType:
    """The table of the elements that are shown."""
    indices = variable.rows(report.rows_of(variable))
    verdicts = [ElementVerdict(int(variable.verdicts[index])) for index in indices]
    return table(forms(variable, indices, verdicts), verdicts, width, INDENT)


def forms(
    variable: Variable, indices: Sequence[tuple[int, ...]], verdicts: Sequence[ElementVerdict]
) -> Iterator[Form]:
    """The table of these elements from its widest form to its narrowest."""
    columns = list(_numbers(variable, indices))
    long, short, bare = (
        Column("verdict", [_verdict(variable, *pair, said) for pair in zip(indices, verdicts, strict=True)])
        for said in ("{word}, any value in {interval} is right", "{word}, right: {interval}", "{word}")
    )
    yield False, [*columns, long]
    yield True, [*columns, long]
    yield True, [*columns, short]
    for dropped in DROPPED:
        columns = [column for column in columns if column.heading != dropped]
        yield True, [*columns, short]
    yield True, [*columns, bare]


def _numbers(variable: Variable, indices: Sequence[tuple[int, ...]]) -> Iterator[Column]:
    shown = [significant(variable, index) for index in indices]

    def gradient(array: Array) -> list[str]:
        return [number(float(array[index]), n) for index, n in zip(indices, shown, strict=True)]

    yield Column("index", [str(list(index)) for index in indices])
    yield Column("tape", gradient(variable.tape))
    # Where the function jumps there is none.
    yield Column(
        "finite difference", [UNKNOWN if cell == "nan" else cell for cell in gradient(variable.difference)]
    )
    if variable.closed_form is not None:
        yield Column("closed form", gradient(variable.closed_form))
    if variable.given is not None:
        yield Column("given", gradient(variable.given))
    relative = variable.telling_error()
    # At a kink the distance from the mean of both slopes is no error.
    kinks = [variable.verdicts[index] == ElementVerdict.KINK for index in indices]
    errors = [UNKNOWN if at else small(relative[index]) for index, at in zip(indices, kinks, strict=True)]
    yield Column("relative error", errors)
    yield Column("error/tolerance", [ratio(float(variable.error_ratio[index])) for index in indices])


def _verdict(variable: Variable, index: tuple[int, ...], verdict: ElementVerdict, said: str) -> str:
    found = variable.interval(index)
    if found is None:
        return verdict.label
    return said.format(word=verdict.label, interval=interval(*found))
