"""A Report as tables for people: coloured for a terminal, plain and complete for everything else."""

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcheck.arrays.types import Array
from gradcheck.notes import Kind
from gradcheck.render.due import due
from gradcheck.render.plain import number, small
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable
from gradcheck.verdicts.part import told
from gradcheck.verdicts.summary import Summary
from gradcheck.verdicts.verdict import ElementVerdict, Verdict

STYLES = {
    ElementVerdict.UNCHECKED: "dim",
    ElementVerdict.MATCH: "green",
    ElementVerdict.KINK: "cyan",
    ElementVerdict.INCONCLUSIVE: "yellow",
    ElementVerdict.MISMATCH: "bold red",
    ElementVerdict.NONFINITE: "bold red",
}
CLOSING = {Verdict.PASS: "bold green", Verdict.FAIL: "bold white on red", Verdict.INCONCLUSIVE: "bold yellow"}
WORDS = {"index", "variable", "shape", "dtype", "where", "compared", "against", "verdict"}
"""Headings of columns that are aligned to the left; every other column holds numbers."""
# Wider than any table: off a terminal nothing is folded or cut.
ENDLESS = 100_000
INDENT = 2
GAP = 2
# Ways to lay out the elements, (headings on two lines, digits): a narrow terminal takes the first that fits.
FORMS = ((False, 10), (True, 10), (True, 9), (True, 8), (True, 7), (True, 6))


def to_text(report: Findings) -> str:
    """Plain text as wide as it needs: no escape codes, no digit cut."""
    return to_terminal(report, None, False)


def to_terminal(report: Findings, width: int | None, color: bool) -> str:
    """Text for a terminal of `width` columns: fewer digits where it is narrow, nothing cut; None for a pipe,
    where it is as wide as it needs."""
    width = ENDLESS if width is None else width
    written = io.StringIO()
    console = Console(
        file=written,
        width=width,
        height=ENDLESS,  # with one of the two alone, rich asks the environment for both
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    console.print(document(report, width))
    return "".join(f"{line.rstrip()}\n" for line in written.getvalue().split("\n")[:-1])


def document(report: Findings, width: int) -> Group:
    """The whole report as something rich can print, laid out for `width` columns."""
    parts: list[RenderableType] = [Text(f"gradcheck {report.target}", style="bold")]
    for variable in report.detailed:
        parts += [Text(), _heading(report, variable), _elements(report, variable, width)]
    if report.variables:
        parts += [Text(), _summary(report, width)]
    if report.comparisons:
        parts += [Text(), _comparisons(report, width)]
    parts.append(Text())
    if notes := list(_notes(report)):
        parts += [_labelled(notes), Text()]
    parts.append(_labelled([_closing(report)]))
    if word := due(report):
        parts.append(Text(f" what this means: gradcheck explain {word}", style="dim"))
    return Group(*parts)


def _heading(report: Findings, variable: Variable) -> Text:
    # Order 2 is the derivative of the gradient ∇f, order 3 that of ∇∇f.
    of = report.target if variable.order == 1 else f"({'∇' * (variable.order - 1)}{report.target})"
    heading = Text(f"∂{of}/∂{variable.name}", style="bold")
    size = int(variable.shown.sum())
    shown = min(report.limit or size, size)
    if shown < size:
        sampled = "" if size == variable.verdicts.size else " checked" if variable.along is None else " moved"
        heading.append(
            f"   {shown:,} of {size:,}{sampled} elements shown, worst first; --limit 0 shows all",
            style="dim not bold",
        )
    return heading


Row = tuple[list[str], ElementVerdict]
"""Cells of one line, of which the last holds the verdict, and that verdict."""


def _table(columns: Sequence[str], width: int, forms: Iterable[tuple[bool, list[Row]]]) -> Table:
    """A table in the first form that fits into `width`, or in the last, whose cells are then folded.

    A column is its heading; a form is whether headings have two lines, and rows.
    """
    for tall, rows in forms:
        headings = [heading.replace(" ", "\n") if tall else heading for heading in columns]
        widths: list[int | None] = [
            max(cell_len(line) for cell in column for line in cell.split("\n"))
            for column in zip(headings, *(cells for cells, _ in rows), strict=True)
        ]
        if sum(filter(None, widths)) + GAP * (len(columns) - 1) <= width:
            break
    else:
        widths = [None] * len(columns)
    # A width that is given saves rich from measuring every cell, several times.
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0))
    for column, heading, column_width in zip(columns, headings, widths, strict=True):
        justify: Literal["left", "right"] = "left" if column in WORDS else "right"
        table.add_column(Text(heading), justify=justify, overflow="fold", width=column_width)
    for (*first, last), verdict in rows:
        # A row has the colour of its verdict where there is something to look at.
        style = STYLES[verdict] if verdict >= ElementVerdict.INCONCLUSIVE else ""
        table.add_row(*(Text(cell, style) for cell in first), Text(last, STYLES[verdict]))
    return table


