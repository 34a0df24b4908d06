"""Zip archives: NumPy's .npz, and what else is one."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError
from gradcheck.inputs.foreign import refuse_archive
from gradcheck.inputs.keys import choose
from gradcheck.inputs.npy import read_npy
from gradcheck.inputs.source import PACKED_ERRORS, Source

SUFFIX = ".npy"


def read_npz(source: Source, key: str | None, dtype: str) -> Array:
    """Read one array from an archive: the one named `key`, or the only one there is."""
    with _opened(source) as archive:
        name = choose(_arrays(archive, source), key, source, "Save one with numpy.savez.")
        member = archive.getinfo(name + SUFFIX)
        with archive.open(member) as stream:
            # No more is unpacked than the archive says, which read_npy holds against the array's header.
            packed = Source(
                stream, source.where, source.file, size=member.file_size, packed="an .npz archive"
            )
            return read_npy(packed, dtype)


def array_names(source: Source) -> list[str]:
    """The names of all arrays in an archive."""
    with _opened(source) as archive:
        return _arrays(archive, source)


@contextmanager
def _opened(source: Source) -> Iterator[zipfile.ZipFile]:
    whole = source.whole()
    try:
        with zipfile.ZipFile(whole) as archive:
            yield archive
    except PACKED_ERRORS as error:
        raise TensorError(
            f"{source.where} is a truncated, corrupt or encrypted .npz archive "
            f"({error or type(error).__name__}).",
            "Save it again with numpy.savez.",
        ) from error


def _arrays(archive: zipfile.ZipFile, source: Source) -> list[str]:
    names = archive.namelist()
    arrays = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
    if names and not arrays:
        refuse_archive(names, source.where, source.file)
    return arrays
