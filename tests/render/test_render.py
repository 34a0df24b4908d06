"""Tables, JSON and arrays of reports written by hand, against literal text.

tests/render/cases/ holds what each report is printed as: in a pipe (.txt), at 80 columns (.80.txt)
and as JSON (.json). `python -m tests.render.test_render` writes them: read the difference.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradcheck import Report, __version__
from gradcheck.notes import Kind, Note
from gradcheck.render.plain import to_json, to_npz
from gradcheck.render.table import to_terminal, to_text
from tests.hand_made import ALL, M, X, failing, passing, report, variable

CASES = Path(__file__).parent / "cases"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")

FORMS: dict[str, Callable[[Report], str]] = {
    ".txt": to_text,
    ".80.txt": lambda made: to_terminal(made, 80, color=False),
    ".json": lambda made: to_json(made).replace(f'"{__version__}"', '"VERSION"'),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ALL)
def test_printed_as_on_record(name: str, form: str) -> None:
    expected = (CASES / f"{name}{form}").read_text(encoding="utf-8")
    assert FORMS[form](ALL[name]()) == expected


def test_a_whole_table_in_a_pipe() -> None:
    made = report(variable([[M, X]], tape=[[1, -0.5]], difference=[[1, 0.25]]), target="f")
    assert to_text(made) == (
        "gradcheck f\n"
        "\n"
        "∂f/∂x\n"
        "  index   tape  finite difference  absolute error  relative error  verdict\n"
        "  ─────────────────────────────────────────────────────────────────────────\n"
        "  [0, 0]     1                  1               0               0  match\n"
        "  [0, 1]  -0.5               0.25        7.50e-01        1.50e+00  mismatch\n"
        "\n"
        "variable  shape   dtype    elements  checked  worst error  where   verdict\n"
        "──────────────────────────────────────────────────────────────────────────────────────\n"
        "x         (1, 2)  float32         2    100 %     7.50e-01  [0, 1]  1 match, 1 mismatch\n"
        "\n"
        " FAIL   1,234 evaluations in 0.50 s · tape and differences in float64, tape also in float32 · "
        "tolerance 1e-06·S\n"
        " what this means: gradcheck explain mismatch\n"
    )


# Text that looks like markup.


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("color", [False, True])
def test_what_looks_like_markup_is_printed_as_it_is(width: int, color: bool) -> None:
    text = ESCAPES.sub("", to_terminal(failing(), width, color))
    for words in (
        "gradcheck [/path/x.npy]",
        "∂[/path/x.npy]/∂w[kernel]",
        "not finite, [nan]",
        "[red]not red[/red]",
    ):
        assert words in text
        assert words in to_text(failing())


def test_emoji_codes_and_numbers_are_left_alone() -> None:
    made = report(variable([M], name=":smile:"), target="http://x[1]")
    assert ":smile:" in to_terminal(made, 80, color=True)
    # Numbers are not picked out by rich's highlighter: colours belong to verdicts.
    lines = [line for line in to_terminal(made, 80, color=True).splitlines() if "evaluations" in line]
    assert len(ESCAPES.findall(lines[0])) == 2


# Widths.

LONG = "a_variable_with_a_name_of_more_than_forty_characters"


def wide() -> Report:
    """Longer than any terminal: a long name, seven axes and seventeen digits."""
    shape = (1, 1, 1, 1, 1, 1, 2)
    numbers = np.array([-1.2345678901234567e-123, 9.876543210123456e-300]).reshape(shape)
    made = variable(np.full(shape, X), name=LONG, tape=numbers, difference=-numbers, closed_form=numbers)
    return report(made, target="layer" * 10, notes=(Note(Kind.WARNING, "word " * 60),))


def test_in_a_pipe_no_digit_is_cut_and_no_column_dropped() -> None:
    text = to_text(wide())
    for words in ("-1.23456789e-123", "1.23456789e-123", "9.87654321e-300", LONG, "[0, 0, 0, 0, 0, 0, 1]"):
        assert words in text
    heading = next(line for line in text.splitlines() if "finite difference" in line)
    assert re.split(r" {2,}", heading.strip()) == [
        "index",
        "tape",
        "finite difference",
        "closed form",
        "absolute error",
        "relative error",
        "verdict",
    ]
    assert "…" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 140])
@pytest.mark.parametrize("name", [*ALL, "wide"])
def test_a_terminal_is_never_overrun_and_nothing_is_cut(name: str, width: int) -> None:
    made = wide() if name == "wide" else ALL[name]()
    text = to_terminal(made, width, color=False)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    if name == "wide":
        squeezed = re.sub(r"\s", "", text)
        assert squeezed.count("word") == 60


@pytest.mark.parametrize(
    ("width", "shown"), [(100, "1.000123457"), (63, "1.000123457"), (61, "1.0001235"), (60, "1.00012")]
)
def test_a_narrow_terminal_gets_fewer_digits(width: int, shown: str) -> None:
    lines = to_terminal(failing(), width, color=False).splitlines()
    row = next(line for line in lines if "mismatch" in line)
    assert re.split(r" {2,}", row.strip())[:3] == ["[1]", shown, "1"]


@pytest.mark.parametrize("limit", [1, 2])
def test_what_is_left_out_is_said(limit: int) -> None:
    text = to_text(replace(failing(), limit=limit))
    assert f"{limit} of 3 elements shown, worst first; --limit 0 shows all" in text
    assert "shown" not in to_text(replace(failing(), limit=0))


# Colours.


def test_the_eye_lands_on_what_failed() -> None:
    """Bold red for the whole row of a mismatch, for its variable and for the verdict; green only on words."""
    text = to_terminal(failing(), 120, color=True)
    for words in (r"\[1\] *", r"1\.000123457", "mismatch", "nonfinite", r"w\[kernel\] *", "diagnosis"):
        assert re.search(rf"\x1b\[1;31m *{words}", text), words
    assert "\x1b[1;37;41m FAIL \x1b[0m" in text
    assert "\x1b[32mmatch" in text
    assert not re.search(r"\x1b\[[0-9;]*32m *-1\.25e-07", text)


def test_no_escape_without_colour() -> None:
    for make in ALL.values():
        assert "\x1b" not in to_terminal(make(), 80, color=False) + to_text(make()) + to_json(make())
        colored = ESCAPES.sub("", to_terminal(make(), 80, color=True))
        assert [line.rstrip() for line in colored.splitlines()] == to_terminal(
            make(), 80, color=False
        ).splitlines()


def test_the_environment_does_not_change_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich reads these by itself; whether and how wide to colour is decided by the command line alone."""
    before = to_text(failing()), to_terminal(failing(), 100, color=True)
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "30", "TERM": "dumb", "JUPYTER_COLUMNS": "30"}.items():
        monkeypatch.setenv(name, value)
    assert (to_text(failing()), to_terminal(failing(), 100, color=True)) == before


