"""Reading one tensor in tests: the array, or the sentence of the refusal; and files as NumPy writes them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError
from gradcheck.inputs.precision import Reading
from gradcheck.inputs.tensor import read_tensor


def read(text: str | Path, **options: Any) -> Reading:
    defaults: dict[str, Any] = {"option": "--x", "seed": 0}
    return read_tensor(str(text), **(defaults | options))


def refusal(text: str | Path, **options: Any) -> str:
    """The error's message, after the checks that every one must pass."""
    with pytest.raises(TensorError) as raised:
        read(text, **options)
    assert raised.value.found.startswith("--x ")
    assert raised.value.found.endswith("."), raised.value.found
    assert raised.value.remedy.endswith((".", "?")), raised.value.remedy
    assert "\n" not in str(raised.value)
    # A temporary directory is named after the test, which may hold the very words to look for.
    return (
        str(raised.value).replace(f"--x {text}", "--x FILE") if isinstance(text, Path) else str(raised.value)
    )


def saved(path: Path, array: Any) -> Path:
    np.save(path, np.asarray(array), allow_pickle=True)
    return path


def npy_bytes(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def header_only(shape: str, descr: str = "<f4", data: bytes = b"") -> bytes:
    """A .npy file whose header says what it likes."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


def same(found: Array, expected: Any) -> None:
    """Equal in value, shape and dtype, native and in C order."""
    expected = np.asarray(expected)
    assert found.dtype == expected.dtype.newbyteorder("=")
    assert found.dtype.isnative
    assert found.flags.c_contiguous
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)
