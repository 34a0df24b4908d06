"""The options that commands share, each also an environment variable GRADCHECK_…."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, Self, TypeVar

import click
from click.core import ParameterSource

from gradcheck.cli.completion import files, objects
from gradcheck.cli.document import DRAWN, Document, Form, telling
from gradcheck.cli.ending import guard
from gradcheck.cli.group import TEXTS
from gradcheck.cli.help import TENSOR, Sectioned
from gradcheck.cli.outputs import STANDARD_OUTPUT, Place, refuse_overwriting
from gradcheck.option import Flag, Kind, Names, Section, Whole, Word, Words
from gradcheck.render.pictures import picture_of
from gradcheck.settings import DEFAULTS, OPTIONS, Settings
from gradcheck.targets.element import Element
from gradcheck.targets.function import Target

Command = TypeVar("Command", bound=Callable[..., Any])

NAMED = "NAME=TENSOR"
FORMATS = {form.value: form for form in Form if form not in (Form.SUMMARY, Form.ARRAYS, *DRAWN)}
"""The forms that --format and --output name."""
OF_THEIR_OWN: dict[str, Callable[[str], Form]] = {
    "save": lambda _: Form.ARRAYS,
    "html": lambda _: Form.HTML,
    "plot": lambda file: Form(picture_of(file)),
}
"""Options that name the file of a document, and the form of that."""
DTYPES = ("auto", "float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Common:
    """What every command that checks can be told."""

    settings: Settings
    upstream: str | None
    gradient: tuple[str, ...]
    """Gradients of the user's own as NAME=TENSOR."""
    dtype: str
    limit: int | None
    heatmap: bool
    no_timing: bool
    quiet: bool
    traceback: bool
    documents: tuple[Document, ...]
    """What is written of the report, and where."""
    name: str
    """What a check that could not run is called: its command, or the object or file of its argument."""

    @classmethod
    def take(cls, values: dict[str, Any]) -> Self:
        """Take the shared options out of a command's arguments; the command's own stay in `values`."""
        settings = Settings(**{name: values.pop(name) for name in OPTIONS})
        values["documents"] = documents(values)
        values["name"] = _name(click.get_current_context())
        return cls(settings, **{entry.name: values.pop(entry.name) for entry in fields(cls)[1:]})

    @property
    def drawn(self) -> bool:
        """Whether a document shows the step curve of the worst element."""
        return any(document.form in DRAWN for document in self.documents)

    def refuse_overwriting(self, context: click.Context) -> None:
        """Raise unless every document has a place of its own that is no input."""
        places = [document.place for document in self.documents]
        outputs = {"--output", *(f"--{name}" for name in OF_THEIR_OWN)}
        texts = {
            option: text for option, text in context.meta.get(TEXTS, {}).items() if option not in outputs
        }
        refuse_overwriting(places, {option: texts[option] for option in texts.keys() - outputs})


def documents(values: dict[str, Any]) -> tuple[Document, ...]:
    """Take the options that name documents out of the arguments; what cannot be written raises
    `GradcheckError`."""
    form = _format(FORMATS[values.pop("format")], values.pop("json"))
    named = [_named(text) for text in values.pop("output")]
    found = [Document(chosen or form, Place.of("--output", text)) for chosen, text in named]
    plain = any(chosen is None for chosen, _ in named) or any(one.place.standard_output for one in found)
    if not plain and not values["quiet"]:
        found.insert(0, Document(form, STANDARD_OUTPUT.usable()))
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


def _name(context: click.Context) -> str:
    for parameter in context.command.params:
        if isinstance(parameter, click.Argument):
            text = context.meta.get(TEXTS, {}).get(parameter.human_readable_name, "")
            return os.path.basename(str(text).rpartition(":")[2]) or str(context.info_name)
    return str(context.info_name)


def _format(form: Form, json: bool) -> Form:
    """The form of the report; --json and --format json are the same."""
    if not json or form is Form.JSON:
        return form
    if click.get_current_context().get_parameter_source("format") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--json and --format {form.value} contradict each other: give one of them.")
    return Form.JSON


@dataclass(frozen=True)
class Check:
    """What a command hands on: the target, and how it is checked and shown."""

    target: Target
    options: Common
    only_failing: bool = False
    """Whether elements are shown only for variables that do not pass."""


@dataclass(frozen=True)
class Sweeping(Check):
    """What the command `sweep` hands on."""

    element: Element | None = None
    """None for the worst, which a check finds."""


def option(*names: str, show_default: bool = True, **settings: Any) -> Callable[[Command], Command]:
    """A Click option that also reads GRADCHECK_<its long name>, with its `section` of --help."""
    variable = "GRADCHECK_" + names[-1].removeprefix("--").upper().replace("-", "_")
    return click.option(*names, cls=Sectioned, envvar=variable, show_default=show_default, **settings)


