"""Standard output is for the document; everything else goes to standard error."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator

import click

from gradcheck.runtime import redirected


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
