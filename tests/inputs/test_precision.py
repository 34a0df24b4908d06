"""The dtype of tensors that have none of their own: that of the tensors beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck.inputs.tensor import read_tensors


def dtypes(texts: dict[str, Any], **settings: Any) -> dict[str, str]:
    """Names of the dtypes that tensors get when they are read together."""
    readings = read_tensors({name: str(text) for name, text in texts.items()}, seed=0, **settings)
    return {name: reading.array.dtype.name for name, reading in readings.items()}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Arrays by dtype, and a table and JSON."""
    paths = {}
    for name in ("float16", "float32", "float64", "int32", "longdouble"):
        paths[name] = tmp_path / f"{name}.npy"
        np.save(paths[name], np.ones((2, 2), name))
    paths["csv"], paths["json"] = tmp_path / "x.csv", tmp_path / "x.json"
    paths["csv"].write_text("0.1;0.2\n")
    paths["json"].write_text("[0.1, 2]")
    return paths


WITHOUT_OWN = ["[[0.1]]", "[1]", "3", "normal:2", "csv", "json", "int32"]


@pytest.mark.parametrize("text", WITHOUT_OWN)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_text_takes_the_dtype_beside_it(files: dict[str, Path], text: str, dtype: str) -> None:
    for texts in (
        {"--x": files.get(text, text), "--w": files[dtype]},
        {"--w": files[dtype], "--x": files.get(text, text)},
    ):
        assert dtypes(texts) == {"--x": dtype, "--w": dtype}


def test_text_alone_is_float32(files: dict[str, Path]) -> None:
    assert set(dtypes({text: files.get(text, text) for text in WITHOUT_OWN}).values()) == {"float32"}


def test_text_takes_the_widest_dtype_beside_it(files: dict[str, Path]) -> None:
    texts = {"--a": "0.1", "--b": files["float32"], "--c": files["float64"], "--d": files["int32"]}
    assert dtypes(texts) == {"--a": "float64", "--b": "float32", "--c": "float64", "--d": "float64"}
    assert dtypes({"--a": "0.1", "--b": files["longdouble"]}) == {"--a": "float64", "--b": "float64"}


def test_a_dtype_that_is_asked_for_holds_for_all(files: dict[str, Path]) -> None:
    texts = {"--a": "0.1", "--b": files["float64"], "--c": files["csv"]}
    assert set(dtypes(texts, dtype="float32").values()) == {"float32"}


def test_integers_that_are_kept_give_no_dtype(files: dict[str, Path]) -> None:
    texts = {"--a": "0.1", "--b": files["int32"]}
    assert dtypes(texts, keep_integers=True) == {"--a": "float32", "--b": "int32"}


def test_integers_keep_their_value_beside_narrow_floats(files: dict[str, Path]) -> None:
    readings = read_tensors({"--a": "[2049]", "--b": str(files["float16"])}, seed=0)
    assert readings["--a"].array.dtype == np.float64
    assert "(float16 cannot hold them exactly)" in readings["--a"].notes[0]


def test_the_digits_of_text_are_those_of_the_dtype(files: dict[str, Path]) -> None:
    """0.1 as float32 is 0.10000000149."""
    readings = read_tensors({"--a": "0.1", "--b": str(files["csv"]), "--c": str(files["float64"])}, seed=0)
    assert readings["--a"].array == 0.1
    assert readings["--b"].array[0, 1] == 0.2
    assert readings["--b"].form.endswith("read as shape (1, 2), separated by semicolons.")
