"""--html and --plot, beside the report, refused before the check, with the curve of the worst element."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gradcheck.cli.written import OF_THEIR_OWN
from tests.cli.test_commands import run
from tests.cli.test_outputs import DENSE, refusal
from tests.cli.test_outputs import folder as folder  # used by every test
from tests.hand_made import ALL

POOL = ["maxpool1d", "--x", "[[[2.0,1],[3,4],[3,2]]]", "--pool-size", "3"]


def test_a_page_and_a_picture_are_written_beside_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcheck.checking.check_target", lambda *_, **__: ALL["pass"]())
    shown = run(*DENSE, "--html", "r.html", "--plot", "r.svg").stdout
    assert shown == run(*DENSE).stdout
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n<html")
    assert Path("r.svg").read_bytes().startswith(b"<?xml")


def test_what_cannot_be_drawn_is_refused_before_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the check was made first")

    monkeypatch.setattr("gradcheck.checking.check_target", never)
    assert refusal(*DENSE, "--plot", "r.gif").startswith("error: --plot r.gif names no kind of picture. ")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "pip install 'gradcheck[plot]'" in refusal(*DENSE, "--plot", "r.svg")
    assert "would overwrite --x x.npy" in refusal(*DENSE, "--html", "x.npy")
    assert "one place" in refusal(*DENSE, "--html", "r", "--save", "r")


def test_a_check_that_cannot_run_has_a_page() -> None:
    run("dense", "--x", "gone.npy", "--w", "w.npy", "--html", "r.html", code=2)
    page = Path("r.html").read_text(encoding="utf-8")
    assert "there is no such file" in page
    assert "<title>error: dense – gradcheck</title>" in page


def test_every_document_of_its_own_is_an_option() -> None:
    shown = run("dense", "--help").stdout
    assert all(f"--{name} " in shown for name in OF_THEIR_OWN)


def test_a_page_has_the_curve_of_the_worst_element(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(request.getfixturevalue("folder"))
    run(*POOL, "--html", "r.html", "--no-timing")
    page = Path("r.html").read_text(encoding="utf-8")
    assert "Steps of x[0,1,0], at a corner: tape 1, difference 0.5." in page
    # README and the table say 108: the curve is no part of the check.
    assert re.search(r">108 evaluations · ", page)
