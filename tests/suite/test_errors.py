"""What is wrong in a suite file: where, which rule, and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck.cli.vocabulary import vocabulary
from gradcheck.errors import ExitCode, SuiteError
from gradcheck.suite.reading import read_suite
from tests.suite.conftest import Read

POOL = 'layer = "maxpool1d"\nx = "x.npy"'
LISTS = "`gradcheck maxpool1d --help` lists the options."
GRID = "a grid of values belongs into matrix = "
CHECKS: dict[str, tuple[str, int, str]] = {
    # What stands below [[check]] in line 1, the line of the error, and the sentence.
    "unknown key": (
        f"{POOL}\npool_sise = 3",
        4,
        f"There is no key 'pool_sise' for maxpool1d. Did you mean pool_size? {LISTS}",
    ),
    "hyphen": (
        f'{POOL}\n"pool-size" = 3',
        4,
        f"There is no key 'pool-size' for maxpool1d. Did you mean pool_size? {LISTS}",
    ),
    "nothing near": (f"{POOL}\nzzz = 3", 4, f"There is no key 'zzz' for maxpool1d. {LISTS}"),
    "another command's": (
        'layer = "dense"\nx = "x.npy"\n\nw = "w.npy"\npool_size = 3',
        6,
        "'pool_size' is an option of maxpool1d and avgpool1d, not of dense. `gradcheck dense --help` lists "
        "the options.",
    ),
    "the name of the option": (
        'function = "a:b"\narg = {x = "x.npy"}',
        3,
        "There is no key 'arg' for function. Did you mean args? "
        "`gradcheck function --help` lists the options.",
    ),
    "of the run": (
        f"{POOL}\njson = true",
        4,
        "'json' says how a run goes or is reported, which no check of a suite decides. Leave it out; "
        "`gradcheck run --help` lists what a whole run can be told.",
    ),
    "two targets": (
        'layer = "Add"\nfunction = "a:b"',
        3,
        "The check has 'layer' and 'function', and one target is checked at a time. Give one of layer, "
        "function or model.",
    ),
    "no target": ('x = "x.npy"', 1, "The check has no target. Give layer, function or model."),
    "no target and an unknown key": (
        "expct = 3",
        2,
        "There is no key 'expct' for a check. Did you mean expect? ",
    ),
    "target of another kind": (
        "layer = 3",
        2,
        "'layer' is the number 3, which names nothing to check. `gradcheck layer --help` has examples.",
    ),
    "target that is an option": (
        'model = "--help"',
        2,
        "'model' is the string '--help', which names nothing to check. "
        "`gradcheck model --help` has examples.",
    ),
    "name of another kind": (f"name = 3\n{POOL}", 2, "'name' is the number 3. Give text on one line."),
    "name of two lines": (
        f'name = "a\\nb"\n{POOL}',
        2,
        "'name' is the string 'a\\nb'. Give text on one line.",
    ),
    "expect": (
        f'{POOL}\nexpect = "pas"',
        4,
        "'expect' is the string 'pas'. Did you mean pass? Choose from: pass, fail, inconclusive.",
    ),
    "expect of another kind": (
        f"{POOL}\nexpect = [1]",
        4,
        "'expect' is an array. Choose from: pass, fail, inconclusive.",
    ),
    "flag": (
        f'{POOL}\nstrict = "yes"',
        4,
        "'strict' is yes or no, not the string 'yes'. Write strict = true or false.",
    ),
    "true for a number": (
        f"{POOL}\npool_size = true",
        4,
        "'pool_size' takes one value, not true. Write a string or a number.",
    ),
    "array for one value": (
        f"{POOL}\npool_size = [2, 3]",
        4,
        f"'pool_size' takes one value, not an array. Write pool_size = \"…\"; {GRID}{{pool_size = […]}}.",
    ),
    "table for one value": (
        f"{POOL}\npadding = {{a = 1}}",
        4,
        f"'padding' takes one value, not a table. Write padding = \"…\"; {GRID}{{padding = […]}}.",
    ),
    "table for a tensor": (
        'layer = "dense"\nx = {a = "x.npy"}',
        3,
        f"'x' takes a tensor, not a table. Write x = [[1.0, 2.0]]; {GRID}{{x = […]}}.",
    ),
    "date": (
        f"{POOL}\nbudget = 1979-05-27 07:32:00",
        4,
        "'budget' takes one value, not the date or time 1979-05-27 07:32:00. Write a string or a number.",
    ),
    "text in a tensor": (
        'layer = "dense"\nx = [[1.0], ["a"]]',
        3,
        "'x' is an array with the string 'a' in it, which is no tensor. Write nested arrays of numbers, or a "
        "string.",
    ),
    "numbers for words": (
        f'{POOL}\nexecution = ["graph", 1]',
        4,
        '\'execution\' takes an array of strings, and the number 1 is in it. Write execution = ["…", "…"].',
    ),
    "a number for a table": (
        'function = "a:b"\nconsts = 3',
        3,
        '\'consts\' is the number 3 and should be a table. Write consts = {x = -1} or consts = ["…", "…"].',
    ),
    "a number for named tensors": (
        'function = "a:b"\nargs = 3',
        3,
        "'args' is the number 3 and should be a table. Write args = {x = [[1.0, 2.0]]} or "
        'args = ["…", "…"].',
    ),
    "an array for a table": (
        'function = "a:b"\nargs = [[1.0]]',
        3,
        "'args' takes an array of strings, and an array is in it. Write args = {x = [[1.0, 2.0]]} or "
        'args = ["…", "…"].',
    ),
    "a number for a config": (
        'layer = "Add"\nconfig = 3',
        3,
        "'config' is the number 3 and should be a table. Write config = {units = 3}.",
    ),
    "a date in JSON": (
        'function = "a:b"\n[check.consts]\na = 1\nb = [1979-05-27]',
        5,
        "'b' in 'consts' holds a date or time, which is no JSON. Write it as a string.",
    ),
    "a table in a table": (
        'function = "a:b"\nargs.a = "a.npy"\nargs.params.W1 = "w.npy"',
        4,
        "'params' in 'args' takes a tensor, not a table. Write args = {x = [[1.0, 2.0]]} or "
        'args = ["…", "…"].',
    ),
    "a name with =": (
        'function = "a:b"\nargs."a=b" = "a.npy"',
        3,
        "'args' holds 'a=b', which is no name. Rename it.",
    ),
    "matrix of another kind": (
        f'{POOL}\nmatrix = "a"',
        4,
        "'matrix' is the string 'a'. Write matrix = {padding = [\"valid\", \"same\"]}.",
    ),
    "matrix over an unknown key": (
        f'{POOL}\nmatrix = {{paddin = ["valid"]}}',
        4,
        f"There is no key 'paddin' for maxpool1d. Did you mean padding? {LISTS}",
    ),
    "matrix over a name": (
        f'{POOL}\nmatrix.name = ["a"]',
        4,
        "'name' cannot vary in a matrix. Vary options, or the target.",
    ),
    "matrix over a key of the check": (
        f"{POOL}\n[check.matrix]\nseed = [1]\nx = []",
        6,
        "'x' stands in the check and in its matrix. Leave one of them out.",
    ),
    "no array in a matrix": (
        f"{POOL}\nmatrix.seed = 1",
        4,
        "'seed' in a matrix is the number 1. Write an array of values, such as seed = [0, 1].",
    ),
    "an empty matrix": (
        f"{POOL}\nmatrix.seed = []",
        4,
        "'seed' in a matrix is an empty array. Write an array of values, such as seed = [0, 1].",
    ),
    "a wrong value in a matrix": (
        f"{POOL}\nmatrix.seed = [\n  1,\n  true,\n]",
        6,
        "'seed' takes one value, not true. Write a string or a number.",
    ),
    "a matrix that gives a name twice": (
        f'{POOL}\nmatrix.seed = [2, "2"]',
        4,
        "The matrix gives 'maxpool1d[seed=2]' twice. Leave one out.",
    ),
    "a huge matrix": (
        f"{POOL}\nmatrix = {{seed = {[*range(101)]}, limit = {[*range(100)]}}}",
        4,
        "The matrix has 10,100 cells. At most 10,000 are checked.",
    ),
    "a long value": (
        f'{POOL}\nstrict = "{"a" * 100}"',
        4,
        f"'strict' is yes or no, not the string '{'a' * 59}…'. Write strict = true or false.",
    ),
}


@pytest.mark.parametrize("wrong", CHECKS.values(), ids=CHECKS)
def test_what_is_wrong_in_a_check(read: Read, tmp_path: Path, wrong: tuple[str, int, str]) -> None:
    text, line, sentence = wrong

    with pytest.raises(SuiteError) as raised:
        read(f"[[check]]\n{text}\n")

    whole = f"{tmp_path}/gradcheck.toml:{line}: {sentence}"
    assert whole in str(raised.value).split("\n") or (sentence[-1] == " " and whole in str(raised.value))
    assert raised.value.exit_code is ExitCode.UNUSABLE


FILES: dict[str, tuple[str, int, str]] = {
    "unknown table": (
        "[[checks]]\n",
        1,
        "There is no key 'checks' at the top of a suite. Did you mean check? A suite holds [defaults] and "
        "[[check]].",
    ),
    "unknown default": (
        "[defaults]\nrtl = 1\n",
        2,
        "There is no key 'rtl' in [defaults]. Did you mean rtol or wrt? "
        "`gradcheck COMMAND --help` lists the options.",
    ),
    "a default of the run": (
        '[defaults]\noutput = "a"\n',
        2,
        "'output' says how a run goes or is reported, which no check of a suite decides. Leave it out; "
        "`gradcheck run --help` lists what a whole run can be told.",
    ),
    "a default of one check": (
        '[defaults]\nseed = 1\n\nlayer = "Add"\n',
        4,
        "'layer' belongs to one check, and [defaults] holds options of all. Move it to a [[check]].",
    ),
    "a wrong default": (
        '[defaults]\nstrict = 1\n[[check]]\nlayer = "Add"\n[[check]]\nlayer = "Dense"\n',
        2,
        "'strict' is yes or no, not the number 1. Write strict = true or false.",
    ),
    "a wrong default that no check has": (
        "defaults.unsafe = 1\n",
        1,
        "'unsafe' is yes or no, not the number 1. Write unsafe = true or false.",
    ),
    "defaults of another kind": (
        "defaults = 1\n",
        1,
        "'defaults' is the number 1. Write a table, [defaults].",
    ),
    "one table": (
        '[check]\nlayer = "Add"\n',
        1,
        "'check' is a table. Write [[check]] above each check.",
    ),
    "an array of others": (
        "check = [1]\n",
        1,
        "'check' is an array of other things than tables. Write [[check]] above each check.",
    ),
    "a name twice": (
        '[[check]]\nname = "a"\nlayer = "Add"\n[[check]]\nlayer = "Add"\nname = "a"\n',
        6,
        "The name 'a' is that of the check in line 1 too. Give each check a name of its own.",
    ),
    "the name of a cell": (
        '[[check]]\nname = "a[seed=1]"\nlayer = "Add"\n[[check]]\nname = "a"\n'
        'layer = "Add"\nmatrix.seed = [1]\n',
        5,
        "The name 'a' is that of the check in line 1 too. Give each check a name of its own.",
    ),
    "no TOML": (
        "[[check]]\n\nlayer = maxpool1d\n",
        3,
        "This is no TOML: invalid value. Strings stand in quotes, and a table on one line has braces "
        "{key = value}.",
    ),
    "a key twice": (
        "[defaults]\nseed = 1\nseed = 2\n",
        3,
        "This is no TOML: cannot overwrite a value. Strings stand in quotes, and a table on one line "
        "has braces {key = value}.",
    ),
    "no end": (
        "[defaults]\nseed = 1\n[[check]\n",
        3,
        "This is no TOML: expected ']]' at the end of an array declaration. Strings stand in quotes, and a "
        "table on one line has braces {key = value}.",
    ),
    "a string without an end": (
        '[defaults]\nwrt = """\n\nx\n\n',
        4,
        "This is no TOML: unterminated string. Strings stand in quotes, and a table on one line has braces "
        "{key = value}.",
    ),
    "too deep": (
        f"a = {'[' * 5000}{']' * 5000}\n",
        1,
        "The arrays are nested too deeply. Save tensors as files.",
    ),
}


