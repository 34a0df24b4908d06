"""What a file is, told by its first bytes, and what its name says it is."""

import codecs
import re
from enum import Enum
from pathlib import PurePath

from gradcheck.errors import TensorError
from gradcheck.inputs.foreign import refuse_foreign, refuse_unknown
from gradcheck.inputs.header import MAGIC
from gradcheck.inputs.source import Source


class Kind(Enum):
    """What is read."""

    NPY = "a .npy file"
    NPZ = "an .npz file (a zip archive)"
    GZIP = "a .gz file"
    SAFETENSORS = "a .safetensors file"
    MAT = "a .mat file"
    TEXT = "text"


NAMED = {
    ".npy": (Kind.NPY,),
    ".npz": (Kind.NPZ,),
    ".gz": (Kind.GZIP,),
    ".safetensors": (Kind.SAFETENSORS,),
    ".mat": (Kind.MAT, Kind.TEXT),
    **dict.fromkeys((".csv", ".tsv", ".txt", ".json"), (Kind.TEXT,)),
}
"""What a file called so must be; Octave saves text in .mat files. Other names say nothing."""
_SUFFIXES = {
    Kind.NPY: ".npy",
    Kind.NPZ: ".npz",
    Kind.GZIP: ".gz",
    Kind.SAFETENSORS: ".safetensors",
    Kind.MAT: ".mat",
    Kind.TEXT: ".txt",
}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def kind_of(source: Source, suffix: str) -> Kind:
    """What the source is, which is named where it cannot be read or is not what its name says."""
    head = source.head()
    if not head:
        raise TensorError(f"{source.where} is empty: it holds 0 bytes.", "Write the tensor again.")
    refuse_foreign(head, source.where, source.file)
    found, named = _told(head), NAMED.get(suffix, ())
    if found is None:
        # The reader of .npy says what is wrong with its first bytes. The others read all that a name such as
        # x.npz may link to, be it /dev/zero.
        if Kind.NPY not in named:
            refuse_unknown(head, source.where, source.file)
        return Kind.NPY
    if source.packed and found not in (Kind.NPY, Kind.TEXT):
        # How long these are is known at their end only.
        raise TensorError(f"{source.where} is {found.value} in a .gz file.", f"Run gunzip {source.file}.")
    if named and found not in named:
        raise TensorError(
            f"{source.where} is {found.value}, but called {suffix}.",
            f"Call it {_renamed(PurePath(source.file), found)}, or save it again as {suffix}.",
        )
    return found


def _renamed(file: PurePath, found: Kind) -> PurePath:
    if found is Kind.GZIP:
        return file.with_name(f"{file.name}.gz")
    inside = file.with_suffix("")
    if found in NAMED.get(inside.suffix.lower(), ()):  # what was called .csv.gz and is not compressed
        return inside
    return file.with_suffix(_SUFFIXES[found])


def _told(head: bytes) -> Kind | None:
    if head.startswith(MAGIC) or MAGIC.startswith(head):
        return Kind.NPY
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Kind.NPZ
    if head.startswith(b"\x1f\x8b"):
        return Kind.GZIP
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return Kind.MAT
    # The length of a JSON object, in 8 bytes, and the object.
    if head[8:9] == b"{" and head[6:8] == b"\x00\x00":
        return Kind.SAFETENSORS
    return Kind.TEXT if head.startswith(_UTF16) or not _CONTROL.search(head) else None
