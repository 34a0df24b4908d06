"""The options that commands share, each also an environment variable GRADCHECK_…."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, Self, TypeVar

import click

from gradcheck.cli.completion import files
from gradcheck.cli.help import TENSOR, Sectioned
from gradcheck.option import Flag, Kind, Section, Whole, Word, Words
from gradcheck.settings import DEFAULTS, OPTIONS, Settings
from gradcheck.targets.function import Target

Command = TypeVar("Command", bound=Callable[..., Any])

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
    dtype: str
    limit: int | None
    format: str
    output: Path | None
    save: Path | None
    quiet: bool
    traceback: bool

    @classmethod
    def take(cls, values: dict[str, Any]) -> Self:
        """Take the shared options out of a command's arguments; the command's own stay in `values`."""
        settings = Settings(**{name: values.pop(name) for name in OPTIONS})
        return cls(settings, **{entry.name: values.pop(entry.name) for entry in fields(cls)[1:]})


@dataclass(frozen=True)
class Check:
    """What a command hands on: the target, and how it is checked and shown."""

    target: Target
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
        case _:
            return {"type": _parser(kind)}


def _parser(kind: Kind) -> Callable[[Any], Any]:
    """Makes a value of text as a kind of setting does; what is refused becomes a usage error."""

    def parsed(value: Any) -> Any:
        try:
            return kind.parse(value) if isinstance(value, str) else value
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return parsed


TRACEBACK = option("--traceback", is_flag=True, help="Show where an error happened.")
_FILE = click.Path(dir_okay=False, path_type=Path)
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
    _reported("--output", type=_FILE, help="Write the report to this file, not to standard output."),
    _reported("--save", type=_FILE, metavar="FILE.npz", help="Also save the full arrays."),
    _reported("--quiet", is_flag=True, help="Nothing but the exit code."),
    *section(Section.LIMITS),
    TRACEBACK,
)


def common(command: Callable[..., Check]) -> Callable[..., Check]:
    """Add the options of every check, which the command gets as its argument `options`."""

    @functools.wraps(command)
    def run(**values: Any) -> Check:
        options = Common.take(values)
        return command(options=options, **values)

    return with_options(run, *_COMMON)
