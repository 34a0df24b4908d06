"""Files from branches that nobody has read: names that speak to the terminal, and little that takes much."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck.inputs import opening
from gradcheck.inputs.source import Source
from tests.inputs.reading import header_only, npy_bytes, read, refusal, same
from tests.inputs.seeds import ARRAY, archive, safetensors_bytes

NAME = "a\x1b[31m\n[bold]\u202e😀"


def quiet(message: str) -> str:
    """The message, which holds no control character and is not long."""
    assert not [sign for sign in message if unicodedata.category(sign) == "Cc" or sign == "\u202e"], message
    assert len(message) < 1500
    return message


@contextmanager
def within(size: int) -> Iterator[None]:
    """Fail if it takes more memory at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


@contextmanager
def quickly(seconds: float) -> Iterator[None]:
    """Fail if it takes more processor time."""
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


def test_a_broken_promise_is_seen_by_the_fuzzer(tmp_path: Path) -> None:
    """A short run; `python -m tests.fuzz_inputs --examples 20000` is a long one."""
    command = [sys.executable, "-m", "tests.fuzz_inputs", "--examples", "120", "--seed", "5"]
    left_out = [word for kind in ("keras", "safetensors", "stdin", "mat") for word in ("--but", kind)]
    done = subprocess.run(command + left_out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 120 examples in ") == 9


def test_names_in_files_are_said_without_what_a_terminal_obeys(tmp_path: Path) -> None:
    layout = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    second = {**layout, "data_offsets": [4, 8]}
    contents = {
        "x.npz": archive({f"{NAME}.npy": npy_bytes(ARRAY), f"{'b' * 30_000}.npy": npy_bytes(ARRAY)}),
        "y.npz": archive({NAME: b"", "b" * 30_000: b""}),
        "x.json": json.dumps({NAME: [1], "b" * 30_000: [2]}).encode(),
        "x.safetensors": safetensors_bytes({NAME: layout, "b" * 30_000: second}, bytes(8)),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert "a\N{REPLACEMENT CHARACTER}[31m [bold]" in quiet(refusal(tmp_path / name))


@pytest.mark.parametrize("kind", ["missing", "link", "directory", "loop", "near", "text"])
def test_a_name_is_said_without_what_a_terminal_obeys(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{NAME}.npy"
    match kind:
        case "link":
            path.symlink_to(f"{NAME}.x")
        case "directory":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "near":
            (tmp_path / f"b{NAME}.npy").touch()
        case "text":
            path.write_text("text\x1b[31m")
    quiet(refusal(str(path)))


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(npy_bytes(ARRAY))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user reads all files")
    assert "permission denied" in refusal(path)


def test_a_name_with_a_null_byte_is_refused() -> None:
    for text in ("~a\0b", "a\0b.npy"):
        quiet(refusal(text))


@pytest.mark.parametrize("name", ["x.npz", "x.mat", "x.json", "x.npy", "x.csv.gz", "x.safetensors"])
def test_a_link_to_a_device_without_end_is_refused_at_its_beginning(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    with within(2**22):
        refusal(tmp_path / name)


def test_nobody_writing_into_a_pipe_is_waited_for_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "x.npy")
    monkeypatch.setattr(opening, "PATIENCE", 0.05)
    assert "cannot be read: nobody has written into this pipe for 0.05 s." in refusal(tmp_path / "x.npy")


def test_a_size_beyond_all_floats_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(header_only(f"({'9' * 400},)", "<f8"))
    for text in (tmp_path / "x.npy", f"normal:{'x'.join(['9' * 18] * 20)}"):
        assert "more than 8 EiB" in quiet(refusal(text))


def test_null_in_an_object_is_no_tensor(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": null, "b": [1.5]}')
    same(read(tmp_path / "x.json").array, np.array([1.5], np.float32))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "1.5 2.5\n3" + ".5" * 20_000 + "\n"),
        ("x.csv", "1.5 2.5\n" + "1" * 20_000 + "j2\n"),
        ("x.json", '{"a": 1, ' + ", ".join(f'"{number}": 1' for number in range(20_000)) + ', "19999": 1}'),
        ("x.json", f'{{"{"a" * 100}": ' * 900 + "1" + ', "b": 1}' * 900),
    ],
    ids=["points", "complex", "twice", "deep"],
)
def test_a_small_text_takes_little(tmp_path: Path, name: str, content: str) -> None:
    """What takes the square of the size took 3 s and more here."""
    (tmp_path / name).write_text(content)
    with quickly(1):
        quiet(refusal(tmp_path / name))


def test_memory_that_ends_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: Any) -> bytearray:
        raise MemoryError

    (tmp_path / "x.csv").write_text("1.5\n2.5\n")
    monkeypatch.setattr(Source, "read", ended)
    assert "takes more memory than is free" in refusal(tmp_path / "x.csv")
