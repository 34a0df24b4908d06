"""What can be read once only: pipes by their names, standard input, and how much of either is taken."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck.inputs import text
from gradcheck.inputs.source import CHUNK
from gradcheck.runtime import machine_memory
from tests.inputs.reading import header_only, npy_bytes, read, refusal, same

ARRAY = np.array([[1.5, 2.5], [3.5, 4.5]])
WRITTEN = ARRAY.astype(np.float32)
"""As text gives it."""


def npz(**arrays: Any) -> bytes:
    """What numpy.savez writes."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


CONTENTS = {
    "npy": (npy_bytes(ARRAY), ARRAY),
    "npz": (npz(a=ARRAY), ARRAY),
    "json": (json.dumps(ARRAY.tolist()).encode(), WRITTEN),
    "csv": (b"1.5,2.5\n3.5,4.5\n", WRITTEN),
    "tsv": (b"1.5\t2.5\n3.5\t4.5\n", WRITTEN),
    "npy.gz": (gzip.compress(npy_bytes(ARRAY)), ARRAY),
    "csv.gz": (gzip.compress(b"1.5 2.5\n3.5 4.5\n"), WRITTEN),
    "json.gz": (gzip.compress(json.dumps(ARRAY.tolist()).encode()), WRITTEN),
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Puts bytes on standard input."""
    return lambda content: monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def poured(path: str | Path, content: bytes) -> threading.Thread:
    """Writes into a pipe, which may end before it has taken everything."""

    def pour() -> None:
        try:
            with open(path, "wb") as stream:
                stream.write(content)
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("kind", CONTENTS)
def test_standard_input_is_told_by_its_content(given: Callable[[bytes], None], kind: str) -> None:
    content, expected = CONTENTS[kind]
    given(content)
    same(read("-").array, expected)


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("name", ["fifo", "fifo.npy"])
def test_a_fifo_is_read_by_its_name(tmp_path: Path, kind: str, name: str) -> None:
    content, expected = CONTENTS[kind]
    os.mkfifo(tmp_path / name)
    thread = poured(tmp_path / name, content)
    if name == "fifo" or kind == "npy":
        same(read(tmp_path / name).array, expected)
    else:
        assert "but called .npy" in refusal(tmp_path / name)
    thread.join()


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_descriptor_is_read_by_its_name(kind: str) -> None:
    """As <(…) of a shell gives it."""
    content, expected = CONTENTS[kind]
    ours, theirs = os.pipe()
    os.write(theirs, content)
    os.close(theirs)
    same(read(f"/dev/fd/{ours}").array, expected)
    os.close(ours)


def test_an_array_of_several_is_picked_from_a_pipe(given: Callable[[bytes], None]) -> None:
    several = npz(a=ARRAY, b=np.ones(3))
    given(several)
    assert "holds 2 arrays: a, b. Name one after a colon: FILE:a." in refusal("-")
    given(several)
    same(read("-:b").array, np.ones(3))
    ours, theirs = os.pipe()
    os.write(theirs, several)
    os.close(theirs)
    same(read(f"/dev/fd/{ours}:b").array, np.ones(3))
    os.close(ours)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_end_is_refused_at_its_beginning(device: str) -> None:
    assert "binary data of no kind" in refusal(device)


def test_the_null_device_is_empty() -> None:
    assert "is empty: it holds 0 bytes" in refusal("/dev/null")


def test_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert "- (standard input) is closed" in refusal("-")


def test_text_is_refused_where_its_numbers_would_not_fit(
    tmp_path: Path, given: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By arithmetic for a file, and after as many bytes for a pipe, and inside a compressed file."""
    monkeypatch.setattr(text, "machine_memory", lambda: 6400)
    (tmp_path / "x.csv").write_text("1.5\n" * 25)
    assert read(tmp_path / "x.csv").array.shape == (25,)
    (tmp_path / "x.csv").write_text("1.5\n" * 26)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"1.5\n" * 10**6))
    given(b"1.5\n" * 10**6)
    for name in (tmp_path / "x.csv", tmp_path / "x.csv.gz", "-"):
        assert "is longer than 100 bytes" in refusal(name)


def endless(content: bytes) -> bytes:
    """The beginning of a .gz file that unpacks to that and 64 MiB of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(content), *(packer.compress(bytes(2**20)) for _ in range(64)), packer.flush()]
    return b"".join(packed)


def test_a_bomb_is_not_unpacked_further_than_its_header_says(tmp_path: Path) -> None:
    (tmp_path / "x.npy.gz").write_bytes(endless(header_only("(2,)", "<f4")))
    tracemalloc.start()
    try:
        assert "is longer than its header says" in refusal(tmp_path / "x.npy.gz")
        assert tracemalloc.get_traced_memory()[1] < 3 * CHUNK
    finally:
        tracemalloc.stop()


def test_a_false_promise_on_a_pipe_allocates_nothing() -> None:
    size = machine_memory() // 2
    ours, theirs = os.pipe()
    os.write(theirs, header_only(f"({size // 4},)", "<f4") + bytes(80))
    os.close(theirs)
    tracemalloc.start()
    try:
        assert f"{size // 4 * 4:,} bytes, and 80 follow" in refusal(f"/dev/fd/{ours}")
        assert tracemalloc.get_traced_memory()[1] < 3 * CHUNK
    finally:
        tracemalloc.stop()


def test_a_false_promise_of_a_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(header_only("(60000000,)", "<f4"))
    os.truncate(tmp_path / "x.npy", 200_000_000)  # it takes no room on the disk
    tracemalloc.start()
    try:
        assert "240,000,000 bytes, and 199,999,872 follow" in refusal(tmp_path / "x.npy")
        assert tracemalloc.get_traced_memory()[1] < CHUNK
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["npz", "npy.gz"])
def test_what_is_unpacked_at_its_end_only_is_refused_inside_a_gz(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(CONTENTS[kind][0]))
    assert "in a .gz file. Run gunzip" in refusal(tmp_path / "x.gz")


@pytest.mark.parametrize("damage", ["cut", "flipped", "followed"])
def test_a_damaged_gz_is_refused(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(b"1.5,2.5\n" * 500)
    content = {"cut": whole[:-9], "flipped": whole[:-6] + bytes(6), "followed": whole + b"abc"}[damage]
    (tmp_path / "x.csv.gz").write_bytes(content)
    assert "is a .gz file that is truncated or corrupt" in refusal(tmp_path / "x.csv.gz")


# Names.


def test_the_home_directory_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell does it for `--x ~/x.npy`, and not for `--x=~/x.npy` and `--arg x=~/x.npy`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", ARRAY)
    np.savez("x.npz", a=ARRAY, b=1.0)
    same(read("~/x.npy").array, ARRAY)
    same(read("~/x.npz:a").array, ARRAY)
    np.save("~x.npy", ARRAY + 1)
    same(read("~x.npy").array, ARRAY + 1)


def test_a_name_may_hold_a_colon(tmp_path: Path) -> None:
    np.savez(tmp_path / "a:b.npz", a=ARRAY, b=1.0)
    same(read(f"{tmp_path}/a:b.npz:a").array, ARRAY)
    np.save(tmp_path / "x.npz:a", ARRAY)
    (tmp_path / "x.npz:a.npy").rename(tmp_path / "x.npz:a")
    same(read(f"{tmp_path}/x.npz:a").array, ARRAY)


def test_a_file_called_like_a_literal_is_hinted_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("[1].npy", ARRAY)
    assert refusal("[1].npy").endswith("If it is a file, write ./[1].npy.")
    same(read("./[1].npy").array, ARRAY)
