"""A report, or those of a suite, as one page that needs nothing from elsewhere.

Size: at most 60,000 cells of maps, three maps of some 8 bytes a cell (1.5 MB), 5,000 rows of elements of 400
bytes (2 MB), and 300 checks with more than a row (10 kB each); besides 400 bytes for each variable of these
and for each check. Measured: 0.14 MB for 1.2 million weights (0.4 MB with --limit 0), 3.3 MB for 500
variables, 5.2 MB for 2,000 checks that fail.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib import resources

from gradcheck.render.endings import WORDS, why_not_run
from gradcheck.render.html_markup import Html, joined, tag
from gradcheck.render.html_report import Room, of_result
from gradcheck.render.html_tables import badge, found, of_checks
from gradcheck.render.shades import DARK, LIGHT, Palette
from gradcheck.report.findings import Findings
from gradcheck.report.suite import SuiteReport
from gradcheck.version import __version__

CELLS = 60_000
"""Cells of all maps of a page, three maps counted once."""
OF_A_MAP = range(24 * 32, 64 * 96 + 1)
"""Cells of one map: the fewest that still show where, the most that can be told apart."""
ROWS = 5_000
"""Rows of elements of a page."""
SECTIONS = 300
"""Checks of a suite that have more than their row."""
SAID = ("All checks ended as expected.", "All checks that have ended did so as expected.")
"""What is said of a suite without failures, the second where some have not ended."""


def to_html(suite: SuiteReport) -> str:
    """The page; of a suite of one check that of its report."""
    places = sorted(range(len(suite.results)), key=lambda place: suite.results[place].expectedly)[:SECTIONS]
    room = _room(suite, places)
    if len(suite.results) == 1 and not suite.not_run:
        (result,) = suite.results
        title = tag("h1", result.name, " ", badge(result.word))
        head = tag("header", title, tag("p", found(result)))
        name, word, parts = result.name, result.word, [head, *of_result(result, room)]
    else:
        name, word = suite.name, WORDS[suite.exit_code].lower()
        parts = [_summary(suite, set(places)), *(_section(suite, place, room) for place in places)]
    return _page(f"{word}: {name} – gradcheck", tag("main", *parts))


def _room(suite: SuiteReport, places: list[int]) -> Room:
    """The room of the page, shared among the variables of the checks that it shows."""
    outcomes = [suite.results[place].outcome for place in places]
    variables = sum(len(outcome.variables) for outcome in outcomes if isinstance(outcome, Findings))
    share = CELLS // max(1, variables)
    return Room(min(max(share, OF_A_MAP[0]), OF_A_MAP[-1]), CELLS, ROWS)


def _summary(suite: SuiteReport, shown: set[int]) -> Html:
    """The head of a suite: how many checks ended how, and a row for each."""
    counts = [tag("li", f"{count:,} ", badge(word)) for word, count in suite.counts.items()]
    size, off = len(suite.results), len(suite.unexpected)
    said = f"{off:,} of {size:,} checks did not end as expected." if off else SAID[bool(suite.not_run)]
    time = f" {suite.seconds:.1f} s." if suite.timing else ""
    links = [f"check-{place + 1}" if place in shown else None for place in range(size)]
    notes = [f"Below are {len(shown):,} of the {size:,} checks."] if len(shown) < size else []
    if suite.not_run:
        notes.append(f"{why_not_run(suite).capitalize()}: {', '.join(suite.not_run)}.")
    title = tag("h1", suite.name, " ", badge(WORDS[suite.exit_code].lower()))
    return joined(
        tag("header", title, tag("p", said if size else "No check was run.", time)),
        tag("ul", *counts, class_="counts") if counts else Html(),
        *(tag("p", line, class_="note") for line in notes),
        of_checks(suite, links) if size else Html(),
    )


def _section(suite: SuiteReport, place: int, room: Room) -> Html:
    """Everything about one check of several, folded where it ended as expected."""
    result = suite.results[place]
    title = tag("summary", tag("h2", result.name, " ", badge(result.word)), tag("p", found(result)))
    opened = None if result.expectedly else ""
    folded = tag("details", title, *of_result(result, room), open=opened)
    return tag("section", folded, id=f"check-{place + 1}", class_="check")


def _page(title: str, main: Html) -> str:
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
    footer = tag("footer", f"gradcheck {__version__}")
    body = tag("body", main, footer, tag("script", Html(script)))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


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