def tensor(name: str, text: str, required: bool = True) -> Callable[[Command], Command]:
    """An option that takes a TENSOR."""
    return option(
        f"--{name}",
        metavar=TENSOR,
        required=required,
        help=text,
        section=Section.TENSORS,
        shell_complete=files,
    )


def with_options(command: Command, *options: Callable[[Any], Any]) -> Command:
    """A command with some options, which --help shows in this order."""
    for decorate in reversed(options):
        command = decorate(command)
    return command


def section(chosen: Section) -> list[Callable[[Any], Any]]:
    """The options of the settings that --help shows in one section."""
    return [_setting(name) for name in OPTIONS if OPTIONS[name].section is chosen]


def _setting(name: str) -> Callable[[Any], Any]:
    told = OPTIONS[name]
    return option(
        f"--{name.replace('_', '-')}",
        default=DEFAULTS[name],
        show_default=told.shown is None,
        metavar=told.metavar or told.kind.metavar,
        section=told.section,
        help=told.help + (f"  [default: {told.shown}]" if told.shown else ""),
        **_type(told.kind),
    )


def _type(kind: Kind) -> dict[str, Any]:
    match kind:
        case Flag():
            return {"is_flag": True}
        case Whole():
            return {"type": click.IntRange(kind.least)}
        case Word():
            return {"type": click.Choice(kind.choices), "multiple": isinstance(kind, Words)}
        case Names():
            return {"type": _parser(kind), "multiple": True, "callback": _all_names}
        case _:
            return {"type": _parser(kind)}


def _all_names(
    ctx: click.Context, param: click.Parameter, given: tuple[tuple[str, ...], ...]
) -> tuple[str, ...] | None:
    """The names of an option that may be repeated, as one; None where it is not given."""
    return tuple(chain(*given)) or None


def _parser(kind: Kind) -> Callable[[Any], Any]:
    """Makes a value of text as a kind of setting does; what is refused becomes a usage error."""

    def parsed(value: Any) -> Any:
        try:
            return kind.parse(value) if isinstance(value, str) else value
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return parsed


TRACEBACK = option("--traceback", is_flag=True, help="Show where an error happened.")
_reported = functools.partial(option, section=Section.REPORT)
WRITTEN: tuple[Callable[[Any], Any], ...] = (
    _reported(
        "--format",
        type=click.Choice(list(FORMATS)),
        default=Form.TABLE.value,
        help="Form of the report.",
    ),
    _reported("--json", is_flag=True, help="Short for --format json; errors become JSON too."),
    _reported("--no-timing", is_flag=True, help="Leave the time out, so that equal reports are equal files."),
    _reported(
        "--output",
        metavar="[FORMAT=]FILE",
        multiple=True,
        type=click.Path(readable=False),
        help="Write the report to this file, not to standard output (-); repeat it for several forms.",
    ),
)
"""What `documents` takes, besides --quiet."""
_COMMON: tuple[Callable[[Any], Any], ...] = (
    tensor("upstream", "Upstream gradient, in the shape of the output.  [default: ones]", required=False),
    option(
        "--dtype",
        type=click.Choice(DTYPES),
        default="auto",
        section=Section.TENSORS,
        help="Dtype of the tensors.",
    ),
    *section(Section.CHECKS),
    *section(Section.TOLERANCE),
    _reported(
        "--limit",
        type=click.IntRange(0),
        metavar="N",
        help="Rows of elements shown per variable; 0 for all.  [default: 20, or 10 of one that passes]",
    ),
    _reported("--heatmap", is_flag=True, help="Also draw error/tolerance of the variables as maps."),
    *WRITTEN,
    _reported("--save", metavar="FILE.npz", help="Also save the full arrays."),
    _reported("--html", metavar="FILE", help="Also write a page with tables and maps of all variables."),
    _reported("--plot", metavar="FILE", help="Also draw the maps: FILE.png, .svg or .pdf."),
    _reported("-q", "--quiet", is_flag=True, help="Nothing but the exit code."),
    *section(Section.LIMITS),
    TRACEBACK,
)


def common(command: Callable[..., Check]) -> Callable[..., Check]:
    """Add the options of every check, which the command gets as its argument `options`."""
    return common_but(command, gradient("Your own gradient for an input, held against both; repeat it."))


def gradient(text: str, metavar: str = NAMED) -> Callable[[Any], Any]:
    """The option --gradient."""
    return option(
        "--gradient",
        metavar=metavar,
        multiple=True,
        section=Section.TENSORS,
        shell_complete=files if metavar == NAMED else objects,
        help=text,
    )


def common_but(command: Callable[..., Check], gradient: Callable[[Any], Any]) -> Callable[..., Check]:
    """The same with another --gradient."""

    @functools.wraps(command)
    def run(**values: Any) -> Check:
        options = Common.take(values)
        options.refuse_overwriting(click.get_current_context())
        with telling(options.name, options.documents), guard(options.traceback):
            return command(options=options, **values)

    return with_options(run, gradient, *_COMMON)
