"""Tables of a page: the columns of the tables in a terminal, and the checks of a suite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcheck.render import elements, summary
from gradcheck.render.html_markup import Html, escaped, tag
from gradcheck.render.layout import WORDS, Column
from gradcheck.render.numbers import ratio
from gradcheck.render.shades import MARKS
from gradcheck.report.closing import conclusion
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import ElementVerdict

KINDS = {"index": "index", "where": "index", "shape": "index", "verdict": "verdict", "ended": "verdict"}
"""How a column is sorted, by its heading; others by number where they are not `WORDS`."""
WRAPPED = {"found": "long", "check": "name", "variable": "name", "compared": "name", "against": "name"}
"""Columns whose cells may take several lines."""
TEXT = WORDS | {"check", "expected", "found", "begins at"}


def badge(word: str, said: str = "") -> Html:
    """A verdict as sign and word, or as its sign and something else that is said."""
    mark = tag("span", MARKS[word], class_="mark", aria_hidden="true")
    return tag("span", mark, " ", said or word, class_=f"is {word}")


def table(caption: str, columns: Sequence[Column], words: Sequence[str], verb: str = "verdict") -> Html:
    """A table with a row for each of `words`, the verdicts that the column `verb` shows signs for."""
    heads = [tag("th", column.heading, scope="col", data_kind=_kind(column.heading)) for column in columns]
    rows = []
    for word, cells in zip(words, zip(*(column.cells for column in columns), strict=True), strict=True):
        row = [_cell(column.heading, cell, word, verb) for column, cell in zip(columns, cells, strict=True)]
        rows.append(tag("tr", *row, class_=word))
    drawn = tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    return tag("div", drawn, class_="wide", tabindex="0", role="region", aria_label=caption)


def _kind(heading: str) -> str:
    return KINDS.get(heading, "text" if heading in TEXT else "number")


def _cell(heading: str, cell: str, word: str, verb: str) -> Html:
    if heading == verb:
        return tag("td", badge(word, cell), data_key=word)
    return tag("td", cell, class_="n" if _kind(heading) == "number" else WRAPPED.get(heading))


def of_variables(report: Findings) -> Html:
    """A row for each variable."""
    _, columns = next(summary.forms(report.listed))
    return table("Variables", columns, counted(report, [variable.verdict for variable in report.listed]))


def counted(report: Findings, verdicts: Sequence[ElementVerdict]) -> list[str]:
    """The words of verdicts as what they count."""
    return [ElementVerdict(code).label for code in report.counted(np.array(verdicts, int)).tolist()]


def of_comparisons(report: Findings) -> Html:
    """A row for each comparison."""
    _, columns = next(summary.forms_of_comparisons(report.comparisons))
    return table(
        "Other ways to the same gradients", columns, [one.verdict.label for one in report.comparisons]
    )


def of_elements(report: Findings, variable: Variable, most: int) -> tuple[Html, int]:
    """The elements of a variable, and how many of them are shown: all if they fit, else the worst."""
    indices = variable.rows(most)
    verdicts = [ElementVerdict(int(variable.verdicts[index])) for index in indices]
    _, columns = next(elements.forms(variable, indices, verdicts))
    size = variable.verdicts.size
    part = "" if len(indices) == size else f", {len(indices):,} of {size:,}, worst first"
    caption = f"Elements of {variable.label}{part}"
    return table(caption, columns, counted(report, verdicts)), len(indices)


def of_checks(suite: SuiteReport, links: Sequence[str | None]) -> Html:
    """A row for each check of a suite, with a link to its section where it has one."""
    results = suite.results
    names = [
        escaped(one.name) if link is None else tag("a", one.name, href=f"#{link}")
        for one, link in zip(results, links, strict=True)
    ]
    columns = [Column("check", names), Column("ended", [one.word for one in results])]
    if any(one.expected.value != "pass" for one in results):
        columns.append(Column("expected", [_expected(one) for one in results]))
    ratios = ["" if isinstance(one.outcome, Failure) else ratio(one.worst_ratio) for one in results]
    columns.append(Column("error/tolerance", ratios))
    columns.append(Column("elements", [f"{one.size:,}" if one.size else "" for one in results]))
    if suite.timing:
        columns.append(Column("seconds", [f"{one.seconds:.2f}" for one in results]))
    columns.append(Column("found", [found(one) for one in results]))
    return table("Checks", columns, [one.word for one in results], "ended")


def found(result: CheckResult) -> str:
    """What a check found, in a sentence."""
    if isinstance(result.outcome, Failure):
        return f"{result.outcome.kind}: {result.outcome.found}"
    return conclusion(result.outcome)


def _expected(result: CheckResult) -> str:
    return result.expected.value if result.expectedly else f"{result.expected.value} (not met)"
