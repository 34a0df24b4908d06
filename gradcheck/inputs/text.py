"""Text of any kind → an array: JSON told by its brackets, and tables."""

import codecs
import re

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError
from gradcheck.inputs.ambiguous import refuse_commas, refuse_counting, refuse_groups
from gradcheck.inputs.keys import refuse_key
from gradcheck.inputs.labels import refuse_table
from gradcheck.inputs.nested import read_json
from gradcheck.inputs.source import Source
from gradcheck.inputs.table import readings
from gradcheck.runtime import machine_memory

MEMORY_PER_BYTE = 64
"""Bytes of memory for a byte of text: `1,` becomes a text of 50 bytes in a list, and a number in another."""
_COMMENTS = ("#", "%")
_OCTAVE_PLAIN = {"matrix", "float matrix", "bool matrix", "scalar", "float scalar", "bool"}


def read_text(source: Source, key: str | None, suffix: str) -> tuple[Array, str]:
    """Numbers written as text, and how they were read: JSON, or a table.

    Raises `TensorError` for text that holds no numbers, or that can be read in two ways.
    """
    text = _decoded(source)
    if suffix == ".json" or text.lstrip()[:1] in ("[", "{"):
        return read_json(text, source, key), ""
    refuse_key(key, source, "a table")
    return _read_table(text, source.where)


def _read_table(text: str, where: str) -> tuple[Array, str]:
    every = [(number, line) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1) if line.strip()]
    _refuse_octave([line for _, line in every if line.startswith("#")], where)
    lines = [(number, _bare(line)) for number, line in every if not line.lstrip().startswith(_COMMENTS)]
    if not lines:
        held = "its lines are comments only" if every else "the file is empty"
        raise TensorError(f"{where} holds no numbers: {held}.", "Write one row of numbers a line.")
    found = readings(lines)
    if len(found) > 1:
        refuse_commas(found, lines, where)
    if not found or not found[0].certain:
        refuse_table(lines, where)
    refuse_groups(found[0], lines, where)
    refuse_counting(found[0], lines, where)
    return found[0].array, f", {found[0].words}"


def _decoded(source: Source) -> str:
    data = source.rest(
        machine_memory() // MEMORY_PER_BYTE, "Save it with numpy.save: text takes much memory."
    )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        kind = "UTF-16, as PowerShell's > and Excel write it" if wide else f"byte {error.start}"
        raise TensorError(
            f"{source.where} is no UTF-8 text ({kind}).", "Save it as UTF-8 text, or as .npy."
        ) from error


def _bare(line: str) -> str:
    """A line without the comment that ends it; a % before a number, a separator or nothing is per cent."""
    return re.sub(r"\s(#|%+(?!%|\s*([-+.,;|\d]|$))).*", "", line)


def _refuse_octave(comments: list[str], where: str) -> None:
    """Refuse what Octave's save writes but for one plain matrix, as several variables or a sparse one."""
    kinds = [line.partition(":")[2].strip() for line in comments if line.startswith("# type:")]
    if len(kinds) > 1 or not _OCTAVE_PLAIN.issuperset(kinds):
        held = f"{len(kinds)} variables" if len(kinds) > 1 else f"a {kinds[0]}"
        raise TensorError(f"{where} holds {held} of Octave.", "Save one full matrix: save -text x.txt x.")
    if any(line.startswith("# ndims:") for line in comments):
        raise TensorError(
            f"{where} holds an array of Octave that is no matrix.", "Save it as save -v6 x.mat x."
        )
