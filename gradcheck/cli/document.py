"""What every check ends with: the check itself, its report as a document, and the exit code."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from gradcheck import checking
from gradcheck.cli.group import aside, guard, main, terminal, write_out
from gradcheck.cli.options import Check, Common, Format
from gradcheck.cli.tensors import read_upstream
from gradcheck.errors import ExitCode, GradcheckError
from gradcheck.progress import Progress


@main.result_callback()
def conclude(ended: Check | ExitCode) -> ExitCode:
    """Check what a command hands on, write the report where it is wanted, and say how the process ends."""
    if isinstance(ended, ExitCode):
        return ended
    options = ended.options
    with guard(options.traceback):
        for path in (options.output, options.save):
            if path is not None and not path.parent.is_dir():
                raise GradcheckError(
                    f"The folder {str(path.parent)!r} for {path.name!r} does not exist.", "Make it first."
                )
        upstream = read_upstream(options, ended.target.inputs)
        with aside():
            report = checking.check_target(ended.target, options.settings, upstream, _progress(options))
        _write(replace(report, limit=options.limit, only_failing=ended.only_failing), options)
        return report.exit_code


def _progress(options: Common) -> Progress:
    """A bar where somebody sits at the terminal and has not asked for silence."""
    if sys.stderr is None or not sys.stderr.isatty() or options.quiet:
        return Progress()
    from gradcheck.render.progress import Bar

    return Bar()


def _write(report: checking.Report, options: Common) -> None:
    if options.save is not None:
        from gradcheck.render.plain import to_npz

        _replace(options.save, to_npz(report))
    if options.output is not None:
        _replace(options.output, _rendered(report, options.format, None, False).encode())
    elif not options.quiet:
        write_out(_rendered(report, options.format, *terminal()))


def _rendered(report: checking.Report, form: str, width: int | None, color: bool) -> str:
    if Format(form) is Format.JSON:
        from gradcheck.render.plain import to_json

        return to_json(report)
    from gradcheck.render.table import to_terminal

    return to_terminal(report, width, color)


def _replace(path: Path, content: bytes) -> None:
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
