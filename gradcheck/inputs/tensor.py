"""What the command line calls a TENSOR: a file, standard input, a literal or a generator → one array."""

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import numpy as np

from gradcheck.arrays.streams import generator_of_option
from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError, beginning, legible
from gradcheck.inputs.archive import read_npz
from gradcheck.inputs.extras import read_mat, read_safetensors
from gradcheck.inputs.keys import refuse_key
from gradcheck.inputs.kinds import Kind, kind_of
from gradcheck.inputs.memory import check_memory
from gradcheck.inputs.nested import read_literal
from gradcheck.inputs.npy import read_npy
from gradcheck.inputs.opening import FORMS, STDIN, SUFFIXES, located, opened
from gradcheck.inputs.precision import AUTO, Raw, Reading, common, converted, named_dtype
from gradcheck.inputs.source import Source
from gradcheck.inputs.text import read_text

# The most characters of a TENSOR that an error repeats.
SHOWN = 120

_GENERATOR = re.compile(r"(normal|uniform):(.*)", re.DOTALL)


def read_tensors(
    texts: Mapping[str, str],
    *,
    seed: int,
    dtype: str = AUTO,
    keep_integers: bool = False,
    beside: Sequence[np.dtype[Any]] = (),
) -> dict[str, Reading]:
    """Read the tensors that texts describe; nothing is ever written and nothing unpickled.

    `texts` are by the options that error sentences name, such as `--x`; random numbers follow from these
    and `seed`. A text is a file or pipe (.npy, .npz, a table of numbers or JSON, any of these as .gz, and
    .safetensors and .mat), `FILE:key` for one array of several, `-` for standard input, a literal such as
    `3.0` or `[[1,2],[3,4]]`, or `normal:8x64`. `dtype` is what to convert to; `auto` keeps floats, and gives
    what has no floating dtype of its own that of the others, of which those of `beside` are too, or float32
    (float64 where integers need it). With `keep_integers` and `auto`, integers and booleans in binary files
    stay what they are, such as indices; written ones, as [[1,2],[3,4]], become floating all the same.

    Raises `TensorError` for no tensor, or one without a gradient: complex, text, empty, NaN, infinite.
    """
    raws = {option: _read(text, option, seed, dtype) for option, text in texts.items()}
    shared = common([*beside, *(raw.array.dtype for raw in raws.values() if raw.floating)])
    found = {}
    for option, raw in raws.items():
        with _within_memory(raw.where):
            kept = keep_integers and dtype == AUTO and _whole(raw)
            found[option] = _kept(raw) if kept else converted(raw, dtype, shared)
    return found


def read_tensor(text: str, *, option: str, seed: int, **settings: Any) -> Reading:
    """Read one tensor, as `read_tensors` does."""
    return read_tensors({option: text}, seed=seed, **settings)[option]


def _whole(raw: Raw) -> bool:
    return raw.own and raw.array.dtype.kind in "iub" and raw.array.size > 0


def _kept(raw: Raw) -> Reading:
    kept = f"{raw.where}: {raw.array.dtype.name} is passed as it is and not differentiated"
    return Reading(raw.array, (f"{kept}; --dtype float32 makes it floating.",))


def _read(text: str, option: str, seed: int, dtype: str) -> Raw:
    if not text.strip():
        raise TensorError(f"{option} is empty text.", FORMS)
    where = f"{option} {_shown(text)}"
    with _within_memory(where):
        return _raw(text, where, option, seed, dtype)


@contextmanager
def _within_memory(where: str) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise TensorError(
            f"{where} takes more memory than is free.",
            "Give a smaller tensor, or save it with numpy.save, which takes least.",
        ) from error


def _raw(text: str, where: str, option: str, seed: int, dtype: str) -> Raw:
    if generated := _GENERATOR.fullmatch(text):
        return Raw(_generate(generated, where, generator_of_option(seed, option)), where, own=False)
    if _is_literal(text):
        return Raw(_literal(text, where), where, own=False)
    name, key = located(text)
    with opened(name, where) as source:
        return _read_source(source, key, PurePath(name).suffix.lower(), dtype)


def _shown(text: str) -> str:
    """The text on one line, and cut where it is long: it may be a literal of any size."""
    if text == STDIN:
        return "- (standard input)"
    return beginning(" ".join(legible(text).split()), SHOWN)


def _is_literal(text: str) -> bool:
    if text.lstrip().startswith("["):
        return True
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false")
    return True


def _literal(text: str, where: str) -> Array:
    try:
        return read_literal(text, where)
    except TensorError as error:
        if text.lower().endswith(SUFFIXES) or os.path.exists(text):
            raise TensorError(error.found, f"If it is a file, write ./{_shown(text)}.") from error
        raise


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


def _read_source(source: Source, key: str | None, suffix: str, dtype: str) -> Raw:
    """The array in a file, whatever kind of file that is."""
    match kind_of(source, suffix):
        case Kind.GZIP:
            inside = PurePath(PurePath(source.file).stem).suffix.lower()
            return _read_source(source.unpacked(), key, inside, dtype)
        case Kind.NPY:
            refuse_key(key, source, "a .npy file")
            array = read_npy(source, dtype)
        case Kind.NPZ:
            array = read_npz(source, key, dtype)
        case Kind.SAFETENSORS:
            array = read_safetensors(source, key)
        case Kind.MAT:
            array = read_mat(source, key)
        case Kind.TEXT:
            array, words = read_text(source, key, suffix)
            form = f"{source.where}: read as shape {array.shape}{words}."
            return Raw(array, source.where, own=False, form=form)
    if array.dtype.kind == "V":  # only bfloat16 gets here as raw bytes
        array = array.view(named_dtype("bfloat16"))
    return Raw(array, source.where, own=True)
