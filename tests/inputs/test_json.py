"""JSON: lists, objects with an array for each key, and what pandas and JavaScript write."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.inputs.reading import read, refusal, same

PARAMETERS = {"w": [[1.5, 2.5]], "layer": {"b": [3.5], "name": "dense"}, "step": 4}


def written(path: Path, value: Any) -> Path:
    """The path, after the value was written to it: as it is, or as JSON."""
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.mark.parametrize(("key", "expected"), [("w", [[1.5, 2.5]]), ("layer/b", [3.5]), ("step", 4)])
def test_a_key_picks_an_array_of_an_object(tmp_path: Path, key: str, expected: Any) -> None:
    path = written(tmp_path / "x.json", PARAMETERS)
    reading = read(f"{path}:{key}")
    same(reading.array, np.array(expected, np.float32))
    assert reading.form == f"--x {path}:{key}: read as shape {np.shape(expected)}."


def test_the_keys_of_an_object_are_listed(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", PARAMETERS)
    assert f"holds 3 arrays: w, layer/b, step. Name one after a colon: {path}:w." in refusal(path)
    assert "has no array 'v'. It holds: w, layer/b, step." in refusal(f"{path}:v")


def test_an_object_of_one_array_needs_no_key(tmp_path: Path) -> None:
    same(read(written(tmp_path / "x.json", {"of": "text", "x": [1.5]})).array, np.array([1.5], np.float32))


def test_a_key_is_refused_where_there_are_none(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", [1.5, 2.5])
    assert "names 'w', and a list in JSON has no names. Leave :w out." in refusal(f"{path}:w")


def test_the_same_key_twice_is_refused(tmp_path: Path) -> None:
    """`json` keeps the second without a word."""
    assert "'w' is there twice" in refusal(written(tmp_path / "x.json", '{"w": [1.5], "w": [2.5]}'))
    twice = '{"a/b": [1.5], "a": {"b": [2.5]}}'
    assert "two entries called 'a/b'" in refusal(written(tmp_path / "x.json", twice))


def test_typed_arrays_of_javascript_are_read(tmp_path: Path) -> None:
    """JSON.stringify(new Float64Array([1.5, 2.5]))"""
    same(read(written(tmp_path / "x.json", '{"0":1.5,"1":2.5}')).array, np.array([1.5, 2.5], np.float32))


def test_what_pandas_writes(tmp_path: Path) -> None:
    """to_json of a DataFrame, in each orientation."""
    path = written(tmp_path / "x.json", '{"a":{"0":1.5,"1":3.5},"b":{"0":2.5,"1":4.5}}')
    same(read(f"{path}:b").array, np.array([2.5, 4.5], np.float32))
    assert "holds 2 arrays: a, b." in refusal(path)
    written(path, '{"0":{"0":1.5,"1":3.5},"1":{"0":2.5,"1":4.5}}')
    assert "holds 2 arrays: 0, 1." in refusal(path)  # not the columns as rows
    written(path, '{"columns":["a","b"],"index":[0,1],"data":[[1.5,2.5],[3.5,4.5]]}')
    same(read(f"{path}:data").array, np.array([[1.5, 2.5], [3.5, 4.5]], np.float32))
    written(path, '[{"a":1.5,"b":2.5},{"a":3.5,"b":4.5}]')
    assert "an object at [0]" in refusal(path)
    assert "to_json(file, orient='values')" in refusal(path)
    written(path, '{"schema":{"fields":[{"name":"a"}]},"data":[{"a":1.5}]}')
    assert "to_json(file, orient='values')" in refusal(path)
    # Rows in another order could be meant by their labels or by their places.
    written(path, '{"a":{"1":1.5,"0":3.5}}')
    assert "holds 2 arrays: a/1, a/0." in refusal(path)


@pytest.mark.parametrize("name", ["x.json", "x.txt", "x"])
def test_json_is_told_by_its_brackets(tmp_path: Path, name: str) -> None:
    same(read(written(tmp_path / name, [[1.5], [2.5]])).array, np.array([[1.5], [2.5]], np.float32))


def test_compressed_json_is_read_by_key(tmp_path: Path) -> None:
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(json.dumps(PARAMETERS).encode()))
    same(read(f"{tmp_path}/x.json.gz:w").array, np.array([[1.5, 2.5]], np.float32))


@pytest.mark.parametrize("depth", [40, 100_000])
def test_objects_and_lists_of_any_depth_are_refused(tmp_path: Path, depth: int) -> None:
    assert refusal(written(tmp_path / "x.json", "[" * depth + "1" + "]" * depth))
    assert refusal(written(tmp_path / "x.json", '{"a":' * depth + '"text"' + "}" * depth))
