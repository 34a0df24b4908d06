"""Formats that other packages read: .safetensors and .mat, with `gradcheck[files]`."""

import importlib
import math
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError
from gradcheck.inputs.foreign import python
from gradcheck.inputs.keys import choose
from gradcheck.inputs.memory import check_memory, machine_memory
from gradcheck.inputs.source import Source

_SAFETENSORS_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "V2",
    "BOOL": "?",
    **{f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)},
}
"""By the names of the format; NumPy holds bfloat16 as 2 raw bytes."""
_MATLAB_NUMBERS = {"double": 8, "single": 4, "logical": 1} | {
    f"{sign}int{8 * size}": size for sign in ("", "u") for size in (1, 2, 4, 8)
}
"""Classes of arrays of numbers, and bytes a number."""


def read_safetensors(source: Source, key: str | None) -> Array:
    """Read one tensor of a .safetensors file; bfloat16 as raw values of 2 bytes."""
    line = python('safetensors.numpy.load_file(FILE)["NAME"]', "safetensors.numpy")
    package = _package("safetensors", source, line(source.file))
    # The package copies every tensor.
    data = source.rest(machine_memory() // 2, "Save the tensor that is meant with numpy.save.")
    try:
        found = dict(package.deserialize(bytes(data)))
    except Exception as error:
        raise TensorError(
            f"{source.where} is a truncated or corrupt .safetensors file ({error}).", "Save it again."
        ) from error
    stored = found[choose(list(found), key, source, "Save one with safetensors.numpy.save_file.")]
    if stored["dtype"] not in _SAFETENSORS_DTYPES:
        raise TensorError(
            f"{source.where} holds numbers of the dtype {stored['dtype']}, which NumPy does not know.",
            "Save them as float32.",
        )
    dtype = np.dtype(_SAFETENSORS_DTYPES[stored["dtype"]])
    return np.frombuffer(stored["data"], dtype).reshape(stored["shape"]).astype(dtype.newbyteorder("="))


def read_mat(source: Source, key: str | None) -> Array:
    """Read one array of numbers of a .mat file before version 7.3; every one has two axes or more."""
    line = python('scipy.io.loadmat(FILE)["NAME"]', "scipy.io")
    package = _package("scipy.io", source, line(source.file))
    whole = source.whole()
    try:
        listed = {name: (shape, kind) for name, shape, kind in package.whosmat(whole)}
        name = choose(list(listed), key, source, "Save one as save('x.mat', 'x', '-v7').")
        _refuse_class(*listed[name], source)
        whole.seek(0)
        array: Any = package.loadmat(whole, variable_names=[name])[name]
    except TensorError:
        raise
    except Exception as error:  # scipy raises whatever its parser stumbles over
        raise TensorError(
            f"{source.where} is a truncated or corrupt .mat file ({type(error).__name__}: {error}).",
            "Save it again as save('x.mat', 'x', '-v7').",
        ) from error
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _refuse_class(shape: tuple[int, ...], kind: str, source: Source) -> None:
    if kind not in _MATLAB_NUMBERS:
        raise TensorError(
            f"{source.where} holds {kind}, not an array of numbers.",
            "Save full(x) of a sparse matrix x, and x.a of a structure.",
        )
    check_memory(math.prod(shape) * _MATLAB_NUMBERS[kind], f"{source.where} promises shape {shape} of {kind}")


def _package(name: str, source: Source, line: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise TensorError(
            f"{source.where} needs the package {name.partition('.')[0]}, which is not installed.",
            f"Run pip install 'gradcheck[files]'. {line}",
        ) from error
