"""A .mat file on standard input → a line of JSON, what it holds, and one array as .npy, on standard output.

This is a program of its own, for scipy's parser ends the process at some damaged files. It is run by its path
and imports nothing of the package.
"""

import io
import json
import math
import sys
from collections.abc import Sequence
from typing import BinaryIO

NUMBERS = {"double": 8, "single": 4, "logical": 1} | {
    f"{sign}int{8 * size}": size for sign in ("", "u") for size in (1, 2, 4, 8)
}
"""MATLAB's classes of arrays of numbers, and bytes a number."""


def size_of(shape: Sequence[int], kind: str) -> int:
    """Bytes of an array; 0 for one that holds no numbers."""
    return math.prod(shape) * NUMBERS.get(kind, 0)


def main(most: int, key: str | None, source: BinaryIO, out: BinaryIO) -> None:
    """Write what is listed and, where it is clear which, the array, unless it has more bytes than `most`."""
    import numpy as np
    import scipy.io

    whole = io.BytesIO(source.read())
    listed = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(whole)}
    out.write(json.dumps(listed).encode() + b"\n")
    name = next(iter(listed), None) if key is None and len(listed) == 1 else key
    if name in listed and 0 < size_of(*listed[name]) <= most:
        whole.seek(0)
        np.save(out, scipy.io.loadmat(whole, variable_names=[name])[name], allow_pickle=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None, sys.stdin.buffer, sys.stdout.buffer)
