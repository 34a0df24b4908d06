"""Tables as text: what csv, NumPy, pandas, R, Octave and spreadsheets write, read or refused.

What pandas and R write stands here as they wrote it.
"""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.arrays.types import Array
from gradcheck.inputs.table import readings
from tests.inputs.reading import read, refusal, same

TABLE = [[1.5, 2.5], [-3.5, 4.0]]
PANDAS = "in pandas to_csv(file, index=False, header=False)"
IN_R = 'in R write.table(x, file, sep=",", row.names=FALSE, col.names=FALSE)'


def table(path: Path, text: str) -> Path:
    """The path, after the text was written to it."""
    path.write_text(text, encoding="utf-8", newline="")
    return path


def numbers(path: Path, text: str) -> Array:
    """What the text reads as, in float64."""
    return read(table(path, text), dtype="float64").array


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.txt", "x", "x.dat"])
@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_the_separator_is_told_from_the_content(tmp_path: Path, name: str, separator: str) -> None:
    with (tmp_path / name).open("w", newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows(TABLE)
    reading = read(tmp_path / name)
    same(reading.array, np.array(TABLE, np.float32))
    word = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "spaces"}[separator]
    assert reading.form == f"--x {tmp_path / name}: read as shape (2, 2), separated by {word}."


@pytest.mark.parametrize("options", [{}, {"delimiter": ","}, {"delimiter": ";"}, {"comments": "% "}])
@pytest.mark.parametrize("shape", [(5, 3), (1, 4), (6,), (2, 2)])
def test_what_savetxt_writes_is_read_back(tmp_path: Path, options: Any, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=float).reshape(shape)
    for name in ("x.txt", "x.txt.gz"):
        np.savetxt(tmp_path / name, array, header="a header\nof 2 lines", footer="1 2 3", **options)
        same(read(tmp_path / name, dtype="float64").array, array)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=width, max_size=width),
            min_size=1,
            max_size=5,
        )
    ),
    delimiter=st.sampled_from(",;\t "),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_whatever_csv_writes_is_read_back(rows: Any, delimiter: str, quoting: Any, end: str) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)
    lines = list(enumerate(stream.getvalue().splitlines(), 1))
    (reading,) = readings(lines)
    np.testing.assert_array_equal(np.array(reading.rows), np.array(rows))


