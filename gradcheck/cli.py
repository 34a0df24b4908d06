"""The command line: parse, check, render, exit. Everything that is not the report goes to standard error."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import shutil
import sys
import traceback as tracebacks
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcheck import __version__
from gradcheck.errors import ExitCode, GradcheckError
from gradcheck.options import Common, Format, common, option, tensor

if TYPE_CHECKING:
    from gradcheck.report import Report
    from gradcheck.targets import Array, Target

CODES = "\b\nExit codes:\n" + "\n".join(f"  {code.value:>3}  {code.meaning}" for code in ExitCode)
TENSORS = (
    "A TENSOR is a file (.npy, .npz, file.npz:key, .csv, .tsv, .txt, .json), - for .npy on standard input, a "
    "literal such as 3.0 or [[1,2],[3,4]], or random numbers such as normal:8x64 or uniform:8x64."
)


class Boundary(click.Group):
    """A group whose process ends with the codes of `ExitCode`, whatever happens inside."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and exit with what it returns."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal or locale without ∂ and · gets ? for them, rather than no report.
            sys.stdout.reconfigure(errors="replace")
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
        _silence()
        raise click.exceptions.Exit(ExitCode.PASS) from None


def _silence() -> None:
    """Python flushes standard output once more on its way out: let that go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def guarded(command: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Turn what goes wrong in a command into one sentence and an exit code."""

    @functools.wraps(command)
    def run(**values: Any) -> ExitCode:
        try:
            return command(**values)
        except (KeyboardInterrupt, click.ClickException):
            raise
        except (Exception, SystemExit) as error:
            sentence, code = _ending(error)
            click.echo(f"error: {sentence}", err=True)
            if values["traceback"]:
                click.echo(tracebacks.format_exc(), err=True, nl=False)
            return code

    return run


def _ending(error: Exception | SystemExit) -> tuple[str, ExitCode]:
    """What to say about an exception, and the code to end with."""
    if isinstance(error, GradcheckError):
        return str(error), error.exit_code
    if isinstance(error, SystemExit):
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
    epilog=f"{TENSORS}\n\n{CODES}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="gradcheck")
def main() -> None:
    """Tell whether a gradient is right: tf.GradientTape against finite differences, element by element."""


@main.command(epilog=CODES)
@tensor("x", "Input, of shape (…, d_in).")
@tensor("w", "Weights, of shape (d_in, units).")
@tensor("b", "Bias, of shape (units,).", required=False)
@option("--activation", default="linear", show_default=True, metavar="NAME", help="A Keras activation.")
@common
@guarded
def dense(x: str, w: str, b: str | None, activation: str, **values: Any) -> ExitCode:
    """Check a dense layer, y = activation(x · w + b)."""
    from gradcheck.targets import layers

    options = Common.take(values)
    tensors = _read({"x": x, "w": w, "b": b}, options)
    return _check(layers.dense(tensors["x"], tensors["w"], tensors.get("b"), activation), options)


def pooling(command: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Add the options of a pooling layer."""
    for decorate in reversed(
        (
            tensor("x", "Input, of shape (batch, steps, channels)."),
            option(
                "--pool-size", type=click.IntRange(1), default=2, show_default=True, help="Window length."
            ),
            option(
                "--strides", type=click.IntRange(1), help="Distance of the windows.  [default: pool size]"
            ),
            option("--padding", type=click.Choice(["valid", "same"]), default="valid", show_default=True),
            option(
                "--data-format",
                type=click.Choice(["channels_last", "channels_first"]),
                default="channels_last",
                show_default=True,
                help="channels_first: x is (batch, channels, steps).",
            ),
        )
    ):
        command = decorate(command)
    return command


@main.command(epilog=CODES)
@pooling
@common
@guarded
def maxpool1d(**values: Any) -> ExitCode:
    """Check max pooling over windows of a sequence."""
    from gradcheck.targets.pooling import maxpool1d as target

    options = Common.take(values)
    tensors = _read({"x": values.pop("x")}, options)
    return _check(target(tensors["x"], **values), options)


@main.command(epilog=CODES)
@pooling
@common
@guarded
def avgpool1d(**values: Any) -> ExitCode:
    """Check average pooling over windows of a sequence."""
    from gradcheck.targets.pooling import avgpool1d as target

    options = Common.take(values)
    tensors = _read({"x": values.pop("x")}, options)
    return _check(target(tensors["x"], **values), options)


@main.command(epilog=CODES)
@option("--traceback", is_flag=True, help="Show where an error happened.")
@guarded
def demo(traceback: bool) -> ExitCode:
    """Check built-in examples against the known answers: no file needed."""
    from gradcheck.demo import run

    color, width = _terminal()
    text, code = run(width if color is not None else None, bool(color))
    _print(text)
    return code


def _read(texts: dict[str, str | None], options: Common) -> dict[str, Array]:
    """The tensors by name."""
    given = {name: text for name, text in texts.items() if text is not None}
    if [*given.values(), options.upstream].count("-") > 1:
        raise click.UsageError("Standard input holds one tensor: give - to one option only.")
    return {name: _read_one(text, f"--{name}", options) for name, text in given.items()}


def _read_one(text: str, option: str, options: Common) -> Array:
    """One tensor; what was changed on reading it is said on standard error."""
    from gradcheck.tensors import read_tensor

    reading = read_tensor(text, option=option, seed=options.seed, dtype=options.dtype)
    for note in reading.notes if not options.quiet else ():
        click.echo(f"note: {note}", err=True)
    return reading.array


def _check(target: Target, options: Common) -> ExitCode:
    from gradcheck.run import check_target

    for path in (options.output, options.save):
        if path is not None and not path.parent.is_dir():
            raise GradcheckError(
                f"The folder {str(path.parent)!r} for {path.name!r} does not exist.", "Make it first."
            )
    upstream = None if options.upstream is None else _read_one(options.upstream, "--upstream", options)
    report = replace(check_target(target, options.settings, upstream), limit=options.limit)
    if options.save is not None:
        from gradcheck.render.arrays import to_npz

        _write(options.save, to_npz(report))
    if options.output is not None:
        _write(options.output, _rendered(report, options.format, None, False).encode())
    elif not options.quiet:
        color, width = _terminal()
        _print(_rendered(report, options.format, width if color is not None else None, bool(color)))
    return report.exit_code


def _rendered(report: Report, form: str, width: int | None, color: bool) -> str:
    if Format(form) is Format.JSON:
        from gradcheck.render.json import to_json

        return to_json(report)
    from gradcheck.render.table import to_terminal, to_text

    return to_text(report) if width is None else to_terminal(report, width, color)


def _terminal() -> tuple[bool | None, int]:
    """Whether to use colour on standard output (None: it is no terminal) and its width."""
    if not sys.stdout.isatty():
        return None, 0
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain, shutil.get_terminal_size().columns


def _print(text: str) -> None:
    """Write the document; a reader that has gone away is no error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one move: a failure leaves what was there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise GradcheckError(
            f"{str(path)!r} cannot be written: {error.strerror}.", "Choose another file."
        ) from error


__all__: Sequence[str] = ("main",)
