"""Objects out of the user's files and modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradcheck.errors import TargetError
from gradcheck.targets.source import import_file, is_source, load, load_callable
from tests.imports import forgotten


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is imported from it is forgotten afterwards"""
    monkeypatch.chdir(tmp_path)
    with forgotten(tmp_path):
        yield tmp_path


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


CLASSES = """
class Scale:
    def __init__(self, k=3):
        self.k = k

    def __call__(self, x):
        return self.k * x


class Needy(Scale):
    def __init__(self, k):
        self.k = k


class Mute:
    pass
"""
OPS = "def double(x):\n    return 2 * x\n\ndef triple(x):\n    return 3 * x\n\nlimit = 4\n"


@pytest.mark.parametrize("text", ["ops.py:double", "./ops.py:double", "ops:double"])
def test_a_function_in_a_file_or_a_module(text: str) -> None:
    write("ops.py", OPS)

    assert load(text)(5) == 10


def test_a_file_elsewhere_with_its_sibling() -> None:
    write("lib/helper.py", "factor = 7\n")
    write("lib/ops.py", "import helper\n\ndef f(x):\n    return helper.factor * x\n")

    assert load("lib/ops.py:f")(2) == 14


def test_a_sibling_that_is_imported_late() -> None:
    write("lib/helper_late.py", "factor = 7\n")
    write("lib/ops.py", "def f(x):\n    import helper_late\n    return helper_late.factor * x\n")

    assert load("lib/ops.py:f")(2) == 14


@pytest.mark.parametrize("init", [True, False], ids=["in a package", "in a plain folder"])
def test_relative_imports(init: bool) -> None:
    if init:
        write("pack/__init__.py", "")
        write("pack/inner/__init__.py", "")
        write("pack/above.py", "factor = 7\n")
    write("pack/inner/helper.py", "from ..above import factor\n" if init else "factor = 7\n")
    write("pack/inner/ops.py", "from .helper import factor\n\ndef f(x):\n    return factor * x\n")

    assert load("pack/inner/ops.py:f")(2) == 14


def test_an_attribute_of_an_object() -> None:
    write("ops.py", "class A:\n    @staticmethod\n    def f(x):\n        return x + 1\n")

    assert load("ops.py:A.f")(2) == 3


def test_a_file_with_the_name_of_a_module_that_is_loaded() -> None:
    write("json.py", "def f(x):\n    return x + 1\n")

    assert load("json.py:f")(2) == 3
    import json

    assert json.loads("1") == 1


def test_a_class_is_made_an_object_if_it_needs_no_arguments() -> None:
    write("ops.py", CLASSES)

    assert load_callable("ops.py:Scale")(2) == 6
    with pytest.raises(TargetError, match=r"making one without arguments raised TypeError: .*'k'"):
        load_callable("ops.py:Needy")
    with pytest.raises(TargetError, match="instances cannot be called"):
        load_callable("ops.py:Mute")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ops.py:doubel", "ops.py has nothing named 'doubel'. Did you mean double?"),
        ("ops.py:zzz", "It defines: double, triple."),
        ("ops.py", "does not say which object to take. .*It defines: double, triple."),
        ("ops.py:", "does not say which object to take"),
        (":double", "does not say which object to take"),
        ("opps.py:double", r"There is no file 'opps.py'. Did you mean ops.py\?"),
        ("nowhere.inside:double", "There is no module 'nowhere'"),
        ("double", "does not say which object to take. Write FILE.py:NAME or package.module:NAME."),
        ("ops.py:limit", "ops.py:limit is int, which cannot be called"),
    ],
)
def test_what_is_not_there(text: str, words: str) -> None:
    write("ops.py", OPS)

    with pytest.raises(TargetError, match=words):
        load_callable(text)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\nraise RuntimeError('not today')\n", r'RuntimeError .*not today.*File "ops.py", line 2'),
        ("def f(x)\n    return x\n", r'SyntaxError .*File "ops.py", line 1\n    def f\(x\)'),
        ("import nothing_of_that_name\n", r"ModuleNotFoundError .*nothing_of_that_name.*line 1"),
    ],
)
def test_a_file_that_cannot_be_imported(code: str, words: str) -> None:
    write("ops.py", code)

    with pytest.raises(TargetError, match=f"(?s)ops.py raised {words}"):
        import_file(Path("ops.py"))
    assert "ops" not in sys.modules


def test_a_module_that_cannot_be_imported() -> None:
    write("pack/__init__.py", "")
    write("pack/ops.py", "import nothing_of_that_name\n")

    with pytest.raises(
        TargetError, match=r'(?s)pack.ops raised ModuleNotFoundError.*File "pack/ops.py", line 1'
    ):
        load("pack.ops:f")


@pytest.mark.parametrize(
    ("text", "expected"), [("Dense", False), ("a.py:B", True), ("a.b:C", True), ("a.py", True)]
)
def test_what_names_source(text: str, expected: bool) -> None:
    assert is_source(text) is expected
