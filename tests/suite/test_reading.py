"""A suite file is the command lines that are written out here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradcheck.cli.vocabulary import vocabulary
from gradcheck.errors import SuiteError
from gradcheck.suite.finding import find_suite
from gradcheck.suite.reading import Suite, read_suite
from gradcheck.verdicts.verdict import Verdict
from tests.suite.conftest import Read

WHOLE = """\
[defaults]
seed = 3
strict = true
padding = "same"
rtol = 1e-4

[[check]]
layer = "maxpool1d"
x = "normal:2x12x5"
matrix = {padding = ["valid", "same"], pool_size = [2, 3]}

[[check]]
function = "ops.py:attend"
args = {q = "normal:3x2", k = [[1.0, 2.0]]}
consts = {axis = -1}
expect = "fail"
strict = false

[[check]]
name = "a convolution"
layer = "Conv1D"
config = {filters = 4, kernel_size = 3}
x = '''normal:2x12x5'''

[[check]]
model = "models/my.keras"
x = ["a.npy", "b.npy"]
y = {a = "a.npy"}
loss.a = "mse"
execution = ["eager", "graph"]
"""
DEFAULTS = "--seed 3 --strict --rtol 0.0001"
COMMANDS = {
    "maxpool1d[padding=valid,pool_size=2]": "maxpool1d --x normal:2x12x5 --padding valid --pool-size 2 "
    + DEFAULTS,
    "maxpool1d[padding=valid,pool_size=3]": "maxpool1d --x normal:2x12x5 --padding valid --pool-size 3 "
    + DEFAULTS,
    "maxpool1d[padding=same,pool_size=2]": "maxpool1d --x normal:2x12x5 --padding same --pool-size 2 "
    + DEFAULTS,
    "maxpool1d[padding=same,pool_size=3]": "maxpool1d --x normal:2x12x5 --padding same --pool-size 3 "
    + DEFAULTS,
    "attend": "function ops.py:attend --arg q=normal:3x2 --arg 'k=[[1.0, 2.0]]' --const axis=-1 --seed 3 "
    "--rtol 0.0001",
    "a convolution": 'layer Conv1D --config \'{"filters": 4, "kernel_size": 3}\' --x normal:2x12x5 '
    + DEFAULTS,
    "my": "model models/my.keras --x a.npy --x b.npy --y a=a.npy --loss a=mse --execution eager "
    "--execution graph " + DEFAULTS,
}


def commands(suite: Suite) -> dict[str, str]:
    """The command lines by name, without the name of the program."""
    return {job.name: job.command.removeprefix("gradcheck ") for job in suite.jobs}


def test_a_suite_is_these_command_lines(read: Read, tmp_path: Path) -> None:
    suite = read(WHOLE)

    assert commands(suite) == COMMANDS
    assert {job.folder for job in suite.jobs} == {str(tmp_path)}
    assert [job.place for job in suite.jobs] == [
        (str(tmp_path / "gradcheck.toml"), line) for line in (7, 7, 7, 7, 12, 19, 25)
    ]
    assert [job.name for job in suite.jobs if job.expected is not Verdict.PASS] == ["attend"]
    assert suite.defaults == {"seed": 3, "strict": True, "padding": "same", "rtol": 1e-4}


def test_pyproject_holds_the_same_in_its_table(read: Read) -> None:
    own = read(WHOLE)
    moved = WHOLE.replace("[[check]]", "[[tool.gradcheck.check]]")
    moved = moved.replace("[defaults]", "[tool.gradcheck.defaults]")
    text = f'[project]\nname = "mine"\ncheck = 3\n{moved}[tool.other]\nx = 1\n'

    suite = read(text, "pyproject.toml")

    assert commands(suite) == commands(own) == COMMANDS
    assert [job.place[1] for job in suite.jobs if job.place] == [10, 10, 10, 10, 15, 22, 28]
    assert suite.defaults == own.defaults


CHECK = '[[check]]\nlayer = "Dense"\nx = "x.npy"\n'
ONE: dict[str, tuple[str, str]] = {
    "numbers": ('layer = "maxpool1d"\npool_size = 0x10\nrtol = 1_0e-3', "--pool-size 16 --rtol 0.01"),
    "a scalar": ('layer = "dense"\nx = 3.0\nw = -2', "--x 3.0 --w -2"),
    "a tensor in lines": (
        'layer = "dense"\nx = [\n  [1, 2.5], # one\n  [nan, -inf],\n]\nb = [true, false]',
        "--x '[[1, 2.5], [NaN, -Infinity]]' --b '[true, false]'",
    ),
    "tensors beside names": (
        'layer = "Add"\nx = ["a.npy", [[1.0]]]\nmask = "normal:3"',
        "--x a.npy --x '[[1.0]]' --mask normal:3",
    ),
    "inputs by name": (
        'layer = "Add"\nx = {left = [1.0], right = "b.npy"}',
        "--x 'left=[1.0]' --x right=b.npy",
    ),
    "one tensor for a layer": ('layer = "Add"\nx = [[1.0], [2.0]]', "--x '[[1.0], [2.0]]'"),
    "constants": (
        'function = "a:b"\nconsts.mode = "same"\nconsts.y = "y.npz:y"\nconsts.l = [1, "a"]\n'
        'consts.on = true\nconsts.t = {a = 1}\nconsts."e é" = 1e3\nargs."p/W 1" = "x=y"',
        "--const 'mode=\"same\"' --const y=y.npz:y --const 'l=[1, \"a\"]' --const on=true "
        "--const 't={\"a\": 1}' --const 'e é=1000.0' --arg 'p/W 1=x=y'",
    ),
    "texts of the command line": (
        'function = "a:b"\nargs = ["x=x.npy"]\nconsts = ["mask=null", "n=3"]\ngradient = "a:back"',
        "--arg x=x.npy --const mask=null --const n=3 --gradient a:back",
    ),
    "a config in a file": ('layer = "Add"\nconfig = "c.json"\nx = "-"', "--config c.json --x -"),
    "gradients": (
        'layer = "dense"\ngradient = {w = [[1.0]], x = "g.npy"}\nwrt = ["x", "w,b"]',
        "--gradient 'w=[[1.0]]' --gradient x=g.npy --wrt x --wrt w,b",
    ),
    "flags": ('layer = "Add"\ntraining = true\nwhere = false\nstrict = true', "--training --strict"),
    "empty": ('layer = "Add"\nexecution = []\ngradient = {}', ""),
    "text with everything in it": (
        "layer = 'Add'\nx = \"a\\\"'\\u00e9 $(b).npy\"",
        """--x 'a"'"'"'é $(b).npy'""",
    ),
}


@pytest.mark.parametrize("given", ONE.values(), ids=ONE)
def test_values_become_texts(read: Read, given: tuple[str, str]) -> None:
    (command,) = commands(read(f"[[check]]\n{given[0]}\n")).values()

    words = command.split(maxsplit=2 if command.split()[0] in ("layer", "function") else 1)
    assert words[-1] == given[1] or (not given[1] and command == "layer Add")


def test_names_are_made_from_targets_and_given_once(read: Read) -> None:
    text = """\