READ = {
    "a comma and a space": ("1, 2\n3, 4\n", [[1, 2], [3, 4]]),
    "three columns of whole numbers": ("1,2,3\n4,5,6\n", [[1, 2, 3], [4, 5, 6]]),
    "a sign behind the comma": ("1,-2\n3,4\n", [[1, -2], [3, 4]]),
    "trailing commas": ("1.5,2,\n3,4,\n", [[1.5, 2], [3, 4]]),
    "trailing tabs": ("1.5\t2\t\n3\t4\t\n", [[1.5, 2], [3, 4]]),
    "trailing semicolons": ("1;2;\n3;4;\n", [[1, 2], [3, 4]]),
    "semicolons and decimal commas": ("0,5;1\n-2,25e-1;3\n", [[0.5, 1], [-0.225, 3]]),
    "tabs and decimal commas": ("0,5\t1,5\n", [[0.5, 1.5]]),
    "spaces and decimal commas": ("0,5 1,5\n2,5 3,5\n", [[0.5, 1.5], [2.5, 3.5]]),
    "quoted decimal commas": ('"0,5","1,25"\n', [[0.5, 1.25]]),
    "quoted numbers": ('"1.5";"2"\n', [[1.5, 2]]),
    "comments of MATLAB and of NumPy": ("% a\n# b\n1.5 2 # c\n\n", [[1.5, 2]]),
    "comments of MATLAB behind numbers": ("1 2 % c 3\n3 4 %% a, 5\n5 6\t%(b)\n", [[1, 2], [3, 4], [5, 6]]),
    "comments of MATLAB behind commas": ("1,2,3 % a\n4,5,6\n", [[1, 2, 3], [4, 5, 6]]),
    "columns of three digits": ("1 200\n100 234\n", [[1, 200], [100, 234]]),
    "a zero between spaces": ("1 0\n100 0\n", [[1, 0], [100, 0]]),
    "three decimals below 1 between semicolons": ("1.234;0.678\n", [[1.234, 0.678]]),
    "four decimals between semicolons": ("1.2340;5.6780\n", [[1.234, 5.678]]),
    "one line of decimal commas with a zero behind": ("1,05;2,5\n", [[1.05, 2.5]]),
    "lines of an old Macintosh": ("1.5,2\r3,4\r", [[1.5, 2], [3, 4]]),
    "aligned columns": ("   1.5   2\n 10    20.25\n", [[1.5, 2], [10, 20.25]]),
    "spaces and tabs": ("1.5 2\n3\t4\n", [[1.5, 2], [3, 4]]),
    "one column": ("1.5\n2\n", [1.5, 2]),
    "whole numbers from 0, floating": ("0.0,1.5\n1.0,2.5\n", [[0, 1.5], [1, 2.5]]),
    "a first line from 0 over whole numbers": ("0,1,2\n3,4,5\n", [[0, 1, 2], [3, 4, 5]]),
    "two lines from 1": ("1,2\n2.5,3\n", [[1, 2], [2.5, 3]]),
    "two columns from 1": ("1,2.5\n2,3.5\n", [[1, 2.5], [2, 3.5]]),
    "one line from 0": ("0,1.5,2.5\n", [[0, 1.5, 2.5]]),
    "a matrix of Octave": (
        "# Created by Octave 8.4.0\n# name: x\n# type: matrix\n# rows: 2\n# columns: 2\n 1.5 2\n 3 4\n\n\n",
        [[1.5, 2], [3, 4]],
    ),
    "write.table of R without names": ("1.5 2\n3 4\n", [[1.5, 2], [3, 4]]),
    "to_csv of pandas without names": ("1.5,2.0\n3.0,4.0\n", [[1.5, 2], [3, 4]]),
}


@pytest.mark.parametrize("kind", READ)
def test_what_has_one_reading_is_read(tmp_path: Path, kind: str) -> None:
    text, expected = READ[kind]
    same(numbers(tmp_path / "x.csv", text), np.array(expected, float))


def test_a_table_is_read_from_a_compressed_file(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "x.csv.gz", "wt") as stream:
        stream.write("0,5;1,5\n2,5;3,5\n")
    reading = read(tmp_path / "x.csv.gz")
    same(reading.array, np.array([[0.5, 1.5], [2.5, 3.5]], np.float32))
    assert "separated by semicolons, with decimal commas" in reading.form