@pytest.mark.parametrize("wrong", FILES.values(), ids=FILES)
def test_what_is_wrong_in_a_file(read: Read, tmp_path: Path, wrong: tuple[str, int, str]) -> None:
    text, line, sentence = wrong

    with pytest.raises(SuiteError) as raised:
        read(text)

    assert str(raised.value) == f"{tmp_path}/gradcheck.toml:{line}: {sentence}"


def test_all_errors_are_told_at_once_in_the_order_of_the_file(read: Read, tmp_path: Path) -> None:
    text = f"""\
[tool.gradcheck.defaults]
sed = 1
[[tool.gradcheck.check]]
{POOL}
quiet = true
seed = []
[[tool.gradcheck.check]]
expect = "fial"
[[tool.gradcheck.checks]]
"""
    with pytest.raises(SuiteError) as raised:
        read(text, "pyproject.toml")

    told = [line.removeprefix(f"{tmp_path}/pyproject.toml:") for line in str(raised.value).split("\n")]
    assert [line.partition(".")[0] for line in told] == [
        "2: There is no key 'sed' in [defaults]",
        "6: 'quiet' says how a run goes or is reported, which no check of a suite decides",
        "7: 'seed' takes one value, not an array",
        "8: The check has no target",
        "9: 'expect' is the string 'fial'",
        "10: There is no key 'checks' at the top of a suite",
    ]
    assert told[-1].endswith("A suite holds [tool.gradcheck.defaults] and [[tool.gradcheck.check]].")


def test_a_value_that_is_no_table(read: Read, tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as raised:
        read("[tool]\ngradcheck = 1\n", "pyproject.toml")

    assert str(raised.value) == (
        f"{tmp_path}/pyproject.toml:2: 'gradcheck' is the number 1. Write a table, [tool.gradcheck]."
    )


def test_files_that_cannot_be_read(read: Read, tmp_path: Path) -> None:
    def told(file: Path) -> str:
        with pytest.raises(SuiteError) as raised:
            read_suite(file, vocabulary())
        return str(raised.value).removeprefix(f"{tmp_path}/")

    (tmp_path / "latin.toml").write_bytes("[defaults]\nwrt = 'é'\n".encode("latin-1"))
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")

    assert told(tmp_path / "a.toml") == "a.toml cannot be read: No such file or directory. Name a TOML file."
    assert told(tmp_path / "latin.toml") == "latin.toml:2: This is no UTF-8 text. Save the file as UTF-8."
    assert told(tmp_path / "pyproject.toml") == (
        "pyproject.toml has no table [tool.gradcheck]. Write [[tool.gradcheck.check]] for each check."
    )
