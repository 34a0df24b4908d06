"""A report, or those of a suite, as one page that needs nothing from elsewhere.

Size: at most 60,000 cells of maps, three maps of some 8 bytes a cell (1.5 MB), 5,000 rows of elements of 400
bytes (2 MB), and 300 checks with figures (3 kB each); beyond that 300 bytes for each variable and each check.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from gradcheck.render import closing
from gradcheck.render.due import due
from gradcheck.render.histogram import Histogram
from gradcheck.render.html_charts import histogram
from gradcheck.render.html_maps import maps
from gradcheck.render.html_markup import Html, joined, tag
from gradcheck.render.html_tables import badge, found, of_checks, of_comparisons, of_elements, of_variables
from gradcheck.render.shades import DARK, LIGHT, Palette
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.version import __version__

CELLS, OF_A_MAP = 60_000, 48 * 64
"""Cells of maps of a page, and of one map."""
ROWS, OF_A_TABLE = 5_000, 1_000
"""Rows of elements of a page, and of one table."""
SECTIONS = 300
"""Checks of a suite that have more than their row."""
PRINTED = 4_000
"""Characters of what a check printed, from the end."""


@dataclass
class _Left:
    """What the page may still hold."""

    cells: int = CELLS
    rows: int = ROWS


def to_html(suite: SuiteReport) -> str:
    """The page; of a suite of one check that of its report."""
    single = suite.results[0] if len(suite.results) == 1 and not suite.not_run else None
    left = _Left()
    unexpected = [place for place, one in enumerate(suite.results) if not one.expectedly]
    others = [place for place, one in enumerate(suite.results) if one.expectedly]
    chosen = (unexpected + others)[:SECTIONS]
    # Those that ended otherwise than expected get their share of the page first.
    sections = {place: _section(suite, place, left, whole=single is not None) for place in chosen}
    head = _summary(suite, set(chosen)) if single is None else Html()
    main = tag("main", head, *(sections[place] for place in sorted(sections)))
    title = f"{single.word if single else _ended(suite)}: {single.name if single else suite.name} – gradcheck"
    return _page(title, joined(main, tag("footer", f"gradcheck {__version__}")))


def _page(title: str, body: Html) -> str:
    style = "\n" + _colours() + _file("page.css")
    script = "\n" + _file("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(style)),
    )
    script = tag("script", Html(script))
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', body, script), lang='en')}\n"


def _file(name: str) -> str:
    return resources.files("gradcheck.render").joinpath("page", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _colours() -> str:
    """Rules for the levels of maps, on a light and on a dark background."""
    return f"{_rules(LIGHT)}@media screen and (prefers-color-scheme: dark) {{\n{_rules(DARK)}}}\n"


def _rules(palette: Palette) -> str:
    named = {f"s{level}": colour for level, colour in enumerate(palette.signed)}
    named |= {f"r{level}": colour for level, colour in enumerate(palette.ratios)}
    named |= {"u": palette.unjudged, "w": palette.without}
    rules = [f".{name} {{ stroke: {colour} }}" for name, colour in named.items()]
    rules += [f".on {{ fill: {palette.ink[0]} }}", f".on.strong {{ fill: {palette.ink[1]} }}"]
    return "\n".join(rules) + "\n"


def _ended(suite: SuiteReport) -> str:
    return suite.exit_code.name.lower()


def _summary(suite: SuiteReport, chosen: set[int]) -> Html:
    """The head of a suite: how many checks ended how, and a row for each."""
    counts = [tag("li", f"{count:,} ", badge(word)) for word, count in suite.counts.items()]
    off = len(suite.unexpected)
    said = "All checks ended as expected." if not off else f"{off:,} of {len(suite.results):,} checks did not end as expected."
    time = f" {suite.seconds:.1f} s." if suite.timing else ""
    links = [f"check-{place + 1}" if place in chosen else None for place in range(len(suite.results))]
    more = [] if len(chosen) == len(links) else [f"Figures of {len(chosen):,} of {len(links):,} checks are shown."]
    if suite.not_run:
        more.append(f"Not begun, after too many failures: {', '.join(suite.not_run)}.")
    return joined(
        tag("header", tag("h1", suite.name), tag("p", said, time), tag("ul", *counts, class_="counts")),
        *(tag("p", line, class_="note") for line in more),
        of_checks(suite, links),
    )


def _section(suite: SuiteReport, place: int, left: _Left, *, whole: bool) -> Html:
    """Everything about one check; folded in a suite where it ended as expected."""
    result = suite.results[place]
    title = tag("h1" if whole else "h2", result.name, " ", badge(result.word))
    inside = joined(*_details(result, suite, left))
    if whole:
        return tag("section", tag("header", title, tag("p", found(result))), inside)
    opened = None if result.expectedly else ""
    folded = tag("details", tag("summary", title, tag("p", found(result))), inside, open=opened)
    return tag("section", folded, id=f"check-{place + 1}", class_="check")


def _details(result: CheckResult, suite: SuiteReport, left: _Left) -> Iterator[Html]:
    if isinstance(result.outcome, Failure):
        yield tag("p", result.outcome.remedy, class_="said") if result.outcome.remedy else Html()
    else:
        yield from _of_report(result.outcome, left)
    if result.command:
        yield tag("p", "This check alone: ", tag("code", result.command))
    if result.place is not None:
        yield tag("p", "Its table: ", tag("code", f"{result.place[0]}:{result.place[1]}"))
    if result.printed:
        cut = "" if len(result.printed) <= PRINTED else "… "
        yield tag("h3", "Printed")
        yield tag("pre", cut, result.printed[-PRINTED:], tabindex="0")


def _of_report(report: Findings, left: _Left) -> Iterator[Html]:
    """Tables, figures and sentences of one report."""
    yield _sentences(report)
    if report.variables:
        yield of_variables(report)
    if report.comparisons:
        yield of_comparisons(report)
    if report.variables:
        yield histogram(Histogram.of(report))
    # In `detailed` those that pass are left out of a report that shows what fails alone.
    for variable in report.detailed:
        cells = min(OF_A_MAP, variable.verdicts.size)
        asked = report.rows_of(variable) or OF_A_TABLE
        most = min(asked, OF_A_TABLE, left.rows)
        heading = tag("h3", f"∂{report.target}/∂{variable.label}", " ", badge(variable.verdict.label))
        parts = [heading]
        if cells <= left.cells:
            left.cells -= cells
            parts.append(maps(variable, OF_A_MAP))
        if most:
            drawn, rows = of_elements(variable, most)
            left.rows -= rows
            parts.append(drawn)
        if len(parts) > 1:
            yield tag("section", *parts, class_="variable")
        else:
            yield tag("p", f"The page holds no more: {variable.label} has no figures.", class_="note")


def _sentences(report: Findings) -> Html:
    """What is below the tables in a terminal."""
    _, text = closing.verdict(report)
    how = text.split("\n", 1)[1]
    lines = [(label.plain, said) for label, said in closing.lines(report)]
    terms = [joined(tag("dt", label), tag("dd", said)) for label, said in [*lines, ("check", how)]]
    word = due(report)
    if word:
        terms.append(joined(tag("dt", "see"), tag("dd", tag("code", f"gradcheck explain {word}"))))
    return tag("dl", *terms)
