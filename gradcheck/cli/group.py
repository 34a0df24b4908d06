"""The Click group, and the boundary where everything that can go wrong becomes an exit code.

Standard output is for the document; everything else goes to standard error.
"""

import contextlib
import errno
import io
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from gradcheck.cli.ending import Ended, Ending, asks_for_json, guard
from gradcheck.cli.help import WIDEST, Laid, LaidGroup
from gradcheck.cli.process import code_of
from gradcheck.errors import ExitCode, GradcheckError, legible
from gradcheck.render.plain import failure_to_json
from gradcheck.render.plain_ascii import PLAIN
from gradcheck.runtime import redirected
from gradcheck.version import __version__

TEXTS = "gradcheck.texts"
"""Where a context keeps what each option was given, as text, by the option."""
EXAMPLES = (
    "gradcheck dense --x normal:8x4 --w normal:4x3 --activation gelu",
    "gradcheck function ops.py:my_gelu --arg x=x.npy",
    "gradcheck explain kink",
)


def note(text: str, quiet: bool = False) -> None:
    """Say something about the check that is no part of the report."""
    if not quiet:
        say(f"note: {text}")


def say(text: str) -> None:
    """Say something on standard error, where text of users gives a terminal no commands."""
    click.echo(legible(text), err=True)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Send what the user's code prints to standard error."""
    sys.stdout.flush()
    with redirected(1, 2), contextlib.redirect_stdout(sys.stderr):
        yield


def terminal() -> tuple[int | None, bool]:
    """The width of standard output, None if it is no terminal, and whether to use colour."""
    if not sys.stdout.isatty():
        return None, False
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return shutil.get_terminal_size().columns, not plain


def write_out(text: str) -> None:
    """Write the document; a reader that has gone away is no error."""
    with document():
        sys.stdout.write(text)
        sys.stdout.flush()


@contextlib.contextmanager
def document() -> Iterator[None]:
    """Whoever reads standard output may leave meanwhile; no place for what is written there is an error."""
    try:
        yield
    except BrokenPipeError:
        silence()
    except OSError as error:
        silence()
        raise unwritable(error) from error


def unwritable(error: OSError) -> GradcheckError:
    """What to say where standard output takes nothing."""
    reason = "it is closed" if error.errno == errno.EBADF else error.strerror
    return GradcheckError(f"Standard output cannot be written: {reason}.", "Redirect it to another place.")


def silence() -> None:
    """Python flushes standard output once more on its way out: let that go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Guarded(Laid):
    """A command with the option --traceback, inside of `guard`, whose options are given once."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; an option that takes one value and gets two is a usage error."""
        texts, _, order = self.make_parser(ctx).parse_args(list(args))
        for option, count in Counter(order).items():
            if isinstance(option, click.Option) and count > 1 and not (option.multiple or option.is_flag):
                raise click.UsageError(f"{option.opts[-1]} is given {count} times: give one value.", ctx)
        rest = super().parse_args(ctx, args)
        ctx.meta[TEXTS] = {
            option.human_readable_name if isinstance(option, click.Argument) else option.opts[-1]: text
            for option in self.params
            if (text := texts.get(option.name) or option.value_from_envvar(ctx))
        }
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with guard(ctx.params["traceback"]):
            return super().invoke(ctx)


class Boundary(LaidGroup):
    """A group whose process ends with the codes of `ExitCode`, whatever happens inside."""

    command_class = Guarded

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run a command and exit with what it returns."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal or locale without ∂ and · gets ASCII for them, rather than no report.
            sys.stdout.reconfigure(errors=PLAIN)
        try:
            code = super().main(args, *more, **(extra | {"standalone_mode": False}))
        except (click.Abort, KeyboardInterrupt) as error:
            say("Interrupted.")
            code = code_of(error.__cause__ if isinstance(error, click.Abort) else error)
        except Exception as error:
            code = _told(error, sys.argv[1:] if args is None else args)
        sys.exit(int(code or 0))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse; this is where --help and --version write."""
        with document():
            return super().make_context(*args, **extra)
        raise click.exceptions.Exit(ExitCode.PASS)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or write its --help."""
        with document():
            return super().invoke(ctx)
        return ExitCode.PASS


def _told(error: Exception, arguments: Sequence[str]) -> ExitCode:
    """The code to end with, after a sentence on standard error and, where asked for, JSON in the place of the
    report."""
    ending = error.ending if isinstance(error, Ended) else Ending.of(error)
    if ending.found.startswith("Usage:"):  # gradcheck alone: its --help
        say(error.format_message() if isinstance(error, click.ClickException) else ending.found)
        return ending.code
    say(f"error: {ending.failure}")
    if ending.trace:
        say(ending.trace.rstrip())
    told = isinstance(error, Ended) and error.told
    if asks_for_json(arguments) and not told:
        with contextlib.suppress(GradcheckError):
            write_out(failure_to_json(ending.failure))
    return ending.code


def _version_of(module: str) -> str:
    """From the metadata, without importing; TensorFlow is also in packages such as tensorflow-cpu."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    try:
        return version(module)
    except PackageNotFoundError:
        return next(map(version, packages_distributions().get(module, ())), "not found")


def _version(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    """Say which versions are installed; importing TensorFlow for that would take seconds."""
    if not asked or ctx.resilient_parsing:
        return
    names = {"TensorFlow": "tensorflow", "Keras": "keras", "NumPy": "numpy"}
    found = [f"{name} {_version_of(module)}" for name, module in names.items()]
    python = ".".join(map(str, sys.version_info[:3]))
    write_out(f"gradcheck {__version__}\n{', '.join(found)}, Python {python}\n")
    ctx.exit()


@click.group(
    cls=Boundary,
    examples=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Versions of gradcheck, TensorFlow, Keras, NumPy and Python.",
)
def main() -> None:
    """Tell whether a gradient is right: tf.GradientTape against finite differences, element by element.

    `gradcheck COMMAND --help` lists the options of a command, `gradcheck explain WORD` tells what is printed.
    """
