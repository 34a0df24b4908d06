"""Several documents of one run, each in its form: which go where, and what they hold where a check fails."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from gradcheck import Report
from gradcheck.cli.document import SUMMARY_SIZE
from gradcheck.errors import TargetError
from gradcheck.targets.defined import defined
from tests.cli.test_outputs import DENSE, contents, refusal, run
from tests.cli.test_outputs import folder as folder  # used by every test
from tests.hand_made import M, failing, report, variable

TABLE = "gradcheck dense\n"
EVERY = ("table", "json", "jsonl", "junit", "markdown", "github", "csv")
BEGINS = {
    "table": TABLE,
    "json": '{\n  "schema": 1,',
    "jsonl": '{"schema": 1,',
    "junit": "<?xml version='1.0' encoding='utf-8'?>\n<testsuites ",
    "markdown": "### gradcheck: PASS\n\n`dense`: 1 check: 1 pass, in 0.50 s\n",
    "github": "gradcheck: PASS, 1 check: 1 pass, in 0.50 s\n",
    "csv": "check,variable,order,index,tape,",
}
MISSING = ["dense", "--x", "gone.npy", "--w", "w.npy"]


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of a service that runs these tests."""
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Report:
    """Every check ends with this report."""
    made = failing()
    monkeypatch.setattr("gradcheck.checking.check_target", lambda *_, **__: made)
    return made


# Which document goes where.


@pytest.mark.parametrize("form", EVERY)
def test_each_form_goes_to_standard_output_or_a_file(form: str) -> None:
    shown = run(*DENSE, "--format", form).stdout_bytes.decode()
    assert shown.startswith(BEGINS[form])
    assert run(*DENSE, "--output", f"{form}=-").stdout_bytes.decode() == shown
    assert run(*DENSE, "--format", form, "--output", "r").stdout == ""
    quiet = run(*DENSE, "--output", f"{form}=named", "--quiet")
    assert quiet.stdout == ""
    assert Path("named").read_bytes() == Path("r").read_bytes() == shown.encode()


@pytest.mark.parametrize(
    ("options", "shown", "files"),
    [
        (["--output", "junit=r"], TABLE, ["junit"]),
        (["--output", "junit=r", "--output", "json=s"], TABLE, ["junit", "json"]),
        (["--output", "junit=r", "--output", "-"], TABLE, ["junit"]),
        (["--output", "junit=r", "--output", "json=-"], '{\n  "schema"', ["junit"]),
        (["--output", "junit=r", "--format", "csv"], "check,", ["junit"]),
        (["--output", "junit=r", "--output", "s"], "", ["junit", "table"]),
        (["--output", "junit=r", "--output", "s", "--json"], "", ["junit", "json"]),
        (["--output", "r", "--output", "s"], "", ["table", "table"]),
        (["--output", "csv=r", "--output", "csv=s", "-q"], "", ["csv", "csv"]),
    ],
)
def test_one_run_writes_several(options: list[str], shown: str, files: list[str]) -> None:
    found = run(*DENSE, *options).stdout
    assert found.startswith(shown) and bool(found) == bool(shown)
    for name, form in zip("rs", files, strict=False):
        assert Path(name).read_bytes().decode().startswith(BEGINS[form])


def test_a_name_that_begins_with_no_form_is_a_file() -> None:
    run(*DENSE, "--output", "run=1.txt")
    run(*DENSE, "--output", "Junit=x")
    run(*DENSE, "--output", "json=a=b")
    assert Path("run=1.txt").read_text().startswith(TABLE)
    assert Path("Junit=x").read_text().startswith(TABLE)
    assert json.loads(Path("a=b").read_text())["verdict"] == "pass"


def test_the_environment_names_several(tmp_path: Path) -> None:
    run(*DENSE, env={"GRADCHECK_OUTPUT": "junit=r.xml:json=with a space.json"})
    assert Path("r.xml").exists()
    assert Path("with a space.json").exists()


def test_the_rules_hold_for_every_document() -> None:
    assert "is empty text" in refusal(*DENSE, "--output", "junit=")
    assert "would overwrite --x x.npy" in refusal(*DENSE, "--output", "r", "--output", "json=./x.npy")
    assert "are one place" in refusal(*DENSE, "--output", "json=r", "--output", "csv=./r")
    assert "are one place" in refusal(*DENSE, "--output", "json=-", "--output", "-")
    assert "'gone' of --output gone/r" in refusal(*DENSE, "--output", "r", "--output", "json=gone/r")


def test_a_form_that_fails_leaves_the_others_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> str:
        raise RuntimeError("a bug")

    monkeypatch.setattr("gradcheck.render.csv.to_csv", fail)
    run(*DENSE, "--output", "csv=r", "--output", "json=s", code=70)
    assert json.loads(Path("s").read_text())["exit_code"] == 0
    assert not Path("r").exists()


# What they hold.


def test_a_failing_check_in_each_form(wrong: Report) -> None:
    outputs = [word for form in EVERY for word in ("--output", f"{form}={form}")]
    run(*DENSE, *outputs, code=1)
    suite = ElementTree.parse("junit").getroot()[0]
    assert [(case.get("name"), case[0].tag) for case in suite] == [(wrong.target, "failure")]
    assert Path("json").read_text() != Path("jsonl").read_text()
    assert json.loads(Path("json").read_text()) == json.loads(Path("jsonl").read_text()) == wrong.to_dict()
    assert Path("github").read_text().startswith("::error title=gradcheck%3A [/path/x.npy]::the gradient of")
    rows = list(csv.DictReader(io.StringIO(Path("csv").read_text(), newline="")))
    assert {row["check"] for row in rows} == {wrong.target}
    assert "**1 match, 1 mismatch, 1 nonfinite**" in Path("markdown").read_text()


