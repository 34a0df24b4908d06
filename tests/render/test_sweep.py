"""A sweep made by hand as a curve, a table and JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.text import Text

from gradcheck.render import curve
from gradcheck.render.sweep import to_json, to_terminal, to_text
from gradcheck.verdicts.sweep import Sweep

STEPS = 10.0 ** -np.arange(13)
V = np.maximum(STEPS**2, 1e-16 / STEPS)


def made(errors: np.ndarray = V, **more: object) -> Sweep:
    """Differences of a gradient of 2 that are off by these errors"""
    sides = 2 + errors
    given = ("f", "x", (0, 1), 0.5, 1.0, STEPS, sides, sides, 1e-15 / STEPS, 2.0)
    found = Sweep(*given, 1e-5, 2.0 + 1e-11, 1e-10, 2e-6, 0.0, "float64", 123)
    return replace(found, **more)  # type: ignore[arg-type]


def plot(sweep: Sweep, width: int = 80) -> tuple[list[str], list[str]]:
    """The lines of the plot without their labels, and all lines"""
    lines = Text.from_ansi(to_terminal(sweep, width, True, "utf-8")).plain.split("\n")
    assert max(map(len, lines)) <= width
    return [
        line[curve.LEFT :] for line in lines if len(line) >= curve.LEFT and line[curve.LEFT - 1] in "│┤"
    ], lines


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_curve_is_a_v_with_the_step_of_the_check_at_its_foot(width: int) -> None:
    rows, lines = plot(made(), width)
    braille = [(n, [c for c, sign in enumerate(row) if "⠁" <= sign <= "⣿"]) for n, row in enumerate(rows)]
    lowest = max(n for n, columns in braille if columns)
    (foot,) = [(n, row.index("◆")) for n, row in enumerate(rows) if "◆" in row]
    steps = (width - curve.LEFT) / 12  # columns a decade

    # 1e-5 is 7 decades from the left end of 12, and its error of 1e-11 lies near the foot at 1e-10 … 1e-11.
    assert foot[1] == pytest.approx(7 * steps, abs=1.5)
    assert lowest - foot[0] in (-1, 0, 1)
    # Both arms: the finest step at the left, the coarsest at the top right.
    top = min(n for n, columns in braille if columns)
    assert max(dict(braille)[top]) >= width - curve.LEFT - 2
    assert any("10⁻⁶" in line and "┤" in line for line in lines)
    assert any("step h, in the unit of x" in line for line in lines)


def test_steps_without_a_difference_are_gaps() -> None:
    errors = V.copy()
    errors[:4] = np.nan
    rows, _ = plot(made(errors))
    right = [row[48:] for row in rows]  # 1e-4, the coarsest with a difference, is at 46 of 70

    assert not any("⠁" <= sign <= "⣿" for row in right for sign in row)


def test_a_wrong_tape_is_a_level_above_the_v() -> None:
    rows, lines = plot(made(tape=1.9))
    level = next(row for row in rows if "◆" in row)

    assert len(level.replace("◆", "").rstrip()) >= 60
    assert sum(row.count("+") for row in rows) >= 8
    assert any("+ distance from the check's difference" in line for line in lines)


def test_a_tape_that_is_not_finite_leaves_the_distance() -> None:
    for tape in (np.nan, np.inf):
        rows, lines = plot(made(tape=tape))

        assert sum(row.count("+") for row in rows) >= 8
        assert sum(row.count("◆") for row in rows) == 1
        assert not any("⠒⠂ error" in line for line in lines)


def test_an_error_small_by_chance_is_a_dot_and_leaves_a_gap() -> None:
    errors = V.copy()
    errors[8] = 1e-20
    rows, lines = plot(made(errors), 130)
    rows = [row.ljust(120) for row in rows]
    column = 120 * 4 // 12  # 1e-8 is 4 decades from the left end of 12

    assert [n for n, row in enumerate(rows) if row[column] == "⡀"] == [curve.HEIGHT - 1]
    assert not any("⠁" <= row[column + 4] <= "⣿" for row in rows)
    assert any("⡀ error by chance far below rounding" in line for line in lines)


def test_at_a_corner_the_slopes_are_levels() -> None:
    rows, lines = plot(made(up=np.full(13, 1.0), down=np.zeros(13), tape=0.25, difference=0.5, half=0.5))
    at = {sign: next(n for n, row in enumerate(rows) if sign in row) for sign in "▴◆╌▾"}

    assert sorted(at, key=at.__getitem__) == ["▴", "◆", "╌", "▾"]
    assert any("a corner with slopes [0, 1]" in line for line in lines)


def test_an_exact_difference_and_a_noiseless_one_are_drawn() -> None:
    for errors in (np.zeros(13), np.full(13, np.nan)):
        rows, _ = plot(made(errors, noise=np.zeros(13), difference=2.0, bound=0.0))
        assert len(rows) == curve.HEIGHT


def test_the_table_has_a_row_for_each_step_and_one_for_the_check() -> None:
    text = to_text(made(step=3e-6))
    rows = [line.split() for line in text.splitlines() if re.match(r"  \d\.\de", line)]

    assert [row[0] for row in rows] == [f"{step:.1e}" for step in [*STEPS[:6], 3e-6, *STEPS[6:]]]
    assert [row[-2:] == ["the", "check's"] for row in rows].index(True) == 6
    assert rows[2][1:4] == ["2.0001", "1.0e-04", "1.0e-13"]


def test_a_table_where_no_curve_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the check's\n" in to_terminal(made(), 80, False, "ascii")
    monkeypatch.setattr(curve, "INSTALLED", False)
    assert "the check's\n" in to_terminal(made(), 80, False, "utf-8")


def test_json_is_strict_and_complete() -> None:
    errors = V.copy()
    errors[0] = np.nan
    found = json.loads(to_json(made(errors)))

    assert found["chosen"] == {
        "step": 1e-5, "difference": 2.0 + 1e-11, "bound": 1e-10, "error": pytest.approx(1e-11, rel=1e-4),
        "tolerance": 2e-6,
    }  # fmt: skip
    assert found["steps"][0]["difference"] == "nan"
    assert [row["step"] for row in found["steps"]] == STEPS.tolist()
    assert found["steps"][3] == {
        "step": 1e-3, "up": 2 + 1e-6, "down": 2 + 1e-6, "difference": 2 + 1e-6, "error": pytest.approx(1e-6),
        "distance": pytest.approx(1e-6, rel=1e-4), "rounding": 1e-12,
    }  # fmt: skip
