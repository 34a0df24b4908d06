"""The record of the last run: what is kept, what is forgotten, and what does no harm."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure
from gradcheck.suite.job import Job
from gradcheck.suite.record import Entry, Record
from gradcheck.verdicts.verdict import Verdict

JOBS = [Job(name, (), "/") for name in ("a", "b", "c", "d")]


def ended(
    name: str, verdict: Verdict | None, expected: Verdict = Verdict.PASS, seconds: float = 1.5
) -> CheckResult:
    """How a check ended; None for one that could not run."""
    found = cast(Findings, SimpleNamespace(verdict=verdict))
    return CheckResult(name, found if verdict else Failure("TensorError", "No file."), expected, seconds)


def test_a_run_is_added_to_what_was_known(tmp_path: Path) -> None:
    file = tmp_path / "gradcheck.toml"
    first = [
        ended("a", Verdict.PASS),
        ended("b", Verdict.FAIL),
        ended("c", None),
        ended("gone", Verdict.PASS),
    ]
    Record.read(file).updated(first, [*JOBS, Job("gone", (), "/")]).write()

    before = Record.read(file)
    second = [ended("b", Verdict.FAIL, Verdict.FAIL, seconds=0.25), ended("d", Verdict.INCONCLUSIVE)]
    before.updated(second, JOBS).write()

    after = Record.read(file)
    assert before.failed == {"b", "c"}
    assert after.failed == {"c", "d"}
    assert after.entries == {
        "a": Entry(1.5, "pass", True),
        "b": Entry(0.25, "fail", True),
        "c": Entry(1.5, "error", False),
        "d": Entry(1.5, "inconclusive", False),
    }
    assert sorted(path.name for path in (tmp_path / ".gradcheck_cache").iterdir()) == [
        ".gitignore",
        "gradcheck.toml.json",
    ]
    assert (tmp_path / ".gradcheck_cache" / ".gitignore").read_text() == "*\n"


def test_runs_at_once_lose_nothing_of_one_another(tmp_path: Path) -> None:
    file = tmp_path / "gradcheck.toml"
    one, other = Record.read(file), Record.read(file)

    other.updated([ended("b", Verdict.FAIL)], JOBS).write()
    one.updated([ended("a", Verdict.PASS)], JOBS).write()

    assert Record.read(file).entries.keys() == {"a", "b"}


def test_each_file_has_a_record_of_its_own(tmp_path: Path) -> None:
    Record.read(tmp_path / "a.toml").updated([ended("a", Verdict.PASS)], JOBS).write()

    assert Record.read(tmp_path / "b.toml").entries == {}
    assert Record.read(tmp_path / "a.toml").entries.keys() == {"a"}


GOOD = {"seconds": 1.0, "word": "pass", "expectedly": True}
DAMAGED = {
    "no JSON": '{"schema": 1, "checks": {"a": ',
    "no text": b"\xff\xfe\x00",
    "another schema": json.dumps({"schema": 2, "checks": {"a": GOOD}}),
    "no schema": json.dumps({"checks": {"a": GOOD}}),
    "a list": "[]",
    "a number": "3",
    "a list of checks": json.dumps({"schema": 1, "checks": ["a"]}),
    "an entry without a time": json.dumps(
        {"schema": 1, "checks": {"a": {"word": "pass", "expectedly": True}}}
    ),
    "an entry with more": json.dumps({"schema": 1, "checks": {"a": GOOD | {"more": 1}}}),
    "a time that is text": json.dumps({"schema": 1, "checks": {"a": GOOD | {"seconds": "1"}}}),
    "a time that is none": json.dumps({"schema": 1, "checks": {"a": GOOD | {"seconds": float("nan")}}}),
    "a time without end": json.dumps({"schema": 1, "checks": {"a": GOOD | {"seconds": float("inf")}}}),
    "a time below 0": json.dumps({"schema": 1, "checks": {"a": GOOD | {"seconds": -1}}}),
    "a time of 400 digits": json.dumps({"schema": 1, "checks": {"a": GOOD | {"seconds": 10**400}}}),
    "no yes or no": json.dumps({"schema": 1, "checks": {"a": GOOD | {"expectedly": 1}}}),
    "too deep": '{"schema": 1, "checks": ' + "[" * 100_000,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_ignored_and_replaced(tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / "gradcheck.toml"
    path = tmp_path / ".gradcheck_cache" / "gradcheck.toml.json"
    path.parent.mkdir()
    path.write_bytes(json.dumps({"schema": 1, "checks": {"a": GOOD}}).encode())
    assert Record.read(file).entries == {"a": Entry(1.0, "pass", True)}

    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    record = Record.read(file)
    assert record.entries == {}
    record.updated([ended("b", Verdict.PASS)], JOBS).write()
    assert Record.read(file).entries.keys() == {"b"}


def test_where_nothing_can_be_written_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gradcheck_cache").write_text("a file where the folder would be")
    Record.read(tmp_path / "gradcheck.toml").updated([ended("a", Verdict.PASS)], JOBS).write()
    assert stat.S_ISREG((tmp_path / ".gradcheck_cache").stat().st_mode)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gradcheck.suite.record.replace_file", full)
    (tmp_path / "b").mkdir()
    Record.read(tmp_path / "b" / "gradcheck.toml").updated([ended("a", Verdict.PASS)], JOBS).write()

    assert capsys.readouterr() == ("", "")
    assert Record.read(tmp_path / "b" / "gradcheck.toml").entries == {}