def test_half_a_character_spoils_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a file name holds that is not UTF-8."""
    made = report(variable([M], name="x\udcff"), target="f\udcff")
    monkeypatch.setattr("gradcheck.checking.check_target", lambda *_, **__: made)
    run(*DENSE, *(word for form in EVERY for word in ("--output", f"{form}={form}")))
    for form in EVERY:
        assert Path(form).read_bytes().decode("utf-8")


def test_without_timing_equal_reports_are_equal_files() -> None:
    outputs = [word for form in EVERY for word in ("--output", f"{form}={form}")]
    run(*DENSE, *outputs, "--no-timing")
    assert "time" not in ElementTree.parse("junit").getroot()[0].attrib
    for form in set(EVERY) - {"json", "jsonl"}:  # which name the seconds as null
        assert "second" not in Path(form).read_text()
        assert "0.5" not in Path(form).read_text()


# A check that cannot run.


def test_what_cannot_run_is_told_in_every_document_that_has_a_word_for_it() -> None:
    outputs = [word for form in EVERY for word in ("--output", f"{form}={form}")]
    Path("table").write_text("old")
    said = run(*MISSING, *outputs, code=2)
    assert said.stdout == ""
    error = ElementTree.parse("junit").getroot()[0][0][0]
    assert (error.tag, error.get("type")) == ("error", "TensorError")
    assert error.get("message") == "--x gone.npy: there is no such file."
    assert said.stderr.startswith(f"error: {error.text}")
    for form in ("json", "jsonl"):
        found = json.loads(Path(form).read_text())
        assert (found["error"]["message"], found["exit_code"]) == (error.get("message"), 2)
    assert Path("github").read_text().startswith("::error title=gradcheck%3A dense::--x gone.npy: there is")
    assert "--x gone.npy: there is" in Path("markdown").read_text()
    assert ",error," in Path("csv").read_text()
    assert Path("table").read_text() == "old"


@pytest.mark.parametrize(
    ("options", "documents"), [(["--json"], 1), (["--output", "json=-"], 1), (["--format", "junit"], 0)]
)
def test_an_error_is_on_standard_output_once(options: list[str], documents: int) -> None:
    shown = run(*MISSING, *options, code=2).stdout
    assert shown.count('"error"') == documents
    assert shown.count("<error ") == 1 - documents


def test_a_function_that_raises_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Report:
        raise TargetError("f raised ValueError.", "Look.")

    monkeypatch.setattr("gradcheck.checking.check_target", fail)
    Path("code.py").write_text("def f(x):\n    return x\n")
    run("function", "code.py:f", "--arg", "x=x.npy", "--output", "junit=r", code=2)
    case = ElementTree.parse("r").getroot()[0][0]
    assert (case.get("name"), case[0].text) == ("f", "f raised ValueError. Look.")


def test_a_place_that_takes_nothing_makes_no_error_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold the report of a check that did run."""
    said = run(*DENSE, "--output", "csv=/dev/full", "--output", "junit=r", "--quiet", code=2)
    assert "--output /dev/full cannot be written" in said.stderr
    assert ElementTree.parse("r").getroot()[0][0].attrib["name"] == "dense"
    assert len(ElementTree.parse("r").getroot()[0][0]) == 0


# GitHub.


def test_annotations_come_with_the_summary_of_the_step(
    wrong: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("summary").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary")
    for _ in range(2):
        run(*DENSE, "--format", "github", code=1)
    text = Path("summary").read_text()
    assert text.startswith("before\n### gradcheck: FAIL\n")
    assert text.count("### gradcheck: FAIL\n") == 2
    run(*DENSE, "--output", "markdown=m", "--quiet", code=1)
    assert text == "before\n" + 2 * Path("m").read_text()
    run(*DENSE, "--format", "json", code=1)
    assert Path("summary").read_text() == text


@pytest.mark.parametrize("left", [0, 1, 200, 500])
def test_the_summary_is_cut_below_its_size(left: int, wrong: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("summary").write_bytes(b" " * (SUMMARY_SIZE - left))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary")
    run(*DENSE, "--format", "github", code=1)
    added = Path("summary").read_bytes()[SUMMARY_SIZE - left :]
    assert len(added) <= left
    assert SUMMARY_SIZE < 1024 * 1024
    assert (b"Cut" in added) == (left >= 200)


def test_a_summary_that_cannot_be_written_is_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "gone/summary")
    before = contents()
    said = run(*DENSE, "--output", "github=r", code=2).stderr
    assert "$GITHUB_STEP_SUMMARY gone/summary does not exist" in said
    assert "$GITHUB_STEP_SUMMARY gone/summary does not exist" in Path("r").read_text(encoding="utf-8")
    del (after := contents())["r"]
    assert after == before


def test_paths_are_those_below_the_workspace(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As GitHub has them, whatever the working directory; without it, below that."""
    code = "def f(x):\n    return x\n"
    (folder / "sub").mkdir()
    (folder / "sub" / "code.py").write_text(code)
    placed = failing()
    monkeypatch.setattr(
        "gradcheck.checking.check_target",
        lambda target, *_, **__: type(placed).of(placed, source=defined(target.origin)),
    )
    monkeypatch.chdir(folder / "sub")
    np.save("x.npy", np.ones(2, np.float32))
    check = ["function", "code.py:f", "--arg", "x=x.npy", "--format", "github"]
    assert "::error file=code.py,line=1," in run(*check, code=1).stdout
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    assert "::error file=sub/code.py,line=1," in run(*check, code=1).stdout
