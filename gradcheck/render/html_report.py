"""The part of a page about one check: sentences, tables and figures, as far as the page has room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from gradcheck.render import closing
from gradcheck.render.due import due
from gradcheck.render.histogram import Histogram
from gradcheck.render.html_charts import histogram
from gradcheck.render.html_curve import curve
from gradcheck.render.html_maps import maps
from gradcheck.render.html_markup import Html, joined, tag
from gradcheck.render.html_tables import badge, counted, of_comparisons, of_elements, of_variables
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure
from gradcheck.report.variable import Variable

OF_A_TABLE = 1_000
"""The most rows of a table of elements."""
PRINTED = 4_000
"""Characters of what a check printed, from the end."""
OPEN = 3
"""Variables of a check up to which those that pass are not folded."""


@dataclass
class Room:
    """What the page still has room for."""

    of_a_map: int
    """The most cells of one map."""
    cells: int
    rows: int

    def maps(self, report: Findings, variable: Variable) -> Html:
        """The maps of a variable, or nothing where there is no room."""
        cells = min(self.of_a_map, variable.verdicts.size)
        if cells > self.cells:
            return Html()
        self.cells -= cells
        return maps(report, variable, self.of_a_map)

    def elements(self, report: Findings, variable: Variable) -> Html:
        """The table of its elements, as many as are asked for and there is room for."""
        most = min(report.rows_of(variable) or OF_A_TABLE, OF_A_TABLE, self.rows)
        if not most or not variable.shown.any():
            return Html()
        drawn, rows = of_elements(report, variable, most)
        self.rows -= rows
        return drawn


def of_result(result: CheckResult, room: Room) -> Iterator[Html]:
    """All that is known of a check, but its name and its verdict."""
    if isinstance(result.outcome, Failure):
        yield tag("p", result.outcome.remedy.strip(), class_="said")
    else:
        yield from _of_report(result.outcome, room)
    if result.command:
        yield tag("p", "This check alone: ", tag("code", result.command))
    if result.place is not None:
        yield tag("p", "Its table: ", tag("code", f"{result.place[0]}:{result.place[1]}"))
    if result.printed:
        cut = "" if len(result.printed) <= PRINTED else "… "
        yield tag("h3", "Printed")
        yield tag("pre", cut, result.printed[-PRINTED:], tabindex="0")


def _of_report(report: Findings, room: Room) -> Iterator[Html]:
    yield _sentences(report)
    if report.variables:
        yield of_variables(report)
    if report.comparisons:
        yield of_comparisons(report)
    charts = [histogram(Histogram.of(report))] if report.variables else []
    if report.sweep is not None:
        charts.append(curve(report.sweep))
    yield tag("div", *charts, class_="charts")
    # Where there is too little room for all, the worst have it.
    drawn = {variable.label: _of_variable(report, variable, room) for variable in report.worst_variables}
    yield from (drawn[variable.label] for variable in report.listed)


def _of_variable(report: Findings, variable: Variable, room: Room) -> Html:
    """Maps and elements of a variable, folded where it is one of many and passes."""
    title = f"∂{report.target}/∂{variable.label}"
    (word,) = counted(report, [variable.verdict])
    heading = tag("h3", title, " ", badge(word, variable.verdict.label))
    pictures = room.maps(report, variable)
    table = room.elements(report, variable)
    full = None if pictures else tag("p", "No maps: the page has no room for more.", class_="note")
    inside = [part for part in (full, pictures, table) if part]
    if report.fine(variable) and len(report.variables) > OPEN:
        return tag("details", tag("summary", heading), *inside, class_="variable")
    return tag("section", heading, *inside, class_="variable")


def _sentences(report: Findings) -> Html:
    """What is below the tables in a terminal, the most important first."""
    _, text = closing.verdict(report)
    lines = [(label.plain, said) for label, said in closing.lines(report)]
    groups = [list(group) for _, group in groupby(lines, key=lambda line: line[0])]
    ordered = [line for group in reversed(groups) for line in group]
    ordered.append(("check", text.split("\n", 1)[1]))
    terms = [joined(tag("dt", label), tag("dd", said)) for label, said in ordered]
    if word := due(report):
        terms.append(joined(tag("dt", "see"), tag("dd", tag("code", f"gradcheck explain {word}"))))
    return tag("dl", *terms)
