"""Files that are longer or shorter than they say, headers of all versions, and dtypes unknown to NumPy."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.inputs.reading import header_only, npy_bytes, read, refusal, same, saved

THREE = np.array([1.5, 2.5, 10.0])
"""Its bytes hold no LF, so that the LF of the header is the only one."""
LF = np.array([10, 2570, 1, 2], np.int64)
"""Its bytes hold three."""


def written(path: Path, content: bytes) -> Path:
    """The path, after the bytes were written to it."""
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("array", [THREE, LF, np.zeros((0, 3)), np.array(2.5)])
def test_a_file_that_was_converted_as_text_is_refused(tmp_path: Path, array: Any) -> None:
    whole = npy_bytes(array)
    message = refusal(written(tmp_path / "x.npy", whole.replace(b"\n", b"\r\n")))

    found = array.nbytes + whole.count(b"\n")
    assert "converted as text" in message
    assert f"{array.nbytes:,} bytes, and {found:,} follow" in message


@pytest.mark.parametrize("mark", [b"\xef\xbf\xbd", b"\xc2\x93", b"?"])
def test_a_file_that_went_through_an_encoding_is_named(tmp_path: Path, mark: bytes) -> None:
    content = npy_bytes(THREE).replace(b"\x93", mark)
    assert "a .npy file that was converted as text" in refusal(written(tmp_path / "x.npy", content))


def test_two_arrays_on_one_handle_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as stream:
        np.save(stream, THREE)
        np.save(stream, THREE)
    message = refusal(tmp_path / "x.npy")
    assert "holds a second array behind the first" in message
    assert "(3,), 24 bytes, and 176 follow" in message
    assert "numpy.savez" in message


@pytest.mark.parametrize("behind", [b"\x00", b"\n", b"abcdefgh" * 100])
def test_bytes_behind_the_array_are_refused(tmp_path: Path, behind: bytes) -> None:
    """In a file, in a member of an archive, in a compressed file and on a pipe."""
    content = npy_bytes(THREE) + behind
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", content)
    for path in (
        written(tmp_path / "x.npy", content),
        tmp_path / "x.npz",
        written(tmp_path / "x.npy.gz", gzip.compress(content)),
    ):
        message = refusal(path)
        assert "is longer than its header says" in message
        assert f"24 bytes, and {'at least ' * path.name.endswith('gz')}{24 + len(behind):,} follow" in message


def test_bytes_behind_the_array_on_standard_input_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(npy_bytes(THREE) * 2)))
    assert "- (standard input) holds a second array behind the first" in refusal("-")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "x.npy").open("wb") as stream:
        np.lib.format.write_array(stream, THREE, version=version)
    same(read(tmp_path / "x.npy").array, THREE)


def test_a_header_of_python_2_is_read(tmp_path: Path) -> None:
    same(read(written(tmp_path / "x.npy", header_only("(1L, 2L)", "<f8", bytes(16)))).array, np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x93NUMPY\x04\x00", "version is 4.0"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f", "header has 2,147,483,647 bytes"),
        (b"\x93NUMPY\x01\x00\xff\x00{'descr'", "header ends after 8 of 255 bytes"),
        (header_only("(2,)").replace(b"shape", b"shope"), "does not give descr, fortran_order and shape"),
        (header_only("(1.5,)"), "gives the shape (1.5,)"),
        (header_only("(" + "9" * 5000 + ",)"), "no .npy file"),
        (header_only("(2,)").replace(b"False", b"0    "), "gives the order 0"),
    ],
)
def test_what_a_header_cannot_say_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(written(tmp_path / "x.npy", content))


@pytest.mark.parametrize("shape", ["(" + "9" * 300 + ",)", "(1000000,)", "(65536, 65536, 65536)"])
def test_a_promise_is_held_against_the_file_and_the_memory(tmp_path: Path, shape: str) -> None:
    """Nothing is allocated for what is not there: numpy.load would try."""
    message = refusal(written(tmp_path / "x.npy", header_only(shape, "<f8", bytes(80))))
    assert "of memory that there is" in message or "8,000,000 bytes, and 80 follow" in message


@pytest.mark.parametrize("name", ["float8_e5m2", "float8_e4m3fn", "bfloat16", "int4"])
def test_what_ml_dtypes_writes_is_named(tmp_path: Path, name: str) -> None:
    message = refusal(saved(tmp_path / "x.npy", np.ones(2).astype(getattr(ml_dtypes, name))))
    assert "corrupt" not in message
    assert "bfloat16" in message if name == "bfloat16" else "float8" in message
    assert "add --dtype bfloat16" in message if name == "bfloat16" else "astype('float32')" in message


@pytest.mark.parametrize("descr", ["<g2", "float8_e4m3fn", "<E2", "float4_e2m1fn"])
def test_a_dtype_that_numpy_does_not_know_is_named(tmp_path: Path, descr: str) -> None:
    message = refusal(written(tmp_path / "x.npy", header_only("(2,)", descr, bytes(4))))
    assert f"the dtype {descr!r}, which NumPy does not know" in message
    assert "corrupt" not in message


def test_a_header_that_names_bfloat16_is_read_as_such(tmp_path: Path) -> None:
    array = np.array([1.5, -3.25], ml_dtypes.bfloat16)
    path = written(tmp_path / "x.npy", header_only("(2,)", "bfloat16", array.tobytes()))
    assert "--dtype bfloat16" in refusal(path)
    same(read(path, dtype="bfloat16").array, array)
