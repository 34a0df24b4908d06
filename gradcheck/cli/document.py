"""What was found, or why nothing was, as documents: each in its form, at its place."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import click

from gradcheck.cli.ending import Ended, Ending, guard
from gradcheck.cli.group import terminal
from gradcheck.cli.outputs import Place
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, SuiteReport
from gradcheck.verdicts.sweep import Sweep


class Form(Enum):
    """Forms that a document can be written in."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    GITHUB = "github"
    CSV = "csv"
    SUMMARY = "summary"
    """Markdown at the end of $GITHUB_STEP_SUMMARY."""
    ARRAYS = "npz"
    HTML = "html"
    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


SUCCEEDS = (Form.TABLE, Form.ARRAYS)
"""Forms without a word for a check that could not run: what such a document was it stays."""
PICTURES = (Form.PNG, Form.SVG, Form.PDF)
DRAWN = (Form.HTML, *PICTURES)
"""Forms that show the step curve of the worst element, which takes a sweep."""
SUMMARY_SIZE = 2**20 - 1
"""Bytes that GitHub takes of the summary of a step."""


@dataclass(frozen=True)
class Document:
    """A document that is wanted."""

    form: Form
    place: Place


def write(found: CheckResult | SuiteReport | Sweep, documents: Sequence[Document]) -> None:
    """Write all documents, also where there is no place for one of them, and then raise for that one."""
    failed: list[Exception] = []
    for document in documents:
        try:
            content = _rendered(found, document)
            if isinstance(content, str):
                content = content.encode(*document.place.encoding)
            document.place.write(content)
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]


@contextlib.contextmanager
def telling(name: str, documents: Sequence[Document], traceback: bool) -> Iterator[None]:
    """Write why a check could not run, or one of the documents could not be written, into those that have a
    word for that; it is raised as `Ended`."""
    try:
        with guard(traceback):
            for refusal in filter(None, (document.place.refusal() for document in documents)):
                raise refusal
            yield
    except (Ended, click.ClickException) as error:
        ending = error.ending if isinstance(error, Ended) else Ending.of(error)
        told = [one for one in documents if one.form not in SUCCEEDS and one.place.refusal() is None]
        with contextlib.suppress(Exception):  # the first error is the one to tell
            write(CheckResult(name, ending.failure), told)
        written = any(one.form is Form.JSON and one.place.standard_output for one in told)
        raise Ended(ending, told=written) from error


def _rendered(found: CheckResult | SuiteReport | Sweep, document: Document) -> str | bytes:
    if isinstance(found, Sweep):
        return _of_sweep(found, document)
    if isinstance(found, SuiteReport):
        return _of_suite(found, document)
    if document.form in (Form.TABLE, Form.JSON, Form.JSONL, Form.ARRAYS):
        return _of_check(found, document)
    timing = isinstance(found.outcome, Findings) and found.outcome.timing
    return _of_suite(SuiteReport("gradcheck", (found,), seconds=found.seconds, timing=timing), document)


def _of_sweep(found: Sweep, document: Document) -> str | bytes:
    if document.form in PICTURES:
        from gradcheck.render.figures import to_picture

        return to_picture(found, document.form.value)
    from gradcheck.render import sweep

    if document.form is Form.JSON:
        return sweep.to_json(found)
    return sweep.to_terminal(found, *_shape(document), document.place.encoding[0])


def _of_check(found: CheckResult, document: Document) -> str | bytes:
    """What is of another form than that of a suite with this check alone."""
    from gradcheck.render import plain

    indent = None if document.form is Form.JSONL else 2
    if not isinstance(found.outcome, Findings):
        return plain.failure_to_json(found.outcome, indent=indent)
    match document.form:
        case Form.JSON | Form.JSONL:
            return plain.to_json(found.outcome, indent=indent)
        case Form.ARRAYS:
            return plain.to_npz(found.outcome)
        case _:
            from gradcheck.render.table import to_terminal

            return to_terminal(found.outcome, *_shape(document), document.place.encoding[0])


def _of_suite(found: SuiteReport, document: Document) -> str | bytes:
    match document.form:
        case Form.TABLE:
            from gradcheck.render.suite_table import to_terminal

            return to_terminal(found, *_shape(document))
        case Form.JSON:
            from gradcheck.render.jsonl import to_json

            return to_json(found)
        case Form.JSONL:
            from gradcheck.render.jsonl import to_lines

            return to_lines(found)
        case Form.JUNIT:
            from gradcheck.render.junit import to_junit

            return to_junit(found, _root())
        case Form.CSV:
            from gradcheck.render.csv import to_csv

            return to_csv(found)
        case Form.HTML:
            from gradcheck.render.html import to_html

            return to_html(found).encode()  # it says so itself, wherever it goes
        case Form.PNG | Form.SVG | Form.PDF:
            from gradcheck.render.figures import to_picture

            return to_picture(found, document.form.value)
        case Form.GITHUB:
            from gradcheck.render.github import to_github

            return to_github(found, _root())
        case _:
            from gradcheck.render.markdown import to_markdown

            room = SUMMARY_SIZE - document.place.size() if document.form is Form.SUMMARY else None
            return to_markdown(found, room)


def _root() -> Path:
    """The folder that a service of CI shows paths from."""
    return Path(os.environ.get("GITHUB_WORKSPACE") or os.getcwd())


def _shape(document: Document) -> tuple[int | None, bool]:
    """Width, None for as wide as it needs, and whether to use colour."""
    return terminal() if document.place.standard_output else (None, False)
