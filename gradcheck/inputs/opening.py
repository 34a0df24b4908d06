"""Where the bytes of a tensor come from: a file by its name, with a key after a colon, or standard input."""

import difflib
import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO

from gradcheck.errors import TensorError, cut, one_line
from gradcheck.inputs.source import Source

SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".txt", ".json", ".safetensors", ".mat", ".gz")
FORMS = (
    "Give a file (.npy, .npz, .csv, .tsv, .txt, .json, .safetensors, .mat), -, a literal such as "
    "[[1,2],[3,4]], or normal:8x64."
)
STDIN = "-"
FILE = "FILE"
"""What remedies call what has no name of its own, such as a pipe."""
PATIENCE = 60
"""Seconds to wait for whoever writes into a pipe: `mkfifo p; gradcheck … --x p` in one terminal, then the
writer in another. Once it is open, reading lasts as long as the writer does, as with standard input."""
_KEYED = re.compile(r"(.*\.(?:npz|json|safetensors|mat)(?:\.gz)?|-):(.+)", re.DOTALL | re.IGNORECASE)


def located(text: str) -> tuple[str, str | None]:
    """The name of a file, with ~ expanded, and the key after a colon.

    The shell expands no ~ after `--x=` and `--arg x=`. The name of a file may hold a colon.
    """
    if text.startswith("~") and not os.path.lexists(text) and "\0" not in text:
        text = os.path.expanduser(text)
    if os.path.lexists(text):
        return text, None
    for colon in re.finditer(":", text[:4096]):
        if os.path.isfile(text[: colon.start()]) or _is_pipe(text[: colon.start()]):
            return text[: colon.start()], text[colon.end() :] or None
    keyed = _KEYED.fullmatch(text)
    return (keyed[1], keyed[2]) if keyed else (text, None)


def _is_pipe(name: str) -> bool:
    try:
        return not stat.S_ISDIR(os.stat(name).st_mode)
    except (OSError, ValueError):
        return False


@contextmanager
def opened(name: str, where: str) -> Iterator[Source]:
    """The bytes of a file, or of standard input for `-`; what cannot be read raises `TensorError`."""
    path = Path(name)
    try:
        if name == STDIN:
            yield _standard_input(where)
            return
        size = _size(path, where)
        with open_binary(path) as stream:
            if stream.isatty():
                raise TensorError(f"{where} is a terminal.", "Pipe a file into it, or give a file.")
            yield Source(stream, where, name if size is not None and name.isprintable() else FILE, size=size)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TensorError(*_missing(path, where)) from error
    except PermissionError as error:
        raise TensorError(
            f"{where} may not be read: permission denied.", "Change its permissions, or copy it."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TensorError(f"{where} cannot be read: {reason}.", FORMS) from error


def open_binary(path: Path) -> IO[bytes]:
    """The file, opened to be read; like standard input where it is a pipe.

    Opening a pipe waits until somebody opens it for writing. Raises `TimeoutError` where nobody does so
    within `PATIENCE`, and `OSError` as `open` does.
    """
    if not stat.S_ISFIFO(os.stat(path).st_mode):
        return path.open("rb")
    opened: Queue[IO[bytes] | OSError] = Queue()

    def wait() -> None:
        try:
            opened.put(path.open("rb"))
        except OSError as error:
            opened.put(error)

    Thread(target=wait, daemon=True).start()
    try:
        found = opened.get(timeout=PATIENCE)
    except Empty as error:
        raise TimeoutError(errno.ETIMEDOUT, f"nobody has written into this pipe for {PATIENCE} s") from error
    if isinstance(found, OSError):
        raise found
    return found


def _standard_input(where: str) -> Source:
    if sys.stdin is None or sys.stdin.closed:
        raise TensorError(f"{where} is closed.", "Pipe a file into it, or give a file.")
    if sys.stdin.buffer.isatty():
        raise TensorError(f"{where} is a terminal.", "Pipe a file into it, or give a file.")
    return Source(sys.stdin.buffer, where, FILE)


def _size(path: Path, where: str) -> int | None:
    """Bytes of a file; None where they are not known before its end, as for a pipe."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise TensorError(f"{where} is a directory.", "Name a file in it.")
    if stat.S_ISBLK(status.st_mode) or stat.S_ISSOCK(status.st_mode):
        raise TensorError(f"{where} is neither a file nor a pipe.", "Use - to read standard input.")
    # Files of /proc say 0 and hold something.
    return status.st_size or None if stat.S_ISREG(status.st_mode) else None


def _missing(path: Path, where: str) -> tuple[str, str]:
    if path.is_symlink():
        target = one_line(os.readlink(path))
        return (
            f"{where} is a link to {target}, which does not exist.",
            "Give the file itself, or mend the link.",
        )
    folder = path.parent
    try:
        names = sorted(entry for entry in os.listdir(folder) if entry.lower().endswith(SUFFIXES))
    except OSError:
        remedy = f"There is no directory {cut(str(folder), 120)} either." if path.name != str(path) else FORMS
        return f"{where}: there is no such file.", remedy
    near = [one_line(str(folder / name)) for name in difflib.get_close_matches(path.name, names, n=3)]
    return f"{where}: there is no such file.", f"Did you mean {' or '.join(near)}?" if near else FORMS
