"""The options that commands share, each also an environment variable GRADCHECK_…."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click
from click.core import ParameterSource

from gradcheck.cli.completion import files, objects
from gradcheck.cli.group import TEXTS
from gradcheck.cli.help import TENSOR, Sectioned
from gradcheck.cli.outputs import STANDARD_OUTPUT, Place, refuse_overwriting
from gradcheck.option import Flag, Kind, Names, Section, Whole, Word, Words
from gradcheck.settings import DEFAULTS, OPTIONS, Settings
from gradcheck.targets.function import Target

if TYPE_CHECKING:
    from gradcheck.targets.spec import TargetSpec

Command = TypeVar("Command", bound=Callable[..., Any])

NAMED = "NAME=TENSOR"
DTYPES = ("auto", "float16", "bfloat16", "float32", "float64")


class Format(Enum):
    """Forms that a report can be written in."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True)
class Common:
    """What every command that checks can be told."""

    settings: Settings
    upstream: str | None
    gradient: tuple[str, ...]
    """Gradients of the user's own as NAME=TENSOR."""
    dtype: str
    limit: int | None
    format: str
    no_timing: bool
    output: Place | None
    """Where the report goes; None for nowhere."""
    save: Place | None
    quiet: bool
    dask: str | None
    """The address of a cluster that evaluates too."""
    traceback: bool

    @classmethod
    def take(cls, values: dict[str, Any]) -> Self:
        """Take the shared options out of a command's arguments; the command's own stay in `values`."""
        settings = Settings(**{name: values.pop(name) for name in OPTIONS})
        values["format"] = _format(values["format"], values.pop("json"))
        for name in ("output", "save"):
            values[name] = values[name] if values[name] is None else Place.of(f"--{name}", values[name])
        if values["output"] is None and not values["quiet"]:
            values["output"] = STANDARD_OUTPUT.usable()
        return cls(settings, **{entry.name: values.pop(entry.name) for entry in fields(cls)[1:]})

    def refuse_overwriting(self, context: click.Context) -> None:
        """Raise unless every document has a place of its own that is no input."""
        places = [place for place in (self.output, self.save) if place is not None]
        refuse_overwriting(places, context.meta.get(TEXTS, {}))


def _format(form: str, json: bool) -> str:
    """The form of the report; --json and --format json are the same."""
    if not json or form == Format.JSON.value:
        return form
    if click.get_current_context().get_parameter_source("format") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--json and --format {form} contradict each other: give one of them.")
    return Format.JSON.value


@dataclass(frozen=True)
class Check:
    """What a command hands on: the target, and how it is checked and shown."""

    target: Target
    spec: TargetSpec
    """What the target was built from."""
    options: Common
    only_failing: bool = False
    """Whether elements are shown only for variables that do not pass."""


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
    _reported(
        "--format",
        type=click.Choice([form.value for form in Format]),
        default=Format.TABLE.value,
        help="Form of the report.",
    ),
    _reported("--json", is_flag=True, help="Short for --format json; errors become JSON too."),
    _reported("--no-timing", is_flag=True, help="Leave the time out, so that equal reports are equal files."),
    _reported("--output", metavar="FILE", help="Write the report to this file, not to standard output (-)."),
    _reported("--save", metavar="FILE.npz", help="Also save the full arrays."),
    _reported("-q", "--quiet", is_flag=True, help="Nothing but the exit code."),
    *section(Section.LIMITS),
    option(
        "--dask",
        metavar="ADDRESS",
        section=Section.LIMITS,
        help="Share the evaluations of one large check out to a Dask cluster; the report is the same.",
    ),
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
        return command(options=options, **values)

    return with_options(run, gradient, *_COMMON)
