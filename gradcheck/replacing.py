"""The content of a file replaced; mode, owner, attributes and hard links of the file stay."""

import contextlib
import os
import stat
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Replace the content in one move, by a file beside it; in place where that would not be the same file.

    Raises OSError where there is no place for it; what was there is there still.
    """
    beside = path.with_name(f".gradcheck-{os.urandom(4).hex()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError:
        if not path.exists():
            raise
        _overwrite(path, content)  # nothing may be made in its folder
        return
    try:
        try:
            if path.exists() and not _made_alike(path, beside):
                _overwrite(path, content)
                return
            pour(descriptor, content)
        finally:
            os.close(descriptor)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _made_alike(path: Path, beside: Path) -> bool:
    """Whether a file can take the place of another one, after it has got its mode."""
    old, new = path.stat(), beside.stat()
    if old.st_nlink > 1 or (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        return False
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):  # a file system that knows no such attributes
            if os.listxattr(path) != os.listxattr(beside):
                return False
    beside.chmod(stat.S_IMODE(old.st_mode))
    return True


def _overwrite(path: Path, content: bytes) -> None:
    """Write into the file; where there is no place for it, what was there is written once more."""
    with path.open("r+b", buffering=0) as stream:
        before = stream.read()
        stream.seek(0)
        stream.seek(0)
        try:
            pour(stream.fileno(), content)
        except OSError:
            stream.seek(0)
            pour(stream.fileno(), before)
            stream.truncate()
            raise
        stream.truncate()


def pour(descriptor: int, content: bytes) -> None:
    """Write everything: one call writes a part where there is no place for more."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