REFUSED = {
    "decimal commas or columns": (
        "0,5\n1,5\n",
        [
            "2 ways",
            "line 1 as [0, 5]",
            "or as [0.5]",
            "write 0.0,5.0 (numpy.savetxt without fmt='%d'",
            ".npy",
        ],
    ),
    "thousands or columns": ("1,234.5\n2,345.6\n", ["[1, 234.5]", "[1234.5]", "commas between thousands"]),
    "groups of three or columns": ("1,234,567\n", ["[1, 234, 567]", "[1.23457e+06]"]),
    "thousands or decimals": ("1,234;2,345\n", ["[1.234, 2.345]", "[1234, 2345]"]),
    "quoted thousands or decimals": ('"1,234","2,345"\n', ["[1.234, 2.345]", "[1234, 2345]"]),
    "rows of MATLAB or decimals": ("1,2;3,4\n", ["[1.2, 3.4]", "2 rows of 2 columns", "1.0,2.0"]),
    "spaces between thousands or columns": ("1 000\n2 034\n", ["[1, 0]", "1000 (spaces between thousands)"]),
    "points between thousands or decimals": (
        "1.234;5.678\n",
        ["[1.234, 5.678]", "1234;5678 (points between thousands)", "1.2340 for 1.234"],
    ),
    "points and commas in numbers": ("1.234,5;2\n", ["'1.234,5'", "line 1, column 1"]),
    "a decimal point beside decimal commas": ("0,5;1.5\n", ["mixes decimal points and decimal commas"]),
    "commas that may be decimal, in one line": ("1,5\n2\n", ["different lengths", "decimal points"]),
    "pandas": (",a,b\n0,1.5,2.5\n1,3.5,4.5\n", ["a header row and an index column", PANDAS]),
    "pandas, names from 0": (",0,1\n0,1.5,2.5\n1,3.5,4.5\n", ["a header row and an index column", PANDAS]),
    "pandas, its header deleted": (
        "0,1.5,2.5\n1,3.5,4.5\n",
        ["2 ways", "first column, 0, 1, is an index or data", PANDAS, "write 0.0 for 0"],
    ),
    "pandas, whole numbers, its header deleted": (
        "0,5,6\n1,7,8\n2,9,1\n",
        ["first column, 0, 1, 2,", PANDAS],
    ),
    "pandas without the index": ("a,b\n1.5,2.5\n", ["'a'", "line 1, column 1: a header row", PANDAS]),
    "pandas without the index, names from 0": (
        "0,1\n1.5,2.5\n",
        ["2 ways", "first line, 0, 1, …, is a header or data", PANDAS],
    ),
    "pandas, years above": (",2020,2021\n0,1.5,2\n1,1.4,2\n", ["a header row and an index column", PANDAS]),
    "pandas, years above names": (",2020,2021\na,1.5,2\n", ["a header row and an index column", PANDAS]),
    "to_string of pandas": ("     0    1\n0  1.5  2.5\n1  3.5  4.5\n", ["header row and an index", PANDAS]),
    "pandas, an index of dates": (
        ",a\n2020-01-01,1.5\n2020-01-02,2.5\n",
        ["a header row and an index column", PANDAS],
    ),
    "write.csv of R": ('"","V1","V2"\n"1",1.5,2.5\n"2",3.5,4.5\n', ["header row and an index column", IN_R]),
    "write.csv of R, its header deleted": ('"1",1.5,2.5\n"2",3.5,4.5\n', ["index or data", IN_R]),
    "write.csv2 of R": ('"";"V1"\n"1";0,5\n"2";1,5\n', ["header row and an index column", IN_R]),
    "write.table of R": ('"V1" "V2"\n"1" 1.5 2.5\n"2" 3.5 4.5\n', ["header row and an index", IN_R]),
    "names of rows of R, not quoted": ("1 1.5\n2 2.5\n3 3.5\n", ["first column, 1, 2, 3, is an index", IN_R]),
    "row names of R, in another order": ('"7",1,2\n"3",3,4\n', ["first column, 7, 3, is an index", IN_R]),
    "a missing value of R": ("1.5,NA\n2.5,3.5\n", ["'NA', a missing value", "line 1, column 2"]),
    "a missing value of pandas": ("1.5,\n2.5,3.5\n", ["nothing", "line 1, column 2"]),
    "missing values between tabs": ("1\t\t3\n4\t5\t\n", ["nothing", "line 1, column 2"]),
    "percentages": ("5%,10%\n", ["'5%'", "no number"]),
    "an underscore": ("1_000;2\n", ["'1_000'", "no number"]),
    "two variables of Octave": (
        "# name: x\n# type: matrix\n1 2\n\n\n# name: y\n# type: matrix\n3 4\n",
        ["2 variables of Octave"],
    ),
    "a sparse matrix of Octave": ("# name: x\n# type: sparse matrix\n1 1 1.5\n", ["sparse matrix of Octave"]),
    "an array of Octave": ("# type: matrix\n# ndims: 3\n 1 1 2\n 1.5\n 2.5\n", ["array of Octave"]),
    "what NumPy prints": ("[[1.5 2.5]\n [3.5 4.5]]\n", ["no valid JSON", "line 1, column 7"]),
}


