"""From tensors on the command line to the document: read, check, render, write."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcheck.cli.group import silence
from gradcheck.cli.options import Common, Format
from gradcheck.errors import ExitCode, GradcheckError

if TYPE_CHECKING:
    from gradcheck.arrays.types import Array
    from gradcheck.inputs.tensor import Integers
    from gradcheck.progress import Progress
    from gradcheck.result import Report
    from gradcheck.targets.target import Target


def read(
    texts: Mapping[str, str | None],
    options: Common,
    labels: Mapping[str, str] | None = None,
    integers: Integers = "none",
) -> dict[str, Array]:
    """The tensors by name; what was changed on reading them is said on standard error.

    `labels` are the options by name where they are not --<name>; `integers` says which integers to keep.
    """
    given = {name: text for name, text in texts.items() if text is not None}
    if [*given.values(), options.upstream].count("-") > 1:
        raise click.UsageError("Standard input holds one tensor: give - to one option only.")
    labels = labels or {}
    return {
        name: _read_one(text, labels.get(name, f"--{name}"), options, integers)
        for name, text in given.items()
    }


def _read_one(text: str, option: str, options: Common, integers: Integers = "none") -> Array:
    """One tensor; what was changed on reading it is said on standard error."""
    from gradcheck.inputs.tensor import read_tensor

    reading = read_tensor(text, option=option, seed=options.seed, dtype=options.dtype, keep_integers=integers)
    for line in reading.notes:
        note(line, options)
    return reading.array


def note(text: str, options: Common) -> None:
    """Say something about the check that is no part of the report."""
    if not options.quiet:
        click.echo(f"note: {text}", err=True)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Send what the user's code prints to standard error: standard output is for the document."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # a process without these streams has nothing to keep apart
        kept = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def conclude(target: Target, options: Common, only_failing: bool = False) -> ExitCode:
    """Check the target, write the report where it is wanted, and say how the process ends."""
    from gradcheck.checking import check_target

    for path in (options.output, options.save):
        if path is not None and not path.parent.is_dir():
            raise GradcheckError(
                f"The folder {str(path.parent)!r} for {path.name!r} does not exist.", "Make it first."
            )
    upstream = None if options.upstream is None else _read_one(options.upstream, "--upstream", options)
    with aside():
        report = check_target(target, options.settings, upstream, _progress(options))
    report = replace(report, limit=options.limit, only_failing=only_failing)
    if options.save is not None:
        from gradcheck.render.npz import to_npz

        _write(options.save, to_npz(report))
    if options.output is not None:
        _write(options.output, _rendered(report, options.format, None, False).encode())
    elif not options.quiet:
        color, width = terminal()
        write_out(_rendered(report, options.format, width if color is not None else None, bool(color)))
    return report.exit_code


def _progress(options: Common) -> Progress:
    """A bar where somebody sits at the terminal and has not asked for silence."""
    from gradcheck.progress import Progress
    from gradcheck.render.progress import Bar

    watched = sys.stderr is not None and sys.stderr.isatty() and not options.quiet
    return Bar() if watched else Progress()


def _rendered(report: Report, form: str, width: int | None, color: bool) -> str:
    if Format(form) is Format.JSON:
        from gradcheck.render.json import to_json

        return to_json(report)
    from gradcheck.render.table import to_terminal, to_text

    return to_text(report) if width is None else to_terminal(report, width, color)


def terminal() -> tuple[bool | None, int]:
    """Whether to use colour on standard output (None: it is no terminal) and its width."""
    if not sys.stdout.isatty():
        return None, 0
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain, shutil.get_terminal_size().columns


def write_out(text: str) -> None:
    """Write the document; a reader that has gone away is no error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


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
