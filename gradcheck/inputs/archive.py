"""Zip archives: NumPy's .npz, and what else is one."""

import zipfile

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError
from gradcheck.inputs.foreign import refuse_archive
from gradcheck.inputs.keys import choose
from gradcheck.inputs.npy import read_npy
from gradcheck.inputs.source import PACKED_ERRORS, Source

SUFFIX = ".npy"


def read_npz(source: Source, key: str | None, dtype: str) -> Array:
    """Read one array from an archive: the one named `key`, or the only one there is."""
    where, whole = source.where, source.whole()
    try:
        with zipfile.ZipFile(whole) as archive:
            return _read_member(archive, key, source, dtype)
    except PACKED_ERRORS as error:
        raise TensorError(
            f"{where} is a truncated, corrupt or encrypted .npz archive ({error or type(error).__name__}).",
            "Save it again with numpy.savez.",
        ) from error


def _read_member(archive: zipfile.ZipFile, key: str | None, source: Source, dtype: str) -> Array:
    names = archive.namelist()
    arrays = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
    if names and not arrays:
        refuse_archive(names, source.where, source.file)
    member = archive.getinfo(choose(arrays, key, source, "Save one with numpy.savez.") + SUFFIX)
    with archive.open(member) as packed:
        # No more is unpacked than the archive says, and read_npy holds that against the array's own header.
        inside = Source(packed, source.where, source.file, size=member.file_size, packed="an .npz archive")
        return read_npy(inside, dtype)