NO_LABELS = {
    "points between thousands": ("1.234.567,5;2\n3,5;4\n", ["'1.234.567,5'", "nothing between thousands"]),
    "spaces between thousands": ("1 234,5;2\n3,5;4\n", ["'1 234,5'", "nothing between thousands"]),
    "apostrophes between thousands": ("1'234.5;2\n1'235.5;4\n", ['"1\'234.5"', "nothing between thousands"]),
    "underscores between thousands": ("1_000,2\n2_000,3\n", ["'1_000'", "nothing between thousands"]),
    "complex numbers": ("1+2j,3\n4,5\n", ["'1+2j'", "Write real numbers"]),
    "an imaginary number": ("2i,3\n4,5\n", ["'2i'", "Write real numbers"]),
    "bars": ("1|2|3|4\n5|6|7|8\n", ["'1|2|3|4'", "Write commas"]),
    "the separator for Excel": ("sep=;\n1,5;2\n", ["begins with 'sep=;'", "Delete line 1"]),
    "hexadecimal numbers": ("0x10,2,3\n0x11,3,4\n", ["'0x10'", "in decimal"]),
    "a minus sign of Unicode": ("\u22121,2,3\n\u22122,3,4\n", ["U+2212", "U+002D"]),
    "per cent behind a space": ("5 %, 10 %\n6 %, 20 %\n", ["'5 %'", "0.05 for 5%"]),
    "per cent in columns": ("5 % 10 %\n6 % 20 %\n", ["'%'", "0.05 for 5%"]),
    "per cent at the end": ("5 %\n6 %\n", ["'%'", "0.05 for 5%"]),
    "fractions": ("1/2,3\n1/3,4\n", ["'1/2'", "line 1, column 1"]),
    "a name among numbers": ("time,1,2\n0.5,3,4\n", ["'time'", "line 1, column 1"]),
    "a missing number at the start": (",1.5,2.5\n3,4,5\n", ["nothing", "line 1, column 1"]),
    "a short first line": ("1.5 2\n3 4 5\n", ["different lengths"]),
    "rows of MATLAB with spaces": ("1 2;3 4\n", ["'1 2'", "one row a line"]),
    "rows of MATLAB": ("1,2,3;4,5,6\n", ["'1,2,3'", "one row a line"]),
}


@pytest.mark.parametrize("kind", NO_LABELS)
def test_no_number_is_called_a_label(tmp_path: Path, kind: str) -> None:
    """Whoever follows the remedy for a label deletes it."""
    text, words = NO_LABELS[kind]
    message = refusal(table(tmp_path / "x.csv", text))
    assert all(word in message for word in words), message
    assert not any(word in message for word in ("header", "index", "delete")), message


def test_names_before_rows_are_no_header(tmp_path: Path) -> None:
    message = refusal(table(tmp_path / "x.csv", "a,1,2\nb,3,4\n"))
    assert "an index column" in message
    assert "header row" not in message


def test_the_columns_of_a_remedy_are_read(tmp_path: Path) -> None:
    assert "write 1.0,2.0 " in refusal(table(tmp_path / "x.csv", "1,2\n3,4\n"))
    same(numbers(tmp_path / "x.csv", "1.0,2.0\n3,4\n"), np.array([[1, 2], [3, 4]], float))


def test_integers_beyond_all_floats_are_shown(tmp_path: Path) -> None:
    assert "[1, inf]" in refusal(table(tmp_path / "x.csv", f"1,{10**400}\n"))


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_two_readings_or_none_is_refused(tmp_path: Path, kind: str) -> None:
    text, words = REFUSED[kind]
    message = refusal(table(tmp_path / "x.csv", text))
    assert all(word in message for word in words), message


def test_text_of_a_shell_of_windows_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("1.5,2\n".encode("utf-16"))
    assert "UTF-16, as PowerShell's > and Excel write it" in refusal(tmp_path / "x.csv")


def test_pandas_itself(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.array(TABLE))
    frame.to_csv(tmp_path / "with.csv")
    frame.to_csv(tmp_path / "names.csv", index=False)
    frame.to_csv(tmp_path / "without.csv", index=False, header=False)
    (tmp_path / "string.txt").write_text(frame.to_string())
    same(read(tmp_path / "without.csv", dtype="float64").array, TABLE)
    for name in ("with.csv", "names.csv", "string.txt"):
        assert PANDAS in refusal(tmp_path / name)