[[check]]
function = "a/ops.py:f"
[[check]]
function = "package.b:f"
[[check]]
name = "f#2"
function = "c:g"
[[check]]
layer = "Dense"
[[check]]
layer = "Dense"
[[check]]
model = "a/b.keras"
[[check]]
layer = "layers.py:Mine"
matrix = {x = [[[1.0]], "a.npy", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.npy"]}
[[check]]
matrix = {layer = ["maxpool1d", "AveragePooling1D"], seed = [1]}
[[check]]
name = "named"
matrix.function = ["a:f", "b:f"]
"""

    assert [job.name for job in read(text).jobs] == [
        "f",
        "f#3",
        "f#2",
        "Dense",
        "Dense#2",
        "b",
        "Mine[x=[[1.0]]]",
        "Mine[x=a.npy]",
        "Mine[x=#3]",
        "layer[layer=maxpool1d,seed=1]",
        "layer[layer=AveragePooling1D,seed=1]",
        "named[function=a:f]",
        "named[function=b:f]",
    ]


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(read: Read) -> None:
    suite = read("\ufeff" + WHOLE.replace("\n", "\r\n"))

    assert commands(suite) == COMMANDS
    assert [job.place for job in suite.jobs] == [job.place for job in read(WHOLE).jobs]


def test_the_nearest_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    mine, project = tmp_path / "gradcheck.toml", tmp_path / "a" / "pyproject.toml"
    mine.write_text(CHECK)
    project.write_text('[project]\nname = "gradcheck"\n')
    monkeypatch.chdir(deep)

    assert find_suite(deep) == mine
    assert read_suite(None, vocabulary()).file == mine
    project.write_text(CHECK.replace("check", "tool.gradcheck.check"))
    assert find_suite(deep) == project
    (deep / "gradcheck.toml").write_text(CHECK)
    (deep / "pyproject.toml").write_text("[tool.gradcheck]\n")
    suite = read_suite(None, vocabulary())
    assert suite.file == Path("gradcheck.toml")
    assert [(job.place, job.folder) for job in suite.jobs] == [(("gradcheck.toml", 1), str(deep))]


def test_a_broken_pyproject_is_passed_over_unless_it_could_hold_the_suite(tmp_path: Path) -> None:
    (tmp_path / "gradcheck.toml").write_text(CHECK)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[project\n")
    assert find_suite(inner) == tmp_path / "gradcheck.toml"

    (inner / "pyproject.toml").write_text("[tool.gradcheck\n")
    assert find_suite(inner) == inner / "pyproject.toml"


def test_a_pyproject_whose_tools_are_no_table_holds_no_suite(tmp_path: Path) -> None:
    (tmp_path / "gradcheck.toml").write_text(CHECK)
    inner = tmp_path / "inner"
    inner.mkdir()
    for tool in ("3", '["gradcheck"]'):
        (inner / "pyproject.toml").write_text(f"tool = {tool} # gradcheck\n")
        assert find_suite(inner) == tmp_path / "gradcheck.toml"


def test_where_nothing_is_found_one_sentence_says_what_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if find_suite(tmp_path) is not None:
        pytest.skip(f"{os.fspath(tmp_path)} lies below a suite")

    with pytest.raises(SuiteError) as raised:
        read_suite(None, vocabulary())

    assert str(raised.value) == (
        f"There is no gradcheck.toml, and no pyproject.toml with [tool.gradcheck], in {tmp_path} or a folder "
        "above it. Name the file of the suite."
    )


def test_a_suite_may_hold_defaults_alone(read: Read) -> None:
    suite = read("[tool.gradcheck.defaults]\nrtol = 0.1\n", "pyproject.toml")

    assert (suite.jobs, suite.defaults) == ((), {"rtol": 0.1})
