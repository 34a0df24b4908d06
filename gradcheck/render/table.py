"""A Report as tables for people: coloured for a terminal, plain and complete for everything else."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcheck.report import ElementVerdict, Report, Variable, Verdict

STYLES = {
    ElementVerdict.UNCHECKED: "dim",
    ElementVerdict.MATCH: "green",
    ElementVerdict.KINK: "cyan",
    ElementVerdict.INCONCLUSIVE: "yellow",
    ElementVerdict.MISMATCH: "bold red",
    ElementVerdict.NONFINITE: "bold red",
}
CLOSING = {Verdict.PASS: "bold green", Verdict.FAIL: "bold white on red", Verdict.INCONCLUSIVE: "bold yellow"}
# Wider than any table: off a terminal nothing is folded or cut.
ENDLESS = 100_000


def to_text(report: Report) -> str:
    """Plain text as wide as it needs: no escape codes, no digit cut, no trailing spaces."""
    return "\n".join(line.rstrip() for line in _print(report, ENDLESS, False).splitlines()) + "\n"


def to_terminal(report: Report, width: int, color: bool) -> str:
    """Text for a terminal of `width` columns: long cells are folded, never cut."""
    return _print(report, width, color)


def _print(report: Report, width: int, color: bool) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    console.print(document(report))
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def document(report: Report) -> Group:
    """The whole report as something rich can print."""
    parts: list[RenderableType] = [Text(f"gradcheck {report.target}", style="bold")]
    for variable in report.variables:
        parts += [Text(), _heading(report, variable), _elements(report, variable)]
    parts += [_summary(report), Text()]
    parts += list(_notes(report))
    parts.append(_closing(report))
    return Group(*parts)


def _heading(report: Report, variable: Variable) -> Text:
    heading = Text(f"∂{report.target}/∂{variable.name}", style="bold")
    shown, size = len(variable.rows(report.limit)), variable.verdicts.size
    if shown < size:
        heading.append(
            f"   {shown:,} of {size:,} elements shown, worst first; --limit 0 shows all", style="dim not bold"
        )
    return heading


def _table(*columns: tuple[str, bool]) -> Table:
    """An empty table; a column is its heading and whether it holds numbers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, number in columns:
        table.add_column(Text(heading), justify="right" if number else "left", overflow="fold")
    return table


def _elements(report: Report, variable: Variable) -> RenderableType:
    closed = variable.closed_form is not None
    columns = [("index", False), ("tape", True), ("finite difference", True)]
    columns += [("closed form", True)] if closed else []
    columns += [("absolute error", True), ("relative error", True), ("verdict", False)]
    table = _table(*columns)
    relative = variable.relative_error()
    for index in variable.rows(report.limit):
        verdict = ElementVerdict(int(variable.verdicts[index]))
        cells = [_index(index), number(variable.tape[index]), number(variable.difference[index])]
        if variable.closed_form is not None:
            cells.append(number(variable.closed_form[index]))
        cells += [small(variable.error[index]), small(relative[index]), verdict.label]
        style = STYLES[verdict]
        row_style = style if verdict >= ElementVerdict.INCONCLUSIVE else ""
        table.add_row(*(Text(cell, style=row_style) for cell in cells[:-1]), Text(cells[-1], style=style))
    return Padding(table, (0, 0, 1, 2))


def _summary(report: Report) -> RenderableType:
    table = _table(
        ("variable", False),
        ("shape", False),
        ("dtype", False),
        ("elements", True),
        ("checked", True),
        ("worst error", True),
        ("where", False),
        ("verdict", False),
    )
    for variable in report.variables:
        verdict = variable.verdict
        where = variable.worst_index
        cells = [
            variable.name,
            _index(variable.shape),
            variable.dtype,
            f"{variable.verdicts.size:,}",
            f"{100 * variable.coverage:.3g} %",
            small(variable.error[where]),
            _index(where),
        ]
        counts = ", ".join(f"{count:,} {label}" for label, count in variable.counts.items() if count)
        style = STYLES[verdict]
        row_style = style if verdict >= ElementVerdict.INCONCLUSIVE else ""
        table.add_row(*(Text(cell, style=row_style) for cell in cells), Text(counts, style=style))
    return table


def _notes(report: Report) -> Iterator[Text]:
    explained = {line.partition(":")[0] for line in report.diagnosis}
    for line in report.diagnosis:
        yield Text("diagnosis  ", style="bold red").append(line, style="not bold")
    for variable in report.variables:
        if variable.reason is not None and variable.name not in explained:
            yield Text("reason     ", style="bold red").append(f"{variable.name}: {variable.reason}")
    for line in report.warnings:
        yield Text("note       ", style="yellow").append(line, style="default")
    if report.diagnosis or report.warnings:
        yield Text()


def _closing(report: Report) -> Text:
    settings = report.settings
    absolute = f" + {settings.atol:g}" if settings.atol else ""
    closing = Text(f" {report.verdict.value.upper()} ", style=CLOSING[report.verdict])
    closing.append(
        f"  {report.evaluations:,} evaluations in {report.seconds:.2f} s · {report.precision} · "
        f"tolerance {settings.rtol:g}·S{absolute}",
        style="not bold default on default",
    )
    if report.sensitivity is not None:
        median, worst = report.sensitivity
        closing.append(
            f" · an error of {100 * median:.2g} % in an element would have been seen "
            f"({100 * worst:.2g} % in the least sensitive one)",
            style="not bold default on default",
        )
    return closing


def number(value: float) -> str:
    """Ten significant digits."""
    return f"{value:.10g}"


def small(value: float) -> str:
    """An error: its size matters, not its digits."""
    return "0" if value == 0 else f"{value:.2e}"


def _index(index: tuple[int, ...]) -> str:
    return "(" + ", ".join(str(i) for i in index) + ")"
