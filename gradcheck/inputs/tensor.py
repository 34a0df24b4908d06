"""What the command line calls a TENSOR: a file, standard input, a literal or a generator → one array."""

import difflib
import math
import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.arrays.streams import generator_of_option
from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import TensorError
from gradcheck.inputs.npy import check_memory, read_npy, read_npz
from gradcheck.inputs.text import read_json, read_literal, read_table
from gradcheck.inputs.usable import first, in_all, refuse_unusable

SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".txt", ".json")
FORMS = (
    "Give a file (.npy, .npz, .csv, .tsv, .txt, .json), -, a literal such as [[1,2],[3,4]], or normal:8x64."
)
# The most characters of a TENSOR that an error repeats.
SHOWN = 120

_GENERATOR = re.compile(r"(normal|uniform):(.*)", re.DOTALL)
_ARCHIVE = re.compile(r"(.*\.npz):(.+)", re.DOTALL | re.IGNORECASE)
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": None}


@dataclass(frozen=True)
class Reading:
    """A tensor as the check will see it."""

    array: Array
    """float16, bfloat16, float32 or float64 finite, not empty, in native byte order and C order."""
    notes: tuple[str, ...] = ()
    """What was changed on the way, a sentence each."""


def read_tensor(
    text: str, *, option: str, seed: int, dtype: str = "auto", keep_integers: bool = False
) -> Reading:
    """Read the tensor that `text` describes; nothing is ever written and nothing unpickled.

    `text` is a path to .npy, .npz (`file.npz` or `file.npz:key`), .csv, .tsv, .txt or .json, `-` for .npy on
    standard input, a literal such as `3.0` or `[[1,2],[3,4]]`, or `normal:8x64`. Error sentences name
    `option`, such as `--x`, and random numbers follow from it and `seed`. `dtype` is what to convert to;
    `auto` keeps floats, and takes float32 (float64 where integers need it) otherwise. With `keep_integers`
    and `auto`, integers and booleans in .npy and .npz stay what they are, such as indices; written ones, as
    [[1,2],[3,4]], become float32 all the same.

    Raises `TensorError` for no tensor, or one without a gradient: complex, text, empty, NaN, infinite.
    """
    if not text.strip():
        raise TensorError(f"{option} is empty text.", FORMS)
    where = f"{option} {_shown(text)}"
    if text == "-":
        array, written = _read_stdin(where, dtype), False
    elif generated := _GENERATOR.fullmatch(text):
        array, written = _generate(generated, where, generator_of_option(seed, option)), True
    elif _is_literal(text):
        array, written = read_literal(text, where), True
    else:
        array, written = _read_file(text, where, dtype)
    if keep_integers and not written and dtype == "auto" and array.dtype.kind in "iub" and array.size:
        kept = f"{where}: {array.dtype.name} is passed as it is and not differentiated"
        return Reading(array, (f"{kept}; --dtype float32 makes it floating.",))
    return _converted(array, where, dtype, written)


def _shown(text: str) -> str:
    """The text on one line, and cut where it is long: it may be a literal of any size."""
    if text == "-":
        return "- (standard input)"
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _is_literal(text: str) -> bool:
    if text.lstrip().startswith("["):
        return True
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false")
    return True


def _generate(asked: re.Match[str], where: str, generator: np.random.Generator) -> Array:
    """Random numbers in float64, so that every precision starts from the same ones."""
    kind, sizes = asked.groups()
    if not re.fullmatch(r"[0-9]{1,18}(x[0-9]{1,18})*", sizes):
        raise TensorError(
            f"{where} gives no shape after {kind}:, which needs sizes joined by x.",
            f"Write {kind}:8x64 for shape (8, 64).",
        )
    shape = tuple(int(size) for size in sizes.split("x"))
    check_memory(8 * math.prod(shape), f"{where} asks for shape {shape}")
    return generator.standard_normal(shape) if kind == "normal" else generator.random(shape)


def _read_stdin(where: str, dtype: str) -> Array:
    if sys.stdin.buffer.isatty():
        raise TensorError(f"{where} is a terminal.", "Pipe a .npy file into it, or give a file.")
    return read_npy(sys.stdin.buffer, where, dtype)


