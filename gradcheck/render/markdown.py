"""A suite as GitHub's Markdown, for comments and summaries of jobs: a table, and what failed to unfold.

Text of users stands in code only, inline or in blocks, where it is neither markup nor a mention.
"""

import html
import re
from collections.abc import Iterator, Sequence

from gradcheck.errors import legible, one_line
from gradcheck.render.endings import WORDS, closing, details, elements, measure
from gradcheck.render.numbers import ratio
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, SuiteReport
from gradcheck.verdicts.verdict import Verdict

PLAIN = re.compile(r"[^`|\\ ](?:[^`|\\]*[^`|\\ ])?")
"""Text that is the same in backticks, also in a cell of a table."""
LONGEST = 20_000
"""Characters of one block: of 2,000 failing variables nobody reads all."""
CUT = "\n*Cut: what follows has no place here.*\n"
OF_CHECKS = ("check", "verdict", "expected", "elements", "error ÷ tolerance", "seconds")
OF_VARIABLES = ("variable", "shape", "dtype", "elements", "error ÷ tolerance", "where", "verdict")
TO_THE_RIGHT = {"elements", "error ÷ tolerance", "seconds"}


def to_markdown(suite: SuiteReport, most: int | None = None) -> str:
    """A table of the checks, or of the variables where there is one check, and the unexpected to unfold.

    What is longer than `most` bytes of UTF-8 is cut after a row or a block, and says so.
    """
    written: list[str] = []
    size = 0
    for part in _parts(suite):
        size += len(part.encode())
        if most is not None and size + len(CUT.encode()) > most:
            # Nothing at all, where not even that fits.
            return "".join([*written, CUT]) if written or len(CUT.encode()) <= most else ""
        written.append(part)
    return "".join(written)


def _parts(suite: SuiteReport) -> Iterator[str]:
    """Parts that are whole by themselves, after those before."""
    name = suite.results[0].name if len(suite.results) == 1 else suite.name
    yield f"### gradcheck: {WORDS[suite.exit_code]}\n\n{code(name)}: {closing(suite)}\n"
    alone = suite.results[0].outcome if len(suite.results) == 1 else None
    if isinstance(alone, Findings):
        yield from _table(OF_VARIABLES, [_of_variable(alone, n) for n in range(len(alone.variables))])
    elif suite.results:
        shown = len(OF_CHECKS) if suite.timing else -1
        rows = [_of_check(result)[:shown] for result in suite.results]
        yield from _table(OF_CHECKS[:shown], rows)
    for result in suite.unexpected:
        # Nothing is Markdown in a line that begins with a tag.
        summary = f"<code>{html.escape(one_line(result.name))}</code>: {result.word}"
        yield f"\n<details><summary>{summary}</summary>\n\n{block(details(result))}\n</details>\n"
    if suite.not_run:
        yield f"\nNot run: {', '.join(map(code, suite.not_run))}\n"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    rule = ["---:" if heading in TO_THE_RIGHT else "---" for heading in headings]
    yield f"\n{_row(headings)}{_row(rule)}"
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _of_check(result: CheckResult) -> tuple[str, ...]:
    return (
        code(result.name),
        result.word if result.expectedly else f"**{result.word}**",
        "" if result.expected is Verdict.PASS else result.expected.value,
        elements(result),
        measure(result),
        f"{result.seconds:.2f}",
    )


def _of_variable(findings: Findings, number: int) -> tuple[str, ...]:
    variable = findings.listed[number]
    counts = ", ".join(f"{count:,} {label}" for label, count in variable.counts.items() if count)
    return (
        code(variable.label),
        str(variable.shape),
        variable.dtype,
        f"{variable.verdicts.size:,}",
        ratio(variable.worst_ratio),
        code(str(list(variable.worst_index))),
        counts if findings.fine(variable) else f"**{counts}**",
    )


def code(text: str) -> str:
    """Text as code on one line, whatever is in it."""
    line = one_line(text)
    if PLAIN.fullmatch(line):
        return f"`{line}`"
    # As a number no sign means anything to Markdown, nor to the bar that ends a cell.
    signs = (sign if sign.isalnum() or (sign == " " and line.strip()) else f"&#{ord(sign)};" for sign in line)
    return f"<code>{''.join(signs)}</code>"


def block(text: str) -> str:
    """Lines of text as a block of code, with a fence that is longer than any in the text."""
    text = legible(text).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > LONGEST:
        text = text[: text.rfind("\n", 0, LONGEST) + 1 or LONGEST] + "…"
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}\n"
