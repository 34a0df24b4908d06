"""Formats that other packages read: .safetensors and .mat, with `gradcheck[files]`."""

import importlib
import importlib.util
import io
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError
from gradcheck.inputs import matlab
from gradcheck.inputs.foreign import python
from gradcheck.inputs.keys import choose
from gradcheck.inputs.memory import check_memory
from gradcheck.inputs.npy import read_npy
from gradcheck.inputs.source import Source
from gradcheck.runtime import machine_memory

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "V2",
    "BOOL": "?",
    **{f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)},
}
"""By their names in .safetensors; NumPy holds bfloat16 as 2 raw bytes."""
_SAVE_SMALLER = "Save the tensor that is meant with numpy.save."


def read_safetensors(source: Source, key: str | None) -> Array:
    """Read one tensor of a .safetensors file; bfloat16 as raw values of 2 bytes."""
    _require("safetensors", source, 'safetensors.numpy.load_file(FILE)["NAME"]', "safetensors.numpy")
    package: Any = importlib.import_module("safetensors")
    # The bytes, a copy for the package, and a copy that it makes.
    data = source.rest(machine_memory() // 4, _SAVE_SMALLER)
    try:
        found = dict(package.deserialize(bytes(data)))
    except Exception as error:
        raise TensorError(
            f"{source.where} is a truncated or corrupt .safetensors file ({error}).", "Save it again."
        ) from error
    stored = found[choose(sorted(found), key, source, "Save one with safetensors.numpy.save_file.")]
    if stored["dtype"] not in _DTYPES:
        raise TensorError(
            f"{source.where} holds numbers of the dtype {stored['dtype']}, which NumPy does not know.",
            "Save them as float32.",
        )
    dtype = np.dtype(_DTYPES[stored["dtype"]])
    return np.frombuffer(stored["data"], dtype).reshape(stored["shape"]).astype(dtype.newbyteorder("="))


def read_mat(source: Source, key: str | None) -> Array:
    """Read one array of numbers of a .mat file before version 7.3; every one has two axes or more."""
    _require("scipy", source, 'scipy.io.loadmat(FILE)["NAME"]', "scipy.io")
    most = machine_memory() // 4
    done = subprocess.run(
        [sys.executable, "-P", matlab.__file__, str(most), *([] if key is None else [key])],
        input=source.rest(most, _SAVE_SMALLER),
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    line, _, written = done.stdout.partition(b"\n")
    if done.returncode != 0 or not line:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or "its reader crashed"
        raise TensorError(
            f"{source.where} is a truncated or corrupt .mat file ({reason}).",
            "Save it again as save('x.mat', 'x', '-v7').",
        )
    listed = json.loads(line)
    shape, kind = listed[choose(list(listed), key, source, "Save one as save('x.mat', 'x', '-v7').")]
    if kind not in matlab.NUMBERS:
        raise TensorError(
            f"{source.where} holds {kind}, not an array of numbers.",
            "Save full(x) of a sparse matrix x, and x.a of a structure.",
        )
    check_memory(4 * matlab.size_of(shape, kind), f"{source.where} promises shape {tuple(shape)} of {kind}")
    if 0 in shape:  # of which nothing is written
        return np.zeros(shape)
    return read_npy(Source(io.BytesIO(written), source.where, source.file, size=len(written)), "auto")


def _require(package: str, source: Source, array: str, module: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise TensorError(
            f"{source.where} needs the package {package}, which is not installed.",
            f"Run pip install 'gradcheck[files]'. {python(array, module)(source.file)}",
        )
