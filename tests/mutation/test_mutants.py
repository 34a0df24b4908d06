"""What is changed, and that the changed module is what runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.mutation.mutants import mutants_of
from tests.syntax import ROOT

SOURCE = '''"""A module of 1 line."""

import math

LIMIT: float = 2


def f(x: int = 7) -> int:
    """At most 3."""
    if x < LIMIT and not x:
        raise ValueError("4")
    assert x != 9, list(zip((x,), (x,), strict=True))
    return max(x + 1, -x)


def g(x):
    x.reshape(-1, 2)
'''


def test_each_change_is_made_once_and_only_where_code_runs(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE, encoding="utf-8")

    found = {
        (mutant.lines.start, mutant.function, mutant.kind, mutant.text) for mutant in mutants_of("m", path)
    }

    assert found == {
        (5, None, "constant", "2  →  3"),
        (8, None, "constant", "7  →  8"),
        (10, "f", "not", "if x < LIMIT and (not x):  →  if not (x < LIMIT and (not x)):"),
        (10, "f", "boolean", "x < LIMIT and (not x)  →  x < LIMIT or not x"),
        (10, "f", "compare", "x < LIMIT  →  x <= LIMIT"),
        (10, "f", "compare", "x < LIMIT  →  x >= LIMIT"),
        (10, "f", "sign or not", "not x  →  x"),
        (11, "f", "removed", "raise ValueError('4')  →  pass"),
        (13, "f", "return", "return max(x + 1, -x)  →  return None"),
        (13, "f", "name", "max  →  min"),
        (13, "f", "arithmetic", "x + 1  →  x - 1"),
        (13, "f", "constant", "1  →  2"),
        (13, "f", "sign or not", "-x  →  x"),
        (17, "g", "removed", "x.reshape(-1, 2)  →  pass"),
        (17, "g", "sign or not", "-1  →  1"),
        (17, "g", "constant", "2  →  3"),
    }


def test_the_code_of_a_mutant_has_its_change_alone(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE, encoding="utf-8")
    results = {}
    for mutant in mutants_of("m", path):
        if mutant.lines.start not in (10, 11, 17):
            namespace: dict[str, Any] = {}
            exec(mutant.code(), namespace)
            results[mutant.text] = namespace["f"](5)

    assert results["x + 1  →  x - 1"] == 4
    assert results["max  →  min"] == -5
    assert results["return max(x + 1, -x)  →  return None"] is None
    assert results["7  →  8"] == results["2  →  3"] == 6


ANEW = """
import sys
from importlib.machinery import PathFinder

import gradcheck.amounts
from tests.mutation.mutants import mutants_of
from tests.mutation.running import _import_anew
from tests.syntax import MODULES

name = "gradcheck.amounts"
_import_anew(next(one for one in mutants_of(name, MODULES[name]) if one.text.startswith("2 ** 20")))
# As pytest does, to see to the assertions of an installed plugin.
sys.meta_path.insert(0, PathFinder)

from gradcheck.amounts import _BYTES

print(_BYTES["K"], _BYTES["M"])
"""


def test_a_module_that_is_imported_anew_is_the_changed_one() -> None:
    ended = subprocess.run([sys.executable, "-c", ANEW], cwd=ROOT, capture_output=True, text=True)

    assert ended.stdout == "1024 40\n", ended.stderr
