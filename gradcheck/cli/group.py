"""The Click group, and the boundary where everything that can go wrong becomes an exit code.

Standard output is for the document; everything else goes to standard error.
"""

import contextlib
import io
import os
import shutil
import sys
import traceback as tracebacks
from collections.abc import Iterator
from typing import Any

import click

from gradcheck.cli.help import WIDEST, Laid, LaidGroup
from gradcheck.errors import ExitCode, GradcheckError
from gradcheck.render.plain_ascii import PLAIN
from gradcheck.runtime import redirected
from gradcheck.version import __version__

EXAMPLES = (
    "gradcheck dense --x normal:8x4 --w normal:4x3 --activation gelu",
    "gradcheck function ops.py:my_gelu --arg x=x.npy",
    "gradcheck explain kink",
)


def note(text: str, quiet: bool = False) -> None:
    """Say something about the check that is no part of the report."""
    if not quiet:
        click.echo(f"note: {text}", err=True)


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
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


def silence() -> None:
    """Python flushes standard output once more on its way out: let that go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def guard(traceback: bool) -> Iterator[None]:
    """Turn what goes wrong into one sentence and an exit code."""
    try:
        yield
    except click.ClickException:
        raise
    except (Exception, SystemExit) as error:
        sentence, code = _ending(error)
        click.echo(f"error: {sentence}", err=True)
        if traceback:
            click.echo(tracebacks.format_exc(), err=True, nl=False)
        raise click.exceptions.Exit(code) from error


class Guarded(Laid):
    """A command with the option --traceback, inside of `guard`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with guard(ctx.params["traceback"]):
            return super().invoke(ctx)


class Boundary(LaidGroup):
    """A group whose process ends with the codes of `ExitCode`, whatever happens inside."""

    command_class = Guarded

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and exit with what it returns."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal or locale without ∂ and · gets ASCII for them, rather than no report.
            sys.stdout.reconfigure(errors=PLAIN)
        try:
            code = super().main(*args, **(extra | {"standalone_mode": False}))
        except click.ClickException as error:
            error.show()
            code = ExitCode.UNUSABLE
        except (click.Abort, KeyboardInterrupt):
            click.echo("Interrupted.", err=True)
            code = ExitCode.INTERRUPTED
        except Exception as error:
            sentence, code = _ending(error)
            click.echo(f"error: {sentence}", err=True)
        sys.exit(int(code or 0))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse; this is where --help and --version write."""
        with _reader_may_leave():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or write its --help."""
        with _reader_may_leave():
            return super().invoke(ctx)


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    """End with code 0 where Click would end with 1, which is kept for gradients that disagree."""
    try:
        yield
    except BrokenPipeError:
        silence()
        raise click.exceptions.Exit(ExitCode.PASS) from None


def _ending(error: Exception | SystemExit) -> tuple[str, ExitCode]:
    """What to say about an exception, and the code to end with."""
    if isinstance(error, GradcheckError):
        return str(error), error.exit_code
    if isinstance(error, SystemExit):
        # Its code must not pass for a verdict.
        return f"the code under check ended the process (SystemExit: {error}).", ExitCode.UNUSABLE
    if isinstance(error, MemoryError):
        return (
            f"the memory of this machine is not enough ({error or 'MemoryError'}). "
            "Give smaller tensors: a gradient can be checked on small ones.",
            ExitCode.UNUSABLE,
        )
    return (
        f"this is a bug in gradcheck, not in your gradient ({type(error).__name__}: {error}). "
        "--traceback shows where; please report it.",
        ExitCode.BUG,
    )


@click.group(
    cls=Boundary,
    examples=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
)
@click.version_option(__version__, prog_name="gradcheck")
def main() -> None:
    """Tell whether a gradient is right: tf.GradientTape against finite differences, element by element.

    `gradcheck COMMAND --help` lists the options of a command, `gradcheck explain WORD` tells what is printed.
    """
