"""Files of other programs: named for what they are, each with the line that converts it."""

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradcheck.errors import TensorError
from gradcheck.inputs.keys import listed

Remedy = Callable[[str], str]
"""The name of a file → what to do."""


@dataclass(frozen=True)
class Foreign:
    """A kind of file that gradcheck does not read."""

    what: str
    """What it is: `an HDF5 file`."""
    begins: re.Pattern[bytes]
    """How it begins."""
    remedy: Remedy


def python(array: str, *packages: str, before: str = "Convert it") -> Remedy:
    """The line of Python that saves an array, an expression in which FILE stands for the name of the file."""

    def remedy(file: str) -> str:
        to, read = re.sub(r"(\.\w{1,11})?$", ".npy", file, count=1), array.replace("FILE", _quoted(file))
        code = f"import {', '.join(['numpy', *packages])}; numpy.save({_quoted(to)}, {read})"
        return f"{before}: python -c {shlex.quote(code)}."

    return remedy


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _saying(text: str) -> Remedy:
    return lambda file: text.replace("FILE", file)


def _kind(what: str, begins: bytes, remedy: Remedy) -> Foreign:
    return Foreign(what, re.compile(begins, re.DOTALL), remedy)


_TORCH = python("torch.load(FILE, weights_only=True).numpy(force=True)", "torch")
_EXCEL = python("pandas.read_excel(FILE, header=None).to_numpy(float)", "pandas")
_IN_R = _saying('Convert it in R: write.table(x, "x.csv", sep=",", row.names=FALSE, col.names=FALSE).')
_PICTURE = python("keras.utils.img_to_array(keras.utils.load_img(FILE))", "keras")

FOREIGN = (
    _kind(
        "a Git LFS pointer, not the file that it stands for",
        rb"version https://git-lfs\.github\.com/spec/",
        _saying("Run git lfs pull."),
    ),
    _kind(
        "an HTML page, as a download gives that needs a login or another link",
        rb"(?i)\s*(<\?xml[^>]*>\s*)?<(!doctype html|html|head)",
        _saying("Download the file itself."),
    ),
    _kind(
        "a file of MATLAB 7.3, which is HDF5",
        rb"MATLAB 7\.3",
        python('h5py.File(FILE)["NAME"][()].T', "h5py"),
    ),
    _kind("an HDF5 file", rb"\x89HDF\r\n\x1a\n", python('h5py.File(FILE)["NAME"][()]', "h5py")),
    _kind("a Parquet file", rb"PAR1", python("pandas.read_parquet(FILE).to_numpy(float)", "pandas")),
    _kind("an Arrow file", rb"ARROW1|FEA1", python("pandas.read_feather(FILE).to_numpy(float)", "pandas")),
    _kind(
        "an Arrow stream",
        rb"\xff\xff\xff\xff",
        python("pyarrow.ipc.open_stream(FILE).read_pandas().to_numpy(float)", "pyarrow.ipc"),
    ),
    _kind("an Excel file", rb"\xd0\xcf\x11\xe0", _EXCEL),
    # Sparse ones are read as a sparse matrix, full ones as an array, which has no toarray.
    _kind(
        "a full matrix in the Matrix Market format",
        rb"(?i)%%MatrixMarket\s+matrix\s+array\s",
        python("scipy.io.mmread(FILE)", "scipy.io"),
    ),
    _kind(
        "a sparse matrix in the Matrix Market format",
        rb"(?i)%%MatrixMarket\s",
        python("scipy.io.mmread(FILE).toarray()", "scipy.io"),
    ),
    _kind("an R data file", rb"RD[AXB][23]\n|[XAB]\n\x00\x00\x00[\x02\x03]", _IN_R),
    _kind("a picture", rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a", _PICTURE),
    _kind("compressed by bzip2", rb"BZh[1-9]", _saying("Unpack it first: bunzip2 FILE.")),
    _kind("compressed by xz", rb"\xfd7zXZ\x00", _saying("Unpack it first: unxz FILE.")),
    _kind("compressed by zstd", rb"\x28\xb5\x2f\xfd", _saying("Unpack it first: unzstd FILE.")),
    _kind("a tar archive", rb".{257}ustar", _saying("Unpack it first: tar xf FILE.")),
    _kind(
        "a .npy file that was converted as text",
        rb"(\xc2\x93|\xef\xbf\xbd|\?|\xff\xfe.{0,4})N\x00?U\x00?M\x00?P\x00?Y",
        _saying("Copy it again in binary mode, and write it with numpy.save, not by a shell's >."),
    ),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")


def refuse_foreign(head: bytes, where: str, file: str) -> None:
    """Refuse a file of another program, told by its first bytes."""
    for kind in FOREIGN:
        if kind.begins.match(head):
            raise TensorError(f"{where} is {kind.what}.", kind.remedy(file))
    if _PICKLE.match(head):
        if file.endswith((".pt", ".pth", ".ckpt")):
            raise TensorError(f"{where} is a file of PyTorch.", _TORCH(file))
        array = 'numpy.asarray(pickle.load(open(FILE, "rb")), float)'
        line = python(array, "pickle", before="If you trust it, convert it")
        raise TensorError(
            f"{where} is a Python pickle, which can run code; gradcheck opens none.", line(file)
        )


def refuse_archive(names: Sequence[str], where: str, file: str) -> None:
    """Refuse a zip archive without arrays of NumPy, told by the names in it."""
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        raise TensorError(f"{where} is a model saved by Keras.", f"Check it with gradcheck model {file}.")
    if any(name.endswith("data.pkl") for name in names):
        raise TensorError(f"{where} is a file of PyTorch.", _TORCH(file))
    if any(name.startswith("xl/") for name in names):
        raise TensorError(f"{where} is an Excel file.", _EXCEL(file))
    raise TensorError(
        f"{where} is a zip archive without an array of NumPy; it holds {listed(names, 3)}.", "Unpack it."
    )


def refuse_unknown(head: bytes, where: str, file: str) -> None:
    """Refuse bytes that are neither text nor known."""
    line = python(
        'numpy.fromfile(FILE, "float32").reshape(SHAPE)', before="If it holds raw numbers, convert it"
    )
    raise TensorError(
        f"{where} is binary data of no kind that gradcheck knows; it begins with {head[:6].hex(' ')}.",
        line(file),
    )
