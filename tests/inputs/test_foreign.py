"""Files that cannot be read are named, and the line of Python that is given converts them."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import pickle
import shlex
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.inputs.reading import npy_bytes, read, refusal, same

ARRAY = np.array([[1.5, 2.5], [3.5, 4.5]])
TENSOR = npy_bytes(ARRAY)


def archive(*names: str) -> bytes:
    """A zip archive of files that hold a letter."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name in names:
            opened.writestr(name, "x")
    return stream.getvalue()


def tar() -> bytes:
    """A tar archive of a .npy file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as opened:
        member = tarfile.TarInfo("x.npy")
        member.size = len(TENSOR)
        opened.addfile(member, io.BytesIO(TENSOR))
    return stream.getvalue()


NAMED: dict[str, tuple[bytes, str, str]] = {
    "lfs.npy": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "a Git LFS pointer",
        "Run git lfs pull.",
    ),
    "page.npy": (b"\n<!DOCTYPE html>\n<html>Sign in</html>", "an HTML page", "Download the file itself."),
    "page.csv": (b'<?xml version="1.0"?>\n<html xmlns="">', "an HTML page", "Download the file itself."),
    "zip.npy": (archive("a.npy"), "an .npz file (a zip archive), but called .npy", "zip.npz"),
    "npy.npz": (TENSOR, "a .npy file, but called .npz", "npy.npy"),
    "npy.csv": (TENSOR, "a .npy file, but called .csv", "npy.npy"),
    "text.npy": (b"1 2 3\n", "text, but called .npy", "text.txt"),
    "packed.csv": (b"\x1f\x8b\x08" + bytes(20), "a .gz file, but called .csv", "packed.csv.gz"),
    "plain.csv.gz": (b"1.5,2\n", "text, but called .gz", "plain.csv, or"),
    "x.keras": (
        archive("metadata.json", "config.json", "model.weights.h5"),
        "a model saved by Keras",
        "gradcheck model",
    ),
    "x.pt": (archive("x/data.pkl", "x/data/0"), "a file of PyTorch", 'torch.load("'),
    "old.pth": (b"\x80\x02\x8a\nl\xfc", "a file of PyTorch", "weights_only=True"),
    "x.pkl": (pickle.dumps(ARRAY), "a Python pickle, which can run code", "If you trust it"),
    "x.h5": (b"\x89HDF\r\n\x1a\n" + bytes(90), "an HDF5 file", 'h5py.File("'),
    "new.mat": (
        b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(500),
        "a file of MATLAB 7.3",
        '["NAME"]',
    ),
    "x.parquet": (b"PAR1" + bytes(90), "a Parquet file", "pandas.read_parquet("),
    "x.arrow": (b"ARROW1\x00\x00" + bytes(90), "an Arrow file", "pandas.read_feather("),
    "stream.arrow": (b"\xff\xff\xff\xff\x78\x00" + bytes(90), "an Arrow stream", "pyarrow.ipc.open_stream("),
    "x.xlsx": (archive("[Content_Types].xml", "xl/workbook.xml"), "an Excel file", "pandas.read_excel("),
    "x.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(90), "an Excel file", "pandas.read_excel("),
    "x.jsonl": (b'{"x": [1.5]}\n{"x": [2.5]}\n', "JSON Lines", 'json.loads(line)["x"]'),
    "lists.jsonl": (b"[1.5]\n[2.5]\n", "JSON Lines", "json.loads(line) for line"),
    "x.mtx": (
        b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1.5\n",
        "a sparse matrix",
        ".toarray()",
    ),
    "full.mtx": (
        b"%%matrixmarket matrix array real general\n1 1\n1.5\n",
        "a full matrix in the Matrix",
        "mmread(",
    ),
    "x.rds": (b"X\n\x00\x00\x00\x03" + bytes(90), "an R data file", "write.table(x"),
    "x.png": (b"\x89PNG\r\n\x1a\n" + bytes(90), "a picture", "keras.utils.load_img("),
    "x.npy.bz2": (bz2.compress(TENSOR), "compressed by bzip2", "bunzip2"),
    "x.npy.xz": (lzma.compress(TENSOR), "compressed by xz", "unxz"),
    "x.tar": (tar(), "a tar archive", "tar xf"),
    "x.zip": (
        archive("a.csv", "b.csv"),
        "a zip archive without an array of NumPy; it holds a.csv, b.csv",
        "",
    ),
    "x.bin": (ARRAY.tobytes(), "binary data of no kind that gradcheck knows", 'numpy.fromfile("'),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    content, what, remedy = NAMED[name]
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    assert f"is {what}" in message
    assert remedy in message
    assert "corrupt" not in message


def test_a_dangling_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.npy").symlink_to("gone.npy")
    assert "is a link to gone.npy, which does not exist" in refusal(tmp_path / "x.npy")


def convert(message: str) -> None:
    """Run the line of Python that a message gives."""
    words = shlex.split(message.partition("python -c ")[2])
    exec(words[0].removesuffix("."), {})


def h5(path: Path) -> None:
    """An HDF5 file with one array."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["NAME"] = ARRAY


def frame(method: str) -> Callable[[Path], None]:
    """How pandas writes a table with names of columns."""

    def write(path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        options = {"header": False, "index": False} if method == "to_excel" else {}
        getattr(pandas.DataFrame(ARRAY, columns=["a", "b"]), method)(path, **options)

    return write


def torch(path: Path) -> None:
    """A tensor as PyTorch saves it."""
    pytest.importorskip("torch").save(pytest.importorskip("torch").tensor(ARRAY), path)


def lines(path: Path) -> None:
    """A row in each line."""
    path.write_text("".join(json.dumps({"x": row}) + "\n" for row in ARRAY.tolist()))


def market(sparse: bool) -> Callable[[Path], None]:
    """How SciPy writes a matrix in the Matrix Market format."""

    def write(path: Path) -> None:
        scipy_io = pytest.importorskip("scipy.io")
        scipy_io.mmwrite(path, pytest.importorskip("scipy.sparse").coo_array(ARRAY) if sparse else ARRAY)

    return write


WRITERS: dict[str, Callable[[Path], Any]] = {
    "x y.h5": h5,
    "x.pkl": lambda path: path.write_bytes(pickle.dumps(ARRAY)),
    "it's.jsonl": lines,
    "sparse.mtx": market(sparse=True),
    "full.mtx": market(sparse=False),
    "x.parquet": frame("to_parquet"),
    "x.feather": frame("to_feather"),
    "x.xlsx": frame("to_excel"),
    "x.pt": torch,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_line_of_python_converts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Those of pandas and torch where these are installed."""
    monkeypatch.chdir(tmp_path)
    WRITERS[name](Path(name))
    convert(refusal(name))
    same(read(Path(name).with_suffix(".npy")).array, ARRAY)
