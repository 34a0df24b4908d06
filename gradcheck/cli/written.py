"""In which form and where a report is written: the options that say so, and the documents that they name."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click
from click.core import ParameterSource

from gradcheck.cli import outputs
from gradcheck.cli.document import DRAWN, Document, Form
from gradcheck.cli.group import TEXTS
from gradcheck.cli.help import option
from gradcheck.cli.outputs import STANDARD_OUTPUT, Place
from gradcheck.option import Section
from gradcheck.render.pictures import picture_of

FORMATS = {form.value: form for form in Form if form not in (Form.SUMMARY, Form.ARRAYS, *DRAWN)}
"""The forms that --format and --output name."""
OF_THEIR_OWN: dict[str, Callable[[str], Form]] = {
    "save": lambda _: Form.ARRAYS,
    "html": lambda _: Form.HTML,
    "plot": lambda file: Form(picture_of(file)),
}
"""Options that name the file of a document, and the form of that."""
reported = partial(option, section=Section.REPORT)
VERBOSE = reported("-v", "--verbose", is_flag=True, help="Tell each stage and its time; --quiet wins.")
QUIET = reported("-q", "--quiet", is_flag=True, help="Nothing but the exit code.")
WRITTEN: tuple[Callable[[Any], Any], ...] = (
    reported(
        "--format",
        type=click.Choice(list(FORMATS)),
        default=Form.TABLE.value,
        help="Form of the report.",
    ),
    reported("--json", is_flag=True, help="Short for --format json; errors become JSON too."),
    reported("--no-timing", is_flag=True, help="Leave the time out, so that equal reports are equal files."),
    reported(
        "--output",
        metavar="[FORMAT=]FILE",
        multiple=True,
        type=click.Path(readable=False),
        help="Write the report to this file, not to standard output (-); repeat it for several forms.",
    ),
    reported("--html", metavar="FILE", help="Also write a page with tables and maps of all variables."),
    reported(
        "--plot",
        metavar="FILE",
        help="Also draw the maps, of a suite those that fail, of a sweep its curve: FILE.png, .svg or .pdf.",
    ),
)
"""What `documents` takes, besides --quiet."""


def documents(values: dict[str, Any]) -> tuple[Document, ...]:
    """Take the options that name documents out of the arguments."""
    form = _format(FORMATS[values.pop("format")], values.pop("json"))
    named = [_named(text) for text in values.pop("output")]
    found = [Document(chosen or form, Place.of("--output", text)) for chosen, text in named]
    plain = any(chosen is None for chosen, _ in named) or any(one.place.standard_output for one in found)
    if not plain and not values["quiet"]:
        found.insert(0, Document(form, STANDARD_OUTPUT))
    for name, own in OF_THEIR_OWN.items():
        if (text := values.pop(name, None)) is not None:
            found.append(Document(own(text), Place.of(f"--{name}", text)))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and any(one.form is Form.GITHUB for one in found):
        found.append(Document(Form.SUMMARY, Place.of("$GITHUB_STEP_SUMMARY", summary, grows=True)))
    return tuple(found)


def _named(text: str) -> tuple[Form | None, str]:
    """The form of FORMAT=FILE, and the file; a name that begins with no form is all of it the file."""
    word, equals, file = text.partition("=")
    return (FORMATS[word], file) if equals and word in FORMATS else (None, text)


def _format(form: Form, json: bool) -> Form:
    """The form of the report; --json and --format json are the same."""
    if not json or form is Form.JSON:
        return form
    if click.get_current_context().get_parameter_source("format") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--json and --format {form.value} contradict each other: give one of them.")
    return Form.JSON


def refuse_overwriting(documents: Sequence[Document], context: click.Context) -> None:
    """Raise unless every document has a place of its own that is no input."""
    own = {"--output", *(f"--{name}" for name in OF_THEIR_OWN)}
    texts = {option: text for option, text in context.meta.get(TEXTS, {}).items() if option not in own}
    outputs.refuse_overwriting([document.place for document in documents], texts)
