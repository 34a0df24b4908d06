"""The options that commands share, each also an environment variable GRADCHECK_…."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import click

from gradcheck.option import Flag, Kind, Section, Whole, Word, Words
from gradcheck.settings import DEFAULTS, OPTIONS, Settings
from gradcheck.targets.target import Target

Command = TypeVar("Command", bound=Callable[..., Any])

DTYPES = ("auto", "float16", "bfloat16", "float32", "float64")
TENSOR = "TENSOR"


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
    limit: int
    format: str
    output: Path | None
    save: Path | None
    quiet: bool
    traceback: bool

    @staticmethod
    def take(values: dict[str, Any]) -> Common:
        """Take the shared options out of a command's arguments; the command's own stay in `values`."""
        settings = Settings(**{name: values.pop(name) for name in OPTIONS})
        return Common(settings, **{entry.name: values.pop(entry.name) for entry in fields(Common)[1:]})


@dataclass(frozen=True)
class Check:
    """What a command hands on: the target, and how it is checked and shown."""

    target: Target
    options: Common
    only_failing: bool = False
    """Whether elements are shown only for variables that do not pass."""


class Parsed(click.ParamType[Any]):
    """What a kind of setting parses from text."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self.name = kind, "value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, or a usage error that states the rule."""
        if not isinstance(value, str):
            return value
        try:
            return self.kind.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """A Click option that also reads GRADCHECK_<its long name>."""
    variable = "GRADCHECK_" + names[-1].removeprefix("--").upper().replace("-", "_")
    return click.option(*names, envvar=variable, show_envvar=False, **settings)


def tensor(name: str, text: str, required: bool = True) -> Callable[[Command], Command]:
    """An option that takes a TENSOR."""
    return option(f"--{name}", metavar=TENSOR, required=required, help=text)


def section(chosen: Section) -> list[Callable[[Any], Any]]:
    """The options of the settings that --help shows in one section."""
    return [_setting(name) for name in OPTIONS if OPTIONS[name].section is chosen]


def _setting(name: str) -> Callable[[Any], Any]:
    told, default = OPTIONS[name], DEFAULTS[name]
    plain = told.shown is None and not isinstance(told.kind, Flag | Words)
    return option(
        f"--{name.replace('_', '-')}",
        default=default,
        show_default=plain and default is not None,
        metavar=told.metavar or told.kind.metavar,
        help=told.help + (f"  [default: {told.shown}]" if told.shown else ""),
        **_type(told.kind),
    )


def _type(kind: Kind) -> dict[str, Any]:
    """What Click is told of a kind of setting."""
    match kind:
        case Flag():
            return {"is_flag": True}
        case Whole():
            return {"type": click.IntRange(kind.least)}
        case Word():
            return {"type": click.Choice(kind.choices), "multiple": isinstance(kind, Words)}
        case _:
            return {"type": Parsed(kind)}


TRACEBACK = option("--traceback", is_flag=True, help="Show where an error happened.")
_FILE = click.Path(dir_okay=False, path_type=Path)
_COMMON: tuple[Callable[[Any], Any], ...] = (
    *section(Section.POINT),
    option(
        "--upstream", metavar=TENSOR, help="Upstream gradient, in the shape of the output.  [default: ones]"
    ),
    option(
        "--dtype", type=click.Choice(DTYPES), default="auto", show_default=True, help="Dtype of the tensors."
    ),
    *section(Section.NUMBERS),
    option(
        "--limit",
        type=click.IntRange(0),
        default=20,
        show_default=True,
        help="Rows of elements shown per variable; 0 for all.",
    ),
    option(
        "--format",
        type=click.Choice([form.value for form in Format]),
        default=Format.TABLE.value,
        show_default=True,
        help="Form of the report.",
    ),
    option("--output", type=_FILE, help="Write the report to this file, not to standard output."),
    option("--save", type=_FILE, metavar="FILE.npz", help="Also save the full arrays."),
    option("--quiet", is_flag=True, help="Nothing but the exit code."),
    *section(Section.CHECKS),
    *section(Section.COST),
    TRACEBACK,
)


def common(command: Callable[..., Check]) -> Callable[..., Check]:
    """Add the options of every check, which the command gets as its argument `options`."""

    @functools.wraps(command)
    def run(**values: Any) -> Check:
        options = Common.take(values)
        return command(options=options, **values)

    for decorate in reversed(_COMMON):
        run = decorate(run)
    return run
