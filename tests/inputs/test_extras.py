"""The formats of `gradcheck[files]`, as their own packages write them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gradcheck.inputs import matlab
from tests.inputs.reading import read, refusal, same

ARRAYS: dict[str, Any] = {
    "w": np.array([[1.5, 2.5]], np.float32),
    "layer.b": np.arange(3.0),
    "half": np.array(1.5, np.float16),
}


@pytest.fixture
def safe(tmp_path: Path) -> Path:
    """A .safetensors file."""
    package = pytest.importorskip("safetensors.numpy")
    package.save_file(ARRAYS, tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


@pytest.fixture
def mat(tmp_path: Path) -> Path:
    """A .mat file."""
    package = pytest.importorskip("scipy.io")
    held = {"x": ARRAYS["w"], "y": np.arange(3.0), "s": "text", "c": np.array([1 + 2j])}
    package.savemat(tmp_path / "x.mat", held, do_compression=True)
    return tmp_path / "x.mat"


def test_safetensors_are_read_by_key(safe: Path) -> None:
    for name, array in ARRAYS.items():
        same(read(f"{safe}:{name}").array, array)
    assert "holds 3 arrays: half, layer.b, w. Name one after a colon:" in refusal(safe)
    assert "has no array 'v'. It holds: half, layer.b, w." in refusal(f"{safe}:v")


def test_bfloat16_in_safetensors_needs_no_option(tmp_path: Path) -> None:
    package = pytest.importorskip("safetensors.numpy")
    array = np.array([1.5, -3.25], ml_dtypes.bfloat16)
    package.save_file({"w": array}, tmp_path / "x.safetensors")
    same(read(tmp_path / "x.safetensors").array, array)


@pytest.mark.parametrize("keep", [9, 60, -1])
def test_damaged_safetensors_are_refused(safe: Path, keep: int) -> None:
    safe.write_bytes(safe.read_bytes()[:keep])
    assert "truncated or corrupt .safetensors file" in refusal(safe)


def test_mat_files_are_read_by_key(mat: Path) -> None:
    same(read(f"{mat}:x").array, ARRAYS["w"])
    same(read(f"{mat}:y").array, np.arange(3.0)[np.newaxis])  # MATLAB knows no vectors
    assert "holds 4 arrays: x, y, s, c." in refusal(mat)
    assert "holds char, not an array of numbers" in refusal(f"{mat}:s")
    assert "complex numbers" in refusal(f"{mat}:c")


@pytest.mark.full
def test_mat_files_of_version_4_are_read(tmp_path: Path) -> None:
    package = pytest.importorskip("scipy.io")
    package.savemat(tmp_path / "x.mat", {"x": np.arange(6.0).reshape(2, 3)}, format="4")
    same(read(tmp_path / "x.mat").array, np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("keep", [pytest.param(130, marks=pytest.mark.full), -8])
def test_damaged_mat_files_are_refused(tmp_path: Path, keep: int) -> None:
    """Where it cannot be listed, and where it can but for the numbers, which are its end."""
    package = pytest.importorskip("scipy.io")
    package.savemat(tmp_path / "x.mat", {"x": np.ones((1, 2))})
    (tmp_path / "x.mat").write_bytes((tmp_path / "x.mat").read_bytes()[:keep])
    assert "truncated or corrupt .mat file" in refusal(tmp_path / "x.mat")


def test_a_mat_file_that_ends_its_reader_is_refused(
    tmp_path: Path, mat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """scipy 1.17 ends with a segmentation fault at some."""
    (tmp_path / "reader.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(matlab, "__file__", str(tmp_path / "reader.py"))
    assert "truncated or corrupt .mat file (its reader crashed)" in refusal(f"{mat}:x")


@pytest.mark.parametrize(
    ("name", "content", "package", "line"),
    [
        ("x.safetensors", b"\x02" + bytes(7) + b"{}", "safetensors", 'load_file("'),
        ("x.mat", b"MATLAB 5.0 MAT-file" + bytes(120), "scipy", 'loadmat("'),
    ],
)
def test_without_the_package_the_way_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, package: str, line: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    assert (
        f"needs the package {package}, which is not installed. Run pip install 'gradcheck[files]'." in message
    )
    assert line in message
