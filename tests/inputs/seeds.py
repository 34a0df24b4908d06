"""Valid inputs of every kind, to be damaged: as small as they can be and still hold what their format has."""

from __future__ import annotations

import functools
import gzip
import io
import json
import os
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.inputs.reading import header_only, npy_bytes

ARRAY = np.array([[1.5, 2.5, -3.0], [0.25, 1e3, 7.0]])
PICKLE = b"\x80\x04cos\nsystem\n(S'true'\ntR."
"""What pickle.load would run."""


def npz_bytes(**arrays: Any) -> bytes:
    """What numpy.savez writes."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of what it is given, whatever the names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as opened:
        for name, content in members.items():
            opened.writestr(zipfile.ZipInfo(name), content, compression)
    return stream.getvalue()


def safetensors_bytes(header: Any, data: bytes) -> bytes:
    """A .safetensors file with a header of its own."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _objects() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}, None], object), allow_pickle=True)
    return stream.getvalue()


def _mat() -> list[bytes]:
    import scipy.io

    found = []
    for compressed in (False, True):
        stream = io.BytesIO()
        scipy.io.savemat(
            stream, {"x": ARRAY, "s": "text", "y": np.eye(2, dtype="f4")}, do_compression=compressed
        )
        found.append(stream.getvalue())
    stream = io.BytesIO()
    scipy.io.savemat(stream, {"x": ARRAY})
    return [*found, stream.getvalue()]


_LISTS = json.dumps(ARRAY.tolist()).encode()
_CSV = b"1.5,2.5,-3.0\n0.25,1000.0,7.0\n"


@functools.cache
def tensors() -> dict[str, list[bytes]]:
    """By suffix."""
    npy = [
        npy_bytes(ARRAY),
        npy_bytes(ARRAY.astype(">f4").T),
        npy_bytes(np.arange(6)),
        npy_bytes(np.array(2.5)),
        npy_bytes(np.zeros((1,) * 32)),
        npy_bytes(np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")])),
        npy_bytes(np.array(["a", "bc"])),
        npy_bytes(np.array(["2024-01-01"], "M8[D]")),
        npy_bytes(np.array([1 + 2j])),
        npy_bytes(np.array([b"ab"], "V2")),
        npy_bytes(np.array([1.5], np.longdouble)),
        _objects(),
        PICKLE,
    ]
    two = npz_bytes(a=ARRAY, b=np.eye(2))
    inside = {
        "../../a.npy": npy_bytes(ARRAY),
        "/tmp/b.npy": npy_bytes(ARRAY),
        "c\x1b[31m\n.npy": npy_bytes(ARRAY),
    }
    npz = [
        npz_bytes(a=ARRAY),
        two,
        archive(inside),
        archive({"a.npy": _objects()}),
        archive({"a.npy": PICKLE}),
    ]
    npz += [archive({"a.npy": npy_bytes(ARRAY)}, kind) for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)]
    npz += [archive({"a.npy": header_only("(1000000000000,)", "<f8", bytes(100_000))})]
    texts = {
        ".json": [
            _LISTS,
            b'{"a": {"b": [1.5, 2]}, "c": [[1e3, -0.5]]}',
            b'{"0": 1.5, "1": 2}',
            b"[" * 60 + b"]" * 60,
        ],
        ".csv": [
            _CSV,
            b'"a","b"\n1,2.5\n3,4.5\n',
            b"1,5;2,5\n3,5;4,5\n",
            b"# comment\n1.5\n2.5\n",
            b'"1,234.5","2"\n',
        ],
        ".tsv": [b"1.5\t2.5\n3.5\t4.5\n", b"\t0\t1\n0\t1.5\t2\n"],
        ".txt": [
            b"1.5 2.5\n3.5 4.5\n",
            b"1 000 2\n1 034 3\n",
            b"\xef\xbb\xbf1.5|2\n3|4\n",
            b"5 %\n6 % per cent\n",
        ],
    }
    layout = {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    second = {"b\x1b[31m": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]}}
    safe = [safetensors_bytes(layout, bytes(16)), safetensors_bytes({**layout, **second}, bytes(22))]
    packed = [
        gzip.compress(each) for each in (npy[0], _LISTS, _CSV, npz[0], bytes(100_000), b"1.5,2\n" * 500)
    ]
    return {".npy": npy, ".npz": npz, **texts, ".safetensors": safe, ".mat": _mat(), ".gz": packed}


SUITES = [
    b'[defaults]\nrtol = 1e-5\n\n[[check]]\nname = "pool"\nlayer = "maxpool1d"\nx = "normal:2x6"\nseed = 3\n',
    b'[[check]]\nfunction = "ops.py:f"\nargs = {x = "x.npy", y = [[1.0, 2], [3, 4]]}\nexpect = "fail"\n\n'
    b"[check.matrix]\nseed = [1, 2, 3]\nmode = [\"auto\", 'directions']\n",
    b'[[check]]\nmodel = "m.keras"\nx = """\nnormal:2x3"""\ny = 2024-01-01T00:00:00Z\nloss = "mse"\n',
    b'[[check]]\nlayer = "Dense"\nconfig.units = 3\nconfig."a b" = {a.b = [true, 0x10, nan, -inf]}\n',
    b'[tool.gradcheck.defaults]\n"dtype" = "float64" # comment\n',
]


@functools.cache
def models() -> list[bytes]:
    """Files that Keras saved: with a convolution, a loss, functions by name; and one with a Lambda layer."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    layers = keras.layers
    small = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, "gelu", name="d"), layers.BatchNormalization()]
    )
    small.compile("sgd", "mse")
    entry = keras.Input((4, 2), name="x")
    side = layers.Conv1D(2, 2, padding="same", kernel_regularizer="l2")(entry)
    graph = keras.Model(entry, layers.Flatten()(layers.Add()([side, entry])))
    own = keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: x * x)])
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for model in (small, graph, own):
            path = Path(folder, "m.keras")
            model.save(path)
            found.append(path.read_bytes())
    return found
