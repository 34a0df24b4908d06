"""What was found, as documents: each in its form, at its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from gradcheck.cli.group import terminal
from gradcheck.cli.outputs import Place
from gradcheck.errors import GradcheckError
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, SuiteReport


class Form(Enum):
    """Forms that a document can be written in."""

    TABLE = "table"
    JSON = "json"
    ARRAYS = "npz"


@dataclass(frozen=True)
class Document:
    """A document that is wanted."""

    form: Form
    place: Place


def write(found: CheckResult | SuiteReport, documents: Sequence[Document]) -> None:
    """Write all documents of what was found."""
    write_each(documents, partial(_rendered, found))


def write_each(documents: Sequence[Document], rendered: Callable[[Document], str | bytes]) -> None:
    """Write all documents, also where there is no place for one of them, and then raise for that one."""
    failed: list[GradcheckError] = []
    for document in documents:
        try:
            content = rendered(document)
            if isinstance(content, str):
                content = content.encode(*document.place.encoding)
            document.place.write(content)
        except GradcheckError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _rendered(found: CheckResult | SuiteReport, document: Document) -> str | bytes:
    assert isinstance(found, CheckResult)
    assert isinstance(found.outcome, Findings)
    match document.form:
        case Form.TABLE:
            from gradcheck.render.table import to_terminal

            width, color = terminal() if document.place.standard_output else (None, False)
            return to_terminal(found.outcome, width, color)
        case Form.JSON:
            from gradcheck.render.plain import to_json

            return to_json(found.outcome)
        case Form.ARRAYS:
            from gradcheck.render.plain import to_npz

            return to_npz(found.outcome)
