"""The header of a .npy file: shape, order and dtype, told before anything is allocated for the data."""

import ast
import math
import re
import tokenize
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.errors import TensorError
from gradcheck.inputs.source import Source

MAGIC = b"\x93NUMPY"
LONGEST = 10_000
"""Bytes of a header, as NumPy itself takes from a file that is not trusted; plain numbers need 128."""
MAX_AXES = 64
"""The most axes NumPy 2 allows; NumPy 1 allows 32."""

_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
_HEADER_ERRORS = (
    SyntaxError,
    tokenize.TokenError,
    RecursionError,
    MemoryError,
    ValueError,
    TypeError,
    OverflowError,
)
_AS_FLOAT32 = "Save them as float32: numpy.save(file, array.astype('float32'))."
_KINDS = {"c": "complex numbers", "M": "dates", "m": "time spans", "V": "raw bytes"}
# Headers that Python 2 wrote have 3L for 3.
_LONG = re.compile(r"(?<=\d)L\b")
# What ml_dtypes, JAX and their like write, and NumPy alone cannot read: <f1 is float8_e5m2.
_NARROW = re.compile(r"[<>|=]?(bfloat16|float[468]_?\w*|u?int[24]|f1|[gE][12])")


@dataclass(frozen=True)
class Header:
    """What a .npy file says of its data."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    carriage: bool
    """Whether a CR stands where its last LF was: what is converted as text gets one before each LF."""

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(source: Source, dtype: str) -> Header:
    """The header, of real numbers; `dtype` is the precision asked for, which decides what 2-byte void is."""
    try:
        version, text = _text(source)
        shape, fortran, descr = _entries(text if version == (3, 0) else _LONG.sub("", text))
        stored = _stored(descr, source.where)
    except _HEADER_ERRORS as error:
        reason = " ".join(str(error).split())
        raise TensorError(
            f"{source.where} is no .npy file, or a truncated or corrupt one: {reason}.",
            "Save it with numpy.save.",
        ) from error
    _refuse_dtype(stored, source.where, dtype)
    return Header(shape, fortran, stored, text.endswith("\r"))


def _text(source: Source) -> tuple[tuple[int, int], str]:
    """Version and header."""
    start = source.read(8)
    if start[:6] != MAGIC or len(start) < 8:
        raise ValueError(f"its first bytes are {bytes(start[:6])!r}, not {MAGIC!r} and a version")
    version = (start[6], start[7])
    if version not in _LENGTH_BYTES:
        raise ValueError(f"its format version is {version[0]}.{version[1]}, and 3.0 is the last")
    length = int.from_bytes(source.read(_LENGTH_BYTES[version]), "little")
    if length > LONGEST:
        raise ValueError(f"its header has {length:,} bytes, and plain numbers need 128")
    text = source.read(length)
    if len(text) < length:
        raise ValueError(f"its header ends after {len(text):,} of {length:,} bytes")
    return version, text.decode("utf-8" if version == (3, 0) else "latin-1")


def _entries(text: str) -> tuple[tuple[int, ...], bool, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ast.literal_eval(text)
    if not isinstance(found, dict) or found.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header does not give descr, fortran_order and shape")
    shape, fortran = found["shape"], found["fortran_order"]
    sizes = shape if isinstance(shape, tuple) else (None,)
    if len(sizes) > MAX_AXES or any(type(size) is not int or size < 0 for size in sizes):
        raise ValueError(f"its header gives the shape {str(shape)[:80]}")
    if not isinstance(fortran, bool):
        raise ValueError(f"its header gives the order {str(fortran)[:80]}")
    return sizes, fortran, found["descr"]


def _stored(descr: Any, where: str) -> np.dtype[Any]:
    if not isinstance(descr, str):
        raise TensorError(
            f"{where} holds a structured array (dtype {str(descr)[:80]}), not one array of numbers.",
            "Save one field of it.",
        )
    if descr == "bfloat16":  # NumPy knows this name after ml_dtypes was imported, and not before.
        return np.dtype("V2")
    if _NARROW.fullmatch(descr):
        raise TensorError(
            f"{where} holds numbers of the dtype {descr!r}, which NumPy does not know: a narrow one of "
            "another package, such as bfloat16 or float8.",
            _AS_FLOAT32,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.dtype(descr)


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
    if stored.kind == "V" and stored.itemsize in (1, 2):
        if stored.itemsize == 2 and dtype == "bfloat16":
            return
        length, narrow = ("2 bytes", "bfloat16") if stored.itemsize == 2 else ("1 byte", "float8")
        remedy = "If that is what they are, add --dtype bfloat16."
        raise TensorError(
            f"{where} holds raw values of {length} (dtype {stored}), which is how NumPy stores {narrow}.",
            remedy if stored.itemsize == 2 else _AS_FLOAT32,
        )
    if stored.kind not in "biuf":
        kind = _KINDS.get(stored.kind, "text")
        remedy = "Check its real and its imaginary part apart." if stored.kind == "c" else "Give numbers."
        raise TensorError(
            f"{where} holds {kind} (dtype {stored}); gradcheck reads real numbers only.", remedy
        )
