"""The line of each key, where a line-by-line search would go wrong."""

from __future__ import annotations

import tomllib

import pytest

from gradcheck.suite.lines import lines_of

TEXTS: dict[str, tuple[str, dict[tuple[str | int, ...], int]]] = {
    "keys within strings": (
        'a = """\nb = 1\n\\""" b = 2\n"""""\nb = \'\'\'\nc = 1\n\'\'\'\'\'\n'
        'c = "# \\" d = 1"\nd = \'\\\'\ne = 5',
        {("a",): 1, ("b",): 5, ("c",): 8, ("d",): 9, ("e",): 10},
    ),
    "empty strings": ("a = \"\"\nb = \"\"\"\"\"\"\nc = ''\nd = ''''''\ne = 5", {("d",): 4, ("e",): 5}),
    "quoted and dotted keys": (
        '"a b" . \'c.d\' . e = 1\n"\\u0061 b".f=2\n"" = 3\n"x\\ty" = 4\n1.2 = 5',
        {
            ("a b",): 1,
            ("a b", "c.d"): 1,
            ("a b", "c.d", "e"): 1,
            ("a b", "f"): 2,
            ("",): 3,
            ("x\ty",): 4,
            ("1", "2"): 5,
        },
    ),
    "arrays of tables": (
        "[[c]]\nx = 1\n[c.d]\ny = 1\n[[c.e]]\nz = 1\n[[c.e]]\n\nz = 2\n[[ c ]]\n"
        "x = 2\n[[c.e]]\nz = 3\n[c.e.'f']\ng = 4",
        {
            ("c", 0): 1,
            ("c", 0, "x"): 2,
            ("c", 0, "d", "y"): 4,
            ("c", 0, "e", 0, "z"): 6,
            ("c", 0, "e", 1, "z"): 9,
            ("c", 1): 10,
            ("c", 1, "x"): 11,
            ("c", 1, "e", 0): 12,
            ("c", 1, "e", 0, "z"): 13,
            ("c", 1, "e", 0, "f", "g"): 15,
        },
    ),
    "arrays and tables within lines": (
        "a = [ # ]\n  1, [2,\n  {b = 3, c.d = [\n4]}], # [\n]\ne = {f = [], g = {}, h = '}'}\ni = 1",
        {
            ("a",): 1,
            ("a", 0): 2,
            ("a", 1, 0): 2,
            ("a", 1, 1, "b"): 3,
            ("a", 1, 1, "c", "d", 0): 4,
            ("e", "h"): 6,
            ("i",): 7,
        },
    ),
    "dates and numbers": (
        "a = 1979-05-27 07:32:00Z # x = 1\nb = [1e5, -inf, 07:32:00, 1979-05-27T00:32:00.9-07:00]\n"
        "c = true\n\nd = 1",
        {("a",): 1, ("b", 3): 2, ("c",): 3, ("d",): 5},
    ),
    "a table that is mentioned by one inside": ("\n[a.b]\nc = 1\n[a]\nd = 1", {("a",): 2, ("a", "d"): 5}),
    "nothing": ("\n# a = 1\n", {}),
}


@pytest.mark.parametrize("given", TEXTS.values(), ids=TEXTS)
def test_the_line_of_each_key(given: tuple[str, dict[tuple[str | int, ...], int]]) -> None:
    text, expected = given
    tomllib.loads(text)

    found = lines_of(text)

    assert {path: found[path] for path in expected} == expected
    if not expected:
        assert found == {}


def test_every_key_of_a_file_has_a_line() -> None:
    """The paths are those of what `tomllib` reads."""

    def paths(value: object, above: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
        parts = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        return [path for key, part in parts for path in ((*above, key), *paths(part, (*above, key)))]

    for text, _ in TEXTS.values():
        assert set(lines_of(text)) == set(paths(tomllib.loads(text), ())), text
