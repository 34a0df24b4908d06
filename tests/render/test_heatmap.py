"""Heat maps in a terminal, against arrays drawn by hand."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from gradcheck import Report, Variable
from gradcheck.render.shades import BELOW, DARK
from gradcheck.render.table import to_terminal, to_text
from tests.hand_made import K, M, N, Q, U, X, report, variable

RATIOS = np.array([[0.0, 5e-11, 5e-6, 0.05, 0.1], [0.5, 1.0, 3.0, 1e4, np.nan]])
VERDICTS = [[M, M, M, M, M], [M, M, X, X, N]]
DIGITS = ["0 . 0 4 8 8", "1 9 9 x x x"]


def drawn(ratios: object, verdicts: object, **more: object) -> Variable:
    """A variable with these ratios: a tolerance of 1 around a difference of 0"""
    return variable(verdicts, tape=ratios, difference=0.0, tolerance=1.0, **more)  # type: ignore[arg-type]


def maps(made: Report, width: int | None = 80, *, color: bool = False, encoding: str = "utf-8") -> list[str]:
    """The lines of the maps"""
    text = to_terminal(replace(made, heatmap=True), width, color, encoding)
    found = text.split("\n")
    start = next(n for n, line in enumerate(found) if "error/tolerance of" in line)
    return found[start : next(n for n, line in enumerate(found) if "error not known" in line) + 1]


def cells(line: str) -> list[tuple[str, str | None, str | None]]:
    """Sign, colour and background of each column"""
    text, console = Text.from_ansi(line), Console()
    found = []
    for place, sign in enumerate(text.plain):
        style = text.get_style_at_offset(console, place)
        found.append((sign, style.color and style.color.name, style.bgcolor and style.bgcolor.name))
    return found


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")


def test_digits_are_decades_and_what_fails_is_an_x() -> None:
    lines = maps(report(drawn(RATIOS, VERDICTS)))

    assert lines[0] == "error/tolerance of x, the worst inf at [1, 4]"
    assert [line.strip() for line in lines[2:4]] == DIGITS


def test_what_is_not_judged_and_kinks_have_signs_of_their_own() -> None:
    values = np.array([np.nan, np.nan, np.nan, 0.5])
    made = report(drawn(values, [Q, U, K, K]))

    assert maps(made)[2].split()[1:] == ["?", "?", "-", "9"]
    strict = replace(made, settings=replace(made.settings, strict=True))
    assert maps(strict)[2].split()[1:] == ["?", "?", "x", "x"]


def test_half_blocks_hold_two_rows() -> None:
    """Four columns and two lines for each cell, since they are few."""
    lines = maps(report(drawn(RATIOS, VERDICTS)), color=True)
    levels = [[0, 0, 0, 4, 4], [5, 5, 6, 9, 11]]

    for number, row in enumerate(levels):
        for line in lines[2 + 2 * number : 4 + 2 * number]:
            signs = [cell for cell in cells(line) if cell[0] == "▀"]
            colors = [DARK.ratios[level] for level in row for _ in range(4)]
            assert signs == [("▀", color, color) for color in colors]


def test_kinks_that_fail_have_no_colour_of_what_agrees() -> None:
    made = report(drawn(np.array([0.0, 0.0]), [M, K]))

    for strict, fails in ((False, 0), (True, 1)):
        chosen = replace(made, settings=replace(made.settings, strict=strict))
        colors = {cell[1] for line in maps(chosen, color=True)[2:4] for cell in cells(line) if cell[0] == "▀"}
        assert len(colors & set(DARK.ratios[BELOW:])) == fails


def test_an_odd_row_leaves_the_lower_half_alone() -> None:
    """70 columns, each cell one: the third row has no background."""
    values = np.repeat([[0.5], [0.05], [0.5]], 70, axis=1)
    lines = maps(report(drawn(values, np.full((3, 70), M))), color=True)
    first, last = ([cell for cell in cells(line) if cell[0] == "▀"] for line in lines[2:4])

    assert first == [("▀", DARK.ratios[5], DARK.ratios[4])] * 70
    assert last == [("▀", DARK.ratios[5], None)] * 70


@pytest.mark.parametrize(
    ("color", "encoding", "colors"),
    [(False, "utf-8", "truecolor"), (True, "ascii", "truecolor"), (True, "utf-8", "")],
)
def test_digits_where_blocks_or_colours_are_missing(
    color: bool, encoding: str, colors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", colors)
    monkeypatch.setenv("TERM", "xterm")
    lines = maps(report(drawn(RATIOS, VERDICTS)), color=color, encoding=encoding)

    assert [Text.from_ansi(line).plain.strip() for line in lines[2:4]] == DIGITS
    assert all(line.isascii() for line in lines)
    assert "x fails" in " ".join(lines)


def test_a_vector_is_folded_and_a_number_is_one_cell() -> None:
    values = np.full(100, 0.5)
    values[77] = 2.0
    made = drawn(values, np.where(values > 1, X, M))
    lines = maps(report(made), 60)

    assert "".join(re.sub(r"^ *\d+ ", "", line) for line in lines[2:4]) == "9" * 77 + "x" + "9" * 22
    assert all(len(line) <= 60 for line in lines)
    assert maps(report(drawn(0.5, M)))[2].strip() == "9"


def test_more_axes_are_slices_with_their_index() -> None:
    values = np.full((2, 1, 2, 3), 0.5)
    values[1, 0, 0, 2] = 0.0
    lines = [line.strip() for line in maps(report(drawn(values, np.full(values.shape, M))))]

    assert lines[2:8] == ["[0, 0, :, :]", "0 9 9 9", "1 9 9 9", "[1, 0, :, :]", "0 9 9 .", "1 9 9 9"]


def test_large_variables_are_blocks_of_which_the_worst_is_shown() -> None:
    values = np.full((400, 300), 1e-5)
    values[399, 0], values[0, 299] = 7.0, 0.5
    made = report(drawn(values, np.where(values > 1, X, M)))
    lines = maps(made)
    rows = [line.split()[1] for line in lines if re.match(r" *\d+ [0-9x]", line)]

    assert "Each cell is the worst of up to 20 × 5 elements." in " ".join(map(str.strip, lines))
    assert len(rows) == 20
    assert rows[0] == "4" * (len(rows[0]) - 1) + "9"
    assert rows[-1] == "x" + "4" * (len(rows[0]) - 1)


def test_failing_variables_come_first_and_others_where_they_are_few() -> None:
    fine = [drawn(0.5, [M], name=f"fine{n}") for n in range(6)]
    wrong = [drawn(2.0, [X], name=f"wrong{n}") for n in range(2)]
    shown = maps(report(*fine, *wrong))
    titles = [line.split(",")[0].split()[-1] for line in shown if "error/tolerance of" in line]

    assert titles[:2] == ["wrong0", "wrong1"]
    assert len(titles) == 4
    assert "4 more variables pass and are not drawn." in shown


@pytest.mark.parametrize("width", [30, 60, 120, None])
@pytest.mark.parametrize("color", [False, True])
def test_no_line_is_longer_than_the_terminal(width: int | None, color: bool) -> None:
    values = np.random.default_rng(0).uniform(size=(50, 333))
    lines = maps(report(drawn(values, np.full(values.shape, M))), width, color=color)

    assert max(len(Text.from_ansi(line).plain) for line in lines) <= (width or 100)


def test_no_map_unless_asked_for() -> None:
    assert "error/tolerance of" not in to_text(report(drawn(0.5, [M])))
