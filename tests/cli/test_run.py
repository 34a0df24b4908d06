"""gradcheck run: a suite in worker processes, against each of its checks by itself in this process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gradcheck.cli import main
from gradcheck.errors import GradcheckError

OPS = """\
import os
import tensorflow as tf


def right(x):
    print("says something")
    return tf.tanh(x)


@tf.custom_gradient
def wrong(x):
    return tf.tanh(x), lambda dy: dy * 1.5


def aborts(x):
    os.abort()
"""
SUITE = """\
[defaults]
seed = 3

[[check]]
layer = "avgpool1d"
x = "x.npy"
matrix = {padding = ["valid", "same"]}

[[check]]
function = "ops.py:right"
args = {x = "normal:3"}

[[check]]
name = "known"
function = "ops.py:wrong"
args = {x = "normal:3"}
expect = "fail"
"""
FAILING = """
[[check]]
function = "ops.py:aborts"
args = {x = "normal:3"}

[[check]]
function = "ops.py:wrong"
args = {x = "normal:3"}

[[check]]
layer = "dense"
x = "none.npy"
w = "normal:3x2"
"""
ALONE = {
    "avgpool1d[padding=valid]": ["avgpool1d", "--x", "x.npy", "--padding", "valid", "--seed", "3"],
    "avgpool1d[padding=same]": ["avgpool1d", "--x", "x.npy", "--padding", "same", "--seed", "3"],
    "right": ["function", "ops.py:right", "--arg", "x=normal:3", "--seed", "3"],
    "known": ["function", "ops.py:wrong", "--arg", "x=normal:3", "--seed", "3"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a suite."""
    np.save(tmp_path / "x.npy", np.arange(8, dtype=np.float32).reshape(1, 4, 2))
    (tmp_path / "ops.py").write_text(OPS, encoding="utf-8")
    (tmp_path / "gradcheck.toml").write_text(SUITE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def run(*arguments: str, code: int = 0) -> Result:
    """Run in this process; the message of a wrong exit code is all that was said."""
    result = CliRunner().invoke(main, ["run", *arguments], prog_name="gradcheck")
    assert result.exit_code == code, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


def documents(*arguments: str, code: int = 0) -> Any:
    """The JSON that a suite prints."""
    return json.loads(run(*arguments, "--json", "--no-timing", code=code).stdout)


def add(folder: Path, text: str) -> None:
    """Write more at the end of the suite."""
    with (folder / "gradcheck.toml").open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize("jobs", [pytest.param("1", marks=pytest.mark.full), "2"])
def test_each_check_has_the_report_that_it_has_alone(jobs: str) -> None:
    found = {check["name"]: check for check in documents("--jobs", jobs)["checks"]}

    assert list(found) == list(ALONE)
    for name, arguments in ALONE.items():
        alone = CliRunner().invoke(main, [*arguments, "--json", "--no-timing"], prog_name="gradcheck")
        assert found[name]["report"] == json.loads(alone.stdout)


def test_in_a_pipe_each_check_has_a_line_and_files_have_every_form(folder: Path) -> None:
    """Lines are in the order of the file, whatever ends first."""
    also = ("--output", "junit=r.xml", "--output", "json=r.json")
    lines = run("--no-timing", "--output", "-", *also).stdout.splitlines()

    names = [*ALONE]
    assert [line.partition("  ")[0] for line in lines[: len(names)]] == names
    assert "fail (expected fail)" in lines[3]
    assert re.search(r"PASS +gradcheck.toml: 4 checks: 3 pass, 1 fail", lines[-1])
    assert (folder / "r.xml").read_text(encoding="utf-8").startswith("<?xml")
    assert len(json.loads((folder / "r.json").read_text(encoding="utf-8"))["checks"]) == 4


def test_one_that_crashes_and_one_that_cannot_run_stop_no_other(folder: Path) -> None:
    add(folder, FAILING)

    found = documents(code=1)

    words = {check["name"]: check["verdict"] for check in found["checks"]}
    assert words == {
        **dict.fromkeys(ALONE, "pass"),
        "known": "fail",
        "aborts": "error",
        "wrong": "fail",
        "dense": "error",
    }
    crashed, missing = (check for check in found["checks"] if check["verdict"] == "error")
    assert "SIGABRT" in crashed["error"]["message"]
    assert "none.npy" in missing["error"]["message"]
    assert found["exit_code"] == 1


def test_no_more_begin_after_too_many_failures(folder: Path) -> None:
    add(folder, FAILING)

    found = documents("--jobs", "1", "--max-failures", "1", code=2)

    assert found["checks"][-1]["name"] == "aborts"
    assert found["not_run"] == ["wrong", "dense"]


def test_those_that_failed_the_last_time(folder: Path) -> None:
    add(folder, FAILING)
    run("--only", "wrong", "--only", "right", "--quiet", code=1)

    assert run("--last-failed", "--list").stdout.splitlines() == ["wrong"]
    assert run("--shard", "1/2", "--only", "avg*", "--list").stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('x = "x.npy"\nmatrix = {rtol = [\n  1e-3,\n  nan]}', "gradcheck.toml:24: .*'nan'"),
        ('x = "x.npy"\npool_size = "three"', "gradcheck.toml:22: .*'three' is not a valid integer"),
        ('x = "x.npy"\npool_sizes = 3', r"gradcheck.toml:22: .*pool_sizes.*Did you mean pool_size\?"),
        ("", "gradcheck.toml:19: maxpool1d: Missing option '--x'"),
    ],
)
def test_what_cannot_be_parsed_is_told_before_anything_runs(folder: Path, text: str, says: str) -> None:
    add(folder, f'\n[[check]]\nlayer = "maxpool1d"\n{text}\n')

    result = run(code=2)

    assert result.stdout == ""
    assert re.search(says, result.stderr), result.stderr


