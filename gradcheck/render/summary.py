"""Variables and comparisons, a line each: how many elements, the worst of them, and the verdicts.

In a narrow terminal names are shortened in the middle and columns left out, both in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from gradcheck.render.layout import Column, Form, table
from gradcheck.render.numbers import ratio, small
from gradcheck.render.words import told_apart, wrapped
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import Comparison

STEPS: tuple[str | int, ...] = (32, "dtype", "shape", 20, "checked", "where", "error/tolerance", 12)
"""What is given up, one after the other: a number is how long names may be, a word is a column."""
STEPS_OF_COMPARISONS = ("error", "tolerance", "where", "error/tolerance")
SIDE = 16
"""Columns of the two sides of a comparison where it is narrow."""


def summary(report: Findings, width: int) -> RenderableType:
    """A line for each variable."""
    variables = report.listed
    return table(forms(variables), [variable.verdict for variable in variables], width, 0)


def forms(variables: Sequence[Variable]) -> Iterator[Form]:
    """The table of the variables from its widest form to its narrowest."""
    columns = {column.heading: column for column in _columns(variables)}
    yield False, [*columns.values(), counts(variables, ", ")]
    stacked = counts(variables, ",\n")
    yield True, [*columns.values(), stacked]
    for step in STEPS:
        if isinstance(step, str):
            columns.pop(step, None)
        elif names := told_apart([variable.label for variable in variables], step):
            columns["variable"] = Column("variable", names)
        yield True, [*columns.values(), stacked]


def _columns(variables: Sequence[Variable]) -> Iterator[Column]:
    yield Column("variable", [variable.label for variable in variables])
    yield Column("shape", [str(variable.shape) for variable in variables])
    yield Column("dtype", [variable.dtype for variable in variables])
    yield Column("elements", [f"{variable.verdicts.size:,}" for variable in variables])
    if any(variable.coverage < 1 for variable in variables):
        yield Column("checked", [f"{100 * variable.coverage:.3g} %" for variable in variables])
    yield Column("error/tolerance", [ratio(variable.worst_ratio) for variable in variables])
    yield Column("where", [str(list(variable.worst_index)) for variable in variables])


def counts(variables: Sequence[Variable], between: str) -> Column:
    """How many elements have which verdict."""
    cells = [
        between.join(f"{count:,} {label}" for label, count in variable.counts.items() if count)
        for variable in variables
    ]
    return Column("verdict", cells)


def comparisons(report: Findings, width: int) -> RenderableType:
    """A line for each comparison."""
    found = report.comparisons
    return table(forms_of_comparisons(found), [comparison.verdict for comparison in found], width, 0)


def forms_of_comparisons(found: Sequence[Comparison]) -> Iterator[Form]:
    """The table of the comparisons from its widest form to its narrowest."""
    columns = {column.heading: column for column in _columns_of_comparisons(found)}
    yield False, list(columns.values())
    for side in ("compared", "against"):
        columns[side] = Column(side, ["\n".join(wrapped(cell, SIDE)) for cell in columns[side].cells])
    yield True, list(columns.values())
    for step in STEPS_OF_COMPARISONS:
        columns.pop(step)
        yield True, list(columns.values())
    if names := told_apart([comparison.variable for comparison in found], SIDE):
        columns["variable"] = Column("variable", names)
    yield True, list(columns.values())


def _columns_of_comparisons(found: Sequence[Comparison]) -> Iterator[Column]:
    yield Column("compared", [one.what for one in found])
    yield Column("against", [one.against for one in found])
    yield Column("variable", [one.variable for one in found])
    yield Column("error", [small(one.error) if one.made else "" for one in found])
    yield Column("tolerance", [small(one.tolerance) if one.made else "" for one in found])
    yield Column("error/tolerance", [ratio(one.ratio) if one.made else "" for one in found])
    yield Column("where", ["" if one.where is None else str(list(one.where)) for one in found])
    yield Column("verdict", [one.verdict.label for one in found])
