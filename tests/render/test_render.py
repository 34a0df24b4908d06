"""Tables, JSON and arrays of reports written by hand, against literal text.

tests/render/cases/ holds what each report is printed as: in a pipe (.txt), at 60, 80 and 120 columns
(.60.txt …) and as JSON (.json). `python -m tests.render.test_render` writes them: read the difference.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck import Report, __version__
from gradcheck.notes import Kind, Note
from gradcheck.render.plain import to_json, to_npz
from gradcheck.render.table import to_terminal, to_text
from gradcheck.settings import Settings
from tests.hand_made import ALL, M, X, failing, kinked, passing, report, variable

CASES = Path(__file__).parent / "cases"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")

FORMS: dict[str, Callable[[Report], str]] = {
    ".txt": to_text,
    ".60.txt": lambda made: to_terminal(made, 60, color=False),
    ".80.txt": lambda made: to_terminal(made, 80, color=False),
    ".120.txt": lambda made: to_terminal(made, 120, color=False),
    ".json": lambda made: to_json(made).replace(f'"{__version__}"', '"VERSION"'),
}


def network() -> Report:
    """A saved model, some of whose weights have names that are longer than a narrow line."""
    layer = "functional/transformer_block/multi_head_attention"
    rest = [
        variable(np.full((16, 16), M), name=f"{layer}/{part}/kernel") for part in ("query", "key", "value")
    ]
    wrong = variable([[M, X], [M, M]], name="dense/kernel", tape=[[2, 2.5], [2, 2]])
    notes = (
        Note(Kind.DIAGNOSIS, "only one element is wrong, [0, 1] (1 of 4 elements fail)", "dense/kernel"),
    )
    made = report(*rest, wrong, target="mse(functional)", notes=notes)
    return replace(made, only_failing=True)


MORE = {
    **ALL,
    "strict": lambda: replace(kinked(), settings=Settings(strict=True)),
    "network": network,
}
"""Those, and a failure by strictness, and long names."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MORE)
def test_printed_as_on_record(name: str, form: str) -> None:
    expected = (CASES / f"{name}{form}").read_text(encoding="utf-8")
    assert FORMS[form](MORE[name]()) == expected


def test_a_whole_table_in_a_pipe() -> None:
    made = report(variable([[M, X]], tape=[[1, -0.5]], difference=[[1, 0.25]]), target="f")
    assert to_text(made) == (
        "gradcheck f\n"
        "\n"
        "∂f/∂x\n"
        "  index   tape  finite difference  relative error  error/tolerance  verdict\n"
        "  ──────────────────────────────────────────────────────────────────────────\n"
        "  [0, 0]     1                  1               0                0  match\n"
        "  [0, 1]  -0.5               0.25         1.5e+00          380,000  mismatch\n"
        "\n"
        "variable  shape   dtype    elements  error/tolerance  where   verdict\n"
        "─────────────────────────────────────────────────────────────────────────────────\n"
        "x         (1, 2)  float32         2          380,000  [0, 1]  1 match, 1 mismatch\n"
        "\n"
        "tolerance  1e-06·S; S is the sum of the sizes |r_i ∂f_i/∂x_j| of what all outputs i contribute "
        "to an element x_j\n"
        "\n"
        " FAIL   f: 1 of 2 elements of x fails (worst: x[0, 1], error 380,000 times its tolerance)\n"
        "        1,234 evaluations in 0.50 s · tape and differences in float64, tape also in float32 · "
        "tolerance 1e-06·S\n"
        " what this means: gradcheck explain mismatch\n"
    )


# Text that looks like markup.


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("color", [False, True])
def test_what_looks_like_markup_is_printed_as_it_is(width: int, color: bool) -> None:
    text = ESCAPES.sub("", to_terminal(failing(), width, color))
    for said in (
        "gradcheck [/path/x.npy]",
        "∂[/path/x.npy]/∂w[kernel]",
        "not finite, [nan]",
        "[red]not red[/red]",
    ):
        assert said in text
        assert said in to_text(failing())


def test_emoji_codes_and_numbers_are_left_alone() -> None:
    made = report(variable([M], name=":smile:"), target="http://x[1]")
    assert ":smile:" in to_terminal(made, 80, color=True)
    # Numbers are not picked out by rich's highlighter: colours belong to verdicts.
    lines = [line for line in to_terminal(made, 80, color=True).splitlines() if "evaluations" in line]
    assert len(ESCAPES.findall(lines[0])) == 0


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
    for number in ("-1.2e-123", "1.2e-123", "9.9e-300", LONG, "[0, 0, 0, 0, 0, 0, 1]"):
        assert number in text
    heading = next(line for line in text.splitlines() if "finite difference" in line)
    assert re.split(r" {2,}", heading.strip()) == [
        "index",
        "tape",
        "finite difference",
        "closed form",
        "relative error",
        "error/tolerance",
        "verdict",
    ]
    assert "…" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 140])
@pytest.mark.parametrize("name", [*MORE, "wide"])
def test_a_terminal_is_never_overrun(name: str, width: int) -> None:
    made = wide() if name == "wide" else MORE[name]()
    text = to_terminal(made, width, color=False)
    assert max(map(len, text.splitlines())) <= width
    if name == "wide":
        assert re.sub(r"\s", "", text).count("word") == 60