def test_a_name_is_a_line(folder: Path) -> None:
    for name in ("f\\ng", "f\\u0000g", "f\\u202eg"):
        add(folder, f'[[check]]\nfunction = "ops.py:{name}"\nargs = {{x = "normal:3"}}\n')

    names = run("--list").stdout.split("\n")[len(ALONE) : -1]
    assert names == ["f g", "f\ufffdg", "f\ufffdg#2"]


def test_a_suite_of_which_nothing_is_left_is_no_success(folder: Path) -> None:
    assert "is left to run. Leave out --shard" in run("--shard", "5/5", code=2).stderr
    (folder / "gradcheck.toml").write_text("", encoding="utf-8")
    assert "holds no check. Write a table [[check]]" in run(code=2).stderr


ERRORS = {
    "no key": ("", 'no_such_key = 3\n[[check]]\nlayer = "dense"\n', "There is no key 'no_such_key'"),
    "no TOML": ("", "[[check]\n", "This is no TOML"),
    "no option": ("", '[[check]]\nlayer = "dense"\n', "Missing option '--x'"),
    "no check": ("", "", "holds no check"),
    "no file": ("none.toml", "", "none.toml cannot be read"),
    "no cluster": ("--dask=nowhere", SUITE, "nowhere"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_run_leaves_no_old_report(case: str, folder: Path) -> None:
    arguments, text, says = ERRORS[case]
    (folder / "gradcheck.toml").write_text(text, encoding="utf-8")
    (folder / "report.xml").write_text("old")

    outputs = ("--output", "junit=report.xml", "--output", "json=report.json", "--html", "report.html")
    said = run(*filter(None, [arguments]), *outputs, code=2)

    assert says in said.stderr
    error = ElementTree.parse("report.xml").getroot()[0][0][0]
    assert error.tag == "error" and says in error.get("message", "")
    assert says in json.loads((folder / "report.json").read_text())["error"]["message"]
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_suite_that_may_not_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gradcheck.suite.tables.bytes_of", refuse)
    said = run("--output", "junit=report.xml", code=2).stderr
    assert "gradcheck.toml cannot be read: Permission denied." in said
    assert ElementTree.parse("report.xml").getroot()[0][0][0].tag == "error"


@pytest.mark.parametrize("place", ["gradcheck.toml", "./gradcheck.toml", "x.npy", "link.npy", "new/x.npy"])
def test_a_suite_that_cannot_be_read_loses_none_of_its_files(place: str, folder: Path) -> None:
    """Which of them are read is not known, but that the suite names them."""
    (folder / "link.npy").symlink_to("x.npy")
    (folder / "new").mkdir()
    (folder / "new" / "x.npy").write_text("of another folder")
    add(folder, "wrong = [\n")
    before = (folder / place).read_bytes()

    said = run("--output", f"json={place}", "--output", "junit=npy.xml", code=2)

    assert "This is no TOML" in said.stderr
    assert (folder / place).read_bytes() == before
    assert ElementTree.parse("npy.xml").getroot()[0][0][0].tag == "error"


def test_the_checks_go_on_where_standard_output_is_full(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(text: str) -> None:
        raise GradcheckError("Standard output cannot be written: it is full.")

    monkeypatch.setattr("gradcheck.cli.watching.write_out", full)
    said = run("--only", "avg*", "--output", "-", "--output", "json=r.json", code=2)
    assert said.stderr == "error: Standard output cannot be written: it is full.\n"
    assert json.loads((folder / "r.json").read_text(encoding="utf-8"))["counts"] == {"pass": 2}


@pytest.mark.parametrize("place", ["gradcheck.toml", "x.npy", "json=ops.py"])
def test_a_report_overwrites_nothing_that_is_read(folder: Path, place: str) -> None:
    before = (folder / place.rpartition("=")[2]).read_bytes()

    assert "is read" in run("--output", place, code=2).stderr
    assert (folder / place.rpartition("=")[2]).read_bytes() == before


def test_a_page_shows_the_step_curve_of_each_check(folder: Path) -> None:
    """Of those that are drawn, which here are all."""
    run("--only", "avgpool1d", "--html", "page.html", "--quiet")

    page = (folder / "page.html").read_text(encoding="utf-8")
    assert page.count("by step; the check&#x27;s step") == 2
    assert "<script src" not in page and "<svg" in page


def test_what_a_check_prints_or_raises_gives_a_terminal_no_commands(folder: Path) -> None:
    """No title of its window, and no text from right to left."""
    code = "\n\ndef sly(x):\n    print('\\x1b]0;t\\x07', '\\u202e')\n    return tf.tanh(x)\n"
    code += "\n\ndef cruel(x):\n    raise ValueError('\\x1b]0;t\\x07 \\u202e')\n"
    (folder / "ops.py").write_text(OPS + code, encoding="utf-8")
    check = '[[check]]\nfunction = "ops.py:sly"\nargs = {x = "normal:3"}\n'
    (folder / "gradcheck.toml").write_text(check, encoding="utf-8")

    assert "\ufffd]0;t\ufffd \ufffd\n" in run("--verbose", "--jobs", "1").stderr
    alone = CliRunner().invoke(main, ["function", "ops.py:cruel", "--arg", "x=normal:3"])
    assert "evaluated: \ufffd]0;t\ufffd \ufffd." in alone.stderr


def test_a_cluster_has_no_jobs_of_this_machine() -> None:
    assert "give one of them" in run("--dask", "tcp://x:1", "--jobs", "2", code=2).stderr