def _elements(report: Findings, variable: Variable, width: int) -> RenderableType:
    columns = ["index", "tape", "finite difference"]
    columns += [] if variable.closed_form is None else ["closed form"]
    columns += [] if variable.given is None else ["given"]
    columns += ["absolute error", "relative error", "verdict"]
    indices, relative = variable.rows(report.limit), variable.relative_error()
    forms = ((tall, _element_rows(variable, indices, relative, digits)) for tall, digits in FORMS)
    return Padding(_table(columns, width - INDENT, forms), (0, 0, 0, INDENT), expand=False)


def _element_rows(
    variable: Variable, indices: Sequence[tuple[int, ...]], relative: Array, digits: int
) -> list[Row]:
    every = (variable.tape, variable.difference, variable.closed_form, variable.given)
    gradients = [gradient for gradient in every if gradient is not None]
    rows = []
    for index in indices:
        verdict = ElementVerdict(int(variable.verdicts[index]))
        cells = [str(list(index)), *(number(gradient[index], digits) for gradient in gradients)]
        cells += [small(variable.error[index]), small(relative[index]), verdict.label]
        rows.append((cells, verdict))
    return rows


def _summary(report: Findings, width: int) -> RenderableType:
    columns = ["variable", "shape", "dtype", "elements", "checked", "worst error", "where", "verdict"]
    forms = ((tall, [_summary_row(variable, tall) for variable in report.listed]) for tall in (False, True))
    return _table(columns, width, forms)


def _summary_row(variable: Variable, tall: bool) -> Row:
    where = variable.worst_index
    counts = [f"{count:,} {label}" for label, count in variable.counts.items() if count]
    cells = [
        variable.label,
        str(variable.shape),
        variable.dtype,
        f"{variable.verdicts.size:,}",
        f"{100 * variable.coverage:.3g} %",
        small(variable.error[where]),
        str(list(where)),
        (",\n" if tall else ", ").join(counts),
    ]
    return cells, variable.verdict


def _comparisons(report: Findings, width: int) -> RenderableType:
    columns = ["compared", "against", "variable", "worst error", "tolerance", "where", "verdict"]
    rows = []
    for comparison in report.comparisons:
        numbers = [small(comparison.error), small(comparison.tolerance)] if comparison.made else ["", ""]
        where = "" if comparison.where is None else str(list(comparison.where))
        cells = [comparison.what, comparison.against, comparison.variable, *numbers, where]
        rows.append(([*cells, comparison.verdict.label], comparison.verdict))
    return _table(columns, width, ((tall, rows) for tall in (False, True)))


def _labelled(lines: Iterable[tuple[Text, str]]) -> Table:
    """Lines that begin with a label; what does not fit goes on below the text, not below the label."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(label, Text(text))
    return grid


def _notes(report: Findings) -> Iterator[tuple[Text, str]]:
    for note in report.notes:
        if note.kind is not Kind.WARNING:
            yield Text(note.kind.value, style="bold red"), str(note)
    diagnosed = {note.variable for note in report.notes if note.kind is Kind.DIAGNOSIS}
    if report.parts:
        style = "bold red" if any(part.wrong for part in report.parts) else "dim"
        yield Text("where", style=style), told(report.parts, failed=report.verdict is Verdict.FAIL)
    for variable in report.variables:
        if variable.reason is not None and variable.label not in diagnosed:
            yield Text("reason", style="bold red"), f"{variable.label}: {variable.reason}"
    for comparison in report.comparisons:
        if comparison.note:
            line = f"{comparison.variable}, {comparison.what}: {comparison.note}"
            yield Text("note", style="yellow"), line
    for line in report.warnings:
        yield Text(Kind.WARNING.value, style="yellow"), line
    if report.directions is not None:
        yield Text("directions", style="dim"), _directions(report.directions)
    if report.sensitivity is not None:
        yield Text("sensitivity", style="dim"), _sensitivity(*report.sensitivity)


def _directions(found: Summary) -> str:
    """How the elements of variables with many of them were checked, in a sentence."""
    moved = f"{found.one_by_one:,} of {found.elements:,} elements were moved one by one"
    if not found.strata:
        return moved
    where = "one stratum" if found.strata == 1 else f"each of {found.strata:,} strata"
    return (
        f"{moved}, the others along {found.directions} signed directions in {where}; an error of theirs that "
        f"would have been seen is missed with a chance of 1 in {1 / found.chance:,.0f}"
    )


def _sensitivity(median: float, worst: float) -> str:
    least = "none" if math.isinf(worst) else f"{100 * worst:.2g} %"
    if math.isinf(median):
        return "no error in half of the elements or more would have been seen"
    return (
        f"an error of {100 * median:.2g} % in an element would have been seen "
        f"({least} in the least sensitive one)"
    )


def _closing(report: Findings) -> tuple[Text, str]:
    settings = report.settings
    absolute = f" + {settings.atol:g}" if settings.atol else ""
    time = f" in {report.seconds:.2f} s" if report.timing else ""
    return (
        Text(f" {report.verdict.value.upper()} ", style=CLOSING[report.verdict]),
        f"{report.evaluations:,} evaluations{time} · {report.precision} · "
        f"tolerance {settings.rtol:g}·S{absolute}",
    )