def words(text: str) -> set[str]:
    """What stands between spaces; a heading may be set on two lines after its slash."""
    return set(re.sub(r"[─/]", " ", text).split())


@pytest.mark.parametrize("width", [60, 70, 80, 100, 120])
@pytest.mark.parametrize("name", MORE)
def test_nothing_is_broken_inside_a_number_or_a_word(name: str, width: int) -> None:
    """What stands in a narrow terminal stands in a pipe; names that are shortened have a sign of it."""
    made = MORE[name]()
    found = words(to_terminal(made, width, color=False)) - words(to_text(made))
    # A kink's interval stands alone where there is no room for its sentence.
    assert {word for word in found if "…" not in word} <= {"kink,", "right:", "1]"}


@pytest.mark.parametrize("name", MORE)
def test_columns_are_left_out_in_one_order(name: str) -> None:
    """The narrower, the fewer, and what is left out stays out."""
    made, before = MORE[name](), {"index", "tape", "difference", "verdict", "closed", "relative", "tolerance"}
    for width in range(120, 40, -1):
        text = to_terminal(made, width, color=False)
        found = {word for word in before if re.search(rf"(?m)^  .*\b{word}\b.*\n(.*\n)?  ──", text)}
        assert found <= before
        assert {"index", "tape", "difference", "verdict"} <= found
        before = found


def shown(text: str) -> list[str]:
    """Indices of the rows of elements."""
    return re.findall(r"(?m)^  (\[.*?\])  ", text)


@pytest.mark.parametrize("limit", [None, 0, 1, 2])
@pytest.mark.parametrize("name", MORE)
def test_the_order_in_the_table_is_that_in_json(name: str, limit: int | None) -> None:
    made = replace(MORE[name](), limit=limit, only_failing=False)
    found: Any = made.to_dict()
    expected = [str(one["index"]) for each in found["variables"] for one in each["elements"]]
    for width in (None, 80, 60):
        assert shown(to_terminal(made, width, color=False)) == expected


def test_what_is_shown_of_many_is_worst_first_by_the_column() -> None:
    random = np.random.default_rng(0)
    verdicts = random.choice([M, X], 40)
    error = np.where(verdicts == X, 1, 1e-7) * random.uniform(0.1, 1, 40)
    made = report(variable(verdicts, tape=2 + error, tolerance=random.uniform(1e-6, 1e-5, 40)))
    elements: Any = made.to_dict()["variables"]
    order = [(one["verdict"] == "match", -one["error"] / one["tolerance"]) for one in elements[0]["elements"]]

    assert order == sorted(order)
    assert [-ratio for _, ratio in order] == pytest.approx(
        [one["error_over_tolerance"] for one in elements[0]["elements"]]
    )
    assert "20 of 40 elements shown, worst first; --limit 0 shows all" in to_text(made)


@pytest.mark.parametrize("limit", [1, 2])
def test_what_is_left_out_is_said(limit: int) -> None:
    text = to_text(replace(failing(), limit=limit))
    assert f"{limit} of 3 elements shown, worst first; --limit 0 shows all" in text
    assert "shown" not in to_text(replace(failing(), limit=0))


# Colours.


def test_the_eye_lands_on_what_failed() -> None:
    """Bold red for the whole row of a mismatch, for its variable and for the verdict; green only on words."""
    text = to_terminal(failing(), 120, color=True)
    for red in (r"\[1\] *", r"1\.0001", "mismatch", "nonfinite", r"w\[kernel\] *", "diagnosis"):
        assert re.search(rf"\x1b\[1;31m *{red}", text), red
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


NUMBERS = ("tape", "difference", "closed_form", "error", "tolerance")


def test_arrays_are_saved_whole() -> None:
    made = replace(passing(), limit=1)
    saved = np.load(io.BytesIO(to_npz(made)), allow_pickle=False)
    assert sorted(saved) == sorted(
        f"{name}.{part}" for name in ("x", "w") for part in (*NUMBERS, "error_over_tolerance", "verdict")
    )
    for made_variable in made.variables:
        np.testing.assert_array_equal(
            saved[f"{made_variable.name}.error_over_tolerance"], made_variable.error_ratio
        )
        for part in NUMBERS:
            np.testing.assert_array_equal(saved[f"{made_variable.name}.{part}"], getattr(made_variable, part))


def test_verdicts_are_saved_as_words_and_a_closed_form_only_where_there_is_one() -> None:
    saved = np.load(io.BytesIO(to_npz(failing())), allow_pickle=False)
    assert list(saved["w[kernel].verdict"]) == ["match", "mismatch", "nonfinite"]
    assert list(saved["b.verdict"]) == ["mismatch"]
    assert np.isnan(saved["w[kernel].tape"][2])
    assert not any("closed_form" in key for key in saved)


if __name__ == "__main__":
    for case, make_case in MORE.items():
        for suffix, write in FORMS.items():
            (CASES / f"{case}{suffix}").write_text(write(make_case()), encoding="utf-8")
