"""A suite as text for people: a table of its checks, what ended unexpectedly, and a closing line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from gradcheck.errors import ExitCode, legible, one_line
from gradcheck.render.closing import CLOSING
from gradcheck.render.endings import WORDS, closing, details, elements, measure
from gradcheck.render.layout import STYLES, Column, Form, indented, labelled, table
from gradcheck.render.table import ENDLESS, drawn
from gradcheck.render.words import shortened, told_apart
from gradcheck.report.suite import UNRUN, CheckResult, SuiteReport
from gradcheck.verdicts.verdict import ElementVerdict, Verdict

RANKS = {
    Verdict.PASS.value: ElementVerdict.MATCH,
    Verdict.INCONCLUSIVE.value: ElementVerdict.INCONCLUSIVE,
    Verdict.FAIL.value: ElementVerdict.MISMATCH,
    UNRUN: ElementVerdict.NONFINITE,
}
"""The verdict of an element that has the colour of a check's word."""
STEPS: tuple[str | int, ...] = (40, "elements", 24, "time", "error/tolerance", 12)
"""What is given up in a narrow terminal: a number is how long names may be, a word is a column."""


def to_terminal(suite: SuiteReport, width: int | None, color: bool) -> str:
    """Both parts, for a terminal of `width` columns or, where it is None, for a pipe: plain and whole."""
    parts = [checks(suite, ENDLESS if width is None else width)] if suite.results else []
    lines = drawn(Group(*parts), ENDLESS if width is None else width, color) if parts else ""
    return lines + to_closing(suite, width, color)


def to_closing(suite: SuiteReport, width: int | None, color: bool) -> str:
    """What comes after the lines of the checks: the details of the unexpected, and the closing line."""
    columns = ENDLESS if width is None else width
    return drawn(Group(*_details(suite, columns), *_closing(suite, columns)), columns, color)


def line(result: CheckResult, longest: int, *, timing: bool = True) -> str:
    """One check on a line, as it ends, after names of which the longest has so many columns."""
    count, worst = elements(result), measure(result)
    cells = [
        one_line(result.name) + " " * (longest - cell_len(result.name)),
        _word(result).ljust(len(Verdict.INCONCLUSIVE.value)),
        count and f"{count} element{'' if count == '1' else 's'}",
        worst and f"error/tolerance {worst}",
        f"{result.seconds:.2f} s" if timing else "",
    ]
    return "  ".join(cell for cell in cells if cell).rstrip()


def checks(suite: SuiteReport, width: int) -> RenderableType:
    """The table of the checks."""
    ranks = [ElementVerdict.MATCH if result.expectedly else RANKS[result.word] for result in suite.results]
    return table(_forms(suite), ranks, width, 0)


def _forms(suite: SuiteReport) -> Iterator[Form]:
    columns = {column.heading: column for column in _columns(suite)}
    verdict = Column("verdict", [_word(result) for result in suite.results])
    yield False, [*columns.values(), verdict]
    yield True, [*columns.values(), verdict]
    for step in STEPS:
        if isinstance(step, str):
            columns.pop(step, None)
        elif names := told_apart([one_line(result.name) for result in suite.results], step):
            columns["check"] = Column("check", names)
        yield True, [*columns.values(), verdict]


def _columns(suite: SuiteReport) -> Iterator[Column]:
    yield Column("check", [one_line(result.name) for result in suite.results])
    yield Column("elements", list(map(elements, suite.results)))
    yield Column("error/tolerance", list(map(measure, suite.results)))
    if suite.timing:
        yield Column("time", [f"{result.seconds:.2f} s" for result in suite.results])


def _word(result: CheckResult) -> str:
    expected = "" if result.expected is Verdict.PASS else f" (expected {result.expected.value})"
    return result.word + expected


def _details(suite: SuiteReport, width: int) -> Iterator[RenderableType]:
    for result in suite.unexpected:
        place = "" if result.place is None else f" ({result.place[0]}:{result.place[1]})"
        yield Text()
        yield Text.assemble(
            (shortened(one_line(result.name) + place, max(1, width - len(result.word) - 2)), "bold"),
            ": ",
            (result.word, STYLES[RANKS[result.word]]),
        )
        yield from (
            Text(part) for each in legible(details(result)).split("\n") for part in _kept(each, width)
        )
    if suite.not_run:
        yield Text()
        yield labelled([(Text("not run", "yellow"), ", ".join(map(one_line, suite.not_run)))], width)


def _kept(text: str, width: int) -> Sequence[str]:
    """A line as it is where it fits, so that columns stay in line."""
    return [f"  {text}"] if cell_len(text) + 2 <= width else indented(text.strip(), width)


def _closing(suite: SuiteReport, width: int) -> Iterator[RenderableType]:
    styles = {ExitCode.PASS: Verdict.PASS, ExitCode.INCONCLUSIVE: Verdict.INCONCLUSIVE}
    style = CLOSING[styles.get(suite.exit_code, Verdict.FAIL)]
    label = Text(f" {WORDS[suite.exit_code]} ", style)
    yield Text()
    yield labelled([(label, f"{one_line(suite.name)}: {closing(suite)}")], width)
