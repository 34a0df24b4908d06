"""NumPy's own formats, .npy and .npz, read without trusting what their headers promise."""

import lzma
import math
import os
import tokenize
import warnings
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError

KEYS_SHOWN = 20
# The most axes NumPy 2 allows; NumPy 1 allows 32.
MAX_AXES = 64

# What NumPy's header parser and Python's decompressors raise on bytes that are not what they should be.
_PARSER_ERRORS = (SyntaxError, tokenize.TokenError, RecursionError, MemoryError)
_HEADER_ERRORS = (*_PARSER_ERRORS, ValueError, TypeError, OverflowError)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)
_READERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
_KINDS = {"c": "complex numbers", "M": "dates", "m": "time spans", "V": "raw bytes"}


def read_npy(stream: IO[bytes], where: str, dtype: str, size: int | None = None) -> Array:
    """Read one .npy array, in native byte order and C order.

    `where` opens every error sentence (`--x x.npy`); `dtype` is the precision asked for, which decides
    whether 2-byte void is bfloat16; `size` is the length of the whole stream in bytes, where it is known.
    Raises `TensorError` for anything but an array of real numbers that is all there and fits the memory.
    """
    shape, fortran, stored = _header(stream, where)
    _refuse_dtype(stored, where, dtype)
    promised = math.prod(shape) * stored.itemsize
    check_memory(promised, f"{where} has a header that promises shape {shape} of {stored.name}")
    left = promised if size is None else size - stream.tell()
    data = np.frombuffer(_data(stream, where, shape, promised, left), stored)
    array = data.reshape(shape, order="F" if fortran else "C")
    return np.array(array, dtype=stored.newbyteorder("="), order="C")


def read_npz(stream: IO[bytes], key: str | None, where: str, dtype: str) -> Array:
    """Read one array from an archive: the one named `key`, or the only one there is."""
    try:
        with zipfile.ZipFile(stream) as archive:
            member = archive.getinfo(_member(archive.namelist(), key, where))
            with archive.open(member) as packed:
                return read_npy(packed, where, dtype, member.file_size)
    except _ZIP_ERRORS as error:
        raise TensorError(
            f"{where} is a truncated, corrupt or encrypted .npz archive ({error or type(error).__name__}).",
            "Save it again with numpy.savez.",
        ) from error


def check_memory(size: int, what: str) -> None:
    """Refuse more bytes than the machine has memory; `what` opens the sentence."""
    if not hasattr(os, "sysconf"):
        return
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise TensorError(
            f"{what}, {_in_words(size)}, more than the {_in_words(memory)} of memory of this machine.",
            "Give a smaller tensor: a gradient can be checked on a small one.",
        )


def _header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and dtype; nothing is allocated for the data yet."""
    try:
        with warnings.catch_warnings():
            # Headers written by Python 2 are read with a warning that the user can do nothing about.
            warnings.simplefilter("ignore")
            version = npy_format.read_magic(stream)
            if version not in _READERS:
                raise ValueError(f"version {version[0]}.{version[1]}, which no array of plain numbers needs")
            shape, fortran, stored = _READERS[version](stream)
        if len(shape) > MAX_AXES or any(isinstance(n, bool) or n < 0 for n in shape):
            raise ValueError(f"its header gives the shape {shape}")
    except _HEADER_ERRORS as error:
        reason = " ".join(str(error).split())
        raise TensorError(
            f"{where} is no .npy file, or a truncated or corrupt one: {reason}.", "Save it with numpy.save."
        ) from error
    return shape, fortran, stored


def _refuse_dtype(stored: np.dtype[Any], where: str, dtype: str) -> None:
    if stored.hasobject:
        raise TensorError(
            f"{where} holds Python objects (dtype {stored}), which gradcheck never unpickles.",
            "Save an array of floats: numpy.save(file, array.astype('float32')).",
        )
    if stored.names is not None or stored.subdtype is not None:
        raise TensorError(
            f"{where} holds a structured array (dtype {stored}), not one array of numbers.",
            "Save one field of it.",
        )
    if stored == np.dtype("V2"):
        if dtype != "bfloat16":
            raise TensorError(
                f"{where} holds raw values of 2 bytes (dtype {stored}), which is how NumPy stores bfloat16.",
                "If that is what they are, add --dtype bfloat16.",
            )
    elif stored.kind not in "biuf":
        kind = _KINDS.get(stored.kind, "text")
        remedy = "Check its real and its imaginary part apart." if stored.kind == "c" else "Give numbers."
        raise TensorError(
            f"{where} holds {kind} (dtype {stored}); gradcheck reads real numbers only.", remedy
        )


def _data(stream: IO[bytes], where: str, shape: tuple[int, ...], promised: int, left: int) -> bytes:
    """The promised bytes; `left` are in the stream, so that a false promise allocates nothing."""
    try:
        data = stream.read(min(promised, left))
    except MemoryError as error:
        raise TensorError(
            f"{where} has shape {shape}, {_in_words(promised)}, more than the memory that is free.",
            "Give a smaller tensor.",
        ) from error
    if len(data) < promised:
        raise TensorError(
            f"{where} is truncated: its header promises shape {shape}, {promised:,} bytes, and {len(data):,} "
            "follow.",
            "Copy or save it again.",
        )
    return data


def _member(names: list[str], key: str | None, where: str) -> str:
    arrays = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]
    if key in arrays:
        return f"{key}.npy"
    shown = ", ".join(arrays[:KEYS_SHOWN]) + (", …" if len(arrays) > KEYS_SHOWN else "")
    if key is not None:
        raise TensorError(f"{where}: the archive has no array {key!r}.", f"It holds: {shown or 'no array'}.")
    if len(arrays) == 1:
        return f"{arrays[0]}.npy"
    if not arrays:
        raise TensorError(f"{where} holds no array.", "Save one with numpy.savez.")
    raise TensorError(
        f"{where} holds {len(arrays)} arrays: {shown}.", f"Name one after a colon: FILE.npz:{arrays[0]}."
    )


def _in_words(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**27 else f"{size:,} bytes"
