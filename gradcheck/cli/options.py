"""The options that commands share, each also an environment variable GRADCHECK_…."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import click

from gradcheck.cli.completion import files, objects
from gradcheck.cli.document import DRAWN, Document, telling
from gradcheck.cli.ending import Ended, Ending
from gradcheck.cli.group import TEXTS, say
from gradcheck.cli.help import TENSOR, Command, option, with_options
from gradcheck.cli.observing import observer
from gradcheck.cli.timeout import Timeout
from gradcheck.cli.written import QUIET, VERBOSE, WRITTEN, documents, refuse_overwriting, reported
from gradcheck.errors import TimedOut
from gradcheck.option import Flag, Kind, Names, Section, Whole, Word, Words
from gradcheck.progress import Progress
from gradcheck.settings import DEFAULTS, OPTIONS, Settings
from gradcheck.targets.element import Element
from gradcheck.targets.function import Target

if TYPE_CHECKING:
    from gradcheck.targets.spec import TargetSpec

NAMED = "NAME=TENSOR"
LONGEST = 1_000_000
"""Seconds of --timeout at most."""
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
    timeout: Timeout
    """The time that the check has."""
    dask: str | None
    """The address of a cluster that evaluates too."""
    traceback: bool
    documents: tuple[Document, ...]
    """What is written of the report, and where."""
    progress: Progress
    """Who is told how far the check is."""
    name: str
    """What a check that could not run is called: its command, or the object or file of its argument."""

    @classmethod
    def take(cls, values: dict[str, Any]) -> Self:
        """Take the shared options out of a command's arguments; the command's own stay in `values`."""
        settings = Settings(**{name: values.pop(name) for name in OPTIONS})
        values["documents"] = documents(values)
        values["progress"] = observer(quiet=values["quiet"], verbose=values.pop("verbose"))
        values["timeout"] = Timeout(values["timeout"])
        values["name"] = _name(click.get_current_context())
        return cls(settings, **{entry.name: values.pop(entry.name) for entry in fields(cls)[1:]})

    def limiting(self) -> AbstractContextManager[None]:
        """Raise `TimedOut` when the time of the check is over."""
        return self.timeout.limiting(self._tell)

    def _tell(self, error: TimedOut) -> None:
        """Say that the time is over, where nothing else can be done."""
        ending = Ending.of(error)
        say(f"error: {ending.failure}")
        with contextlib.suppress(Ended), telling(self.name, self.documents, False):
            raise Ended(ending)

    @property
    def drawn(self) -> bool:
        """Whether a document shows the step curve of the worst element."""
        return any(document.form in DRAWN for document in self.documents)


def _name(context: click.Context) -> str:
    for parameter in context.command.params:
        if isinstance(parameter, click.Argument):
            text = context.meta.get(TEXTS, {}).get(parameter.human_readable_name, "")
            return os.path.basename(str(text).rpartition(":")[2]) or str(context.info_name)
    return str(context.info_name)


@dataclass(frozen=True)
class Check:
    """What a command hands on: the target, and how it is checked and shown."""

    target: Target
    spec: TargetSpec
    """What the target was built from."""
    options: Common
    only_failing: bool = False
    """Whether elements are shown only for variables that do not pass."""


@dataclass(frozen=True)
class Sweeping(Check):
    """What the command `sweep` hands on."""

    element: Element | None = None
    """None for the worst, which a check finds."""


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
            return {"type": click.IntRange(kind.least, kind.most)}
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


def _seconds(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """A time that clocks of the operating system hold."""
    if value is not None and not 0 < value <= LONGEST:
        raise click.BadParameter(f"{value:g} is not in the range 0<x<={LONGEST:,}.", ctx, param)
    return value


TRACEBACK = option("--traceback", is_flag=True, help="Show where an error happened.")
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
    reported(
        "--limit",
        type=click.IntRange(0),
        metavar="N",
        help="Rows of elements shown per variable; 0 for all.  [default: 20, or 10 of one that passes]",
    ),
    reported("--heatmap", is_flag=True, help="Also draw error/tolerance of the variables as maps."),
    *WRITTEN,
    reported("--save", metavar="FILE.npz", help="Also save the full arrays."),
    VERBOSE,
    QUIET,
    *section(Section.LIMITS),
    option(
        "--timeout",
        type=float,
        callback=_seconds,
        metavar="SECONDS",
        section=Section.LIMITS,
        help="End with code 2 after that, whatever the check does.  [default: no limit]",
    ),
    option(
        "--dask",
        metavar="ADDRESS",
        section=Section.LIMITS,
        help="Share the evaluations out to the Dask cluster of this scheduler; the report is the same.",
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
        refuse_overwriting(options.documents, click.get_current_context())
        with telling(options.name, options.documents, options.traceback), options.limiting():
            return command(options=options, **values)

    return with_options(run, gradient, *_COMMON)
