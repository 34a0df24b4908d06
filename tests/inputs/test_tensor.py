"""What each form of TENSOR reads as, against the arrays that NumPy wrote, and each refusal's sentence."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from tests.inputs.reading import header_only, npy_bytes, read, refusal, same, saved

pytestmark = pytest.mark.filterwarnings("error")


# .npy and .npz


@pytest.mark.parametrize("dtype", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_floats_stay_what_they_are(tmp_path: Path, dtype: str, order: Any) -> None:
    array = (np.arange(24.0).reshape(2, 3, 4) / 7).astype(dtype, order=order)
    assert array.dtype.str == dtype
    reading = read(saved(tmp_path / "x.npy", array))
    same(reading.array, array)
    assert reading.notes == ()


def test_a_scalar_file_is_a_scalar(tmp_path: Path) -> None:
    same(read(saved(tmp_path / "x.npy", np.float64(2.5))).array, np.float64(2.5))


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_header_versions_are_read(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "x.npy").open("wb") as stream:
        np.lib.format.write_array(stream, np.ones((2, 3)), version=version)
    same(read(tmp_path / "x.npy").array, np.ones((2, 3)))


@pytest.mark.parametrize("dtype", ["bool", "int8", ">i4", "uint16", "int64"])
def test_integers_and_booleans_become_float32_with_a_note(tmp_path: Path, dtype: str) -> None:
    reading = read(saved(tmp_path / "x.npy", np.array([[0, 1], [1, 1]], dtype)))
    same(reading.array, np.array([[0, 1], [1, 1]], np.float32))
    (note,) = reading.notes
    assert ("booleans" if dtype == "bool" else "integers") in note
    assert "float32" in note


@pytest.mark.parametrize("value", [2**24 + 1, -(2**24) - 1, 2**53 - 1])
def test_integers_beyond_float32_become_float64(tmp_path: Path, value: int) -> None:
    reading = read(saved(tmp_path / "x.npy", [value, 3]))
    same(reading.array, np.array([value, 3], np.float64))
    assert "float32 cannot hold them" in reading.notes[0]
    assert "rounded" not in reading.notes[0]


@pytest.mark.parametrize("value", [2**53 + 1, 2**63 - 1])
def test_integers_beyond_float64_are_said_to_be_rounded(tmp_path: Path, value: int) -> None:
    assert "1 of them rounded" in read(saved(tmp_path / "x.npy", [value, 3])).notes[0]


def test_an_even_integer_beyond_two_to_the_24_fits_float32(tmp_path: Path) -> None:
    assert read(saved(tmp_path / "x.npy", [2**24 + 2])).array.dtype == np.float32


def test_long_double_becomes_float64_with_a_note(tmp_path: Path) -> None:
    reading = read(saved(tmp_path / "x.npy", np.array([1.5], np.longdouble)))
    same(reading.array, np.array([1.5]))
    assert "becomes float64" in reading.notes[0]


def test_npz_with_one_array_and_by_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", a=np.ones((2, 3)))
    np.savez_compressed(tmp_path / "two.npz", a=np.ones((2, 3)), b=np.zeros(4, np.float32))
    same(read(tmp_path / "one.npz").array, np.ones((2, 3)))
    same(read(f"{tmp_path}/two.npz:b").array, np.zeros(4, np.float32))


def test_npz_of_several_arrays_lists_its_keys(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", kernel=np.ones(2), bias=np.ones(2))
    assert "2 arrays: kernel, bias." in refusal(tmp_path / "x.npz")
    assert f"Name one after a colon: {tmp_path}/x.npz:kernel." in refusal(tmp_path / "x.npz")
    message = refusal(f"{tmp_path}/x.npz:kernal")
    assert "'kernal'" in message
    assert "kernel, bias" in message


def test_npz_without_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz")
    assert "holds no array" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("cut", "truncated, corrupt or encrypted .npz archive"),
        ("flipped", "an .npz archive that is truncated or corrupt (Bad CRC-32"),
        ("text", "is text, but called .npz"),
        ("empty", "is empty"),
    ],
)
def test_a_damaged_npz_is_refused(tmp_path: Path, damage: str, words: str) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=np.arange(1000.0))
    whole = bytearray(path.read_bytes())
    whole[4000] ^= 0xFF
    path.write_bytes(
        {"cut": bytes(whole[:5000]), "flipped": bytes(whole), "text": b"not a zip", "empty": b""}[damage]
    )
    assert words in refusal(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", header_only("(1000000000000,)") + bytes(10**6))
    assert "of memory that there is" in refusal(path)


@pytest.mark.parametrize("keep", [5, 60, 127, 128, 140])
def test_a_truncated_npy_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(npy_bytes(np.ones((3, 4)))[:keep])
    message = refusal(path)
    assert "truncated" in message
    if keep >= 128:
        assert "(3, 4), 96 bytes" in message


@pytest.mark.parametrize(
    "content",
    [
        b"\x93NUMPY\x09\x00" + bytes(200),
        b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((",
        header_only("(-2,)"),
        header_only("(True,)"),
        header_only("'2'"),
        header_only("(2,)", descr="nonsense"),
        header_only("(" + "1," * 30 + ")").replace(b"shape", b"shope"),
    ],
)
def test_a_corrupt_npy_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    assert "corrupt" in refusal(tmp_path / "x.npy")


def test_a_header_that_promises_more_than_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(header_only("(1000000, 1000000)"))
    message = refusal(tmp_path / "x.npy")
    assert "(1000000, 1000000)" in message
    assert "memory" in message


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([1 + 2j]), "complex numbers"),
        (np.array(["a", "b"]), "text"),
        (np.array([b"a"]), "text"),
        (np.array([1, "a"], object), "Python objects"),
        (np.zeros(2, [("a", "f4"), ("b", "i4")]), "structured"),
        (np.array(["2020-01-01"], "M8[D]"), "dates"),
        (np.zeros(2, "V3"), "raw bytes"),
        (np.zeros((0, 3)), "empty: it has shape (0, 3)"),
    ],
)
def test_arrays_that_have_no_gradient_are_refused(tmp_path: Path, array: Array, words: str) -> None:
    assert words in refusal(saved(tmp_path / "x.npy", array))


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    saved(tmp_path / "x.npy", np.array([Trap()], object))
    np.savez(tmp_path / "x.npz", a=np.array([Trap()], object))
    assert "never unpickles" in refusal(tmp_path / "x.npy")
    assert "never unpickles" in refusal(tmp_path / "x.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_located_and_counted(tmp_path: Path, value: float) -> None:
    array = np.ones((3, 4), np.float32)
    array[1, 2] = array[2, 0] = value
    message = refusal(saved(tmp_path / "x.npy", array))
    assert f"2 of 12 elements, first {value} at [1, 2]" in message


# Precision


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_converts(tmp_path: Path, dtype: str) -> None:
    array = np.arange(6.0).reshape(2, 3) / 3
    same(read(saved(tmp_path / "x.npy", array), dtype=dtype).array, array.astype(dtype))
    same(read("[1, 2.5]", dtype=dtype).array, np.array([1, 2.5], dtype))


@pytest.mark.parametrize(("value", "dtype"), [(1e5, "float16"), (1e39, "float32"), (70_000, "float16")])
def test_a_value_too_large_for_the_dtype_is_located(tmp_path: Path, value: float, dtype: str) -> None:
    message = refusal(saved(tmp_path / "x.npy", np.array([1, 2, value])), dtype=dtype)
    assert f"1 of 3 values too large for {dtype}, first {value} at [2]" in message
    assert "--dtype float64" in message


def test_values_that_become_zero_are_noted(tmp_path: Path) -> None:
    reading = read(saved(tmp_path / "x.npy", np.array([1e-60, 0.0, 1.0])), dtype="float32")
    assert "1 of 3 values are too small for float32" in reading.notes[0]


def test_two_byte_void_is_refused_with_a_hint(tmp_path: Path) -> None:
    assert "--dtype bfloat16" in refusal(saved(tmp_path / "x.npy", np.zeros(3, "V2")))
    assert "--dtype bfloat16" in refusal(saved(tmp_path / "x.npy", np.zeros(3, "V2")), dtype="float32")


def test_bfloat16_round_trip(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    bfloat16 = tf.bfloat16.as_numpy_dtype
    array = np.array([[1.5, -3.25, 1e38]]).astype(bfloat16)
    path = saved(tmp_path / "x.npy", array)
    assert path.read_bytes().find(b"V2") > 0
    same(read(path, dtype="bfloat16").array, array)
    same(read("[1.5, 3.140625]", dtype="bfloat16").array, np.array([1.5, 3.140625]).astype(bfloat16))
    assert "too large for bfloat16" in refusal(saved(path, np.array([1e300])), dtype="bfloat16")
    assert "first nan at [1]" in refusal(
        saved(path, np.array([1, np.nan]).astype(bfloat16)), dtype="bfloat16"
    )


# Text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.0", 3.0),
        ("-2.5e-3", -2.5e-3),
        ("[1., .5]", [1, 0.5]),
        ("[[1.5,2],[3,4]]", [[1.5, 2], [3, 4]]),
        (" [ [ [ 1.5 ] ] ] ", [[[1.5]]]),
    ],
)
def test_literals(text: str, expected: Any) -> None:
    reading = read(text)
    same(reading.array, np.array(expected, np.float32))
    assert reading.notes == ()


@pytest.mark.parametrize("text", ["3", "[[1, 2], [3, 4]]", "[true, False]", "true"])
def test_integers_in_a_literal_need_no_note(text: str) -> None:
    reading = read(text)
    assert reading.array.dtype == np.float32
    assert reading.notes == ()


def test_a_large_integer_literal_keeps_its_value() -> None:
    reading = read("16777217")
    same(reading.array, np.float64(16777217))
    assert "float32 cannot hold them exactly" in reading.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[1,2],[3]]", ["ragged", "length 1 at [1]", "length 2"]),
        ("[1,[2]]", ["ragged", "[1]", "a number"]),
        ("[[1],2]", ["ragged", "a number at [1]"]),
        ("[1,2", ["no list of numbers", "brackets"]),
        ("[1 2]", ["no list of numbers"]),
        ("[1,2]]", ["no list of numbers"]),
        ("[one]", ["'one'", "no number"]),
        ("['1']", ["no number"]),
        ("[1+2j]", ["'1+2j'"]),
        ("[]", ["empty", "(0,)"]),
        ("[[],[]]", ["empty", "(2, 0)"]),
        ("nan", ["1 of 1 elements", "nan"]),
        ("[1, inf, -Infinity]", ["2 of 3 elements", "inf at [1]"]),
        ("1e999", ["inf"]),
        ("[1, 1" + "0" * 400 + "]", ["inf at [1]"]),
        ("1e39", ["too large for float32", "--dtype float64"]),
        ("[" * 50 + "1" + "]" * 50, ["50 deep"]),
        ("[" * 50_000, ["no list of numbers"]),
        ("1,2,3", ["no such file", "[[1,2],[3,4]]"]),
        ("", ["empty text"]),
        (" ", ["empty text"]),
        ("a\nb", ["no such file"]),
        ("x\0.npy", ["cannot be read"]),
        ("x" * 5000, ["cannot be read"]),
    ],
)
def test_literals_that_are_none(text: str, words: list[str]) -> None:
    message = refusal(text)
    assert all(word in message for word in words), message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.csv", "1.5,2\n3,4\n", [[1.5, 2], [3, 4]]),
        ("x.csv", "\ufeff# made by hand\n\n1.5, 2\r\n3 ,4", [[1.5, 2], [3, 4]]),
        ("x.CSV", '"1.5","2"\n', [[1.5, 2]]),
        ("x.csv", "1.5\n2\n", [1.5, 2]),
        ("x.tsv", "1.5\t2\n3\t4\n", [[1.5, 2], [3, 4]]),
        ("x.txt", "  1.5   2\n3\t4\n", [[1.5, 2], [3, 4]]),
        ("x.json", "[[1.5, 2], [3, 4]]", [[1.5, 2], [3, 4]]),
        ("x.json", "1.5", 1.5),
    ],
)
def test_text_files(tmp_path: Path, name: str, text: str, expected: Any) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    same(read(tmp_path / name).array, np.array(expected, np.float32))


@pytest.mark.parametrize("shape", [(5, 3), (1, 4), (6,)])
def test_what_savetxt_writes_is_read_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).standard_normal(shape)
    np.savetxt(tmp_path / "x.txt", array, header="a header")
    np.testing.assert_array_equal(read(tmp_path / "x.txt", dtype="float64").array, array)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.csv", "height,width\n1,2\n", ["'height'", "line 1, column 1", "header row"]),
        ("x.csv", "1,2\n3,four\n", ["'four'", "line 2, column 2"]),
        ("x.csv", "1,2\n3\n", ["1 in line 2, 2 in line 1"]),
        ("x.csv", "", ["empty"]),
        ("x.csv", "\n# nothing\n", ["comments only"]),
        ("x.csv", "\n \n", ["the file is empty"]),
        ("x.csv", "1,nan\n", ["1 of 2 elements, first nan at [0, 1]"]),
        ("x.txt", "1 2\n3\n", ["1 in line 2, 2 in line 1"]),
        ("x.json", "", ["is empty"]),
        ("x.json", "[1, 2", ["no valid JSON", "line 1"]),
        ("x.json", '[{"a": 1}]', ["an object at [0]", "to_json(file, orient='values')"]),
        ("x.json", '[1, "2"]', ["text at [1]"]),
        ("x.json", "[1, null]", ["null at [1]"]),
        ("x.json", "[[1, 2], [3]]", ["ragged"]),
        ("x.json", "[1, NaN]", ["first nan at [1]"]),
        ("x.json", "[]", ["empty"]),
    ],
)
def test_text_files_that_hold_no_tensor(tmp_path: Path, name: str, text: str, words: list[str]) -> None:
    (tmp_path / name).write_text(text)
    message = refusal(tmp_path / name)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.txt"])
def test_text_in_another_encoding_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("1,2".encode("utf-16"))
    assert "no UTF-8 text" in refusal(tmp_path / name)


# Generators


def test_generators_are_what_numpy_draws() -> None:
    seed = [7, *b"--x"]
    same(
        read("normal:8x64", seed=7).array,
        np.random.default_rng(seed).standard_normal((8, 64)).astype(np.float32),
    )
    same(read("uniform:5", seed=7).array, np.random.default_rng(seed).random(5).astype(np.float32))
    assert read("normal:8x64", dtype="float64").array.dtype == np.float64


def test_options_and_seeds_give_different_numbers() -> None:
    drawn = [read("normal:4", option=option, seed=seed).array for option in ("--x", "--w") for seed in (0, 1)]
    assert len({array.tobytes() for array in drawn}) == 4


def test_generators_give_the_same_in_another_process() -> None:
    program = (
        "import sys; from gradcheck.inputs.tensor import read_tensor; "
        "array = read_tensor('normal:3x2', option='--x', seed=5).array; "
        "assert not {'tensorflow', 'keras', 'ml_dtypes'} & set(sys.modules); print(array.tobytes().hex())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "123"}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert bytes.fromhex(found.stdout) == read("normal:3x2", seed=5).array.tobytes()


@pytest.mark.parametrize("text", ["normal:", "normal:8y64", "uniform:8x", "normal:-3", "normal:2.5"])
def test_generators_without_a_shape_are_refused(text: str) -> None:
    assert "gives no shape" in refusal(text)
    assert re.search(r"Write (normal|uniform):8x64", refusal(text))


def test_generators_of_nothing_or_too_much_are_refused() -> None:
    assert "empty: it has shape (0, 3)" in refusal("normal:0x3")
    assert "memory" in refusal("normal:1000000x1000000")


# Standard input and the file system


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(npy_bytes(np.ones((2, 3))))))
    same(read("-").array, np.ones((2, 3)))


@pytest.mark.parametrize("content", [b"", npy_bytes(np.ones(9))[:-1]])
def test_standard_input_that_is_no_npy_is_refused(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert "--x - (standard input) is" in refusal("-")


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Terminal()))
    assert "is a terminal" in refusal("-")


def test_a_missing_file_suggests_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "kernel.npy", 1.0)
    assert f"Did you mean {tmp_path / 'kernel.npy'}?" in refusal(tmp_path / "kernal.npy")
    assert "Did you mean" not in refusal(tmp_path / "zzz.npy")
    assert "no directory" in refusal(tmp_path / "nowhere" / "x.npy")
    monkeypatch.chdir(tmp_path)
    assert refusal("kernel.npz:a").endswith("Did you mean kernel.npy?")


def test_directories_and_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d.npy").mkdir()
    (tmp_path / "x.mat").touch()
    assert "is a directory" in refusal(tmp_path / "d.npy")
    assert "is empty" in refusal(tmp_path / "x.mat")
    assert "no such file" in refusal(tmp_path / "x.mat" / "y.npy")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    # A mode would not stop root, who runs the tests in many containers.
    monkeypatch.setattr(Path, "open", denied)
    assert "permission denied" in refusal(saved(tmp_path / "x.npy", 1.0))


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.json"])
def test_the_file_is_left_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    if name == "x.npy":
        np.save(path, array)
    elif name == "x.npz":
        np.savez(path, a=array)
    elif name == "x.csv":
        np.savetxt(path, array, delimiter=",")
    else:
        path.write_text(json.dumps(array.tolist()))
    before = path.read_bytes()
    reading = read(path, dtype="float64")
    reading.array[:] = 0
    np.testing.assert_array_equal(read(path, dtype="float64").array, array)
    assert path.read_bytes() == before