# JSON and arrays.


def test_json_is_strict_and_says_what_the_dictionary_says() -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    for make in ALL.values():
        text = to_json(make())
        assert text.endswith("}\n")
        assert json.loads(text, parse_constant=refuse) == make().to_dict()


def test_arrays_are_saved_whole() -> None:
    made = replace(passing(), limit=1)
    saved = np.load(io.BytesIO(to_npz(made)), allow_pickle=False)
    assert sorted(saved) == sorted(
        f"{name}.{part}"
        for name in ("x", "w")
        for part in ("tape", "difference", "closed_form", "error", "tolerance", "verdict")
    )
    for made_variable in made.variables:
        for part in ("tape", "difference", "closed_form", "error", "tolerance"):
            np.testing.assert_array_equal(saved[f"{made_variable.name}.{part}"], getattr(made_variable, part))


def test_verdicts_are_saved_as_words_and_a_closed_form_only_where_there_is_one() -> None:
    saved = np.load(io.BytesIO(to_npz(failing())), allow_pickle=False)
    assert list(saved["w[kernel].verdict"]) == ["match", "mismatch", "nonfinite"]
    assert list(saved["b.verdict"]) == ["mismatch"]
    assert np.isnan(saved["w[kernel].tape"][2])
    assert not any("closed_form" in key for key in saved)


if __name__ == "__main__":
    for case, make_case in ALL.items():
        for suffix, write in FORMS.items():
            (CASES / f"{case}{suffix}").write_text(write(make_case()), encoding="utf-8")
