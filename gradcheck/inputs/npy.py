"""NumPy's own format, .npy, read without trusting what its header promises."""

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError
from gradcheck.inputs.header import MAGIC, Header, read_header
from gradcheck.inputs.memory import check_memory
from gradcheck.inputs.source import Source


def read_npy(source: Source, dtype: str) -> Array:
    """Read one .npy array, in native byte order and C order.

    `dtype` is the precision asked for, which decides whether 2-byte void is bfloat16.
    Raises `TensorError` for anything but an array of real numbers that is all there, with nothing behind it,
    and fits the memory.
    """
    header = read_header(source, dtype)
    promise = f"{source.where} has a header that promises shape {header.shape} of {header.dtype.name}"
    check_memory(header.size, promise)
    # A false promise allocates nothing.
    short = source.size is not None and source.size - source.position < header.size
    data = bytearray() if short else source.read(header.size)
    found = source.left() if short else len(data)
    if found < header.size:
        raise TensorError(
            f"{source.where} is truncated: {_lengths(header, found)}.", "Copy or save it again."
        )
    _refuse_more(source, header, data)
    array = np.frombuffer(data, header.dtype).reshape(header.shape, order="F" if header.fortran else "C")
    return array.astype(header.dtype.newbyteorder("="), order="C", copy=False)


def _refuse_more(source: Source, header: Header, data: bytearray) -> None:
    """Refuse bytes behind the array: it may not be the one that was meant, or not begin where it should."""
    more = source.read(len(MAGIC))
    if not more:
        return
    left = source.left()
    lengths = _lengths(header, len(data) + len(more) + left, "at least " if source.size is None else "")
    # The LF that ends the header is the first of those that a conversion to text puts a CR before.
    if header.carriage and (data + more)[:1] == b"\n":
        raise TensorError(
            f"{source.where} was converted as text, with a CR before each LF: {lengths}.",
            "Copy it again in binary mode (in git: the line *.npy binary in .gitattributes).",
        )
    if more == MAGIC:
        raise TensorError(
            f"{source.where} holds a second array behind the first: {lengths}.",
            "Save each array in a file of its own, or all of them with numpy.savez.",
        )
    raise TensorError(
        f"{source.where} is longer than its header says: {lengths}.", "Save it with numpy.save."
    )


def _lengths(header: Header, found: int, about: str = "") -> str:
    return f"its header promises shape {header.shape}, {header.size:,} bytes, and {about}{found:,} follow"