def _read_file(text: str, where: str, dtype: str) -> tuple[Array, bool]:
    """The array, and whether it was written as text."""
    archive = _ARCHIVE.fullmatch(text)
    path = Path(archive[1] if archive else text)
    suffix = path.suffix.lower()
    try:
        size = _regular_size(path, where)
        if suffix not in SUFFIXES:
            raise TensorError(f"{where} has no suffix that gradcheck can read.", FORMS)
        with path.open("rb") as stream:
            if suffix == ".npy":
                return read_npy(stream, where, dtype, size), False
            if suffix == ".npz":
                return read_npz(stream, archive[2] if archive else None, where, dtype), False
            check_memory(size, f"{where} is a file")
            table = suffix in _DELIMITERS
            return read_table(stream, where, _DELIMITERS[suffix]) if table else read_json(stream, where), True
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TensorError(f"{where}: there is no such file.", _suggestion(path)) from error
    except PermissionError as error:
        raise TensorError(
            f"{where} may not be read: permission denied.", "Change its permissions, or copy it."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TensorError(f"{where} cannot be read: {reason}.", FORMS) from error


def _regular_size(path: Path, where: str) -> int:
    """Size of the file in bytes; opening a pipe by its name would wait for ever."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise TensorError(f"{where} is a directory.", "Name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise TensorError(f"{where} is no regular file.", "Use - to read .npy from standard input.")
    return status.st_size


def _suggestion(path: Path) -> str:
    folder = path.parent
    try:
        names = sorted(entry for entry in os.listdir(folder) if entry.lower().endswith(SUFFIXES))
    except OSError:
        return f"There is no directory {folder} either." if path.name != str(path) else FORMS
    near = [str(folder / name) for name in difflib.get_close_matches(path.name, names, n=3)]
    return f"Did you mean {' or '.join(near)}?" if near else FORMS


def _converted(array: Array, where: str, dtype: str, written: bool) -> Reading:
    """The array at the precision asked for, with a note on every change that is more than rounding."""
    if array.dtype.kind == "V":  # Only bfloat16 gets here as raw bytes.
        array = array.view(_dtype("bfloat16"))
    refuse_unusable(array, where)
    target = _automatic(array, written) if dtype == "auto" else _dtype(dtype)
    with np.errstate(all="ignore"):
        result = array.astype(target, order="C", copy=False)
    bad = ~np.isfinite(result)
    if bad.any():
        raise TensorError(
            f"{where} holds {in_all(bad)} values too large for {target.name}, {first(array, bad)}.",
            "Take a wider precision, such as --dtype float64, or scale the values down.",
        )
    notes = []
    if not is_floating(array.dtype):
        kind = "booleans" if array.dtype.kind == "b" else "integers"
        rounded = int(np.count_nonzero(~_same(array, result)))
        loss = f", {rounded:,} of them rounded" if rounded else ""
        reason = "" if target.name != "float64" or dtype != "auto" else " (float32 cannot hold them exactly)"
        notes.append(f"{where}: {kind} become {target.name}{reason}{loss}.")
    elif dtype == "auto" and not written and array.dtype != target:
        notes.append(f"{where}: {array.dtype.name} becomes {target.name}.")
    lost = (result == 0) & (array != 0)
    if lost.any():
        notes.append(f"{where}: {in_all(lost)} values are too small for {target.name} and become 0.")
    return Reading(result, tuple(notes))


def _dtype(name: str) -> np.dtype[Any]:
    """NumPy knows bfloat16 only through TensorFlow."""
    if name != "bfloat16":
        return np.dtype(name)
    from gradcheck.runtime import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    dtype: np.dtype[Any] = np.dtype(tf.bfloat16.as_numpy_dtype)
    return dtype


def _automatic(array: Array, written: bool) -> np.dtype[Any]:
    """The dtype that `auto` gives: text has none of its own and takes TensorFlow's default."""
    if is_floating(array.dtype):
        if written:
            return np.dtype(np.float32)
        return array.dtype if array.dtype.itemsize <= 8 else np.dtype(np.float64)
    with np.errstate(all="ignore"):
        narrow = array.astype(np.float32)
    return np.dtype(np.float32 if bool(_same(array, narrow).all()) else np.float64)


def _same(integers: Array, floats: Array) -> Array:
    """Where floats hold the integers exactly; integers beyond the range of the way back are not held."""
    with np.errstate(all="ignore"):
        return np.asarray(floats.astype(integers.dtype) == integers)
